"""A small application and a server of it, for tests of how requests and answers are carried."""

import asyncio
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from uvicorn import Config
from uvicorn.server import ServerState

from simlet.web.asgi import Receive, Scope, Send, answer_json, answer_with, read_body
from simlet.web.protocol import LOOK_EACH_S, Connection
from simlet.web.whole import Answer, Handler, Request

PATIENCE_S = 20
DATE = b"Mon, 23 Nov 2026 15:35:35 GMT"


async def echo(request: Request) -> Answer:
    lines = [request.method, request.path, request.query.decode(), request.body.decode()]
    return Answer(200, "|".join(lines).encode(), "text/plain")


async def nameless(_: Request) -> Answer:
    return Answer(299, b"kept", "text/plain")


async def bare(request: Request) -> Answer:
    return Answer(int(request.query), b"kept", "text/plain")


async def fail(_: Request) -> Answer:
    raise LookupError("a handler that breaks its word")


@dataclass
class Held:
    """A handler that answers when it is let go."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, _: Request) -> Answer:
        self.asked.set()
        await self.let_go.wait()
        self.answered.set()
        return Answer(200, b"held", "text/plain")


@dataclass
class Some:
    """An application with two addresses that are answered whole, and the others over ASGI."""

    held: Held = field(default_factory=Held)
    taken: list[tuple[str, str, int]] = field(default_factory=list)

    def handler_of(self, method: str, path: str, body_bytes: int) -> Handler | None:
        self.taken.append((method, path, body_bytes))
        handlers: dict[str, Handler] = {
            "/echo": echo,
            "/nameless": nameless,
            "/bare": bare,
            "/held": self.held,
            "/fail": fail,
        }
        return handlers.get(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/unread-over-asgi":
            await self._answer_unread(send)
            return
        body = await read_body(scope, receive, 10**6)
        if scope["path"] == "/held-over-asgi":
            answer = await self.held(Request("GET", "/held-over-asgi", b"", [], body))
            await answer_with(send, answer.status, answer.body, "text/plain")
            return
        if scope["query_string"].isdigit():
            await answer_with(send, int(scope["query_string"]), b"kept", "text/plain")
            return
        text = f"asgi|{scope['method']}|{scope['path']}|{len(body)}"
        await answer_json(send, 200, text.encode(), head=scope["method"] == "HEAD")

    async def _answer_unread(self, send: Send) -> None:
        """Begins its answer before the body is there, and ends it when it is let go."""
        headers = [(b"content-length", b"5")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        self.held.asked.set()
        await self.held.let_go.wait()
        await send({"type": "http.response.body", "body": b"whole"})


@dataclass
class Peer:
    """The other side of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, *requests: bytes) -> None:
        self.writer.write(b"".join(requests))

    async def answer(self) -> tuple[dict[str, str], str]:
        """The headers of the next answer, the status line among them as `""`, and its body."""
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.split("\r\n")[:-2]
            named = dict(line.split(": ", 1) for line in lines)
            body = await self.reader.readexactly(int(named["content-length"]))
        return {"": first, **named}, body.decode()

    async def body(self) -> str:
        return (await self.answer())[1]

    async def rest(self) -> bytes:
        """What comes until the server closes the connection."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.read()


@dataclass
class Ear:
    """What came to a server so far."""

    heard: asyncio.Event = field(default_factory=asyncio.Event)
    bytes: int = 0

    def hear(self, count_bytes: int) -> None:
        self.bytes += count_bytes
        self.heard.set()


@dataclass
class Place:
    """A server of the application under test."""

    app: Some
    state: ServerState
    port: int
    lost: asyncio.Event
    forgotten: asyncio.Event
    ear: Ear

    async def heard(self, count_bytes: int) -> None:
        """Waits until somebody is there, and so many bytes have come in all."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.state.connections or self.ear.bytes < count_bytes:
                self.ear.heard.clear()
                await self.ear.heard.wait()

    def look(self, times: int) -> None:
        """What each connection does when the time of a look has come, so many times."""
        for one in [one for one in self.state.connections for _ in range(times)]:
            assert isinstance(one, Connection)
            if one._looking is not None:
                one._looking.cancel()
                one._look()

    @asynccontextmanager
    async def peer(self) -> AsyncIterator[Peer]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Peer(reader, writer)
        finally:
            writer.close()


def configured(app: Some, keep_alive_s: int = 60) -> Config:
    return Config(
        app,
        ws="none",
        interface="asgi3",
        log_config=None,
        proxy_headers=False,
        timeout_keep_alive=keep_alive_s,
    )


@asynccontextmanager
async def place_of(
    app: Some, keep_alive_s: int = 60, look_each_s: float = LOOK_EACH_S
) -> AsyncIterator[Place]:
    loop = asyncio.get_running_loop()
    state = ServerState()
    state.default_headers = [(b"date", DATE)]
    config = configured(app, keep_alive_s)
    lost, forgotten, ear = asyncio.Event(), asyncio.Event(), Ear()

    class Watched(Connection):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            ear.hear(0)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            ear.hear(len(data))

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set()

    def connect() -> Connection:
        connection = Watched(config, state, {}, loop)
        connection.look_each_s = look_each_s
        weakref.finalize(connection, forgotten.set)
        return connection

    server = await loop.create_server(connect, "127.0.0.1", 0)
    try:
        yield Place(app, state, server.sockets[0].getsockname()[1], lost, forgotten, ear)
    finally:
        server.close()


def get(target: str, *headers: str, version: str = "1.1", method: str = "GET") -> bytes:
    lines = [f"{method} {target} HTTP/{version}", "Host: simlet.test", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post(target: str, body: bytes, *headers: str) -> bytes:
    length = f"Content-Length: {len(body)}"
    return get(target, length, *headers, method="POST") + body
