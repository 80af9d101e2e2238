"""The yardstick of polls: an empty Starlette handler on the same server, uvicorn, set the same.

`python -m bench.hello` serves it, and prints its address.
"""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
import uvloop
from bench.server import running_process
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from simlet.config import Settings
from simlet.service import processes

TEXT = "hello"


async def _hello(_: Request) -> PlainTextResponse:
    return PlainTextResponse(TEXT)


@contextmanager
def running_hello() -> Iterator[str]:
    """The address of the empty handler, in a process of its own."""
    with running_process([sys.executable, "-m", "bench.hello"]) as (_, line):
        yield line.strip()


def _serve() -> None:
    config = uvicorn.Config(
        Starlette(routes=[Route("/", _hello)]),
        loop="none",
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        backlog=4096,
    )
    with _listening(0) as listener:
        port = listener.getsockname()[1]
        # As many processes as simlet has, each with a socket of its own on the same port.
        children = [_fork(config, port) for _ in range(processes(Settings()) - 1)]
        # uvicorn raises the signal again once it has stopped: the children must end as well.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        print(f"http://127.0.0.1:{port}", flush=True)
        try:
            uvloop.run(uvicorn.Server(config).serve(sockets=[listener]))
        finally:
            for child in children:
                os.kill(child, signal.SIGTERM)
                os.waitpid(child, 0)


def _fork(config: uvicorn.Config, port: int) -> int:
    child = os.fork()
    if child:
        return child
    with _listening(port) as listener:
        uvloop.run(uvicorn.Server(config).serve(sockets=[listener]))
    os._exit(0)


def _listening(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(4096)
    return listener


if __name__ == "__main__":
    _serve()
