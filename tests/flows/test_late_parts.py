"""What is done with parts whose rest does not come in time."""

import pytest

from flows.parts_desk import HALVES, NUMBER, PATIENCE_S, WHOLE, Desk
from simlet.domain.rental import RentalState
from simlet.flows.forget_old import forget_old
from simlet.flows.keep import search
from simlet.flows.receive_message import LATE_WITHIN_MS

pytestmark = pytest.mark.anyio


async def test_parts_of_a_stranger_never_complete_the_message_of_a_rental(desk: Desk) -> None:
    await desk.receive(desk.part("Your Yahoo code is 111222 .", 1, sent_at_ms=None))
    desk.world.clock.advance(PATIENCE_S)
    await desk.give_up()
    await desk.world.service(5, name="Zalo", senders=("Yahoo",), texts=("Zalo",))
    other = await desk.world.dealer("other")
    rented = (await desk.world.rent(other, 5)).rental
    await desk.receive(
        desk.part("code is 999888", 2, sent_at_ms=None, source_id="b"),
        desk.part("Dear Yen, your Zalo ", 1, sent_at_ms=None, source_id="a"),
    )

    assert rented.number == NUMBER
    _, text, code = await desk.shown()
    assert (text, code) == ("Your Yahoo code is 111222 . […]", "111222")
    assert (await desk.world.rental(other, rented.id)).code == "999888"


async def test_a_part_without_a_stamp_completes_nothing_that_is_long_over(desk: Desk) -> None:
    await desk.receive(desk.part("stray ", 1, sent_at_ms=None))
    desk.world.clock.advance(PATIENCE_S)
    await desk.give_up()
    desk.world.clock.advance(LATE_WITHIN_MS / 1000)
    await desk.receive(
        desk.part("6460", 2, sent_at_ms=None), desk.part("Yahoo code 48", 1, sent_at_ms=None)
    )
    assert (await desk.texts())[-1] == "Yahoo code 486460"


async def test_what_came_is_kept_when_the_rest_does_not_come(desk: Desk) -> None:
    await desk.receive(desk.part("The first of two, ", 1))
    assert await desk.give_up() == 0
    desk.world.clock.advance(PATIENCE_S)

    assert await desk.give_up() == 1
    assert await desk.give_up() == 0
    rows = await desk.world.rows("SELECT body, quarantine FROM messages")
    assert [tuple(row) for row in rows] == [("The first of two,  […]", "incomplete")]
    assert (await desk.shown())[0] is RentalState.WAITING


async def test_what_came_answers_the_rental_if_it_holds_a_code(desk: Desk) -> None:
    await desk.receive(desk.part("Yahoo code: 486460. ", 2, 3))
    desk.world.clock.advance(PATIENCE_S)
    await desk.give_up()

    state, _, code = await desk.shown()
    assert (state, code) == (RentalState.RECEIVED, "486460")
    assert await desk.world.book_findings() == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Your Yahoo verification code is 4864", "60. Do not share it."),
        ("Your Yahoo verification code is ", "4864"),
        ("Your Yahoo verification code is 48", "6460 is not to be shared."),
        ("Your Yahoo verification code is 1234 ", "5678. Do not share it."),
    ],
)
@pytest.mark.parametrize("came", [1, 2])
async def test_a_code_that_may_be_cut_waits_for_the_missing_part(
    desk: Desk, first: str, second: str, came: int
) -> None:
    texts = {1: first, 2: second}
    stamp = desk.world.clock.now_ms()
    await desk.receive(desk.part(texts[came], came))
    desk.world.clock.advance(PATIENCE_S)
    await desk.give_up()
    assert (await desk.shown())[0] is RentalState.WAITING

    other = 3 - came
    await desk.receive(desk.part(texts[other], other, sent_at_ms=stamp))
    whole = first + second
    assert await desk.shown() == (RentalState.RECEIVED, whole, search(whole, None))
    assert await desk.world.book_findings() == []


@pytest.mark.parametrize("pattern", [None, "[0-9]{4,8}", "code ([0-9]{4,8})"])
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Your code 486460. […]", "486460"),
        ("Your code 486460 […]", None),
        ("Your code 486460  […]", "486460"),
        ("Your code 486460.  […]", "486460"),
        ("Your code 4864, thanks […]", "4864"),
        ("[…] Your code 486460", "486460"),
        ("[…] Your code 486460. […]", "486460"),
        ("Your code 4864 […] 60", None),
        ("Your code 4864- […]", None),
        ("Your code 1234  […]", None),
        ("Your code 48 64 […]", None),
        ("Your code […] 6460 it is", None),
        ("Your code […] 60 4864 it is", None),
    ],
)
def test_what_stands_beside_a_gap_is_no_code(
    text: str, code: str | None, pattern: str | None
) -> None:
    assert search(text, pattern) == code


async def test_a_late_part_completes_what_was_given_up(desk: Desk) -> None:
    await desk.receive(desk.part(HALVES[0], 1))
    desk.world.clock.advance(PATIENCE_S)
    await desk.give_up()
    stamp = desk.world.clock.now_ms() - int(PATIENCE_S * 1000)
    await desk.receive(desk.part(HALVES[1], 2, sent_at_ms=stamp))

    assert await desk.texts() == [WHOLE]
    assert await desk.shown() == (RentalState.RECEIVED, WHOLE, "486460")
    assert await desk.world.book_findings() == []


async def test_a_late_part_never_takes_a_message_from_its_rental(desk: Desk) -> None:
    await desk.receive(desk.part("Yahoo code: 486460. ", 1))
    desk.world.clock.advance(PATIENCE_S)
    await desk.give_up()
    await desk.receive(desk.part("Thank you.", 2))

    assert await desk.shown() == (
        RentalState.RECEIVED,
        "Yahoo code: 486460. Thank you.",
        "486460",
    )


async def test_a_code_that_a_dealer_has_read_is_not_taken_back_by_a_late_part(desk: Desk) -> None:
    await desk.receive(desk.part("Yahoo: 4864. ", 1))
    desk.world.clock.advance(PATIENCE_S)
    await desk.give_up()
    before = await desk.shown()
    await desk.receive(desk.part("Order number 4864.", 2))

    state, _, code = await desk.shown()
    assert (before[0], before[2]) == (RentalState.RECEIVED, "4864")
    assert (state, code) == (RentalState.RECEIVED, "4864")


async def test_parts_are_forgotten_with_the_texts(desk: Desk) -> None:
    await desk.receive(desk.part(HALVES[0], 1), desk.part(HALVES[1], 2))
    await desk.receive(desk.part("open", 1, reference=9))
    desk.world.clock.advance(25 * 3600)
    await desk.give_up()
    await desk.world.db.write(forget_old, desk.world.clock.now_ms(), 24, 100)

    for table in ("parts", "long_messages"):
        assert await desk.world.rows(f"SELECT * FROM {table}") == []


async def test_a_late_part_of_what_was_forgotten_writes_nothing_into_it(desk: Desk) -> None:
    await desk.receive(desk.part("only", 1))
    desk.world.clock.advance(PATIENCE_S)
    await desk.give_up()
    await desk.world.db.write(forget_old, desk.world.clock.now_ms() + 1, 0, 100)
    await desk.receive(desk.part("late", 2))

    rows = await desk.world.rows("SELECT body FROM messages ORDER BY id")
    assert rows[0][0] is None
