"""`/v1` as a test calls it, without a socket; and all that the database holds."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import msgspec

from simlet.testing.site import Reply
from simlet.testing.world import Dealer, World
from simlet.web.asgi import Message
from simlet.web.lists import Lists
from simlet.web.v1.app import V1App
from simlet.web.v1.holding import Client
from web.first_api.api import all_rows

PROBLEM = "application/problem+json"
_FIELDS = {"type", "title", "status", "detail", "code", "remedy", "errors", "retry_after_s"}
# What is noted of a call whatever it was answered.
_NOTED_ANYHOW = {"reads"}


async def staying() -> Message:
    """What comes of a client that said all and holds on."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def _admitted() -> None:
    pass


def staying_client() -> Client:
    """A client that holds on, whose token holds."""
    return Client(staying, _admitted)


@dataclass
class V1:
    """Calls the ASGI application, and checks what every answer has in common."""

    world: World
    app: V1App = field(init=False)

    def __post_init__(self) -> None:
        self.app = V1App(self.world.runtime, Lists(self.world.runtime.db))

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: object = None,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """The answer to a call; `body` is sent as JSON, `raw` as it is."""
        raw_path, _, query = path.partition("?")
        named = {"authorization": f"Bearer {token}"} if token else {}
        data = b""
        if body is not None:
            named["content-type"] = "application/json"
            data = msgspec.json.encode(body)
        data = data if raw is None else raw
        named.update(headers or {})
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(raw_path),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), text.encode()) for name, text in named.items()],
        }
        return await self._answer(scope, data, method)

    async def _answer(self, scope: dict[str, Any], data: bytes, method: str) -> Reply:
        sent: list[Message] = []
        parts = iter([data])

        async def receive() -> Message:
            part = next(parts, None)
            if part is None:
                return await staying()
            return {"type": "http.request", "body": part, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        start, body = sent
        named = {name.decode(): value.decode() for name, value in start["headers"]}
        reply = Reply(start["status"], named, body["body"])
        _check(reply, method)
        return reply

    async def get(self, dealer: Dealer, path: str) -> Any:
        """The object that is answered to a dealer."""
        reply = await self.call("GET", path, token=dealer.token)
        assert reply.status == 200, reply.raw
        return reply.json

    async def post(
        self, dealer: Dealer, path: str, body: object = None, *, key: str | None = None
    ) -> Reply:
        """The answer to a dealer's `POST`."""
        headers = {} if key is None else {"idempotency-key": key}
        return await self.call("POST", path, token=dealer.token, body=body, headers=headers)

    async def rows(self) -> dict[str, list[str]]:
        """Everything that the database holds, but for what is noted of every call."""
        # PostgreSQL's events get their numbers some moments after their commit.
        await self.world.events()
        found = await self.world.db.read(all_rows)
        return {name: rows for name, rows in found.items() if name not in _NOTED_ANYHOW}


def _check(reply: Reply, method: str) -> None:
    assert reply.headers["request-id"]
    if reply.status < 400 or method == "HEAD":
        return
    assert reply.headers["content-type"] == PROBLEM
    problem = reply.json
    assert set(problem) == _FIELDS
    assert problem["status"] == reply.status
    assert problem["type"] == f"urn:simlet:problem:{problem['code']}"
    assert problem["title"]
    assert problem["remedy"]
    assert "{" not in problem["title"]
