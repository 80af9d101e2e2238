"""The worker as it runs: what wakes it, how long it sleeps, and what a fault costs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import pytest

from calling_back import endpoint, states
from simlet.feed import Waiter
from simlet.flows.forget_old import forget_old
from simlet.flows.manage_endpoints import replay_event
from simlet.outbound import Answer
from simlet.store.database import Database
from simlet.store.events import number_events
from simlet.store.sql import DatabaseFault
from simlet.testing.outbound import FakeOutbound
from simlet.testing.world import World
from simlet.workers.callbacks import CallbackWorker
from workers.callback_desk import (
    LEASE_S,
    PATIENCE_S,
    REFUSED,
    URL,
    Rented,
    desk_of,
    rent,
    running,
    shop,
)

pytestmark = pytest.mark.anyio


class _Breaks(FakeOutbound):
    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        await super().post(url, body, headers)
        raise RuntimeError("the way out broke")


async def test_a_fault_while_posting_ends_nothing(rented: Rented) -> None:
    poster = _Breaks()
    async with desk_of(rented.world, poster) as desk:
        await rented.receive()
        await desk.deliver()
        await desk.pass_time(LEASE_S)
    assert len(poster.posts) == 2


async def test_an_event_is_posted_without_any_time_passing(rented: Rented) -> None:
    poster = FakeOutbound()
    async with running(rented.world, poster), asyncio.timeout(PATIENCE_S):
        await rented.receive()
        await poster.wait_for_posts(1)
    assert await states(rented.world) == [("done", 1, 200, None)]


async def test_what_nobody_is_told_costs_no_write(
    rented: Rented, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = rented.world
    await world.dealer("other")
    async with desk_of(world, FakeOutbound()) as desk:
        await desk.deliver()
        await world.credit("other", 1)
        await world.db.write(number_events)
        monkeypatch.setattr(Database, "write", _no_write)
        await desk.posting._work()
        monkeypatch.undo()
        await rented.receive()
        await desk.deliver()

    assert await states(world) == [("done", 1, 200, None)]


async def test_a_queue_is_worked_off_without_any_time_passing(world: World) -> None:
    dealer, poster = await world.dealer(), FakeOutbound()
    await endpoint(world, dealer)
    for _ in range(30):
        await world.credit(dealer.name, 1)
    async with running(world, poster), asyncio.timeout(PATIENCE_S):
        await poster.wait_for_posts(30)


async def test_whoever_is_woken_by_the_end_of_a_post_finds_its_place_empty(
    rented: Rented, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []
    async with desk_of(rented.world, FakeOutbound()) as desk:
        with rented.world.runtime.feed.anything() as news:
            desk.posting._news = news
            monkeypatch.setattr(
                Waiter, "ring", lambda _: found.append(len(desk.posting._under_way))
            )
            await rented.receive()
            await desk.turn()
            await asyncio.wait(desk.posting._under_way)
    assert found[0] == 0


async def test_a_replay_is_posted_without_any_time_passing(rented: Rented) -> None:
    world, poster = rented.world, FakeOutbound()
    (row,) = await world.rows("SELECT id FROM endpoints")
    async with running(world, poster), asyncio.timeout(PATIENCE_S):
        await rented.receive()
        (first,) = await poster.wait_for_posts(1)
        seq = int(first.headers["webhook-id"].removeprefix("evt_"))
        now_ms = world.clock.now_ms()
        while not await world.rows("SELECT 1 FROM callbacks WHERE state = 'done'"):
            pass
        await world.db.write(replay_event, rented.dealer.id, row[0], seq, now_ms)
        _, again = await poster.wait_for_posts(2)

    assert again.headers["webhook-id"] == first.headers["webhook-id"]


async def test_the_worker_sleeps_until_the_next_attempt_is_due(
    rented: Rented, monkeypatch: pytest.MonkeyPatch
) -> None:
    poster, turns = FakeOutbound([REFUSED]), _Turns()
    monkeypatch.setattr(CallbackWorker, "_work", turns.noting(CallbackWorker._work))
    async with running(rented.world, poster), asyncio.timeout(PATIENCE_S):
        await rented.receive()
        assert 0.5 < await turns.pause_after(lambda: len(poster.posts) == 1, below_s=2) <= 1
        await rented.world.clock.wait_for_sleeping(1)
        rented.world.clock.advance(1)
        await poster.wait_for_posts(2)


class _Turns:
    """Notes the pauses that the worker makes after its turns."""

    def __init__(self) -> None:
        self._pauses: asyncio.Queue[float] = asyncio.Queue()

    def noting(
        self, work: Callable[[CallbackWorker], Awaitable[float]]
    ) -> Callable[[CallbackWorker], Awaitable[float]]:
        async def noted(posting: CallbackWorker) -> float:
            pause_s = await work(posting)
            self._pauses.put_nowait(pause_s)
            return pause_s

        return noted

    async def pause_after(self, happened: Callable[[], bool], below_s: float) -> float:
        """The first pause below so many seconds after something has happened."""
        while True:
            pause_s = await self._pauses.get()
            if happened() and pause_s < below_s:
                return pause_s


async def test_what_cannot_be_told_any_more_holds_up_nothing(world: World) -> None:
    await shop(world, 2)
    dealer = await world.dealer(callback_url=URL)
    one = await rent(world, dealer)
    await one.receive()
    world.clock.advance(2 * 86_400)
    await world.db.write(forget_old, world.clock.now_ms(), 24, 100)
    await world.rent(dealer, 4)
    world.clock.advance(300)
    await world.expire()
    poster = FakeOutbound()
    async with running(world, poster), asyncio.timeout(PATIENCE_S):
        (post,) = await poster.wait_for_posts(1)

    assert msgspec.json.decode(post.body)["data"]["status"] == 2


async def test_a_fault_of_the_database_loses_no_outcome(
    rented: Rented, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, poster = rented.world, FakeOutbound()
    async with desk_of(world, poster) as desk:
        await rented.receive()
        await desk.turn()
        await asyncio.wait(desk.posting._under_way)
        with monkeypatch.context() as broken:
            broken.setattr(Database, "write", _no_write)
            with pytest.raises(DatabaseFault):
                await desk.posting._work()
        await desk.deliver()

    assert len(poster.posts) == 1
    assert await states(world) == [("done", 1, 200, None)]


async def _no_write(*_: object, **__: object) -> None:
    raise DatabaseFault("the disk is full")
