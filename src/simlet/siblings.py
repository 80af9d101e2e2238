"""Further processes: Python runs one request's code at a time in each.

The first process does everything but to write to SQLite, which is done by one for all. Its siblings
listen on the same port, where the system deals out new connections among them (SO_REUSEPORT), and
do nothing but answer requests. All are told what they need on standard input, which stays open:
where it ends, the first process is gone, and they end as well.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from simlet.clock import Clock
from simlet.config import Settings
from simlet.log import get_log

SERVE_BESIDE = ("simlet", "serve-sibling")
WRITE = ("simlet.writer",)
ALIVE_EVERY_S = 5.0
"""So often a process that serves says that it does."""
SILENT_AFTER_S = 30.0
"""One that says nothing for two such spans hangs."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_KILL_AFTER_S = 9.0
_FOLDERS, _SOCKET = "simlet-", "writer"
_LONGEST_FOLDER = 80
_OUTPUT = 1
_PIECE = 4096
_ALWAYS_THERE = "/tmp"  # noqa: S108 - what is made in it is closed to others

_log = get_log("siblings")


class Instructions(msgspec.Struct, frozen=True):
    """What a further process is told.

    Attributes:
        settings: whose address names the port that the first process listens on.
        writer: the socket of the process that writes to SQLite; None where each writes by itself.
    """

    settings: Settings
    writer: str | None = None


async def say_alive() -> bool:
    """Says on standard output that this process serves; that there is no more to do."""
    # Where nobody listens any more, or just now, there is nobody to hear it.
    with contextlib.suppress(OSError):
        os.set_blocking(_OUTPUT, False)
        os.write(_OUTPUT, b".")
    return False


@dataclass(slots=True)
class Silence:
    """Waits until nothing comes from a process any more, though it has not ended."""

    stream: asyncio.StreamReader
    clock: Clock
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def fallen(self) -> None:
        """Returns when nothing came for two spans in a row.

        For one it may have been this process that was held up.
        """
        listening = asyncio.ensure_future(self._listen())
        missed = 0
        try:
            while missed < 2:
                await self.clock.sleep(SILENT_AFTER_S)
                missed = 0 if self.heard.is_set() else missed + 1
                self.heard.clear()
        finally:
            listening.cancel()

    async def _listen(self) -> None:
        while await self.stream.read(_PIECE):
            self.heard.set()


@dataclass(slots=True)
class Siblings:
    """Processes of one kind: started, started again when they die or hang, stopped.

    Attributes:
        program: the module that they run, and its arguments.
        told: what they are told.
        count: how many.
        must_speak: whether each says now and then that it works; one that does not any more hangs.
    """

    program: tuple[str, ...]
    told: Instructions
    count: int
    clock: Clock
    must_speak: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _processes: set[asyncio.subprocess.Process] = field(default_factory=set)
    _dismissed: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Starts them; they serve within a second or two, and nobody waits for that."""
        self._tasks = [asyncio.create_task(self._keep_one()) for _ in range(self.count)]

    def dismiss(self) -> None:
        """Tells them to stop, without waiting for it."""
        self._dismissed.set()
        for process in self._processes:
            _close_input(process)

    async def stop(self) -> None:
        """Ends when they have ended; one that does not is killed."""
        self.dismiss()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_KILL_AFTER_S)
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await asyncio.gather(*self._tasks)

    async def _keep_one(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._dismissed.is_set():
            started_s = self.clock.monotonic_s()
            try:
                status = await self._run_one()
            except OSError as error:
                status = error.errno or 1
            if self._dismissed.is_set():
                return
            lasted_s = self.clock.monotonic_s() - started_s
            pause_s = _FIRST_PAUSE_S if lasted_s > _LONGEST_PAUSE_S else pause_s
            _log.error(
                "sibling_ended", program=" ".join(self.program), status=status, again_in_s=pause_s
            )
            await self._pause(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _pause(self, seconds: float) -> None:
        """Lets time pass; being dismissed cuts it short."""
        waits = {
            asyncio.ensure_future(self.clock.sleep(seconds)),
            asyncio.ensure_future(self._dismissed.wait()),
        }
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()

    async def _run_one(self) -> int:
        """Runs a sibling until it ends; its exit status."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *self.program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE if self.must_speak else asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the first process's to hear
        )  # fmt: skip
        self._processes.add(process)
        watching = asyncio.ensure_future(self._kill_when_silent(process))
        try:
            assert process.stdin is not None  # noqa: S101 - a pipe was asked for
            with contextlib.suppress(ConnectionError):
                process.stdin.write(msgspec.json.encode(self.told) + b"\n")
                await process.stdin.drain()
            if self._dismissed.is_set():
                _close_input(process)
            return await process.wait()
        finally:
            watching.cancel()
            self._processes.discard(process)

    async def _kill_when_silent(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            return
        await Silence(process.stdout, self.clock).fallen()
        _log.error("sibling_hangs", program=" ".join(self.program), pid=process.pid)
        with contextlib.suppress(ProcessLookupError):
            process.kill()


def _close_input(process: asyncio.subprocess.Process) -> None:
    """Says that it is over. A signal would not do: whoever stops a service sends it to all."""
    if process.stdin is not None:
        process.stdin.close()


@contextlib.contextmanager
def meeting_place(*, needed: bool) -> Iterator[Path | None]:
    """Where the process that writes to SQLite will listen: in a folder that is closed to others.

    None where it is not needed: PostgreSQL writes for all, and one process writes for itself.
    """
    if not needed:
        yield None
        return
    # The address of a socket has room for 107 bytes.
    usual = tempfile.gettempdir()
    parent = usual if len(os.fsencode(usual)) <= _LONGEST_FOLDER else _ALWAYS_THERE
    for one in Path(parent).glob(f"{_FOLDERS}*"):
        with contextlib.suppress(OSError):
            _clear_if_left_behind(one)
    with (
        tempfile.TemporaryDirectory(prefix=_FOLDERS, dir=parent) as folder,
        contextlib.ExitStack() as held,
    ):
        # Where a folder cannot be held, nobody can hold it later to clear it away.
        with contextlib.suppress(OSError):
            held.enter_context(_holding(Path(folder)))
        yield Path(folder) / _SOCKET


@contextlib.contextmanager
def _holding(folder: Path) -> Iterator[None]:
    """Holds a folder, as nobody else can until this process has let it go, or has ended.

    Raises:
        OSError: it is held, or it is no folder.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _clear_if_left_behind(folder: Path) -> None:
    """Removes a meeting place of this user whose processes were killed, all at once.

    Raises:
        OSError: it is in use, or none.
    """
    address = folder / _SOCKET
    # Who makes one holds it before there is a socket; one without may not be held yet.
    is_one = list(folder.iterdir()) == [address] and address.is_socket()
    if not is_one or folder.stat().st_uid != os.geteuid():
        return
    # That nobody listens is not enough: the writer may be about to be started again.
    with _holding(folder), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as visitor:
        visitor.setblocking(False)
        if visitor.connect_ex(str(address)) == errno.ECONNREFUSED:
            address.unlink()
            folder.rmdir()


@contextlib.contextmanager
def listening_at(address: Path) -> Iterator[socket.socket]:
    """Listens at a meeting place, which is removed when all is well at the end.

    Then those who meet there have gone; the one that made it may have been killed.

    Raises:
        OSError: it cannot be listened on.
    """
    # One that ended unexpectedly has left its address behind.
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(address))
        listener.listen()
        yield listener
    with contextlib.suppress(OSError):
        address.unlink()
        address.parent.rmdir()
