"""A world behind real sockets: the web part of the server, in this process and event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from simlet.gateways.supervisor import Supervisor
from simlet.service import Web
from simlet.testing.world import World
from simlet.web.app import App


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.raw)


@dataclass(frozen=True, slots=True)
class Site:
    """A running server and a client of it."""

    world: World
    base_url: str
    client: aiohttp.ClientSession

    async def get(self, path: str, headers: dict[str, str] | None = None) -> Reply:
        """`GET` of a path with its query, sent as it is written."""
        return await self.request("GET", path, headers=headers)

    async def post(self, path: str, body: Any, secret: str | None = None) -> Reply:
        """`POST` of bytes, or of anything else as JSON, with a gateway's secret."""
        headers = {"authorization": f"Bearer {secret}"} if secret else {}
        data = body if isinstance(body, bytes | aiohttp.FormData) else msgspec.json.encode(body)
        return await self.request("POST", path, headers=headers, data=data)

    async def request(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, data: Any = None
    ) -> Reply:
        """Any request."""
        url = URL(self.base_url + path, encoded=True)
        async with self.client.request(method, url, headers=headers, data=data) as answer:
            named = {name.lower(): value for name, value in answer.headers.items()}
            return Reply(answer.status, named, await answer.read())

    async def raw(self, request: bytes) -> Reply:
        """Bytes as they are, on a connection of their own; the first answer to them.

        Raises:
            EOFError: the connection ended before the answer was complete.
        """
        url = URL(self.base_url)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status_line, *lines = head.split("\r\n")[:-2]
            named = {
                name.lower(): value for name, _, value in (one.partition(": ") for one in lines)
            }
            raw = await reader.readexactly(int(named["content-length"]))
            return Reply(int(status_line.split(" ")[1]), named, raw)
        finally:
            writer.close()


@asynccontextmanager
async def site_of(world: World, port: int = 0) -> AsyncIterator[Site]:
    """The web part of a world; drivers run on its clock.

    Args:
        world: what it serves.
        port: the one that a server before had; 0 is a port of its own.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        world.at_address(base_url)
        supervisor = Supervisor(world.runtime)
        web = Web(App(world.runtime, supervisor), listener, grace_s=1)
        await world.runtime.feed.start()
        await supervisor.start()
        await web.start()
        try:
            async with aiohttp.ClientSession() as client:
                yield Site(world, base_url, client)
        finally:
            await web.stop()
            await supervisor.stop()
            await world.runtime.feed.stop()
