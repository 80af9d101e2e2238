import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from engines import Passing
from simlet.reads import FIRST_API, NOTES_LIMIT, STREAM, V1, ReadNotes
from simlet.store.database import Database, open_database
from simlet.store.reads import Read, reads_of
from simlet.store.sql import Call, DatabaseFault
from simlet.testing.clock import FakeClock
from simlet.testing.site import Site
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

CODE = "your code is 135790"
PATIENCE_S = 20.0


async def two_rentals(world: World) -> list[int]:
    await world.service(4)
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer()
    return [(await world.rent(dealer, 4)).rental.id for _ in range(2)]


async def test_notes_are_written_down_with_the_first_time_the_last_and_how_often(
    world: World,
) -> None:
    one, another = await two_rentals(world)
    notes = ReadNotes(world.db, world.clock)
    for rental_id, via, at_ms in [
        (one, V1, 10),
        (one, V1, 30),
        (one, STREAM, 20),
        (another, V1, 40),
    ]:
        notes.note(rental_id, via, at_ms)
    await notes.flush()
    assert await world.db.read(reads_of, one) == [
        Read(one, V1, 10, 30, 2),
        Read(one, STREAM, 20, 20, 1),
    ]
    assert await world.db.read(reads_of, another) == [Read(another, V1, 40, 40, 1)]


async def test_the_notes_of_several_processes_are_added_up(world: World, database_url: str) -> None:
    one, another = await two_rentals(world)
    other = open_database(database_url)
    try:
        notes = [ReadNotes(db, world.clock) for db in (world.db, other)]
        for number, each in enumerate(notes):
            for rental_id in (one, another) if number else (another, one):
                each.note(rental_id, V1, 100 - number)
                each.note(rental_id, V1, 200 + number)
        await asyncio.gather(*(each.flush() for each in notes))
    finally:
        await other.close()
    for rental_id in (one, another):
        assert await world.db.read(reads_of, rental_id) == [Read(rental_id, V1, 99, 201, 4)]


async def test_what_was_written_down_is_not_written_again(world: World) -> None:
    one, _ = await two_rentals(world)
    notes = ReadNotes(world.db, world.clock)
    notes.note(one, V1, 10)
    await notes.flush()
    await notes.flush()
    notes.note(one, V1, 20)
    await notes.flush()
    assert await world.db.read(reads_of, one) == [Read(one, V1, 10, 20, 2)]


async def test_notes_are_written_down_each_second_and_at_the_end(world: World) -> None:
    one, another = await two_rentals(world)
    notes = ReadNotes(world.db, world.clock)
    await notes.start()
    notes.note(one, V1, 10)
    await world.clock.wait_for_sleeping(1)
    world.clock.advance(1)
    await asyncio.wait_for(world.clock.wait_for_sleeping(1), PATIENCE_S)
    assert await world.db.read(reads_of, one) == [Read(one, V1, 10, 10, 1)]
    notes.note(another, V1, 20)
    await notes.stop()
    assert await world.db.read(reads_of, another) == [Read(another, V1, 20, 20, 1)]
    assert await world.db.read(reads_of, one) == [Read(one, V1, 10, 10, 1)]


@dataclass
class Away(Passing):
    """An engine whose database takes nothing for a while."""

    away: bool = True

    async def write_all(self, calls: list[Call]) -> list[Any]:
        if self.away:
            raise DatabaseFault("it is away")
        return await self.engine.write_all(calls)


async def test_notes_are_kept_while_the_database_takes_nothing(world: World) -> None:
    one, _ = await two_rentals(world)
    engine = Away(world.db.engine)
    notes = ReadNotes(Database(engine), world.clock)
    notes.note(one, V1, 10)
    await notes.flush()
    notes.note(one, V1, 20)
    await notes.flush()
    engine.away = False
    await notes.flush()
    assert await world.db.read(reads_of, one) == [Read(one, V1, 10, 20, 2)]


def test_the_notes_take_a_bounded_room(sqlite_url: str) -> None:
    db = open_database(sqlite_url)
    notes = ReadNotes(db, FakeClock())
    for rental_id in range(NOTES_LIMIT + 10):
        notes.note(rental_id, V1, 1)
    assert len(notes._notes) == NOTES_LIMIT
    asyncio.run(db.close())


async def test_the_first_api_notes_a_code_that_it_told_and_nothing_else(
    world: World, site: Site
) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer()
    rental = (await world.rent(dealer, 4)).rental
    await show_code(site, dealer, rental.id)
    await world.runtime.reads.flush()
    assert await world.db.read(reads_of, rental.id) == []

    await world.sms(rental.number, CODE)
    world.clock.advance(3)
    for _ in range(2):
        assert "135790" in await show_code(site, dealer, rental.id)
    await show_code(site, await world.dealer("other"), rental.id)
    await world.runtime.reads.flush()
    now_ms = world.clock.now_ms()
    assert await world.db.read(reads_of, rental.id) == [
        Read(rental.id, FIRST_API, now_ms, now_ms, 2)
    ]


async def show_code(site: Site, dealer: Dealer, rental_id: int) -> str:
    return (await site.get(f"/api/?show=code&id={rental_id}&token={dealer.token}")).raw.decode()
