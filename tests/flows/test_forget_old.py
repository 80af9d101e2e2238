import pytest

from simlet.domain.events import EventKind
from simlet.domain.rental import RentalState
from simlet.flows import browse
from simlet.flows.forget_old import forget_old
from simlet.testing.world import World

pytestmark = pytest.mark.anyio

NUMBER = "0967000001"
CODE = "Your code is 123456"
HOUR_S = 3_600


async def forget(world: World, *, hours: int = 24, limit: int = 100) -> int:
    return await world.db.write(forget_old, world.clock.now_ms(), hours, limit)


async def test_what_was_said_is_erased_after_the_hours(world: World) -> None:
    await world.lines(NUMBER)
    await world.sms(NUMBER, CODE, sender="Yahoo")
    await world.call(NUMBER, transcript="Your code is 5678", wav=b"RIFF....WAVE")

    world.clock.advance(24 * HOUR_S + 1)

    assert await forget(world) == 2
    rows = await world.rows("SELECT body, code, sender, forgotten_at_ms FROM messages")
    assert [tuple(row) for row in rows] == [(None, None, None, world.clock.now_ms())] * 2
    assert await world.rows("SELECT message_id FROM recordings") == []


async def test_until_then_all_of_it_is_there(world: World) -> None:
    await world.lines(NUMBER)
    receipt = await world.call(NUMBER, transcript=CODE, wav=b"RIFF....WAVE")

    world.clock.advance(24 * HOUR_S)

    assert await forget(world) == 0
    assert [row[0] for row in await world.rows("SELECT body FROM messages")] == [CODE]
    assert receipt.message_id is not None
    assert await world.db.read(browse.recording, receipt.message_id) == b"RIFF....WAVE"


async def test_the_operator_says_how_many_hours(world: World) -> None:
    await world.lines(NUMBER)
    await world.sms(NUMBER, CODE)
    world.clock.advance(2 * HOUR_S + 1)

    assert await forget(world, hours=3) == 0
    assert await forget(world, hours=2) == 1


async def test_no_text_code_or_sender_is_left_in_the_whole_database(world: World) -> None:
    await world.service(4)
    await world.lines(NUMBER)
    dealer = await world.dealer()
    await world.rent(dealer, 4)
    await world.lines("0967000002")
    await world.sms(NUMBER, "Your secret word is nightingale, code 86420", source_id="17")
    await world.call(
        NUMBER, sender="0912345678", transcript="nightingale 97531", wav=b"nightingale"
    )
    reported = await world.rent(dealer, 4)
    await world.report(dealer, reported.rental.id, note="nightingale, it said 86420")
    world.clock.advance(25 * HOUR_S)

    await forget(world)

    tables = ("messages", "recordings", "events", "rentals", "postings", "callbacks")
    for table in (*tables, "rental_reports"):
        rows = await world.rows(f"SELECT * FROM {table}")
        for said in ("nightingale", "86420", "97531", "912345678"):
            assert said not in repr([tuple(row) for row in rows])


async def test_the_note_of_a_report_is_erased_with_the_texts_and_the_report_stays(
    world: World,
) -> None:
    await world.service(4)
    await world.lines(NUMBER, "0967000002", "0967000003")
    dealer = await world.dealer()
    for _ in range(3):
        rental_id = (await world.rent(dealer, 4)).rental.id
        await world.report(dealer, rental_id, note=f"of rental {rental_id}")

    async def notes() -> list[str | None]:
        return [one.note for one in await world.db.read(browse.list_rentals, "", "", 10)]

    world.clock.advance(24 * HOUR_S)
    assert await forget(world) == 0
    assert None not in await notes()
    world.clock.advance(1)
    assert [await forget(world, limit=2) for _ in range(3)] == [2, 1, 0]
    assert await notes() == [None] * 3
    rows = await world.rows("SELECT count(*) FROM rental_reports WHERE reason = 'no_message'")
    assert rows[0][0] == 3


async def test_the_rental_and_the_books_stay(world: World) -> None:
    await world.service(4)
    await world.lines(NUMBER)
    dealer = await world.dealer(balance_dong=1000)
    rental = (await world.rent(dealer, 4)).rental
    receipt = await world.sms(NUMBER, CODE)
    world.clock.advance(25 * HOUR_S)

    await forget(world)

    view = await world.rental(dealer, rental.id)
    assert (view.state, view.text, view.code) == (RentalState.RECEIVED, None, None)
    assert view.message_id == receipt.message_id
    assert (await world.account(dealer)).available_dong == 530
    assert await world.book_findings() == []


async def test_a_line_that_gave_a_code_stays_used(world: World) -> None:
    await world.service(4, waiting_s=60)
    await world.lines(NUMBER, "0967000002")
    dealer = await world.dealer()
    first = (await world.rent(dealer, 4)).rental
    await world.sms(first.number, CODE)
    world.clock.advance(25 * HOUR_S)
    await world.expire()

    await forget(world)

    assert (await world.rent(dealer, 4)).rental.number != first.number


async def test_a_repeated_delivery_is_known_even_when_it_was_forgotten(world: World) -> None:
    await world.lines(NUMBER)
    await world.sms(NUMBER, CODE, source_id="17")
    world.clock.advance(25 * HOUR_S)
    await forget(world)

    assert (await world.sms(NUMBER, CODE, source_id="17")).duplicate


async def test_no_more_is_forgotten_at_once_than_asked_for_and_the_oldest_first(
    world: World,
) -> None:
    await world.lines(NUMBER)
    for number in range(3):
        await world.sms(NUMBER, f"Your code is 1000{number}")
        world.clock.advance(1)
    world.clock.advance(25 * HOUR_S)

    assert await forget(world, limit=2) == 2
    left = await world.rows("SELECT body FROM messages WHERE body IS NOT NULL")
    assert [row[0] for row in left] == ["Your code is 10002"]
    assert [await forget(world, limit=2) for _ in range(2)] == [1, 0]


async def test_forgetting_is_told_by_one_event_and_nothing_to_forget_by_none(world: World) -> None:
    await world.lines(NUMBER)
    await world.sms(NUMBER, CODE)
    world.clock.advance(25 * HOUR_S)
    before = await world.events()

    await forget(world)
    await forget(world)

    (event,) = (await world.events())[len(before) :]
    assert (event.kind, event.data) == (EventKind.MESSAGES_FORGOTTEN, {"count": 1})
