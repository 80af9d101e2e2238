"""Addresses that hang and queues that are full: who gets how many places, and what is left."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec
import pytest

from calling_back import endpoint, states
from simlet.config import CallbackSettings
from simlet.flows.manage_endpoints import send_test
from simlet.outbound import Answer
from simlet.testing.outbound import FakeOutbound
from simlet.testing.world import Dealer, World
from simlet.workers import callbacks
from workers.callback_desk import PATIENCE_S, URL, Rented, desk_of, rent, shop

pytestmark = pytest.mark.anyio


class _Hangs(FakeOutbound):
    """Never answers at some addresses."""

    def __init__(self, hanging: Iterable[str]) -> None:
        super().__init__()
        self.hanging = set(hanging)
        self.begun: Counter[str] = Counter()
        self.hung = asyncio.Event()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.begun[url] += 1
        if url in self.hanging:
            self.hung.set()
            await asyncio.Event().wait()
        return await super().post(url, body, headers)


async def _received(world: World, dealer: Dealer, count: int) -> None:
    for _ in range(count):
        await (await rent(world, dealer)).receive()


@pytest.mark.parametrize(("concurrency", "share"), [(32, 8), (8, 2), (1, 1)])
async def test_an_account_has_at_most_a_quarter_of_the_places(
    world: World, concurrency: int, share: int
) -> None:
    await world.service(4)
    dealer = await world.dealer()
    urls = [f"{URL}/{one}" for one in range(20)]
    for url in urls:
        await endpoint(world, dealer, url=url)
    await world.credit(dealer.name, 1)
    poster = _Hangs(urls)
    async with desk_of(world, poster, CallbackSettings(concurrency=concurrency)) as desk:
        assert await desk.turn() == share
        assert await desk.turn() == share


async def test_an_address_that_hangs_gets_one_post_at_a_time(world: World) -> None:
    await shop(world, 20)
    poster = _Hangs([URL])
    await _received(world, await world.dealer(callback_url=URL, waiting_limit=20), 20)
    async with desk_of(world, poster) as desk:
        for _ in range(3):
            await desk.turn()
    assert poster.begun == {URL: 1}


async def test_an_address_that_answers_gets_four_posts_at_a_time(world: World) -> None:
    await shop(world, 20)
    poster = _Hangs([])
    dealer = await world.dealer(callback_url=URL, waiting_limit=20)
    await _received(world, dealer, 1)
    async with desk_of(world, poster) as desk:
        await desk.deliver()
        poster.hanging.add(URL)
        await _received(world, dealer, 19)
        assert [await desk.turn(), await desk.turn()] == [4, 4]


async def test_of_so_many_endpoints_it_is_remembered_that_they_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "MOST_ANSWERING", 2)
    await shop(world, 1)
    dealer = await world.dealer()
    ids = [(await endpoint(world, dealer, url=f"{URL}/{one}")).id for one in range(4)]
    poster = _Hangs([])
    async with desk_of(world, poster) as desk:
        for one in (*ids[:3], ids[1], ids[3]):
            await world.db.write(send_test, dealer.id, one, world.clock.now_ms())
            await desk.deliver()
        assert set(desk.posting._room().answering) == {ids[1], ids[3]}


async def test_dead_addresses_hold_up_no_other_account(world: World) -> None:
    dead = [f"{URL}/{one}" for one in range(20)]
    for one, url in enumerate(dead):
        dealer = await world.dealer(f"dead{one}")
        for path in ("", "/2"):
            await endpoint(world, dealer, url=url + path)
    quick = await world.dealer("quick")
    await endpoint(world, quick, url=URL)
    for _ in range(3):
        for one in range(20):
            await world.credit(f"dead{one}", 1)
        await world.credit("quick", 1)
    poster = _Hangs([url + path for url in dead for path in ("", "/2")])
    # They are more than there are places.
    few = CallbackSettings(concurrency=8)
    async with desk_of(world, poster, few) as desk, asyncio.timeout(PATIENCE_S):
        while len(poster.posts) < 3:
            await desk.turn()

    assert {post.url for post in poster.posts} == {URL}
    assert set(poster.begun.values()) == {1, 3}


async def test_a_full_queue_is_worked_off_in_its_order(world: World) -> None:
    await shop(world, 30)
    dealer = await world.dealer(callback_url=URL, waiting_limit=30)
    rentals = [await rent(world, dealer) for _ in range(30)]
    for one in rentals:
        await one.receive()
        world.clock.advance(0.01)
    poster = FakeOutbound()
    async with desk_of(world, poster, CallbackSettings(concurrency=4)) as desk:
        await desk.deliver()

    told = [msgspec.json.decode(post.body)["data"]["requestId"] for post in poster.posts]
    assert told == [str(one.id) for one in rentals]


async def test_stopping_leaves_what_hangs_for_later(rented: Rented) -> None:
    await rented.receive()
    poster = _Hangs([URL])
    async with desk_of(rented.world, poster) as desk:
        await desk.turn()
        async with asyncio.timeout(PATIENCE_S):
            await poster.hung.wait()
        posting = desk.posting
    assert not posting._under_way
    assert poster.closed
    assert await states(rented.world) == [("pending", 1, None, None)]
