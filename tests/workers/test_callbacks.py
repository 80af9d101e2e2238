import asyncio
import ipaddress
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise

import msgspec
import pytest
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from calling_back import endpoint
from simlet.config import CallbackSettings
from simlet.domain.backoff import CODE_OFFSETS_MS
from simlet.domain.endpoint import BodyFormat
from simlet.domain.signing import new_webhook_secret
from simlet.feed import News
from simlet.flows.deliver_callbacks import Room, claim_callbacks, queue_callbacks
from simlet.flows.forget_old import forget_old
from simlet.flows.manage_accounts import set_callback
from simlet.flows.manage_endpoints import (
    EndpointChange,
    change_endpoint,
    replay_event,
    send_test,
)
from simlet.outbound import PUBLIC_ONLY, Answer, Outbound, Poster, Rules
from simlet.store.database import Database
from simlet.store.endpoints import CallbackTarget
from simlet.store.events import number_events
from simlet.store.sql import DatabaseFault
from simlet.testing.outbound import FakeOutbound, Post
from simlet.testing.world import Dealer, World
from simlet.web.recordings import recording_url, recording_urls
from simlet.web.v1.shapes import event_bytes
from simlet.workers.callbacks import Posting

pytestmark = pytest.mark.anyio

URL = "https://dealer.example/sms"
LOOPBACK = Rules(allowed=(ipaddress.ip_network("127.0.0.0/8"),))
REFUSED = Answer(status=500, error=None, duration_ms=3)
PATIENCE_S = 10.0
LEASE_S = 5 + 30


@dataclass
class Desk:
    """The worker of callbacks, turn by turn on the world's clock."""

    world: World
    posting: Posting

    async def pass_time(self, seconds: float) -> None:
        """Lets time pass; whatever is due then was posted, and what came of it recorded."""
        self.world.clock.advance(seconds)
        await self.deliver()

    async def deliver(self) -> None:
        """Has all that is due now posted."""
        while await self.turn():
            await asyncio.wait(self.posting._under_way)

    async def turn(self) -> int:
        """One turn of the worker; how many posts are under way then."""
        await self.world.db.write(number_events)
        await self.posting._work()
        return len(self.posting._under_way)


def posting_of(world: World, poster: Poster, settings: CallbackSettings | None = None) -> Posting:
    all_settings = world.settings
    if settings is not None:
        all_settings = msgspec.structs.replace(all_settings, callbacks=settings)
    runtime = replace(world.runtime, settings=all_settings)
    return Posting(
        runtime,
        poster,
        lambda rental: recording_url(runtime, rental),
        lambda detail: event_bytes(detail, recording_urls(runtime)),
    )


@asynccontextmanager
async def desk_of(
    world: World, poster: Poster, settings: CallbackSettings | None = None
) -> AsyncIterator[Desk]:
    posting = posting_of(world, poster, settings)
    try:
        yield Desk(world, posting)
    finally:
        await posting.stop()


@asynccontextmanager
async def running(
    world: World, poster: Poster, settings: CallbackSettings | None = None
) -> AsyncIterator[Posting]:
    """The worker as it runs in a server, woken by the feed."""
    posting = posting_of(world, poster, settings)
    await world.runtime.feed.start()
    await posting.start()
    try:
        yield posting
    finally:
        await posting.stop()
        await world.runtime.feed.stop()


@dataclass
class Rented:
    """A rental whose end is told to its dealer."""

    world: World
    dealer: Dealer
    id: int
    number: str

    async def receive(self, text: str = "Your Yahoo code is 486460") -> None:
        await self.world.sms(self.number, text)

    async def expire(self) -> None:
        self.world.clock.advance(300)
        await self.world.expire()


async def shop(world: World, lines: int = 1) -> None:
    await world.service(4)
    await world.lines(*(f"0967{one:06}" for one in range(1, lines + 1)))


async def rent(world: World, dealer: Dealer) -> Rented:
    rental = (await world.rent(dealer, 4)).rental
    return Rented(world, dealer, rental.id, rental.number)


@pytest.fixture
async def rented(world: World) -> Rented:
    await shop(world)
    return await rent(world, await world.dealer(callback_url=URL))


async def queue(world: World) -> list[tuple[object, ...]]:
    """State, attempts, last status and last error of every callback."""
    rows = await world.rows(
        "SELECT state, attempts, last_status, last_error FROM callbacks ORDER BY id"
    )
    return [tuple(row) for row in rows]


# What is told


async def test_a_code_is_told_as_the_contract_has_it(rented: Rented) -> None:
    poster = FakeOutbound()
    async with desk_of(rented.world, poster) as desk:
        await rented.receive('Mã "Yahoo" của bạn: 0486')
        await desk.deliver()

    (post,) = poster.posts
    assert post.url == URL
    assert post.headers["content-type"] == "application/json"
    told = (
        '{"data":{"status":1,"requestId":"%d","code":"0486",'
        '"smsContent":"Mã \\"Yahoo\\" của bạn: 0486","isSound":"false"}}'
    )
    assert post.body.decode() == told % rented.id
    assert await queue(rented.world) == [("done", 1, 200, None)]


async def test_an_expired_rental_is_told_with_nulls(rented: Rented) -> None:
    poster = FakeOutbound()
    async with desk_of(rented.world, poster) as desk:
        await rented.expire()
        await desk.deliver()

    (post,) = poster.posts
    told = '{"data":{"status":2,"requestId":"%d","code":null,"smsContent":null,"isSound":"false"}}'
    assert post.body.decode() == told % rented.id


async def test_a_call_is_told_with_the_address_of_its_recording(rented: Rented) -> None:
    poster = FakeOutbound()
    async with desk_of(rented.world, poster) as desk:
        await rented.world.call(rented.number, transcript="code 1234", wav=b"RIFF....WAVE")
        await desk.deliver()
        view = await rented.world.rental(rented.dealer, rented.id)

    data = msgspec.json.decode(poster.posts[0].body)["data"]
    assert data == {
        "status": 1,
        "requestId": str(rented.id),
        "code": "1234",
        "smsContent": recording_url(rented.world.runtime, view),
        "isSound": "true",
    }
    assert data["smsContent"].startswith("http://simlet.test/recordings/")


async def reads(world: World) -> list[tuple[object, ...]]:
    await world.runtime.reads.flush()
    return [tuple(row) for row in await world.rows("SELECT rental_id, via, times FROM reads")]


@pytest.mark.parametrize("body_format", BodyFormat)
async def test_a_code_that_a_dealer_took_is_noted_as_read(
    world: World, body_format: BodyFormat
) -> None:
    await shop(world)
    dealer = await world.dealer()
    await endpoint(world, dealer, "rental.received", body_format=body_format)
    rented = await rent(world, dealer)
    async with desk_of(world, FakeOutbound([REFUSED])) as desk:
        await rented.receive()
        await desk.deliver()
        assert await reads(world) == []
        await desk.pass_time(1)
        assert await reads(world) == [(rented.id, "callback", 1)]


@pytest.mark.parametrize("body_format", BodyFormat)
async def test_what_tells_no_code_is_not_noted_as_read(
    world: World, body_format: BodyFormat
) -> None:
    await shop(world)
    dealer = await world.dealer()
    await endpoint(world, dealer, "rental.expired", body_format=body_format)
    rented = await rent(world, dealer)
    poster = FakeOutbound()
    async with desk_of(world, poster) as desk:
        await rented.expire()
        await desk.deliver()
    assert len(poster.posts) == 1
    assert await reads(world) == []


async def test_each_end_of_a_rental_is_told_once(rented: Rented) -> None:
    poster = FakeOutbound()
    async with desk_of(rented.world, poster) as desk:
        await desk.deliver()
        before = len(poster.posts)
        await rented.receive()
        await desk.deliver()
        await rented.receive("Your new Yahoo code is 111222")
        await rented.expire()
        await desk.deliver()
        await desk.pass_time(3600)

    assert before == 0
    assert len(poster.posts) == 1


async def test_every_account_is_told_of_its_own_rentals(world: World) -> None:
    await shop(world, 6)
    dealers = [await world.dealer(f"d{one}", callback_url=f"{URL}/{one}") for one in range(3)]
    rentals = [await rent(world, dealers[one % 3]) for one in range(6)]
    poster = FakeOutbound()
    async with desk_of(world, poster) as desk:
        for one in rentals:
            await one.receive()
        await desk.deliver()

    told = {
        (post.url, msgspec.json.decode(post.body)["data"]["requestId"]) for post in poster.posts
    }
    assert told == {(f"{URL}/{one.dealer.name[1:]}", str(one.id)) for one in rentals}
    assert len(poster.posts) == 6


async def test_an_account_without_an_address_is_told_nothing(world: World) -> None:
    await shop(world)
    one = await rent(world, await world.dealer())
    poster = FakeOutbound()
    async with desk_of(world, poster) as desk:
        await one.receive()
        await desk.deliver()

    assert poster.posts == []
    assert await queue(world) == []


async def test_a_changed_address_and_secret_are_used_at_once(world: World) -> None:
    world.clock.set_now_ms(time.time_ns() // 1_000_000)  # the verifier looks at the machine's clock
    await shop(world)
    rented = await rent(world, await world.dealer(callback_url=URL))
    secret = new_webhook_secret(bytes(range(32)))
    poster = FakeOutbound([REFUSED])
    async with desk_of(world, poster) as desk:
        await rented.receive()
        await desk.deliver()
        target = CallbackTarget("https://new.example/", secret)
        await world.db.write(set_callback, "dealer", target, world.clock.now_ms())
        await desk.pass_time(2)

    assert [post.url for post in poster.posts] == [URL, "https://new.example/"]
    old, new = poster.posts
    assert Webhook(rented.dealer.callback_secret).verify(old.body, old.headers)
    assert Webhook(secret).verify(new.body, new.headers)


async def test_an_address_that_was_taken_away_ends_its_callbacks(rented: Rented) -> None:
    poster = FakeOutbound([REFUSED])
    async with desk_of(rented.world, poster) as desk:
        await rented.receive()
        await desk.deliver()
        await rented.world.db.write(set_callback, "dealer", None, rented.world.clock.now_ms())
        await desk.pass_time(2)

    assert len(poster.posts) == 1
    assert await queue(rented.world) == [("dropped", 1, 500, None)]


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


# When it is told


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
    assert await queue(rented.world) == [("failed", len(offsets_s), 500, None)]


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
        after_one = await queue(rented.world)
        await desk.pass_time(2)

    assert after_one == [("pending", 1, answer.status, answer.error)]
    assert len(poster.posts) == 2
    assert await queue(rented.world) == [("done", 2, 200, None)]


async def test_an_address_that_is_gone_is_not_tried_again(rented: Rented) -> None:
    poster = FakeOutbound([Answer(410, None, 1)])
    async with desk_of(rented.world, poster) as desk:
        await rented.receive()
        await desk.deliver()
        await desk.pass_time(86_400)

    assert len(poster.posts) == 1
    assert await queue(rented.world) == [("failed", 1, 410, None)]


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
    (taken,) = await world.db.write(claim_callbacks, now_ms, LEASE_S, Room(10, 10))

    poster = FakeOutbound()
    async with running(world, poster), asyncio.timeout(PATIENCE_S):
        (post,) = await poster.wait_for_posts(1)

    assert post.headers["webhook-id"] == f"evt_{taken.callback.event_seq}"
    assert await queue(world) == [("done", 2, 200, None)]


async def test_two_processes_do_not_take_the_same_callback(world: World) -> None:
    await shop(world, 20)
    dealer = await world.dealer(callback_url=URL, waiting_limit=20)
    for _ in range(20):
        await (await rent(world, dealer)).receive()
    await world.db.write(number_events)
    now_ms = world.clock.now_ms()
    await world.db.write(queue_callbacks, 1000, now_ms)

    room = Room(4, 4, answering=range(1000))
    takes = [world.db.write(claim_callbacks, now_ms, LEASE_S, room) for _ in range(5)]
    taken = Counter(one.callback.id for many in await asyncio.gather(*takes) for one in many)

    assert taken
    assert max(taken.values()) == 1


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


# Fairness


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


# As it runs


async def test_an_event_is_posted_without_any_time_passing(rented: Rented) -> None:
    poster = FakeOutbound()
    async with running(rented.world, poster), asyncio.timeout(PATIENCE_S):
        await rented.receive()
        await poster.wait_for_posts(1)
    assert await queue(rented.world) == [("done", 1, 200, None)]


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

    assert await queue(world) == [("done", 1, 200, None)]


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
            monkeypatch.setattr(News, "ring", lambda _: found.append(len(desk.posting._under_way)))
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
    monkeypatch.setattr(Posting, "_work", turns.noting(Posting._work))
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
        self, work: Callable[[Posting], Awaitable[float]]
    ) -> Callable[[Posting], Awaitable[float]]:
        async def noted(posting: Posting) -> float:
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
    assert await queue(world) == [("done", 1, 200, None)]


async def _no_write(*_: object, **__: object) -> None:
    raise DatabaseFault("the disk is full")


# In the format of /v1


async def test_v1_is_told_the_event_as_the_api_shows_it(world: World) -> None:
    await shop(world)
    dealer = await world.dealer()
    await endpoint(world, dealer, "rental.received")
    one = await rent(world, dealer)
    poster = FakeOutbound()
    async with desk_of(world, poster) as desk:
        await one.receive()
        await desk.deliver()

    (post,) = poster.posts
    told = msgspec.json.decode(post.body)
    assert (told["object"], told["id"]) == ("event", post.headers["webhook-id"])
    assert (told["type"], told["rental"]["id"]) == ("rental.received", one.id)
    assert told["rental"]["code"] == "486460"


async def test_both_secrets_sign_while_one_replaces_the_other(world: World) -> None:
    world.clock.set_now_ms(time.time_ns() // 1_000_000)  # the verifier looks at the machine's clock
    dealer = await world.dealer()
    made = await endpoint(world, dealer)
    new = new_webhook_secret(bytes(range(32)))
    change = EndpointChange(new_secret=new, keep_old_secret_s=60)
    await world.db.write(change_endpoint, dealer.id, made.id, change, world.clock.now_ms())
    poster = FakeOutbound()
    async with desk_of(world, poster) as desk:
        await world.credit(dealer.name, 1)
        await desk.deliver()
        world.clock.advance(60)
        await world.credit(dealer.name, 1)
        await desk.deliver()

    during, after = poster.posts
    assert Webhook(made.secret).verify(during.body, during.headers)
    assert Webhook(new).verify(during.body, during.headers)
    assert Webhook(new).verify(after.body, after.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(made.secret).verify(after.body, after.headers)


async def test_of_three_secrets_in_a_row_each_verifies(world: World) -> None:
    world.clock.set_now_ms(time.time_ns() // 1_000_000)  # the verifier looks at the machine's clock
    dealer = await world.dealer()
    made = await endpoint(world, dealer)
    news = [new_webhook_secret(bytes(range(first, first + 32))) for first in (0, 1)]
    for new in news:
        change = EndpointChange(new_secret=new, keep_old_secret_s=60)
        await world.db.write(change_endpoint, dealer.id, made.id, change, world.clock.now_ms())
    poster = FakeOutbound()
    async with desk_of(world, poster) as desk:
        await world.credit(dealer.name, 1)
        await desk.deliver()

    (post,) = poster.posts
    for secret in (made.secret, *news):
        assert Webhook(secret).verify(post.body, post.headers)


async def test_a_test_is_posted_to_its_endpoint_alone_in_either_format(world: World) -> None:
    dealer = await world.dealer(callback_url=URL)
    (row,) = await world.rows("SELECT id FROM endpoints")
    made = await endpoint(world, dealer)
    poster = FakeOutbound()
    async with desk_of(world, poster) as desk:
        for one_id in (row[0], made.id):
            await world.db.write(send_test, dealer.id, one_id, world.clock.now_ms())
        await desk.deliver()

    by_url = {post.url: msgspec.json.decode(post.body) for post in poster.posts}
    assert len(poster.posts) == 2
    assert by_url[URL]["data"]["requestId"] == "0"
    assert by_url[made.url]["type"] == "callback.test"


# Stopping


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
    assert await queue(rented.world) == [("pending", 1, None, None)]


# Over real sockets


@dataclass
class Receiver:
    """A dealer's server, which answers with what is in `statuses`, and 200 after that."""

    statuses: list[int] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        await self.goes_on.wait()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.posts.append(Post(request.path, await request.read(), headers))
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, headers={"Location": self.url + "/elsewhere"})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    receiver.goes_on.set()
    app = web.Application()
    app.router.add_post("/{tail:.*}", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        receiver.goes_on.set()
        await runner.cleanup()


async def _rented_by(world: World, receiver: Receiver) -> Rented:
    world.clock.set_now_ms(time.time_ns() // 1_000_000)  # the verifier looks at the machine's clock
    await shop(world)
    return await rent(world, await world.dealer(callback_url=receiver.url + "/sms?of=me"))


async def test_a_receiver_can_verify_each_attempt(world: World, receiver: Receiver) -> None:
    one = await _rented_by(world, receiver)
    receiver.statuses = [500, 404, 302]
    async with desk_of(world, Outbound(LOOPBACK)) as desk:
        await one.receive("Mã Yahoo: 486460")
        await desk.deliver()
        for pause_s in (2, 3, 6):
            await desk.pass_time(pause_s)

    assert len(receiver.posts) == 4
    assert {post.url for post in receiver.posts} == {"/sms"}
    assert len({post.headers["webhook-id"] for post in receiver.posts}) == 1
    assert len({post.headers["webhook-timestamp"] for post in receiver.posts}) == 4
    webhook = Webhook(one.dealer.callback_secret)
    for post in receiver.posts:
        assert post.headers["content-type"] == "application/json"
        told = webhook.verify(post.body, post.headers)
        assert told == {
            "data": {
                "status": 1,
                "requestId": str(one.id),
                "code": "486460",
                "smsContent": "Mã Yahoo: 486460",
                "isSound": "false",
            }
        }
    assert await queue(world) == [("done", 4, 200, None)]


async def test_a_receiver_that_does_not_answer_is_tried_again(
    world: World, receiver: Receiver
) -> None:
    one = await _rented_by(world, receiver)
    receiver.goes_on.clear()
    async with desk_of(world, Outbound(LOOPBACK, timeout_s=0.1)) as desk:
        await one.receive()
        await desk.deliver()
        first = await queue(world)
        receiver.goes_on.set()
        await desk.pass_time(2)

    assert first == [("pending", 1, None, "timeout")]
    assert len(receiver.posts) == 1


async def test_private_networks_are_refused(world: World, receiver: Receiver) -> None:
    one = await _rented_by(world, receiver)
    async with desk_of(world, Outbound(PUBLIC_ONLY)) as desk:
        await one.receive()
        await desk.deliver()
        await desk.pass_time(2)

    assert receiver.posts == []
    assert await queue(world) == [("pending", 2, None, "refused_address")]
