import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from outages import no_connections, no_writes
from simlet.config import Settings, SpoolSettings
from simlet.domain.errors import RENTAL_CLOSED, Refused
from simlet.domain.inbound import Inbound, MessageKind, Part, Quarantine
from simlet.domain.rental import RentalState
from simlet.flows.receive_message import Receipt, receive_message
from simlet.gateways import delivery
from simlet.gateways.contract import Deliver, Fate
from simlet.gateways.delivery import IN_FLIGHT, POISON_TRIES, Drain, deliver_for
from simlet.gateways.spool import Spool
from simlet.store.database import Database, Engine, Watch, open_database
from simlet.store.sql import Call, DatabaseFault, Raised, Tx
from simlet.testing.world import World

pytestmark = pytest.mark.anyio

NUMBER, OTHER = "+84967000001", "+84967000002"
LIMIT_BYTES = 1_000_000
PATIENCE_S = 20.0

KEPT, FAILED, REFUSED, DUPLICATE = Fate.KEPT, Fate.FAILED, Fate.REFUSED, Fate.DUPLICATE


def sms(text: str, to: str = NUMBER, sent_at_ms: int | None = None, **others: Any) -> Inbound:
    given = {"source_id": f"id of {text}"} | others
    return Inbound(MessageKind.SMS, to, "Yahoo", text, sent_at_ms, **given)


async def until(holds: Callable[[], bool]) -> None:
    """Lets the others work until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what a thread or a task of another does tells nobody
            await asyncio.sleep(0.001)


@dataclass
class Moody:
    """A database that works, or does not, as a test says.

    Attributes:
        fault: what all writes fail with; None while they work.
        bad: messages that fail what is written with them, all of it.
        open: while it is not set, what is written is done, and nobody is told.
        under_way: how many messages are being written.
    """

    engine: Engine
    fault: Exception | None = None
    bad: set[str] = field(default_factory=set)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    tries: list[int] = field(default_factory=list)
    under_way: int = 0

    def __post_init__(self) -> None:
        self.open.set()

    async def write_all(self, calls: list[Call]) -> list[Any]:
        self.tries.append(len(calls))
        if self.fault is not None:
            return [Raised(self.fault) for _ in calls]
        if any(self._is_bad(call) for call in calls):
            return [Raised(DatabaseFault("one took the others with it")) for _ in calls]
        self.under_way += len(calls)
        outcomes = await self.engine.write_all(calls)
        self.began.set()
        try:
            await self.open.wait()
        finally:
            self.under_way -= len(calls)
        return outcomes

    def _is_bad(self, call: Any) -> bool:
        if not self.bad:
            return False
        ((_, inbound, *_),) = call.args
        return inbound.text in self.bad

    async def read(self, call: Call) -> Any:
        return await self.engine.read(call)

    async def glance(self, call: Call) -> Any:
        return await self.engine.glance(call)

    async def watch(self) -> Watch:
        return await self.engine.watch()

    async def close(self) -> None:
        await self.engine.close()


@dataclass
class Post:
    """A gateway's way to the database, with a spool behind it."""

    world: World
    moody: Moody
    drain: Drain
    gateway_id: int
    _deliver: Deliver

    async def deliver(self, many: Sequence[Inbound]) -> list[Fate]:
        return await self._deliver(many)

    @property
    def spool(self) -> Spool:
        return self.drain.spool

    async def bodies(self) -> list[str]:
        return [row[0] for row in await self.world.rows("SELECT body FROM messages ORDER BY id")]

    async def pause(self) -> None:
        """Waits until the drain pauses, or has nothing to do."""
        # The other sleep is for the files of others.
        await until(lambda: not self.spool.waiting or self.world.clock.sleeping >= 2)

    async def drained(self, down_to: int = 0) -> None:
        """Lets time pass until nothing waits, or no more than so many."""
        for _ in range(100):
            await self.pause()
            self.world.clock.advance(5)
            await asyncio.sleep(0)
            if self.spool.waiting <= down_to:
                return
        raise AssertionError("it does not end")

    def break_down(self) -> None:
        self.moody.fault = DatabaseFault("down")


@asynccontextmanager
async def posted(
    world: World, folder: Path, limit_bytes: int = LIMIT_BYTES, after_s: float = 30
) -> AsyncIterator[Post]:
    moody = Moody(world.db.engine)
    spool_settings = SpoolSettings(after_s=after_s)
    runtime = replace(
        world.runtime,
        db=Database(moody),
        settings=msgspec.structs.replace(Settings(), spool=spool_settings),
    )
    drain = Drain(runtime, Spool(folder, limit_bytes, world.clock))
    found = await world.rows("SELECT id FROM gateways WHERE name = 'gate'")
    gateway_id = found[0][0] if found else (await world.gateway("gate"))[0]
    await drain.start()
    try:
        deliver = deliver_for(runtime, gateway_id, "gate", drain.spool)
        yield Post(world, moody, drain, gateway_id, deliver)
    finally:
        moody.open.set()
        await drain.stop()


@pytest.fixture
async def post(world: World, tmp_path: Path) -> AsyncIterator[Post]:
    async with posted(world, tmp_path / "spool") as post:
        yield post


def keep_with(monkeypatch: pytest.MonkeyPatch, flow: Callable[..., Receipt]) -> None:
    """Has another flow keep the messages."""
    monkeypatch.setattr(delivery, "receive_read", lambda tx, one: flow(tx, *one))


def failing_for(texts: set[str], error: Exception) -> Callable[..., Receipt]:
    """The flow, with a fault for some messages."""

    def receive(tx: Tx, gateway_id: int, inbound: Inbound, *more: Any) -> Receipt:
        if inbound.text in texts:
            raise error
        return receive_message(tx, gateway_id, inbound, *more)

    return receive


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


# While the database works


async def test_what_the_database_takes_never_sees_the_disk(post: Post, tmp_path: Path) -> None:
    assert await post.deliver([sms("one"), sms("two"), sms("one")]) == [KEPT, KEPT, DUPLICATE]
    assert await post.bodies() == ["one", "two"]
    assert files(tmp_path / "spool") == []


async def test_two_messages_without_id_and_stamp_are_two(post: Post) -> None:
    same = sms("same", source_id=None)
    assert await post.deliver([same, same]) == [KEPT, KEPT]


async def test_a_stamp_alone_tells_messages_apart(post: Post) -> None:
    same = sms("same", source_id=None, sent_at_ms=1000)
    assert await post.deliver([same, same]) == [KEPT, DUPLICATE]


async def test_a_message_for_the_line_of_another_gateway_is_refused(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def receive(*_: object) -> Receipt:
        return Receipt(1, duplicate=False, quarantine=Quarantine.OTHER_GATEWAY)

    keep_with(monkeypatch, receive)
    assert await post.deliver([sms("theirs")]) == [REFUSED]


async def test_what_the_rules_refuse_fails_and_is_not_spooled(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = failing_for({"bad"}, Refused(RENTAL_CLOSED))
    keep_with(monkeypatch, flow)
    assert await post.deliver([sms("bad"), sms("good")]) == [FAILED, KEPT]
    assert post.spool.waiting == 0


async def test_messages_under_way_are_bounded_and_those_of_another_gateway_go_on(
    post: Post,
) -> None:
    post.moody.open.clear()
    many = [sms(f"{one}") for one in range(IN_FLIGHT)]
    flood = [asyncio.create_task(post.deliver(many)) for _ in range(3)]
    flood.append(asyncio.create_task(post.deliver([sms("last")])))
    await asyncio.wait_for(post.moody.began.wait(), PATIENCE_S)
    assert post.moody.under_way == IN_FLIGHT

    post.moody.began.clear()
    deliver = deliver_for(post.drain.runtime, post.gateway_id, "other", post.spool)
    other = asyncio.ensure_future(deliver([sms("other")]))
    await asyncio.wait_for(post.moody.began.wait(), PATIENCE_S)
    assert post.moody.under_way == IN_FLIGHT + 1

    post.moody.open.set()
    assert await other == [KEPT]
    fates = await asyncio.gather(*flood)
    assert fates[0] == [KEPT] * IN_FLIGHT
    assert fates[1] == fates[2] == [DUPLICATE] * IN_FLIGHT
    assert fates[3] == [KEPT]


async def test_more_messages_than_may_be_under_way_are_kept_in_order(post: Post) -> None:
    many = [sms(f"{one:04}") for one in range(IN_FLIGHT * 2 + 1)]
    assert await post.deliver(many) == [KEPT] * len(many)
    assert await post.bodies() == [one.text for one in many]
    assert post.moody.tries == [IN_FLIGHT, IN_FLIGHT, 1]


async def test_whoever_is_cancelled_while_waiting_leaves_its_room_to_others(post: Post) -> None:
    post.moody.open.clear()
    many = [sms(f"{one}") for one in range(IN_FLIGHT - 1)]
    first = asyncio.create_task(post.deliver(many))
    await asyncio.wait_for(post.moody.began.wait(), PATIENCE_S)
    # It has the last place, and waits for a second one.
    gone = asyncio.create_task(post.deliver([sms("gone"), sms("gone too")]))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    post.moody.open.set()
    await first
    assert await post.deliver([sms(f"b{one}") for one in range(IN_FLIGHT)]) == [KEPT] * IN_FLIGHT


async def test_whoever_is_cancelled_when_it_has_room_already_gives_it_back() -> None:
    room = delivery._Room(2)
    await room.take(2)
    gone = asyncio.create_task(room.take(2))
    next_one = asyncio.create_task(room.take(2))
    await asyncio.sleep(0)
    room.give(2)
    gone.cancel()
    await asyncio.wait_for(next_one, PATIENCE_S)
    assert room.free == 0
    room.give(2)
    assert room.free == 2


async def test_whoever_waits_behind_one_that_is_cancelled_goes_on() -> None:
    room = delivery._Room(2)
    await room.take(1)
    gone = asyncio.create_task(room.take(2))
    next_one = asyncio.create_task(room.take(1))
    await asyncio.sleep(0)
    assert not next_one.done()
    gone.cancel()
    await asyncio.wait_for(next_one, PATIENCE_S)
    assert room.free == 0


# While it does not


async def test_what_a_real_database_refuses_is_kept_and_comes_in_order(
    database_url: str, tmp_path: Path
) -> None:
    db = open_database(database_url, readers=1, pool_size=2, busy_timeout_s=0.1)
    downs = [no_writes(database_url)]
    if database_url.startswith("postgresql"):
        downs.append(no_connections(database_url))
    sent: list[str] = []
    async with posted(World(db), tmp_path / "spool") as post:
        for down in downs:
            with down:
                for _ in range(3):
                    sent.append(f"{len(sent)}")
                    assert await post.deliver([sms(sent[-1])]) == [KEPT]
                await post.pause()
                assert post.spool.waiting == 3
            await post.drained()
        assert await post.bodies() == sent
        sent.append("direct")
        assert await post.deliver([sms("direct")]) == [KEPT]
        assert post.spool.waiting == 0
        assert await post.bodies() == sent
    assert files(tmp_path / "spool") == []
    await db.close()


async def test_what_comes_while_something_waits_goes_behind_it(post: Post) -> None:
    post.break_down()
    await post.deliver([sms("one"), sms("two")])
    await post.pause()
    post.moody.fault = None
    assert await post.deliver([sms("three")]) == [KEPT]
    assert await post.bodies() == []
    await post.drained()
    assert await post.bodies() == ["one", "two", "three"]


async def test_pauses_grow_while_the_database_is_down(post: Post) -> None:
    clock = post.world.clock
    post.break_down()
    await post.deliver([sms("one")])
    for pause_s in (0.2, 0.4, 0.8, 1.6, 3.2, 5, 5):
        await clock.wait_for_sleeping(2)
        tries = len(post.moody.tries)
        clock.advance(pause_s - 0.1)
        await clock.wait_for_sleeping(2)
        assert len(post.moody.tries) == tries
        clock.advance(0.1)
        await until(lambda: len(post.moody.tries) > tries)  # noqa: B023 - called in this turn alone


async def test_a_full_spool_fails_what_does_not_fit(world: World, tmp_path: Path) -> None:
    async with posted(world, tmp_path / "spool", limit_bytes=700) as post:
        post.break_down()
        fates = await post.deliver([sms(f"{one}") for one in range(9)])
        room = fates.count(KEPT)
        assert fates == [KEPT] * room + [FAILED] * (9 - room)
        assert 0 < room < 9
        assert await post.deliver([sms("more")]) == [FAILED]
        post.moody.fault = None
        await post.drained()
        assert await post.bodies() == [f"{one}" for one in range(room)]
        assert await post.deliver([sms("more")]) == [KEPT]


async def test_without_a_spool_what_is_not_taken_fails(post: Post) -> None:
    post.break_down()
    deliver = deliver_for(post.drain.runtime, post.gateway_id, "gate")
    assert await deliver([sms("one")]) == [FAILED]
    post.moody.fault = None
    assert await deliver([sms("one")]) == [KEPT]


async def test_a_database_that_is_closed_raises_nothing(world: World, tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/other.db")
    await db.close()
    deliver = deliver_for(replace(world.runtime, db=db), 1, "gate")
    assert await deliver([sms("one"), sms("two")]) == [FAILED, FAILED]


async def test_the_log_tells_what_waits_and_what_went_and_no_text(post: Post) -> None:
    with capture_logs() as lines:
        post.break_down()
        await post.deliver([sms("Hidden")])
        await post.pause()
        post.moody.fault = None
        await post.drained()
    told = [(one["event"], one.get("messages")) for one in lines]
    assert ("messages_spooled", 1) in told
    assert ("spool_waits", 1) in told
    assert told[-1] == ("spool_drained", 1)
    assert "Hidden" not in str(lines)
    assert "967000001" not in str(lines)


# When nobody knows


@pytest.mark.parametrize("known_by", [{}, {"source_id": None}])
async def test_a_write_that_takes_long_is_spooled_and_counts_once(
    world: World, tmp_path: Path, known_by: dict[str, Any]
) -> None:
    async with posted(world, tmp_path / "spool", after_s=0.05) as post:
        post.moody.open.clear()
        assert await post.deliver([sms("one", **known_by)]) == [KEPT]
        assert post.spool.waiting == 1
        post.moody.open.set()
        await post.drained()
        assert await post.bodies() == ["one"]


async def test_a_write_that_takes_long_is_waited_for_where_the_spool_is_full(
    world: World, tmp_path: Path
) -> None:
    async with posted(world, tmp_path / "spool", limit_bytes=0, after_s=0.05) as post:
        post.moody.open.clear()
        waiting = asyncio.create_task(post.deliver([sms("one", source_id=None)]))
        await until(lambda: len(post.moody.tries) == 2)
        assert not waiting.done()
        post.moody.open.set()
        assert await waiting == [DUPLICATE]
        assert await post.bodies() == ["one"]


@pytest.mark.parametrize("part", [None, Part(7, 3, 1)])
async def test_two_of_the_same_text_that_are_written_again_stay_two(
    world: World, tmp_path: Path, part: Part | None
) -> None:
    async with posted(world, tmp_path / "spool", limit_bytes=0, after_s=0.05) as post:
        post.moody.open.clear()
        same = sms("same", source_id=None, part=part)
        waiting = asyncio.create_task(post.deliver([same, same]))
        await until(lambda: len(post.moody.tries) == 2)
        post.moody.open.set()
        assert await waiting == [DUPLICATE, DUPLICATE]
        table = "messages" if part is None else "long_messages"
        assert len(await world.rows(f"SELECT id FROM {table}")) == 2


async def test_what_the_spool_has_is_kept_although_it_cannot_be_written_again(
    world: World, tmp_path: Path
) -> None:
    async with posted(world, tmp_path / "spool", limit_bytes=700, after_s=0.05) as post:
        post.moody.open.clear()
        texts = [f"{one}" for one in range(9)]
        waiting = asyncio.create_task(post.deliver([sms(one, source_id=None) for one in texts]))
        await post.moody.began.wait()
        post.break_down()
        fates = await waiting
        room = fates.count(KEPT)
        assert 0 < room < 9
        assert fates == [KEPT] * room + [FAILED] * (9 - room)
        post.moody.fault = None
        post.moody.open.set()
        await post.drained()
        assert await post.bodies() == texts


async def test_what_was_drained_when_the_process_died_counts_once(
    world: World, tmp_path: Path
) -> None:
    async with posted(world, tmp_path / "spool") as post:
        post.break_down()
        await post.deliver([sms("one", source_id=None), sms("two", sent_at_ms=1)])
        await post.pause()
        left = {path: path.read_bytes() for path in files(tmp_path / "spool")}
        post.moody.fault = None
        await post.drained()
    for path, data in left.items():
        path.write_bytes(data)
    async with posted(world, tmp_path / "spool") as post:
        await post.drained()
        assert await post.bodies() == ["one", "two"]


async def test_what_an_earlier_process_left_comes_first(world: World, tmp_path: Path) -> None:
    async with posted(world, tmp_path / "spool") as post:
        post.break_down()
        await post.deliver([sms("old")])
    async with posted(world, tmp_path / "spool") as post:
        assert await post.deliver([sms("new")]) == [KEPT]
        await post.drained()
        assert await post.bodies() == ["old", "new"]


async def test_what_another_process_left_is_found_while_this_one_runs(
    world: World, tmp_path: Path
) -> None:
    async with posted(world, tmp_path / "spool") as living:
        async with posted(world, tmp_path / "spool") as dying:
            dying.break_down()
            await dying.deliver([sms("theirs")])
        assert living.spool.waiting == 0
        await world.clock.wait_for_sleeping(1)
        world.clock.advance(delivery.ADOPT_EVERY_S)
        await until(lambda: living.moody.tries == [1])
        await living.spool.until_empty()
        assert await living.bodies() == ["theirs"]


@pytest.mark.parametrize("sent_at_ms", [None, 1_700_000_000_000])
async def test_parts_that_are_written_twice_make_one_message(
    world: World, tmp_path: Path, sent_at_ms: int | None
) -> None:
    async with posted(world, tmp_path / "spool", after_s=0.05) as post:
        post.moody.open.clear()
        for number in (1, 2):
            part = sms(f"{number}", sent_at_ms=sent_at_ms, part=Part(7, 2, number))
            assert await post.deliver([part._replace(source_id=None)]) == [KEPT]
        post.moody.open.set()
        await post.drained()
        assert await post.bodies() == ["12"]
        assert len(await post.world.rows("SELECT id FROM long_messages")) == 1


# Whose it is


async def rented(post: Post) -> Any:
    await post.world.service(4, waiting_s=60)
    await post.world.lines("0967000001")
    dealer = await post.world.dealer()
    return dealer, (await post.world.rent(dealer, 4)).rental


async def kept(post: Post) -> list[Any]:
    rows = await post.world.rows(
        "SELECT rental_id, code, kept_at_ms, quarantine FROM messages ORDER BY id"
    )
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("stamped", [False, True])
async def test_a_rental_that_was_open_when_it_came_gets_its_code(
    post: Post, *, stamped: bool
) -> None:
    _, rental = await rented(post)
    post.break_down()
    came_at_ms = post.world.clock.now_ms()
    await post.deliver([sms("your code is 123456", sent_at_ms=came_at_ms if stamped else None)])
    # Its time passes, and nobody could write that either.
    post.world.clock.advance(70)
    post.moody.fault = None
    await post.drained()
    assert await kept(post) == [(rental.id, "123456", came_at_ms, None)]
    (row,) = await post.world.rows("SELECT state, closed_at_ms FROM rentals")
    assert tuple(row) == (RentalState.RECEIVED.value, came_at_ms)
    assert await post.world.book_findings() == []


@pytest.mark.parametrize("stamped", [False, True])
async def test_a_rental_that_ended_meanwhile_has_the_message_and_its_money(
    post: Post, *, stamped: bool
) -> None:
    _, rental = await rented(post)
    post.break_down()
    came_at_ms = post.world.clock.now_ms()
    await post.deliver([sms("your code is 123456", sent_at_ms=came_at_ms if stamped else None)])
    post.world.clock.advance(70)
    await post.world.expire()
    post.moody.fault = None
    await post.drained()
    assert await kept(post) == [(rental.id, "123456", came_at_ms, None)]
    (row,) = await post.world.rows("SELECT state FROM rentals")
    assert row[0] == RentalState.EXPIRED.value
    assert await post.world.book_findings() == []


async def test_a_rental_that_began_after_it_came_never_sees_it(post: Post) -> None:
    await post.world.service(4)
    await post.world.lines("0967000001")
    dealer = await post.world.dealer()
    post.break_down()
    # The clock stands at a whole second, for which a network's stamp would stand as well.
    came_at_ms = post.world.clock.now_ms()
    assert came_at_ms % 1000 == 0
    await post.deliver([sms("your code is 123456")])
    post.world.clock.advance(0.001)
    await post.world.rent(dealer, 4)
    post.moody.fault = None
    await post.drained()
    assert await kept(post) == [(None, "123456", came_at_ms, Quarantine.NO_RENTAL.value)]


async def test_what_came_by_a_clock_that_ran_ahead_came_by_now(post: Post) -> None:
    clock = post.world.clock
    now_ms = clock.now_ms()
    post.break_down()
    clock.set_now_ms(now_ms + 3_600_000)
    await post.deliver([sms("hello")])
    await post.pause()
    clock.set_now_ms(now_ms)
    post.moody.fault = None
    clock.advance(5)
    await post.drained()
    assert (await kept(post))[0][2] <= now_ms + 10_000


# Poison


async def test_a_message_that_fails_for_itself_is_set_aside_and_the_others_go_on(
    post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = failing_for({"bad"}, ValueError("of Hidden text"))
    keep_with(monkeypatch, flow)
    assert await post.deliver([sms("bad")]) == [KEPT]
    assert await post.deliver([sms("one"), sms("two")]) == [KEPT, KEPT]
    await post.drained()
    assert await post.bodies() == ["one", "two"]
    (aside,) = files(tmp_path / "spool")
    assert aside.suffix == ".poison"

    monkeypatch.undo()
    aside.rename(aside.with_suffix(".spool"))
    await post.spool.adopt()
    await post.drained()
    assert await post.bodies() == ["one", "two", "bad"]


async def test_what_was_set_aside_is_erased_when_texts_are(post: Post, tmp_path: Path) -> None:
    clock = post.world.clock
    hours = post.drain.runtime.settings.retention.texts_hours
    for name, age_hours in (
        ("old.poison", hours + 1),
        ("old.damaged", hours + 1),
        ("new.poison", 1),
    ):
        path = tmp_path / "spool" / name
        path.write_bytes(b"a text")
        at_s = clock.now_ms() / 1000 - age_hours * 3600
        os.utime(path, (at_s, at_s))
    await clock.wait_for_sleeping(1)
    clock.advance(delivery.ADOPT_EVERY_S)
    await clock.wait_for_sleeping(1)
    assert [path.name for path in files(tmp_path / "spool")] == ["new.poison"]


async def test_a_lone_message_that_fails_waits_as_the_database_may_be_at_fault(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_with(monkeypatch, failing_for({"bad"}, ValueError()))
    await post.deliver([sms("bad")])
    for _ in range(POISON_TRIES * 2):
        await post.pause()
        post.world.clock.advance(5)
        await asyncio.sleep(0)
    assert post.spool.waiting == 1
    # Something behind it goes: now it is known whose fault it is.
    await post.deliver([sms("good")])
    await post.drained()
    assert await post.bodies() == ["good"]


async def test_those_that_take_others_with_them_are_found(post: Post, tmp_path: Path) -> None:
    post.break_down()
    texts = [f"{one}" for one in range(5)]
    await post.deliver([sms("bad"), *map(sms, texts), sms("bad too"), sms("last")])
    await post.pause()
    post.moody.bad = {"bad", "bad too"}
    post.moody.fault = None
    await post.drained(down_to=2)
    assert sorted(await post.bodies()) == [*texts, "last"]
    # The database was up while others went; each one that goes says so again.
    for one in range(1, POISON_TRIES):
        assert post.spool.waiting == 2
        await post.deliver([sms(f"later {one}")])
        await post.drained(down_to=2 if one < POISON_TRIES - 1 else 0)
    (aside,) = files(tmp_path / "spool")
    assert aside.read_bytes().strip().count(b"\n\n") == 1


async def test_a_database_that_is_down_for_long_poisons_nothing(post: Post, tmp_path: Path) -> None:
    post.break_down()
    texts = [f"{one}" for one in range(5)]
    await post.deliver([sms(text) for text in texts])
    for fault in (DatabaseFault("down"), ValueError("each by itself")):
        post.moody.fault = fault
        for _ in range(POISON_TRIES * 2):
            await post.pause()
            post.world.clock.advance(5)
            await asyncio.sleep(0)
    post.moody.fault = None
    await post.drained()
    assert await post.bodies() == texts
    assert files(tmp_path / "spool") == []


async def test_what_the_rules_refuse_at_last_is_set_aside_at_once(
    post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.break_down()
    await post.deliver([sms("bad"), sms("good")])
    await post.pause()
    flow = failing_for({"bad"}, Refused(RENTAL_CLOSED))
    keep_with(monkeypatch, flow)
    post.moody.fault = None
    await post.drained()
    assert await post.bodies() == ["good"]
    assert [path.suffix for path in files(tmp_path / "spool")] == [".poison"]


async def test_what_turns_out_to_be_another_gateways_is_done_and_told(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.break_down()
    await post.deliver([sms("theirs")])
    await post.pause()

    def receive(*_: object) -> Receipt:
        return Receipt(1, duplicate=False, quarantine=Quarantine.OTHER_GATEWAY)

    keep_with(monkeypatch, receive)
    post.moody.fault = None
    with capture_logs() as lines:
        await post.drained()
    assert "spooled_message_refused" in {one["event"] for one in lines}
