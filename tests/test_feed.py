import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from engines import Passing
from simlet.domain.events import DEALER_EVENTS, Event, EventKind
from simlet.feed import FOLLOWER_LIMIT, PAGE, EventFeed, Follower, Waiter
from simlet.flows.describe_event import EventDetail
from simlet.flows.manage_accounts import revoke_tokens, suspend_account
from simlet.store.database import Database, Watch
from simlet.store.events import add_event
from simlet.store.sql import Call, DatabaseFault, Tx
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

PATIENCE_S = 20.0
LONG_S = 3600.0
"""Nobody moves the clock so far: who wakes was woken."""


@pytest.fixture
async def feed(world: World) -> AsyncIterator[EventFeed]:
    await world.runtime.feed.start()
    yield world.runtime.feed
    await world.runtime.feed.stop()


async def a_dealer(world: World, name: str = "dealer") -> Dealer:
    await world.service(4)
    await world.lines("0967000001", "0967000002", "0967000003")
    return await world.dealer(name)


async def woken(waiter: Waiter) -> bool:
    return await asyncio.wait_for(waiter.wait(LONG_S), PATIENCE_S)


async def calm(world: World, feed: EventFeed, *many: Waiter) -> None:
    """Takes the news of the feed's own beginning, and of all that was before."""
    for waiter in many:
        assert await woken(waiter)
    logged = await world.events()
    await followed(feed, logged[-1].seq if logged else 0)
    for waiter in many:
        await waiter.wait(0)


def plain(detail: EventDetail) -> bytes:
    return detail.event.kind.value.encode()


async def tell(world: World, account_id: int, count: int) -> None:
    """So many events of an account."""

    def add(tx: Tx, number: int) -> None:
        add_event(tx, Event(EventKind.BALANCE_CREDITED, number, account_id))

    await world.db.write_all(add, list(range(count)))


async def turns() -> None:
    """Lets every task have its turn."""
    for _ in range(10):
        await asyncio.sleep(0)


async def followed(feed: EventFeed, seq: int) -> None:
    """Waits until the feed has come so far."""
    with feed.anything() as waiter:
        while feed.followed < seq:
            await woken(waiter)


# ---------------------------------------------------------------------------------- who is woken


async def test_a_wait_for_a_rental_is_woken_by_its_code(world: World, feed: EventFeed) -> None:
    rental = (await world.rent(await a_dealer(world), 4)).rental
    with feed.rental(rental.id) as waiter:
        await calm(world, feed, waiter)
        await world.sms(rental.number, "your code is 135790")
        assert await woken(waiter)


async def test_a_wait_for_a_rental_sleeps_through_what_happens_to_another(
    world: World, feed: EventFeed
) -> None:
    dealer = await a_dealer(world)
    mine, other = [(await world.rent(dealer, 4)).rental for _ in range(2)]
    with feed.rental(mine.id) as waiter, feed.rental(other.id) as others:
        await calm(world, feed, waiter, others)
        await world.sms(other.number, "your code is 135790")
        assert await woken(others)
        assert not await waiter.wait(0)


async def test_a_wait_for_an_account_is_woken_by_its_own_money_alone(
    world: World, feed: EventFeed
) -> None:
    mine, other = await world.dealer("mine"), await world.dealer("other")
    with feed.account(mine.id) as waiter, feed.account(other.id) as others:
        await calm(world, feed, waiter, others)
        await world.credit("mine", 1000)
        assert await woken(waiter)
        assert not await others.wait(0)


async def test_a_wait_for_a_request_is_woken_by_its_events(world: World, feed: EventFeed) -> None:
    dealer = await world.dealer()
    with feed.request(7) as waiter, feed.request(8) as others:
        await calm(world, feed, waiter, others)
        event = Event(EventKind.REQUEST_EXPIRED, 1, dealer.id, data={"request_id": 7})
        await world.db.write(add_event, event)
        assert await woken(waiter)
        assert not await others.wait(0)


async def test_a_worker_is_woken_by_any_event(world: World, feed: EventFeed) -> None:
    with feed.anything() as waiter:
        await calm(world, feed, waiter)
        await world.lines("0967000001")
        assert await woken(waiter)


async def test_what_happens_before_the_wait_begins_is_not_lost(
    world: World, feed: EventFeed
) -> None:
    rental = (await world.rent(await a_dealer(world), 4)).rental
    with feed.rental(rental.id) as waiter:
        await calm(world, feed, waiter)
        await world.sms(rental.number, "your code is 135790")
        await followed(feed, (await world.events())[-1].seq)
        assert await waiter.wait(0)
        assert not await waiter.wait(0)


async def test_who_looked_before_the_feed_follows_again_is_told_to_look_again(
    world: World, feed: EventFeed
) -> None:
    with feed.anything() as waiter:
        await calm(world, feed, waiter)
    await world.lines("0967000001")
    async with asyncio.timeout(PATIENCE_S):
        while feed._wanted.is_set():  # noqa: ASYNC110 - it rests when it notices that all left
            await asyncio.sleep(0.001)
    with feed.rental(1) as late:
        await world.lines("0967000002")
        assert await woken(late)


async def test_many_more_events_than_a_page_are_all_followed(world: World, feed: EventFeed) -> None:
    dealer = await world.dealer()
    with feed.account(dealer.id) as waiter, feed.anything() as any_news:
        await calm(world, feed, waiter, any_news)
        before = feed.followed
        await tell(world, 99, PAGE * 2)
        await tell(world, dealer.id, 1)
        assert await woken(waiter)
        assert feed.followed == before + PAGE * 2 + 1


@dataclass
class OpenCalls(Passing):
    """A database whose next glance says what it saw only when it is let go."""

    holds: bool = False
    seen: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def quick_read(self, call: Call) -> Any:
        outcome = await self.engine.quick_read(call)
        if self.holds:
            self.holds = False
            self.seen.set()
            await self.let_go.wait()
        return outcome


async def test_a_dealer_that_comes_while_only_workers_waited_is_woken_by_what_was_seen_before(
    world: World,
) -> None:
    engine = OpenCalls(world.db.engine)
    feed = EventFeed(Database(engine), world.clock)
    dealer = await world.dealer()
    await feed.start()
    try:
        with feed.anything() as worker:
            await calm(world, feed, worker)
            engine.holds = True
            await world.credit(dealer.name, 1000)
            await asyncio.wait_for(engine.seen.wait(), PATIENCE_S)
            with feed.account(dealer.id) as waiter:
                engine.let_go.set()
                assert await woken(waiter)
    finally:
        await feed.stop()


async def test_where_only_workers_wait_the_feed_reads_no_event(
    world: World, feed: EventFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    monkeypatch.setattr(feed, "_read_page", lambda: read.append(1))
    with feed.anything() as worker:
        await calm(world, feed, worker)
        await world.lines("0967000001")
        await followed(feed, (await world.events())[-1].seq)
    assert not read


# ----------------------------------------------------------------------------------------- time


async def test_a_wait_ends_after_its_time(world: World, feed: EventFeed) -> None:
    with feed.rental(1) as waiter:
        await calm(world, feed, waiter)
        waiting = asyncio.ensure_future(waiter.wait(5))
        await world.clock.wait_for_sleeping(1)
        world.clock.advance(4.999)
        assert world.clock.sleeping == 1
        world.clock.advance(0.001)
        assert await asyncio.wait_for(waiting, PATIENCE_S) is False


async def test_a_wait_that_is_woken_leaves_no_timer_behind(world: World, feed: EventFeed) -> None:
    with feed.anything() as waiter:
        await calm(world, feed, waiter)
        waiting = asyncio.ensure_future(waiter.wait(5))
        await world.clock.wait_for_sleeping(1)
        await world.lines("0967000001")
        assert await asyncio.wait_for(waiting, PATIENCE_S)
        assert world.clock.sleeping == 0


async def test_a_stream_that_waits_shorter_than_before_is_woken_in_time(
    world: World, feed: EventFeed
) -> None:
    dealer = await world.dealer()
    with feed.follower(dealer.id, DEALER_EVENTS, plain) as follower:
        await calm(world, feed, follower)
        follower.catch_up()
        long = asyncio.ensure_future(follower.wait(10))
        await world.clock.wait_for_sleeping(1)
        await world.credit(dealer.name, 1000)
        assert await asyncio.wait_for(long, PATIENCE_S)
        for pause_s in (1, 8):
            waiting = asyncio.ensure_future(follower.wait(pause_s))
            await turns()
            world.clock.advance(pause_s - 0.001)
            await turns()
            assert not waiting.done()
            world.clock.advance(0.001)
            assert await asyncio.wait_for(waiting, PATIENCE_S) is False
    await asyncio.sleep(0)
    assert world.clock.sleeping == 0


# ------------------------------------------------------------------------------------ the end


async def test_when_the_web_is_dismissed_dealers_answer_and_workers_go_on(
    world: World, feed: EventFeed
) -> None:
    dealers: list[Callable[[], Waiter]] = [
        lambda: feed.rental(1),
        lambda: feed.request(1),
        lambda: feed.account(1),
        lambda: feed.follower(1, DEALER_EVENTS, plain),
    ]
    with feed.anything() as worker:
        waiting = [one() for one in dealers]
        await calm(world, feed, worker, *waiting)
        feed.dismiss()
        waiting += [one() for one in dealers]
        for waiter in waiting:
            await woken(waiter)
            assert waiter.ended
        assert not worker.ended
        await world.lines("0967000001")
        assert await woken(worker)
        await feed.stop()
        await woken(worker)
        assert worker.ended


async def test_who_has_left_is_forgotten(world: World, feed: EventFeed) -> None:
    with feed.rental(1), feed.request(1), feed.account(1), feed.follower(1, DEALER_EVENTS, plain):
        assert feed._somebody()
    assert not feed._somebody()
    assert not any((feed._rentals, feed._requests, feed._accounts, feed._followers))


# ------------------------------------------------------------------------------------- streams


async def test_an_event_is_rendered_once_for_all_streams_of_its_account(
    world: World, feed: EventFeed
) -> None:
    rendered = []

    def render(detail: EventDetail) -> bytes:
        rendered.append(detail.event.seq)
        return plain(detail)

    mine, other = await world.dealer("mine"), await world.dealer("other")
    # PostgreSQL's events get their numbers some moments after their commit.
    await world.events()
    followers = [feed.follower(mine.id, DEALER_EVENTS, render) for _ in range(3)]
    others = feed.follower(other.id, DEALER_EVENTS, render)
    await calm(world, feed, *followers, others)
    for follower in (*followers, others):
        follower.catch_up()
    await world.credit("mine", 1000)
    for follower in followers:
        assert await woken(follower)
        assert [one.frame for one in follower.take()] == [b"balance.credited"]
        assert follower.take() == []
    assert len(rendered) == 1
    assert others.take() == []


async def test_a_stream_is_given_the_kinds_it_asked_for(world: World, feed: EventFeed) -> None:
    dealer = await a_dealer(world)
    kinds = frozenset({EventKind.RENTAL_RECEIVED})
    with feed.follower(dealer.id, kinds, plain) as follower:
        await calm(world, feed, follower)
        follower.catch_up()
        rental = (await world.rent(dealer, 4)).rental
        await world.sms(rental.number, "your code is 135790")
        assert await woken(follower)
        (told,) = follower.take()
        assert (told.frame, told.code_of) == (b"rental.received", rental.id)


async def test_a_stream_that_does_not_take_its_events_falls_behind(
    world: World, feed: EventFeed
) -> None:
    dealer = await world.dealer()
    with feed.follower(dealer.id, DEALER_EVENTS, plain) as follower, feed.anything() as waiter:
        await calm(world, feed, follower, waiter)
        assert follower.behind
        follower.catch_up()
        assert not follower.behind
        await take_all_before(world, dealer.id, follower)
        await tell(world, dealer.id, FOLLOWER_LIMIT)
        await followed(feed, (await world.events())[-1].seq)
        await told_so_many(follower, FOLLOWER_LIMIT)
        assert not follower.behind
        await tell(world, dealer.id, 1)
        while not follower.behind:
            await woken(follower)
        assert follower.take() == []


async def take_all_before(world: World, account_id: int, follower: Follower) -> None:
    """What was followed before may be told a little later: takes all, up to one more event."""
    await tell(world, account_id, 1)
    last = (await world.events())[-1].seq
    while not follower._told or follower._told[-1].seq < last:
        await woken(follower)
    follower.take()


async def told_so_many(follower: Follower, count: int) -> None:
    while len(follower._told) < count:
        await woken(follower)


async def test_a_stream_hears_when_its_standing_may_have_changed(
    world: World, feed: EventFeed
) -> None:
    mine, other = await world.dealer("mine"), await world.dealer("other")
    changes: list[Callable[..., Any]] = [revoke_tokens, suspend_account]
    with (
        feed.follower(mine.id, DEALER_EVENTS, plain) as follower,
        feed.follower(other.id, DEALER_EVENTS, plain) as others,
    ):
        await calm(world, feed, follower, others)
        others.standing_changed = False
        for change in changes:
            follower.standing_changed = False
            await world.db.write(change, "mine", world.clock.now_ms())
            while not follower.standing_changed:
                await woken(follower)
        assert not others.standing_changed


# -------------------------------------------------------------------------------------- faults


@dataclass
class Shaky(Passing):
    """A database that fails once when it is told to."""

    fails_in: int = 0
    unwatched: int = 0

    async def quick_read(self, call: Call) -> Any:
        self.fails_in -= 1
        if self.fails_in == 0:
            raise DatabaseFault("it is away")
        return await self.engine.quick_read(call)

    async def watch(self) -> Watch:
        self.unwatched -= 1
        if self.unwatched == 0:
            raise DatabaseFault("it is away")
        return await self.engine.watch()


async def test_a_database_that_cannot_be_watched_at_first_is_watched_later(world: World) -> None:
    engine = Shaky(world.db.engine)
    engine.unwatched = 1
    feed = EventFeed(Database(engine), world.clock)
    dealer = await world.dealer()
    await feed.start()
    try:
        with feed.account(dealer.id) as waiter:
            await calm(world, feed, waiter)
            await world.credit(dealer.name, 1000)
            assert await woken(waiter)
    finally:
        await feed.stop()


@pytest.mark.parametrize("fails_in", [1, 2])
async def test_after_a_fault_of_the_database_everybody_looks_again(
    world: World, fails_in: int
) -> None:
    engine = Shaky(world.db.engine)
    feed = EventFeed(Database(engine), world.clock)
    dealer = await world.dealer()
    await feed.start()
    try:
        with feed.follower(dealer.id, DEALER_EVENTS, plain) as follower, feed.rental(1) as waiter:
            if fails_in > 1:
                await calm(world, feed, follower, waiter)
                follower.catch_up()
            engine.fails_in = 1
            await world.credit(dealer.name, 1000)
            assert await woken(waiter)
            assert await woken(follower)
            assert follower.behind
            follower.catch_up()
            await world.credit(dealer.name, 1000)
            assert await woken(follower)
            assert len(follower.take()) == 1
    finally:
        await feed.stop()


async def test_a_stream_whose_events_cannot_be_rendered_is_behind(
    world: World, feed: EventFeed
) -> None:
    def fail(_: EventDetail) -> bytes:
        raise ValueError

    dealer = await world.dealer()
    with feed.follower(dealer.id, DEALER_EVENTS, fail) as follower:
        await calm(world, feed, follower)
        follower.catch_up()
        await world.credit(dealer.name, 1000)
        while not follower.behind:
            await woken(follower)
