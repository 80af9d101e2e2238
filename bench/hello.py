"""The yardstick of polls: an empty Starlette handler on the same server, uvicorn, set the same.

`python -m bench.hello` serves it, and prints its address.
"""

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
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        uvloop.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    _serve()
