import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

import anyio
import anyio.lowlevel
import pytest

from simlet.domain.events import Event, EventKind
from simlet.store.database import Database, open_database
from simlet.store.events import (
    LoggedEvent,
    add_event,
    cursor,
    events_after,
    last_seq,
    number_events,
    set_cursor,
)
from simlet.store.sql import Sql, Tx
from simlet.testing.gate import Gate
from simlet.testing.world import World

pytestmark = pytest.mark.anyio

WAITS_FOR_A_LOCK = Sql("SELECT count(*) FROM pg_locks WHERE NOT granted")


@pytest.fixture
async def sqlite_db(sqlite_url: str) -> AsyncIterator[Database]:
    db = open_database(sqlite_url)
    yield db
    await db.close()


@pytest.fixture
async def postgres_db(postgres_url: str) -> AsyncIterator[Database]:
    db = open_database(postgres_url, numbering=False)
    yield db
    await db.close()


def tell(tx: Tx, number: int) -> None:
    """An event that can be known again by its time."""
    add_event(tx, Event(EventKind.LINES_IMPORTED, number))


def tell_at_gate(tx: Tx, number: int, gate: Gate) -> None:
    tell(tx, number)
    gate.pass_through()


def number_at_gate(tx: Tx, gate: Gate) -> int:
    count = number_events(tx)
    gate.pass_through()
    return count


def waiting(tx: Tx) -> int:
    row = tx.row(WAITS_FOR_A_LOCK)
    assert row is not None
    return int(row[0])


async def somebody_waits_for_a_lock(db: Database) -> None:
    with anyio.fail_after(20):
        while not await db.read(waiting):
            await anyio.lowlevel.checkpoint()


async def read_on(db: Database, after: int) -> list[LoggedEvent]:
    """What a reader does each time: it numbers what is there, and reads on where it stopped."""
    await db.write(number_events)
    return await db.read(events_after, after, 1000)


def told(events: list[LoggedEvent]) -> list[tuple[int, int]]:
    return [(event.seq, event.at_ms) for event in events]


# ------------------------------------------------------------------------------- what is written


async def test_an_event_comes_back_as_it_was_told(db: Database) -> None:
    data: dict[str, str | int | bool | None] = {"by": "Nguyễn", "count": 7, "ok": True, "no": None}
    event = Event(EventKind.RENTAL_WAITING, 2**41, 3, 1_000_001, 5, data)
    await db.write(add_event, event)
    assert await read_on(db, 0) == [
        LoggedEvent(1, EventKind.RENTAL_WAITING, 2**41, 3, 1_000_001, 5, data)
    ]


async def test_an_event_without_data_has_none(db: Database) -> None:
    await db.write(tell, 7)
    assert await read_on(db, 0) == [
        LoggedEvent(1, EventKind.LINES_IMPORTED, 7, None, None, None, {})
    ]


async def test_a_reader_gets_so_many_at_a_time_in_order(db: Database) -> None:
    await db.write_all(tell, list(range(10)))
    await db.write(number_events)
    assert told(await db.read(events_after, 0, 3)) == [(1, 0), (2, 1), (3, 2)]
    assert told(await db.read(events_after, 3, 3)) == [(4, 3), (5, 4), (6, 5)]
    assert told(await db.read(events_after, 9, 3)) == [(10, 9)]
    assert told(await db.read(events_after, 10, 3)) == []


async def test_an_event_of_a_flow_that_failed_is_not_in_the_log(db: Database) -> None:
    def tell_and_fail(tx: Tx, number: int) -> None:
        tell(tx, number)
        if number == 2:
            raise ValueError

    await db.write_all(tell_and_fail, [1, 2, 3])
    assert told(await read_on(db, 0)) == [(1, 1), (2, 3)]


async def test_the_last_number_is_the_highest_given(db: Database) -> None:
    assert await db.read(last_seq) == 0
    await db.write_all(tell, [1, 2, 3])
    await db.write(number_events)
    assert await db.read(last_seq) == 3


async def test_a_reader_goes_on_where_it_stopped(db: Database) -> None:
    assert await db.write(cursor, "a reader") is None
    await db.write(set_cursor, "a reader", 3)
    await db.write(set_cursor, "another", 9)
    await db.write(set_cursor, "a reader", 4)
    assert await db.write(cursor, "a reader") == 4
    assert await db.write(cursor, "another") == 9


# ------------------------------------------------------------------------------------- numbering


async def test_on_sqlite_an_event_has_its_number_at_once(sqlite_db: Database) -> None:
    await sqlite_db.write_all(tell, [7, 8])
    assert told(await sqlite_db.read(events_after, 0, 10)) == [(1, 7), (2, 8)]
    assert await sqlite_db.write(number_events) == 0


async def test_on_postgresql_an_event_is_numbered_after_its_commit(postgres_db: Database) -> None:
    await postgres_db.write_all(tell, [7, 8])
    assert await postgres_db.read(events_after, 0, 10) == []
    assert await postgres_db.write(number_events) == 2
    assert await postgres_db.write(number_events) == 0
    assert told(await postgres_db.read(events_after, 0, 10)) == [(1, 7), (2, 8)]


async def test_what_commits_late_is_not_passed_over(postgres_db: Database) -> None:
    with Gate() as gate:
        # It takes the lower id, and commits only after the other was read.
        late = asyncio.create_task(postgres_db.write(tell_at_gate, 1, gate))
        await gate.reached()
        await postgres_db.write(tell, 2)
        first = await read_on(postgres_db, 0)
        assert told(first) == [(1, 2)]
        assert await read_on(postgres_db, first[-1].seq) == []
        gate.open()
        await late
    assert told(await read_on(postgres_db, first[-1].seq)) == [(2, 1)]
    assert told(await read_on(postgres_db, 0)) == [(1, 2), (2, 1)]


async def test_what_commits_while_events_are_being_numbered_is_not_passed_over(
    postgres_db: Database,
) -> None:
    await postgres_db.write(tell, 1)
    with Gate() as gate:
        numbering = asyncio.create_task(postgres_db.write(number_at_gate, gate))
        await gate.reached()
        await postgres_db.write(tell, 2)
        assert await postgres_db.read(events_after, 0, 10) == []
        gate.open()
        assert await numbering == 1
    assert told(await read_on(postgres_db, 0)) == [(1, 1), (2, 2)]


async def test_two_readers_that_number_at_once_give_each_number_once(
    postgres_db: Database,
) -> None:
    await postgres_db.write_all(tell, [1, 2, 3])
    with Gate() as gate:
        first = asyncio.create_task(postgres_db.write(number_at_gate, gate))
        await gate.reached()
        await postgres_db.write_all(tell, [4, 5])
        second = asyncio.create_task(postgres_db.write(number_events))
        await somebody_waits_for_a_lock(postgres_db)
        gate.open()
        assert (await first, await second) == (3, 2)
    logged = told(await postgres_db.read(events_after, 0, 10))
    assert logged == [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]


async def test_a_reader_who_numbers_and_gives_up_leaves_no_gap(postgres_db: Database) -> None:
    def number_and_fail(tx: Tx) -> None:
        number_events(tx)
        raise LookupError

    await postgres_db.write_all(tell, [1, 2])
    with pytest.raises(LookupError):
        await postgres_db.write(number_and_fail)
    await postgres_db.write(tell, 3)
    assert told(await read_on(postgres_db, 0)) == [(1, 1), (2, 2), (3, 3)]


async def test_readers_that_follow_many_writers_see_every_event_once_and_in_order(
    db: Database,
) -> None:
    writers, each = 4, 25

    async def write(writer: int) -> None:
        for n in range(each):
            await db.write(tell, writer * 1000 + n)

    async def follow() -> list[tuple[int, int]]:
        seen: list[tuple[int, int]] = []
        while len(seen) < writers * each:
            seen += told(await read_on(db, seen[-1][0] if seen else 0))
        return seen

    with anyio.fail_after(60):
        followers = [asyncio.create_task(follow()) for _ in range(2)]
        await asyncio.gather(*map(write, range(writers)))
        one, other = await asyncio.gather(*followers)
    assert one == other
    assert [seq for seq, _ in one] == list(range(1, writers * each + 1))
    for writer in range(writers):
        own = [number for _, number in one if number // 1000 == writer]
        assert own == [writer * 1000 + n for n in range(each)]


# --------------------------------------------------------------------------------- of one rental


async def test_a_rentals_own_events_are_in_order(world: World) -> None:
    dealer = await world.dealer(waiting_limit=100)
    await world.service(97)
    await world.lines(*(f"09612345{n:02}" for n in range(12)))

    async def live(place: int) -> None:
        rented = await world.rent(dealer, 97)
        if place % 2:
            await world.sms(rented.rental.number, "Chao ban", source_id=f"{place} a")
            await world.sms(rented.rental.number, "Ma cua ban la 284913", source_id=f"{place} b")

    async def follow() -> None:
        for _ in range(10):
            await world.db.write(number_events)

    await world.gateway("default")
    await asyncio.gather(*map(live, range(12)), follow())
    world.clock.advance(301)
    await world.expire()

    kinds = defaultdict(list)
    for event in await world.events():
        if event.rental_id is not None:
            kinds[event.rental_id].append(event.kind)
    received = [
        EventKind.RENTAL_WAITING,
        EventKind.MESSAGE_KEPT,
        EventKind.MESSAGE_KEPT,
        EventKind.RENTAL_RECEIVED,
    ]
    expired = [EventKind.RENTAL_WAITING, EventKind.RENTAL_EXPIRED]
    assert len(kinds) == 12
    assert sorted(kinds.values(), key=len) == [expired] * 6 + [received] * 6
