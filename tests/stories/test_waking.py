"""Waits and streams of several processes: what one of them keeps, the others tell."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from simlet.clock import SystemClock
from simlet.domain.events import DEALER_EVENTS
from simlet.domain.rental import RentalState
from simlet.store.database import open_database
from simlet.testing.site import Site, site_of
from simlet.testing.world import Dealer, World
from simlet.web.v1.waiting import rental_after_wait
from stories.test_siblings import Server, serving
from web.v1.api import staying_client
from web.v1.listening import Listener, listening

pytestmark = pytest.mark.anyio

PATIENCE_S = 30.0
WAIT_S = 60
LINES = 8


@asynccontextmanager
async def another(url: str) -> AsyncIterator[World]:
    """The same installation, opened once more."""
    db = open_database(url, readers=2, pool_size=4)
    try:
        yield World(db)
    finally:
        await db.close()


async def a_dealer(world: World) -> Dealer:
    # The clock of real servers, which would find a rental of another time expired.
    world.clock.set_now_ms(SystemClock().now_ms())
    await world.service(4, waiting_s=3600)
    await world.gateway("default")
    await world.lines(*(f"09670000{number:02}" for number in range(LINES)))
    return await world.dealer(balance_dong=1_000_000, waiting_limit=1000)


async def told(world: World, dealer: Dealer) -> list[int]:
    logged = await world.events()
    return [one.seq for one in logged if one.account_id == dealer.id and one.kind in DEALER_EVENTS]


def bearer(dealer: Dealer) -> dict[str, str]:
    return {"authorization": f"Bearer {dealer.token}"}


# ------------------------------------------------------------------------- two handles, one loop


async def test_a_code_that_one_keeps_wakes_the_wait_of_another(
    world: World, database_url: str
) -> None:
    dealer = await a_dealer(world)
    async with another(database_url) as other:
        await other.runtime.feed.start()
        for _ in range(5):
            rental = (await world.rent(dealer, 4)).rental
            waiting = asyncio.ensure_future(
                rental_after_wait(other.runtime, dealer.id, rental.id, WAIT_S, staying_client())
            )
            await other.clock.wait_for_sleeping(1)
            await world.sms(rental.number, f"your code is {rental.id}")
            found = await asyncio.wait_for(waiting, PATIENCE_S)
            assert (found.state, found.code) == (RentalState.RECEIVED, str(rental.id))
        await other.runtime.feed.stop()


async def test_streams_of_two_servers_tell_the_same_in_the_same_order(
    world: World, database_url: str
) -> None:
    dealer = await a_dealer(world)
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(another(database_url))
        sites = [await stack.enter_async_context(site_of(one)) for one in (world, other)]
        streams = [
            await stack.enter_async_context(listening(site, dealer, "?after=0")) for site in sites
        ]
        await asyncio.gather(*(rounds(one, dealer) for one in (world, other)))
        seqs = await told(world, dealer)
        for stream in streams:
            assert [one.seq for one in await stream.many(len(seqs))] == seqs


async def rounds(world: World, dealer: Dealer) -> None:
    for _ in range(3):
        rental = (await world.rent(dealer, 4)).rental
        await world.sms(rental.number, "your code is 135790", sender=f"Yahoo {id(world)}")


# ------------------------------------------------------------------------------- real processes


@dataclass
class Shop:
    """A server of several processes, seen from a dealer."""

    server: Server
    dealer: Dealer

    async def wait(self, rental_id: int) -> Any:
        """Asks on a connection of its own, so that each process gets some of them."""
        url = f"{self.server.address}/v1/rentals/{rental_id}?wait_s={WAIT_S}"
        async with (
            aiohttp.ClientSession() as client,
            client.get(url, headers=bearer(self.dealer)) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.json()

    @asynccontextmanager
    async def stream(self, world: World, last: str) -> AsyncIterator[Listener]:
        """A stream on a connection of its own."""
        async with aiohttp.ClientSession() as client:
            site = Site(world, self.server.address, client)
            async with listening(site, self.dealer, last=last) as stream:
                yield stream


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others have one process")
async def test_waits_on_all_processes_are_woken_by_what_yet_another_one_keeps(
    world: World, database_url: str, tmp_path: Path
) -> None:
    dealer = await a_dealer(world)
    rentals = [(await world.rent(dealer, 4)).rental for _ in range(LINES)]
    async with serving(database_url, tmp_path) as server, AsyncExitStack() as stack:
        shop = Shop(server, dealer)
        waits = [asyncio.ensure_future(shop.wait(one.id)) for one in rentals]
        streams = [
            await stack.enter_async_context(shop.stream(world, "evt_0")) for _ in range(LINES)
        ]
        for one in rentals:
            await world.sms(one.number, f"your code is {one.id}")
        async with asyncio.timeout(PATIENCE_S):
            answers = await asyncio.gather(*waits)
        assert [one["code"] for one in answers] == [str(one.id) for one in rentals]
        seqs = await told(world, dealer)
        for stream in streams:
            assert [one.seq for one in await stream.many(len(seqs))] == seqs


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others have one process")
async def test_a_client_of_a_server_that_is_killed_misses_nothing(
    world: World, database_url: str, tmp_path: Path
) -> None:
    dealer = await a_dealer(world)
    async with (
        serving(database_url, tmp_path, processes=1) as server,
        Shop(server, dealer).stream(world, "evt_0") as stream,
    ):
        await world.credit(dealer.name, 1)
        heard = await stream.many(len(await told(world, dealer)) - 1)
        server.process.kill()
    await world.credit(dealer.name, 1)
    async with (
        serving(database_url, tmp_path, processes=1) as server,
        Shop(server, dealer).stream(world, heard[-1].id) as stream,
    ):
        await world.credit(dealer.name, 1)
        seqs = await told(world, dealer)
        heard += await stream.many(len(seqs) - len(heard))
    assert [one.seq for one in heard] == seqs


# -------------------------------------------------------------------------------- one story


async def test_every_way_tells_the_same_story(world: World) -> None:
    dealer = await a_dealer(world)
    await world.events()
    async with site_of(world) as site, listening(site, dealer) as stream:
        rental = (await world.rent(dealer, 4)).rental
        waiting = asyncio.ensure_future(
            site.get(f"/v1/rentals/{rental.id}?wait_s=60", bearer(dealer))
        )
        await world.sms(rental.number, "your code is 135790")
        waited = (await asyncio.wait_for(waiting, PATIENCE_S)).json
        streamed = [one.data for one in await stream.many(3)]
        pages = (await site.get("/v1/events?after=0", bearer(dealer))).json["data"]
        code = (await site.get(f"/api/?show=code&id={rental.id}&token={dealer.token}")).json
        history = (await site.get(f"/api/?show=history&token={dealer.token}")).json
    assert streamed == pages[-3:]
    received = streamed[-1]["rental"]
    assert received == waited
    assert (received["code"], received["text"]) == ("135790", "your code is 135790")
    assert streamed[1]["message"]["code"] == received["code"]
    (row,) = history["data"]
    for told_first in (code["data"], row):
        assert told_first["Code"] == received["code"]
        assert told_first["SmsContent"] == received["text"]
