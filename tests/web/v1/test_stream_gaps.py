"""Over a stream no event is left out and none is told twice, whatever befalls it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from engines import Passing
from simlet.domain.events import Event, EventKind
from simlet.feed import FOLLOWER_LIMIT, READ_AT_ONCE
from simlet.flows.show_events import events_page
from simlet.store.database import Database
from simlet.store.events import add_event
from simlet.store.sql import Call, Tx
from simlet.testing.gate import Gate
from simlet.testing.site import Site, site_of
from simlet.testing.world import Dealer, World
from simlet.web.asgi import Message
from simlet.web.lists import Lists
from simlet.web.v1.app import V1App
from simlet.web.v1.operation import MAX_PAGE
from web.v1.api import staying
from web.v1.listening import PATIENCE_S, SSE, Heard, listening
from web.v1.telling import a_code, a_server, bearer, events_of, many_credits

pytestmark = pytest.mark.anyio

Happening = Callable[[], Awaitable[None]]


async def hear_all(
    site: Site, dealer: Dealer, last: str, drops: random.Random, until: Callable[[int], bool]
) -> list[int]:
    """Follows a stream that is dropped again and again, as a client that comes back does."""
    heard: list[int] = []
    while True:
        async with listening(site, dealer, last=last) as stream:
            for _ in range(drops.randint(1, 9)):
                one = await stream.next()
                assert one is not None
                heard.append(one.seq)
                last = one.id
                if until(len(heard)):
                    return heard


@pytest.mark.parametrize("seed", range(3))
async def test_a_stream_that_is_dropped_again_and_again_has_no_gap_and_no_repetition(
    site: Site, dealer: Dealer, seed: int
) -> None:
    world, count = site.world, 60
    before = len(await events_of(world, dealer))
    hearing = asyncio.ensure_future(
        hear_all(site, dealer, "0", random.Random(seed), lambda heard: heard == before + count)
    )
    writers = [asyncio.ensure_future(many_credits(world, dealer, count // 4)) for _ in range(4)]
    await asyncio.gather(*writers)
    heard = await asyncio.wait_for(hearing, PATIENCE_S)
    assert heard == await events_of(world, dealer)


async def test_what_commits_out_of_order_on_postgresql_is_told_once_each(
    site: Site, dealer: Dealer
) -> None:
    world = site.world
    if world.db.engine.__class__.__name__ != "PostgresDatabase":
        pytest.skip("SQLite has one writer")
    await world.events()

    def slow(tx: Tx, gate: Gate) -> None:
        add_event(tx, Event(EventKind.BALANCE_CREDITED, 1, dealer.id, data={"amount_dong": 1}))
        gate.pass_through()

    async with listening(site, dealer) as stream:
        with Gate() as gate:
            first = asyncio.ensure_future(world.db.write(slow, gate))
            await gate.reached()
            await world.credit(dealer.name, 2)
            early = await stream.next()
            gate.open()
            await first
        late = await stream.next()
    assert early is not None
    assert late is not None
    assert (early.data["amount_dong"], late.data["amount_dong"]) == (2, 1)
    assert early.seq < late.seq


@dataclass
class OpenCalls(Passing):
    """A database in which something happens just before a page of events is read, or after."""

    before: Happening | None = None
    after: Happening | None = None

    async def read(self, call: Call) -> Any:
        if call.flow is not events_page:
            return await self.engine.read(call)
        before, after = self.before, self.after
        self.before = self.after = None
        if before is not None:
            await before()
        page = await self.engine.read(call)
        if after is not None:
            await after()
        return page


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_what_happens_while_a_stream_reads_the_database_is_told_once(
    world: World, moment: str
) -> None:
    dealer = await world.dealer()
    await world.events()
    held = OpenCalls(world.db.engine)
    held_world = World(Database(held))
    feed = held_world.runtime.feed

    async def happen() -> None:
        """An event that the feed has handed to the stream already when the reading goes on."""
        await world.credit(dealer.name, 7)
        (follower,) = feed._followers[dealer.id]
        async with asyncio.timeout(PATIENCE_S):
            while not follower._told:  # noqa: ASYNC110 - the stream itself is what waits for it
                await asyncio.sleep(0.001)

    async with site_of(held_world) as site:
        with feed.anything() as worker:
            # It follows from here on.
            assert await asyncio.wait_for(worker.wait(3600), PATIENCE_S)
            setattr(held, moment, happen)
            async with listening(site, dealer) as stream:
                first = await stream.next()
                await world.credit(dealer.name, 8)
                second = await stream.next()
    assert first is not None
    assert second is not None
    assert [one.data["amount_dong"] for one in (first, second)] == [7, 8]


async def test_a_client_misses_nothing_when_the_server_is_started_again(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001", "0967000002", "0967000003")
    dealer = await world.dealer()
    heard: list[Heard] = []
    async with a_server(world.db) as site, listening(site, dealer, "?after=0") as stream:
        await a_code(world, dealer)
        heard += await stream.many(3)
    await a_code(world, dealer)
    last = heard[-1].id
    async with a_server(world.db) as site, listening(site, dealer, last=last) as stream:
        await a_code(world, dealer)
        heard += await stream.many(len(await events_of(world, dealer)) - 3)
    assert [one.seq for one in heard] == await events_of(world, dealer)


async def test_a_client_that_reads_slowly_misses_nothing(site: Site, dealer: Dealer) -> None:
    world, count = site.world, FOLLOWER_LIMIT * 20

    def add(tx: Tx, number: int) -> None:
        add_event(tx, Event(EventKind.BALANCE_CREDITED, 1, dealer.id, data={"n": "x" * 900}))

    async with listening(site, dealer, "?after=0") as stream, listening(site, dealer) as other:
        await world.db.write_all(add, list(range(count)))
        # Another stream is told all of it meanwhile.
        await other.many(count)
        told = await events_of(world, dealer)
        assert [one.seq for one in await stream.many(len(told))] == told


class Counted(OpenCalls):
    """A database that counts who reads pages of events at the same time."""

    now = most = pages = 0

    async def read(self, call: Call) -> Any:
        if call.flow is not events_page:
            return await super().read(call)
        self.now, self.pages = self.now + 1, self.pages + 1
        self.most = max(self.most, self.now)
        try:
            # Others come as far as they can.
            for _ in range(20):
                await asyncio.sleep(0)
            return await super().read(call)
        finally:
            self.now -= 1


async def test_streams_that_read_the_past_leave_the_database_to_who_is_woken(world: World) -> None:
    dealer = await world.dealer()
    await many_credits(world, dealer, 2 * MAX_PAGE)
    told = await events_of(world, dealer)
    counted = Counted(world.db.engine)
    async with site_of(World(Database(counted))) as site, AsyncExitStack() as stack:
        streams = await asyncio.gather(
            *(stack.enter_async_context(listening(site, dealer, "?after=0")) for _ in range(6))
        )
        for heard in await asyncio.gather(*(one.many(len(told)) for one in streams)):
            assert [one.seq for one in heard] == told
    assert counted.pages >= 6 * 3
    assert counted.most <= READ_AT_ONCE


async def test_a_client_that_takes_nothing_holds_up_no_other(site: Site, dealer: Dealer) -> None:
    stuck = asyncio.Event()

    async def send(message: Message) -> None:
        if b"data: " in message.get("body", b""):
            stuck.set()
            await asyncio.Event().wait()

    headers = bearer(dealer, accept=SSE).items()
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/events",
        "query_string": b"after=0",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    task = asyncio.ensure_future(
        V1App(site.world.runtime, Lists(site.world.db))(scope, staying, send)
    )
    try:
        await asyncio.wait_for(stuck.wait(), PATIENCE_S)
        async with listening(site, dealer, "?after=0") as stream:
            assert await stream.many(1)
            await site.world.credit(dealer.name, 7)
            assert await stream.many(1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
