"""Servers on loopback, names that a test makes up, and what posts to them."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from simlet.outbound import Outbound, OutboundPolicy

# The loopback address that the operator let through.
LET = "127.0.0.2"
LET_ONLY = OutboundPolicy(allowed=(ipaddress.ip_network(LET + "/32"),))
PATIENCE_S = 20.0

Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Names(AbstractResolver):
    """Knows the names that a test made up; each look-up takes the next of a name's answers."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = answers
        self.looked_up: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.looked_up.append(host)
        answers = self.answers.get(host.partition(".")[0])
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            ResolveResult(hostname=host, host=ip, port=port, family=family, proto=0, flags=0)
            for ip in found
        ]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def listening(connected: Connected, *, ip: str = LET, port: int = 0) -> AsyncIterator[int]:
    server = await asyncio.start_server(connected, ip, port)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def serving(handler: Handler, *, ip: str = LET) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, ip, 0)
    await site.start()
    try:
        yield f"http://{ip}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def posting(
    rules: OutboundPolicy = LET_ONLY,
    *,
    timeout_s: float = PATIENCE_S,
    resolver: AbstractResolver | None = None,
) -> AsyncIterator[Outbound]:
    outbound = Outbound(rules, timeout_s=timeout_s, resolver=resolver)
    try:
        yield outbound
    finally:
        await outbound.close()
