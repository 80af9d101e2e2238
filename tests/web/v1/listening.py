"""A client of the stream of events, over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from simlet.testing.site import Site
from simlet.testing.world import Dealer

PATIENCE_S = 20.0
SSE = "text/event-stream"


@dataclass(frozen=True)
class Heard:
    """One event as it came over the stream."""

    id: str
    type: str
    data: Any

    @property
    def seq(self) -> int:
        return int(self.id.removeprefix("evt_"))


@dataclass
class Listener:
    """Reads a stream: frames end with an empty line, comments begin with a colon.

    Attributes:
        began_behind: the id that the stream itself named first.
    """

    answer: aiohttp.ClientResponse
    began_behind: str = ""

    async def lines(self) -> list[str] | None:
        """The lines of the next frame; None at the end of the stream."""
        found: list[str] = []
        async with asyncio.timeout(PATIENCE_S):
            while line := await self.answer.content.readline():
                text = line.decode().rstrip("\n")
                if not text:
                    return found
                found.append(text)
        assert found == [], "the stream broke off in the middle of a frame"
        return None

    async def next(self) -> Heard | None:
        """The next event, whatever comments come before; None at the end of the stream."""
        while (lines := await self.lines()) is not None:
            fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
            if "data" in fields:
                data = msgspec.json.decode(fields["data"])
                return Heard(fields["id"], fields["event"], data)
        return None

    async def many(self, count: int) -> list[Heard]:
        """So many events."""
        heard = [await self.next() for _ in range(count)]
        return [one for one in heard if one is not None]

    async def until_end(self) -> list[Heard]:
        """All that come until the server ends the stream."""
        heard = []
        while (one := await self.next()) is not None:
            heard.append(one)
        return heard


@asynccontextmanager
async def listening(
    site: Site, dealer: Dealer, query: str = "", last: str | None = None
) -> AsyncIterator[Listener]:
    """An open stream: what happens from now on is told."""
    headers = {"authorization": f"Bearer {dealer.token}", "accept": SSE}
    if last is not None:
        headers["last-event-id"] = last
    url = f"{site.base_url}/v1/events{query}"
    async with asyncio.timeout(PATIENCE_S):
        answer = await site.client.get(url, headers=headers)
    try:
        assert answer.status == 200, await answer.text()
        assert answer.headers["content-type"] == f"{SSE}; charset=utf-8"
        listener = Listener(answer)
        first = await listener.lines()
        assert first is not None
        assert first[0] == "retry: 1000"
        listener.began_behind = first[1].removeprefix("id: ")
        yield listener
    finally:
        answer.close()
