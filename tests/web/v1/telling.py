"""What happens to a dealer over `/v1`, and what it is to be told of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from simlet.domain.events import DEALER_EVENTS
from simlet.store.database import Database
from simlet.testing.site import Site, site_of
from simlet.testing.world import Dealer, World

CODE = "your code is 135790"


def bearer(dealer: Dealer, **headers: str) -> dict[str, str]:
    return {"authorization": f"Bearer {dealer.token}", **headers}


async def a_code(world: World, dealer: Dealer) -> int:
    rental = (await world.rent(dealer, 4)).rental
    await world.sms(rental.number, CODE)
    return rental.id


async def many_credits(world: World, dealer: Dealer, count: int) -> None:
    for _ in range(count):
        await world.credit(dealer.name, 1)


async def all_pages(site: Site, dealer: Dealer, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = "0"
    while True:
        reply = await site.get(f"/v1/events?after={cursor}&limit=2{query}", bearer(dealer))
        assert reply.status == 200, reply.raw
        if not reply.json["data"]:
            return found
        found += reply.json["data"]
        cursor = reply.json["next_cursor"]


async def events_of(world: World, dealer: Dealer) -> list[int]:
    """The numbers of what a dealer is to be told."""
    logged = await world.events()
    return [one.seq for one in logged if one.account_id == dealer.id and one.kind in DEALER_EVENTS]


@asynccontextmanager
async def a_server(db: Database) -> AsyncIterator[Site]:
    async with site_of(World(db)) as site:
        yield site
