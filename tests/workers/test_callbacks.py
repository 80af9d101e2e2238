import asyncio
import ipaddress
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise

import msgspec
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from simlet.config import CallbackSettings
from simlet.domain.backoff import CALLBACK_OFFSETS_MS
from simlet.domain.signing import new_webhook_secret
from simlet.flows.deliver_callbacks import Room, claim_callbacks, queue_callbacks
from simlet.flows.manage_accounts import set_callback
from simlet.outbound import PUBLIC_ONLY, Answer, Outbound, Poster, Rules
from simlet.store.accounts import CallbackTarget
from simlet.testing.outbound import FakeOutbound, Post
from simlet.testing.world import Dealer, World
from simlet.web.recordings import recording_url
from simlet.workers.beat import Beat
from simlet.workers.callbacks import PAUSE_S, Posting, queueing

pytestmark = pytest.mark.anyio

URL = "https://dealer.example/sms"
LOOPBACK = Rules(allowed=(ipaddress.ip_network("127.0.0.0/8"),))
REFUSED = Answer(status=500, error=None, duration_ms=3)
PATIENCE_S = 10.0
LEASE_S = 5 + 30


@dataclass
class Desk:
    """The two workers of callbacks, on the world's clock."""

    world: World
    posting: Posting
    queueing: Beat

    async def pass_time(self, seconds: float) -> None:
        """Lets time pass; both workers have had their turn and every post has ended then."""
        self.world.clock.advance(seconds)
        await self.settle()

    async def settle(self) -> None:
        await self.world.clock.wait_for_sleeping(2)
        if self.posting._under_way:
            await asyncio.wait(self.posting._under_way)

    async def deliver(self) -> None:
        """Enough time for an event to be queued, and then posted."""
        await self.pass_time(PAUSE_S)
        await self.pass_time(PAUSE_S)


@asynccontextmanager
async def desk_of(
    world: World, poster: Poster, settings: CallbackSettings | None = None
) -> AsyncIterator[Desk]:
    all_settings = world.settings
    if settings is not None:
        all_settings = msgspec.structs.replace(all_settings, callbacks=settings)
    runtime = replace(world.runtime, settings=all_settings)
    posting = Posting(runtime, poster, lambda rental: recording_url(runtime, rental))
    desk = Desk(world, posting, queueing(runtime))
    await desk.queueing.start()
    await posting.start()
    try:
        await world.clock.wait_for_sleeping(2)
        yield desk
    finally:
        await posting.stop()
        await desk.queueing.stop()


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
    assert await queue(rented.world) == [("failed", 2, None, "no_address")]


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
        await desk.pass_time(PAUSE_S)


async def test_attempts_follow_the_schedule_up_to_a_day_and_end_then(rented: Rented) -> None:
    poster = _Timed(rented.world, REFUSED)
    async with desk_of(rented.world, poster) as desk:
        event_ms = rented.world.clock.now_ms()
        await rented.receive()
        await desk.deliver()
        await _run_out(desk)
        await desk.pass_time(7 * 86_400)

    offsets_s = [0, 1, 3, 8, 20, 60, 300, 1800, 7200, 21_600, 86_400]
    late_s = [
        (at_ms - event_ms) / 1000 - offset_s
        for at_ms, offset_s in zip(poster.posts_ms, offsets_s, strict=True)
    ]
    assert min(late_s) >= 0
    # Each attempt is at most two turns of the workers later than the one before it.
    assert all(late <= 2 * PAUSE_S * place for place, late in enumerate(late_s, 1))
    assert await queue(rented.world) == [("failed", 11, 500, None)]


async def test_after_an_outage_attempts_do_not_come_all_at_once(rented: Rented) -> None:
    await rented.receive()
    rented.world.clock.advance(30 * 3600)  # the server was down for more than a day
    poster = _Timed(rented.world, REFUSED)
    async with desk_of(rented.world, poster) as desk:
        await desk.deliver()
        await _run_out(desk)

    gaps_ms = [after - before for before, after in pairwise(poster.posts_ms)]
    planned_ms = [after - before for before, after in pairwise(CALLBACK_OFFSETS_MS)]
    assert all(gap >= planned for gap, planned in zip(gaps_ms, planned_ms, strict=True))


@pytest.mark.parametrize(
    "answer",
    [
        *[Answer(status, None, 1) for status in (199, 300, 302, 404, 410, 500)],
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


@pytest.mark.parametrize("status", [204, 299])
async def test_any_2xx_is_accepted(rented: Rented, status: int) -> None:
    poster = FakeOutbound([Answer(status, None, 1)])
    async with desk_of(rented.world, poster) as desk:
        await rented.receive()
        await desk.deliver()
        await desk.pass_time(86_400)
    assert len(poster.posts) == 1


async def test_what_was_posted_and_not_recorded_comes_again_after_its_lease(
    rented: Rented,
) -> None:
    world = rented.world
    await rented.receive()
    await world.db.write(queue_callbacks, 1000)
    # A process that took it, and was killed between the post and the record of it.
    room = Room(10, 10, {})
    (taken,) = await world.db.write(claim_callbacks, world.clock.now_ms(), LEASE_S, room)

    poster = FakeOutbound()
    async with desk_of(world, poster) as desk:
        await desk.pass_time(LEASE_S - 0.01)
        early = len(poster.posts)
        await desk.pass_time(0.01)
        await desk.pass_time(PAUSE_S)

    assert early == 0
    (post,) = poster.posts
    assert post.headers["webhook-id"] == f"evt_{taken.callback.event_seq}"
    assert await queue(world) == [("done", 2, 200, None)]


async def test_two_processes_do_not_take_the_same_callback(world: World) -> None:
    await shop(world, 20)
    dealer = await world.dealer(callback_url=URL, waiting_limit=20)
    for _ in range(20):
        await (await rent(world, dealer)).receive()
    await world.db.write(queue_callbacks, 1000)

    takes = [
        world.db.write(claim_callbacks, world.clock.now_ms(), LEASE_S, Room(4, 4, {}))
        for _ in range(5)
    ]
    taken = Counter(one.callback.id for many in await asyncio.gather(*takes) for one in many)

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
        await desk.pass_time(PAUSE_S)
    assert len(poster.posts) == 2


# Fairness


class _Hangs(FakeOutbound):
    """Never answers at some addresses."""

    def __init__(self, hanging: Iterable[str]) -> None:
        super().__init__()
        self.hanging = set(hanging)
        self.begun: Counter[str] = Counter()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.begun[url] += 1
        if url in self.hanging:
            await asyncio.Event().wait()
        return await super().post(url, body, headers)


async def _received(world: World, dealer: Dealer, count: int) -> None:
    for _ in range(count):
        await (await rent(world, dealer)).receive()


@pytest.mark.parametrize(("concurrency", "share"), [(32, 8), (8, 2), (1, 1)])
async def test_an_account_has_at_most_a_quarter_of_the_places(
    world: World, concurrency: int, share: int
) -> None:
    await shop(world, 20)
    poster = _Hangs([URL])
    await _received(world, await world.dealer(callback_url=URL, waiting_limit=20), 20)
    async with desk_of(world, poster, CallbackSettings(concurrency=concurrency)) as desk:
        for _ in range(3):
            world.clock.advance(PAUSE_S)
            await world.clock.wait_for_sleeping(2)
        assert poster.begun == {URL: share}
        assert len(desk.posting._under_way) == share


async def test_an_address_that_hangs_holds_up_no_other_account(world: World) -> None:
    await shop(world, 40)
    hanging = [f"{URL}/{one}" for one in range(2)]
    for one, url in enumerate(hanging):
        dealer = await world.dealer(f"slow{one}", callback_url=url, waiting_limit=20)
        await _received(world, dealer, 15)
    quick = await world.dealer("quick", callback_url=URL)
    await _received(world, quick, 5)
    poster = _Hangs(hanging)
    async with desk_of(world, poster, CallbackSettings(concurrency=8)):
        async with asyncio.timeout(PATIENCE_S):
            # How many turns it takes depends on the database, which numbers events in its own time.
            while len(poster.posts) < 5:
                world.clock.advance(PAUSE_S)
                await world.clock.wait_for_sleeping(2)
                await asyncio.sleep(0)

    assert {post.url for post in poster.posts} == {URL}
    assert poster.begun == {hanging[0]: 2, hanging[1]: 2, URL: 5}


async def test_a_full_queue_is_worked_off_in_its_order(world: World) -> None:
    await shop(world, 30)
    dealer = await world.dealer(callback_url=URL, waiting_limit=30)
    rentals = [await rent(world, dealer) for _ in range(30)]
    for one in rentals:
        await one.receive()
        world.clock.advance(0.01)
    poster = FakeOutbound()
    async with desk_of(world, poster, CallbackSettings(concurrency=4)) as desk:
        for _ in range(32):
            await desk.pass_time(PAUSE_S)

    told = [msgspec.json.decode(post.body)["data"]["requestId"] for post in poster.posts]
    assert told == [str(one.id) for one in rentals]


# Stopping


async def test_stopping_leaves_what_hangs_for_later(rented: Rented) -> None:
    await rented.receive()
    poster = _Hangs([URL])
    async with desk_of(rented.world, poster) as desk:
        while not poster.begun:
            rented.world.clock.advance(PAUSE_S)
            await rented.world.clock.wait_for_sleeping(2)
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
    receiver.statuses = [500, 410, 302]
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
