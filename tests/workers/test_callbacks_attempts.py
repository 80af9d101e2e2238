"""Attempts of one callback: when the next one comes, and after which answer there is none."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from calling_back import states
from simlet.domain.backoff import CODE_OFFSETS_MS
from simlet.flows.deliver_callbacks import Capacity, claim_callbacks, queue_callbacks
from simlet.outbound import Answer
from simlet.store.events import number_events
from simlet.testing.outbound import FakeOutbound
from simlet.testing.world import World
from workers.callback_desk import (
    LEASE_S,
    PATIENCE_S,
    REFUSED,
    URL,
    Desk,
    Rented,
    desk_of,
    rent,
    running,
    shop,
)

pytestmark = pytest.mark.anyio


async def test_attempts_of_one_callback_have_one_id_and_others_have_others(world: World) -> None:
    await shop(world, 2)
    dealer = await world.dealer(callback_url=URL)
    first, second = await rent(world, dealer), await rent(world, dealer)
    poster = FakeOutbound([REFUSED] * 2)
    async with desk_of(world, poster) as desk:
        await first.receive()
        await desk.deliver()
        await desk.pass_time(2)
        await desk.pass_time(3)
        await second.receive()
        await desk.deliver()

    ids = [post.headers["webhook-id"] for post in poster.posts]
    times = [int(post.headers["webhook-timestamp"]) for post in poster.posts]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert times == sorted(times)
    assert times[0] < times[1] < times[2]


@dataclass
class _Timed(FakeOutbound):
    """Remembers when each post was made, and answers as it is told."""

    world: World
    answer: Answer
    posts_ms: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(otherwise=self.answer)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.posts_ms.append(self.world.clock.now_ms())
        return await super().post(url, body, headers)


async def _run_out(desk: Desk) -> None:
    """Lets time pass from attempt to attempt until there is none any more."""
    while pending := await desk.world.rows(
        "SELECT next_at_ms FROM callbacks WHERE state = 'pending'"
    ):
        wait_ms = max(0, pending[0][0] - desk.world.clock.now_ms())
        if wait_ms > 1:
            posts = len(desk.posting.poster.posts)  # type: ignore[attr-defined]
            await desk.pass_time((wait_ms - 1) / 1000)
            assert len(desk.posting.poster.posts) == posts  # type: ignore[attr-defined]
        await desk.pass_time(0.001)


async def test_attempts_follow_the_schedule_up_to_a_day_and_end_then(rented: Rented) -> None:
    poster = _Timed(rented.world, REFUSED)
    async with desk_of(rented.world, poster) as desk:
        event_ms = rented.world.clock.now_ms()
        await rented.receive()
        await desk.deliver()
        await _run_out(desk)
        await desk.pass_time(7 * 86_400)

    minutes = [60.0 * one for one in range(2, 6)]  # the rental's 300 s last
    offsets_s = [0, 1, 3, 8, 20, 60, *minutes, 1800, 7200, 21_600, 86_400]
    assert [(at_ms - event_ms) / 1000 for at_ms in poster.posts_ms] == offsets_s
    assert await states(rented.world) == [("failed", len(offsets_s), 500, None)]


async def test_after_an_outage_attempts_do_not_come_all_at_once(rented: Rented) -> None:
    await rented.receive()
    rented.world.clock.advance(30 * 3600)  # the server was down for more than a day
    poster = _Timed(rented.world, REFUSED)
    async with desk_of(rented.world, poster) as desk:
        await desk.deliver()
        await _run_out(desk)

    gaps_ms = [after - before for before, after in pairwise(poster.posts_ms)]
    assert gaps_ms == [after - before for before, after in pairwise(CODE_OFFSETS_MS)]


@pytest.mark.parametrize(
    "answer",
    [
        *[Answer(status, None, 1) for status in (199, 300, 302, 404, 500)],
        *[Answer(None, error, 1) for error in ("timeout", "refused_address")],
    ],
    ids=lambda answer: str(answer.status or answer.error),
)
async def test_what_is_not_accepted_comes_again(rented: Rented, answer: Answer) -> None:
    poster = FakeOutbound([answer])
    async with desk_of(rented.world, poster) as desk:
        await rented.receive()
        await desk.deliver()
        after_one = await states(rented.world)
        await desk.pass_time(2)

    assert after_one == [("pending", 1, answer.status, answer.error)]
    assert len(poster.posts) == 2
    assert await states(rented.world) == [("done", 2, 200, None)]


async def test_an_address_that_is_gone_is_not_tried_again(rented: Rented) -> None:
    poster = FakeOutbound([Answer(410, None, 1)])
    async with desk_of(rented.world, poster) as desk:
        await rented.receive()
        await desk.deliver()
        await desk.pass_time(86_400)

    assert len(poster.posts) == 1
    assert await states(rented.world) == [("failed", 1, 410, None)]


@pytest.mark.parametrize("status", [204, 299])
async def test_any_2xx_is_accepted(rented: Rented, status: int) -> None:
    poster = FakeOutbound([Answer(status, None, 1)])
    async with desk_of(rented.world, poster) as desk:
        await rented.receive()
        await desk.deliver()
        await desk.pass_time(86_400)
    assert len(poster.posts) == 1


async def test_what_was_posted_and_not_recorded_comes_again_when_the_next_one_starts(
    rented: Rented,
) -> None:
    world = rented.world
    await rented.receive()
    await world.db.write(number_events)
    # A process that took it, and was killed between the post and the record of it.
    now_ms = world.clock.now_ms()
    await world.db.write(queue_callbacks, 1000, now_ms)
    (taken,) = await world.db.write(claim_callbacks, now_ms, LEASE_S, Capacity(10, 10))

    poster = FakeOutbound()
    async with running(world, poster), asyncio.timeout(PATIENCE_S):
        (post,) = await poster.wait_for_posts(1)

    assert post.headers["webhook-id"] == f"evt_{taken.callback.event_seq}"
    assert await states(world) == [("done", 2, 200, None)]


async def test_two_processes_do_not_take_the_same_callback(world: World) -> None:
    await shop(world, 20)
    dealer = await world.dealer(callback_url=URL, waiting_limit=20)
    for _ in range(20):
        await (await rent(world, dealer)).receive()
    await world.db.write(number_events)
    now_ms = world.clock.now_ms()
    await world.db.write(queue_callbacks, 1000, now_ms)

    capacity = Capacity(4, 4, answering=range(1000))
    takes = [world.db.write(claim_callbacks, now_ms, LEASE_S, capacity) for _ in range(5)]
    taken = Counter(one.callback.id for many in await asyncio.gather(*takes) for one in many)

    assert taken
    assert max(taken.values()) == 1
