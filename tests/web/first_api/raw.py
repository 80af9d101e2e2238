"""Requests of any bytes to the first API, and what every answer of it must have."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from simlet.testing.site import Reply, Site
from simlet.testing.world import World
from web.first_api.api import HEADERS, all_rows


def checked(reply: Reply) -> dict[str, Any]:
    """The body, after what every answer must have was checked."""
    assert reply.status == 200
    assert {name: reply.headers.get(name) for name in HEADERS} == HEADERS
    body: dict[str, Any] = reply.json
    assert isinstance(body, dict)
    assert isinstance(body["status_code"], int)
    assert isinstance(body["message"], str)
    assert body["success"] is (body["status_code"] == 200)
    return body


def status_and_text(body: dict[str, Any]) -> tuple[int, str]:
    return body["status_code"], body["message"]


def request(target: bytes, *headers: bytes, method: bytes = b"GET") -> bytes:
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: simlet.test", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


async def sent(site: Site, raw_request: bytes) -> dict[str, Any]:
    """The body of the first answer to a request of any bytes."""
    async with asyncio.timeout(20):
        return checked(await site.raw(raw_request))


@asynccontextmanager
async def nothing_changes(world: World) -> AsyncIterator[None]:
    before = await world.db.read(all_rows)
    yield
    assert await world.db.read(all_rows) == before
    assert await world.book_findings() == []
