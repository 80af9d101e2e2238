"""The running server: its parts are started in order, and stopped in reverse.

The web comes last and goes first: while it drains, everything behind it still works, so that no
accepted request is dropped. The database goes last, after the last commit. Of several processes
the first has all parts; of the others (`simlet.siblings`) one writes to SQLite for all, and the
rest have the web alone.
"""

import asyncio
import ipaddress
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import Protocol

import msgspec
import uvicorn
import uvloop

from simlet.clock import SystemClock
from simlet.config import Settings
from simlet.gateways.delivery import Drain
from simlet.gateways.reports import Reports
from simlet.gateways.spool import Spool
from simlet.gateways.supervisor import Supervisor
from simlet.log import configure_log, get_log
from simlet.memory import settle_memory
from simlet.outbound import Outbound, OutboundPolicy
from simlet.runtime import Runtime, open_runtime
from simlet.siblings import (
    ALIVE_EVERY_S,
    SERVE_BESIDE,
    WRITE,
    Instructions,
    Siblings,
    meeting_place,
    say_alive,
)
from simlet.store.claim import claimed
from simlet.store.migrate import prepare
from simlet.store.sqlite_file import is_readable_by_others, sqlite_path
from simlet.web.app import App
from simlet.web.protocol import Connection
from simlet.web.recordings import recording_url, recording_urls
from simlet.web.v1.shapes import event_bytes
from simlet.workers.callbacks import CallbackWorker
from simlet.workers.expiry import expiry
from simlet.workers.figures import counting
from simlet.workers.health import noting, watching
from simlet.workers.housekeeping import housekeeping
from simlet.workers.patience import patience
from simlet.workers.periodic_task import PeriodicTask
from simlet.workers.stock_queue import stock_queue

BACKLOG = 4096
EXIT_WITHIN_S = 9.5
MEGABYTE = 1024 * 1024
MOST_FILES = 1_048_576
MOST_BY_ITSELF = 4
"""On SQLite one process writes for all, so that more than these hardly serve more."""

_log = get_log("service")

Ready = Callable[[str], None]


class Part(Protocol):
    """What can be started and stopped."""

    async def start(self) -> None:
        """Begins; returns when it works."""
        ...

    async def stop(self) -> None:
        """Ends what is under way, and returns."""
        ...


def run(settings: Settings, ready: Ready) -> None:
    """Runs the server until SIGTERM or SIGINT.

    Args:
        settings: the whole tree.
        ready: is called once with the address, when the server takes requests.

    Raises:
        DatabaseInUse: another server has the SQLite database.
        DatabaseFault: the database cannot be used, or has another schema.
        OSError: the address cannot be listened on.
    """
    configure_log(settings.log.level, settings.log.format, sys.stderr)
    _allow_connections()
    with claimed(settings.database_url):
        prepare(settings.database_url)
        if is_readable_by_others(settings.database_url):
            _log.warning("database_readable_by_all", remedy="chmod o-r")
        uvloop.run(serve(settings, ready))


def run_sibling(told: Instructions) -> None:
    """Runs a further process of a server; it ends where its standard input ends.

    Args:
        told: by the first process.

    Raises:
        DatabaseFault: the database cannot be used.
        OSError: the address cannot be listened on.
    """
    settings = told.settings
    configure_log(settings.log.level, settings.log.format, sys.stderr)
    _allow_connections()
    uvloop.run(_serve_beside(settings, _path(told.writer)))


async def serve(settings: Settings, ready: Ready) -> None:
    """As `run`, in an event loop that is there already, with the log and the schema prepared."""
    stopping = asyncio.Event()
    count = processes(settings)
    _check_free(settings)
    with (
        _listening(settings, shared=count > 1) as listener,
        _told_by_signals(stopping),
        meeting_place(needed=count > 1 and settings.database_kind == "sqlite") as address,
    ):
        port = listener.getsockname()[1]
        there = msgspec.structs.replace(settings, listen=_at(settings, port))
        told = Instructions(there, None if address is None else str(address))
        siblings = Siblings(SERVE_BESIDE, told, count - 1, SystemClock(), must_speak=True)
        writer = Siblings(WRITE, told, 0 if address is None else 1, SystemClock())
        async with AsyncExitStack() as stack:
            await writer.start()
            stack.push_async_callback(writer.stop)
            runtime = await open_runtime(settings, port, address)
            stack.push_async_callback(runtime.db.close)
            drain = _drain(runtime)
            reports = Reports(runtime)
            supervisor = Supervisor(runtime, drain.spool, reports.of)
            web = _web(runtime, supervisor, listener)
            watch = [watching(runtime), noting(reports, runtime.clock)]
            shared: list[Part] = [runtime.feed, runtime.reads]
            for part in [*shared, *_parts(runtime), *watch, drain, supervisor, siblings, web]:
                await part.start()
                stack.push_async_callback(part.stop)
            settle_memory()
            _log.info("started", port=port, database=settings.database_kind, processes=count)
            ready(f"http://{_at(settings, port)}")
            await stopping.wait()
            _log.info("stopping")
            siblings.dismiss()
    _log.info("stopped")


async def _serve_beside(settings: Settings, writer: Path | None) -> None:
    stopping = asyncio.Event()
    with _listening(settings, shared=True) as listener, _told_by_signals(stopping):
        _stop_with_input(stopping)
        async with AsyncExitStack() as stack:
            runtime = await open_runtime(settings, settings.port, writer)
            stack.push_async_callback(runtime.db.close)
            drain = _drain(runtime)
            reports = Reports(runtime)
            supervisor = Supervisor(runtime, drain.spool, reports.of)
            await supervisor.learn()
            web = _web(runtime, supervisor, listener)
            noted = noting(reports, runtime.clock)
            alive = PeriodicTask("alive", say_alive, ALIVE_EVERY_S, runtime.clock)
            for part in (runtime.feed, runtime.reads, noted, drain, web, alive):
                await part.start()
                stack.push_async_callback(part.stop)
            settle_memory()
            _log.info("sibling_started")
            await stopping.wait()


def _stop_with_input(stopping: asyncio.Event) -> None:
    """Stops when standard input ends: so it does when the process that holds it is gone."""
    loop = asyncio.get_running_loop()

    def look() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            _stop(stopping)

    loop.add_reader(0, look)


def processes(settings: Settings) -> int:
    """How many processes serve; where the system deals out no connections, it is one."""
    if not sys.platform.startswith("linux"):
        return 1
    return settings.web.processes or min(len(os.sched_getaffinity(0)), MOST_BY_ITSELF)


def _parts(runtime: Runtime) -> list[Part]:
    """What one process alone does."""
    outbound = Outbound(_rules(runtime.settings), timeout_s=runtime.settings.callbacks.timeout_s)
    return [
        housekeeping(runtime),
        expiry(runtime),
        stock_queue(runtime),
        patience(runtime),
        counting(runtime),
        CallbackWorker(
            runtime,
            outbound,
            lambda rental: recording_url(runtime, rental),
            lambda detail: event_bytes(detail, recording_urls(runtime)),
        ),
    ]


def _drain(runtime: Runtime) -> Drain:
    """The spool of this process, and the way out of it."""
    limit_bytes = runtime.settings.spool.limit_mb * MEGABYTE
    folder, database = runtime.settings.spool_folder, sqlite_path(runtime.settings.database_url)
    return Drain(runtime, Spool(folder, limit_bytes, runtime.clock, database))


def _web(runtime: Runtime, supervisor: Supervisor, listener: socket.socket) -> "Web":
    """What every process does."""
    grace_s = runtime.settings.web.shutdown_grace_s
    return Web(App(runtime, supervisor), listener, grace_s)


def _allow_connections() -> None:
    """Takes as many open files as the system grants: each stream and each wait is one."""
    _, granted = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if granted == resource.RLIM_INFINITY else min(granted, MOST_FILES)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, granted))


def _rules(settings: Settings) -> OutboundPolicy:
    allowed = tuple(ipaddress.ip_network(one) for one in settings.callbacks.private_networks)
    return OutboundPolicy(allowed, frozenset(settings.callbacks.ports))


def _at(settings: Settings, port: int) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{host}:{port}"


@contextmanager
def _listening(settings: Settings, *, shared: bool) -> Iterator[socket.socket]:
    """The socket, bound before anything else starts: an address in use stops the start at once.

    A shared one lets further processes of this server listen on the same port.
    """
    with _new_socket(settings) as listener:
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((settings.host, settings.port))
        yield listener


def _check_free(settings: Settings) -> None:
    """A second server must not share the port of the first one.

    Raises:
        OSError: the address is in use.
    """
    with _new_socket(settings) as probe:
        probe.bind((settings.host, settings.port))


def _new_socket(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With its protocol named, the event loop sends small answers at once (TCP_NODELAY).
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


@contextmanager
def _told_by_signals(stopping: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for one in signals:
        loop.add_signal_handler(one, _stop, stopping)
    try:
        yield
    finally:
        for one in signals:
            loop.remove_signal_handler(one)


def _stop(stopping: asyncio.Event) -> None:
    if not stopping.is_set():
        stopping.set()
        # Whatever hangs, the process is gone in time; what was acknowledged is on disk.
        asyncio.get_running_loop().call_later(EXIT_WITHIN_S, _give_up)


def _give_up() -> None:
    _log.error("stop_took_too_long")
    signal.raise_signal(signal.SIGKILL)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the service stops its parts in order."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Web:
    """The HTTP server."""

    def __init__(self, app: App, listener: socket.socket, grace_s: float) -> None:
        self._app = app
        self._listener = listener
        self._server = _Server(
            uvicorn.Config(
                app,
                loop="none",
                http=Connection,
                ws="none",
                lifespan="off",
                interface="asgi3",
                access_log=False,
                log_config=None,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=max(1, int(grace_s)),
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listens."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        while not self._server.started:
            if self._task.done():
                await self._task
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Takes no more connections, and ends after every accepted request has its answer."""
        # Waits and streams would go on for as long as they may.
        self._app.dismiss()
        self._server.should_exit = True
        if self._task is not None:
            await self._task
