"""`GET /v1/events`: no event is left out, none is told twice, and none of another account."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from simlet.domain.events import DEALER_EVENTS, Event, EventKind
from simlet.feed import READ_AT_ONCE, TAIL_LIMIT
from simlet.flows.manage_accounts import revoke_tokens, suspend_account
from simlet.flows.show_events import events_page
from simlet.store.database import Database, Engine, Watch
from simlet.store.events import add_event
from simlet.store.sql import Call, Tx
from simlet.testing.gate import Gate
from simlet.testing.site import Site, site_of
from simlet.testing.world import Dealer, World
from simlet.web.asgi import Message
from simlet.web.v1.app import V1App
from simlet.web.v1.operation import MAX_PAGE
from web.v1.api import staying
from web.v1.listening import PATIENCE_S, SSE, Heard, listening

pytestmark = pytest.mark.anyio

Happening = Callable[[], Awaitable[None]]
CODE = "your code is 135790"
OF_SITE = 1
"""The sleepers of a site at rest: the supervisor of its gateways."""


@pytest.fixture
async def dealer(world: World) -> Dealer:
    await world.service(4)
    await world.lines("0967000001", "0967000002", "0967000003")
    return await world.dealer()


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


# --------------------------------------------------------------------------------------- stream


async def test_a_stream_tells_what_happens(site: Site, dealer: Dealer) -> None:
    await site.world.events()
    async with listening(site, dealer) as stream:
        rental_id = await a_code(site.world, dealer)
        waiting, kept, received = await stream.many(3)
        assert [waiting.type, kept.type, received.type] == [
            "rental.waiting",
            "message.kept",
            "rental.received",
        ]
        assert waiting.data["rental"]["state"] == "waiting"
        assert waiting.data["rental"]["code"] is None
        assert kept.data["message"]["code"] == "135790"
        assert received.data["rental"]["id"] == rental_id
        assert received.data["rental"]["code"] == "135790"


async def test_a_stream_tells_the_same_as_the_pages(site: Site, dealer: Dealer) -> None:
    await a_code(site.world, dealer)
    await site.world.events()
    async with listening(site, dealer, "?after=0") as stream:
        await site.world.rent(dealer, 4)
        heard = await stream.many(5)
        assert [one.type for one in heard] == [one.data["type"] for one in heard]
        assert [one.id for one in heard] == [one.data["id"] for one in heard]
        assert [one.data for one in heard] == await all_pages(site, dealer)


async def test_a_stream_begins_with_what_comes_now(site: Site, dealer: Dealer) -> None:
    await site.world.events()
    async with listening(site, dealer) as stream:
        await site.world.credit(dealer.name, 7)
        heard = await stream.next()
        assert heard is not None
        assert heard.data["amount_dong"] == 7


@pytest.mark.parametrize("spelled", ["evt_{}", "{}"])
async def test_a_stream_goes_on_behind_the_event_it_was_asked_for(
    site: Site, dealer: Dealer, spelled: str
) -> None:
    await many_credits(site.world, dealer, 4)
    told = await events_of(site.world, dealer)
    after = spelled.format(told[1])
    async with listening(site, dealer, f"?after={after}") as stream:
        assert [one.seq for one in await stream.many(3)] == told[2:5]
    async with listening(site, dealer, "?after=1", last=spelled.format(told[2])) as stream:
        assert [one.seq for one in await stream.many(2)] == told[3:5]


async def test_a_stream_asked_for_more_than_there_is_begins_now(site: Site, dealer: Dealer) -> None:
    await site.world.events()
    async with listening(site, dealer, last="evt_9999999999999999") as stream:
        await site.world.credit(dealer.name, 7)
        heard = await stream.next()
        assert heard is not None
        assert heard.data["amount_dong"] == 7


async def test_a_client_cut_off_before_the_first_event_goes_on_where_it_began(
    site: Site, dealer: Dealer
) -> None:
    await site.world.events()
    async with listening(site, dealer) as stream:
        began_behind = stream.began_behind
    await site.world.credit(dealer.name, 7)
    async with listening(site, dealer, last=began_behind) as stream:
        heard = await stream.next()
        assert heard is not None
        assert heard.data["amount_dong"] == 7


async def test_a_stream_tells_only_the_types_it_was_asked_for(site: Site, dealer: Dealer) -> None:
    query = "?after=0&types=rental.received,rental.waiting"
    await a_code(site.world, dealer)
    await site.world.events()
    async with listening(site, dealer, query) as stream:
        await a_code(site.world, dealer)
        heard = await stream.many(4)
        assert [one.type for one in heard] == ["rental.waiting", "rental.received"] * 2


async def test_a_stream_tells_nothing_of_another_account(site: Site, dealer: Dealer) -> None:
    other = await site.world.dealer("other")
    async with listening(site, dealer, "?after=0") as stream:
        await stream.many(1)
        await a_code(site.world, other)
        await site.world.credit(dealer.name, 7)
        heard = await stream.next()
        assert heard is not None
        assert heard.data["amount_dong"] == 7


async def test_a_stream_says_after_a_time_of_silence_that_it_is_there(
    site: Site, dealer: Dealer
) -> None:
    clock = site.world.clock
    await site.world.events()
    async with listening(site, dealer) as stream:
        for _ in range(2):
            await clock.wait_for_sleeping(OF_SITE + 1)
            clock.advance(14.9)
            await site.world.credit(dealer.name, 1)
            lines = await stream.lines()
            assert lines is not None
            assert lines[1] == "event: balance.credited"
        for _ in range(2):
            await clock.wait_for_sleeping(OF_SITE + 1)
            clock.advance(14.9)
            await clock.wait_for_sleeping(OF_SITE + 1)
            clock.advance(0.1)
            assert await stream.lines() == [": still here"]


async def test_a_head_of_a_stream_is_answered_and_over(site: Site, dealer: Dealer) -> None:
    reply = await site.request("HEAD", "/v1/events", headers=bearer(dealer, accept=SSE))
    assert (reply.status, reply.raw) == (200, b"")


# ------------------------------------------------------------------------------ gaps, repetitions


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


class Held:
    """A database in which something happens just before a page of events is read, or after."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.before: Happening | None = None
        self.after: Happening | None = None

    async def read(self, call: Call) -> Any:
        if call.flow is not events_page:
            return await self._engine.read(call)
        before, after = self.before, self.after
        self.before = self.after = None
        if before is not None:
            await before()
        page = await self._engine.read(call)
        if after is not None:
            await after()
        return page

    async def glance(self, call: Call) -> Any:
        return await self._engine.glance(call)

    async def write_all(self, calls: list[Call]) -> list[Any]:
        return await self._engine.write_all(calls)

    async def watch(self) -> Watch:
        return await self._engine.watch()

    async def close(self) -> None:
        await self._engine.close()


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_what_happens_while_a_stream_reads_the_database_is_told_once(
    world: World, moment: str
) -> None:
    dealer = await world.dealer()
    await world.events()
    held = Held(world.db.engine)
    held_world = World(Database(held))
    feed = held_world.runtime.feed

    async def happen() -> None:
        """An event that the feed has handed to the stream already when the reading goes on."""
        await world.credit(dealer.name, 7)
        (tail,) = feed._tails[dealer.id]
        async with asyncio.timeout(PATIENCE_S):
            while not tail._told:  # noqa: ASYNC110 - the stream itself is what waits for it
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


@asynccontextmanager
async def a_server(db: Database) -> AsyncIterator[Site]:
    async with site_of(World(db)) as site:
        yield site


async def test_a_client_that_reads_slowly_misses_nothing(site: Site, dealer: Dealer) -> None:
    world, count = site.world, TAIL_LIMIT * 20

    def add(tx: Tx, number: int) -> None:
        add_event(tx, Event(EventKind.BALANCE_CREDITED, 1, dealer.id, data={"n": "x" * 900}))

    async with listening(site, dealer, "?after=0") as stream, listening(site, dealer) as other:
        await world.db.write_all(add, list(range(count)))
        # Another stream is told all of it meanwhile.
        await other.many(count)
        told = await events_of(world, dealer)
        assert [one.seq for one in await stream.many(len(told))] == told


class Counted(Held):
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
    task = asyncio.ensure_future(V1App(site.world.runtime)(scope, staying, send))
    try:
        await asyncio.wait_for(stuck.wait(), PATIENCE_S)
        async with listening(site, dealer, "?after=0") as stream:
            assert await stream.many(1)
            await site.world.credit(dealer.name, 7)
            assert await stream.many(1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# ------------------------------------------------------------------------------------- the end


async def test_a_stream_ends_whole_when_the_server_stops(world: World) -> None:
    dealer = await world.dealer()
    async with aiohttp.ClientSession() as client, AsyncExitStack() as server:
        site = await server.enter_async_context(a_server(world.db))
        async with listening(replace(site, client=client), dealer) as stream:
            reading = asyncio.ensure_future(stream.until_end())
            stopping = asyncio.ensure_future(server.aclose())
            assert await asyncio.wait_for(reading, PATIENCE_S) == []
            await asyncio.wait_for(stopping, PATIENCE_S)


@pytest.mark.parametrize("end", [revoke_tokens, suspend_account])
async def test_a_stream_ends_when_its_token_holds_no_longer(
    site: Site, dealer: Dealer, end: Callable[..., Any]
) -> None:
    other = await site.world.dealer("other")
    async with listening(site, dealer) as stream, listening(site, other) as others:
        await site.world.db.write(end, dealer.name, site.world.clock.now_ms())
        assert await stream.until_end() == []
        await site.world.credit("other", 5)
        assert await others.many(1)


async def test_a_client_that_went_away_is_forgotten(site: Site, dealer: Dealer) -> None:
    feed = site.world.runtime.feed
    async with listening(site, dealer):
        assert feed._tails
    async with asyncio.timeout(PATIENCE_S):
        while feed._tails:  # noqa: ASYNC110 - the server hears of it from the system
            await asyncio.sleep(0.005)
    assert site.world.clock.sleeping == OF_SITE


# --------------------------------------------------------------------------------------- pages


async def test_pages_go_through_all_events_the_oldest_first(site: Site, dealer: Dealer) -> None:
    await a_code(site.world, dealer)
    told = await events_of(site.world, dealer)
    page = (await site.get("/v1/events?limit=3", bearer(dealer))).json
    assert page["object"] == "list"
    assert [one["id"] for one in page["data"]] == [f"evt_{seq}" for seq in told[:3]]
    assert page["next_cursor"] == f"evt_{told[2]}"
    found = await all_pages(site, dealer)
    assert [one["id"] for one in found] == [f"evt_{seq}" for seq in told]
    assert [one["object"] for one in found] == ["event"] * len(told)


async def test_an_empty_page_names_where_it_stood(site: Site, dealer: Dealer) -> None:
    await site.world.events()
    page = (await site.get("/v1/events?after=7777", bearer(dealer))).json
    assert (page["data"], page["next_cursor"]) == ([], "evt_7777")


async def test_pages_tell_no_other_accounts_and_no_operators_events(
    site: Site, dealer: Dealer
) -> None:
    other = await site.world.dealer("other")
    await a_code(site.world, other)
    await site.world.events()
    types = {one["type"] for one in await all_pages(site, dealer)}
    assert types == {"balance.credited"}


async def test_pages_of_types(site: Site, dealer: Dealer) -> None:
    await a_code(site.world, dealer)
    await site.world.events()
    found = await all_pages(site, dealer, "&types=message.kept,rental.waiting")
    assert [one["type"] for one in found] == ["rental.waiting", "message.kept"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("after=abc", "after"),
        ("after=evt_", "after"),
        ("after=-1", "after"),
        ("after=1.5", "after"),
        ("after=12345678901234567", "after"),
        ("after=", "after"),
        ("after=%D9%A1", "after"),
        ("after=9%0A", "after"),
        ("types=", "types"),
        ("types=rental", "types"),
        ("types=token.issued", "types"),
        ("types=rental.waiting,,rental.received", "types"),
        ("types=" + ",".join(["rental.waiting"] * 100), "types"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("nothing=1", "nothing"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", SSE])
async def test_what_is_not_understood_is_refused(
    site: Site, dealer: Dealer, query: str, name: str, accept: str
) -> None:
    reply = await site.get(f"/v1/events?{query}", bearer(dealer, accept=accept))
    assert reply.status == 422
    assert [one["name"] for one in reply.json["errors"]] == [name]


async def test_a_last_event_id_that_is_none_is_refused(site: Site, dealer: Dealer) -> None:
    headers = bearer(dealer, accept=SSE, **{"last-event-id": "the last one"})
    reply = await site.get("/v1/events", headers)
    assert reply.status == 422
    assert [one["name"] for one in reply.json["errors"]] == ["Last-Event-ID"]


async def test_without_a_token_there_is_no_stream(site: Site) -> None:
    reply = await site.get("/v1/events", {"accept": SSE})
    assert reply.status == 401


# --------------------------------------------------------------------------------------- reads


async def test_a_code_that_is_told_is_noted(site: Site, dealer: Dealer) -> None:
    world = site.world
    await world.events()
    async with listening(site, dealer) as stream:
        rental_id = await a_code(world, dealer)
        await world.rent(dealer, 4)
        await stream.many(4)
    await all_pages(site, dealer)
    await world.runtime.reads.flush()
    now_ms = world.clock.now_ms()
    assert await world.rows("SELECT rental_id, via, last_at_ms, times FROM reads ORDER BY via") == [
        (rental_id, "stream", now_ms, 2),
        (rental_id, "v1", now_ms, 2),
    ]
