"""The first API as a test calls it, without a socket; and all that the database holds."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from sqlalchemy import Table

from simlet.store.sql import Sql, Tx
from simlet.store.tables import metadata
from simlet.testing.site import Reply
from simlet.testing.world import Dealer, World
from simlet.web.asgi import Message
from simlet.web.first_api.app import FirstApi
from simlet.web.lists import Lists

HEADERS = {"content-type": "application/json; charset=utf-8", "cache-control": "no-store"}

# That an account asked to rent a number again is recorded even where that is refused; and on
# PostgreSQL an event has its number some milliseconds after its commit.
_RECORDED_ANYHOW = {"accounts": {"rented_again_at_ms"}, "events": {"seq"}}


def _columns(table: Table) -> str:
    return ", ".join(sorted({*table.columns.keys()} - _RECORDED_ANYHOW.get(table.name, set())))


_ALL_ROWS = {
    table.name: Sql(f"SELECT {_columns(table)} FROM {table.name}")
    for table in metadata.sorted_tables
}


def all_rows(tx: Tx) -> dict[str, list[str]]:
    """Everything that the database holds, as texts."""
    return {
        name: sorted(str(tuple(row)) for row in tx.rows(sql)) for name, sql in _ALL_ROWS.items()
    }


@dataclass
class Api:
    """Calls the ASGI application, and checks what every answer has in common."""

    world: World
    app: FirstApi = field(init=False)

    def __post_init__(self) -> None:
        self.app = FirstApi(self.world.runtime, Lists(self.world.runtime.db))

    async def get(self, path: str, headers: dict[str, str] | None = None) -> Reply:
        """The answer to `GET`; the path with its query as it stands in the request."""
        raw_path, _, query = path.partition("?")
        sent: list[Message] = []

        async def receive() -> Message:
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "path": unquote(raw_path),
            "query_string": query.encode(),
            "headers": [
                (name.lower().encode(), value.encode()) for name, value in (headers or {}).items()
            ],
        }
        await self.app(scope, receive, send)
        start, body = sent
        named = {name.decode(): value.decode() for name, value in start["headers"]}
        reply = Reply(start["status"], named, body["body"])
        assert reply.status == 200
        assert {name: reply.headers[name] for name in HEADERS} == HEADERS
        return reply

    async def ask(self, dealer: Dealer, path: str) -> dict[str, Any]:
        """The body of the answer to a dealer; the path without the token."""
        joint = "&" if "?" in path else "?"
        reply = await self.get(f"{path}{joint}token={dealer.token}")
        body: dict[str, Any] = reply.json
        return body

    async def rent(self, dealer: Dealer, query: str) -> dict[str, Any]:
        """The answer to renting."""
        return await self.ask(dealer, f"/api/register-service/?{query}")

    async def rented(self, dealer: Dealer, query: str) -> int:
        """The number of a rental that was rented."""
        body = await self.rent(dealer, query)
        assert body["success"], body
        return int(body["data"]["request_id"])

    async def code(self, dealer: Dealer, rental: int | str) -> dict[str, Any]:
        """The answer to reading the code."""
        return await self.ask(dealer, f"/api/?show=code&ID={rental}")

    async def history(self, dealer: Dealer, query: str = "") -> list[dict[str, Any]]:
        """The rows of the history."""
        body = await self.ask(dealer, f"/api/?show=history&{query}")
        assert body["success"], body
        rows: list[dict[str, Any]] = body["data"]
        return rows

    async def rows(self) -> dict[str, list[str]]:
        """Everything that the database holds."""
        return await self.world.db.read(all_rows)
