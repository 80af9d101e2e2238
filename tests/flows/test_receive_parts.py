"""The parts of a long message are one message, whatever their order."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.parts_desk import HALVES, OTHER, WHOLE, Desk
from simlet.domain.events import EventKind
from simlet.domain.inbound import Quarantine, join_parts, part_to_bytes
from simlet.domain.rental import RentalState
from simlet.flows.receive_message import REPEATED_WITHIN_MS, STAMPS_WITHIN_MS, receive_message

pytestmark = pytest.mark.anyio


async def test_a_message_in_parts_answers_the_rental_when_it_is_complete(desk: Desk) -> None:
    first, second = await desk.receive(desk.part(HALVES[0], 1), desk.part(HALVES[1], 2))

    assert (first.message_id, first.duplicate) == (None, False)
    assert second.rental_id == desk.rental_id
    assert await desk.shown() == (RentalState.RECEIVED, WHOLE, "486460")
    assert await desk.world.book_findings() == []


async def test_parts_may_come_in_any_order(desk: Desk) -> None:
    await desk.receive(desk.part(HALVES[1], 2), desk.part(HALVES[0], 1))
    assert await desk.texts() == [WHOLE]


async def test_a_part_that_comes_twice_is_a_duplicate(desk: Desk) -> None:
    one = desk.part(HALVES[0], 1)
    _, again, _, late = await desk.receive(one, one, desk.part(HALVES[1], 2), one)

    assert again.duplicate
    assert late.duplicate
    assert await desk.texts() == [WHOLE]


async def test_without_stamps_a_repetition_is_known_by_its_nearness(desk: Desk) -> None:
    one, two = (desk.part(text, n, sent_at_ms=None) for n, text in enumerate(HALVES, 1))
    await desk.receive(one, two)
    assert [receipt.duplicate for receipt in await desk.receive(one, two)] == [True, True]

    desk.world.clock.advance(REPEATED_WITHIN_MS / 1000 + 1)
    assert [receipt.duplicate for receipt in await desk.receive(one, two)] == [False, False]
    assert await desk.texts() == [WHOLE, WHOLE]


async def test_the_same_part_under_another_id_is_another_part(desk: Desk) -> None:
    """A code that is asked for again may come under the same reference."""
    hello = desk.part("Hello from Yahoo, your ", 1, sent_at_ms=None)
    first = desk.part("code is 486001", 2, sent_at_ms=None, source_id="2")
    second = desk.part("code is 486002", 2, sent_at_ms=None, source_id="4")
    one, three = hello._replace(source_id="1"), hello._replace(source_id="3")
    receipts = await desk.receive(one, one, first, three, second)

    assert [receipt.duplicate for receipt in receipts] == [False, True, False, False, False]
    assert await desk.texts() == [
        "Hello from Yahoo, your code is 486001",
        "Hello from Yahoo, your code is 486002",
    ]


async def test_the_same_text_with_another_stamp_is_another_message(desk: Desk) -> None:
    await desk.receive(desk.part(HALVES[0], 1), desk.part(HALVES[1], 2))
    desk.world.clock.advance(60)
    await desk.receive(desk.part(HALVES[0], 1), desk.part(HALVES[1], 2))
    assert await desk.texts() == [WHOLE, WHOLE]


async def test_parts_of_several_senders_do_not_mix(desk: Desk) -> None:
    await desk.receive(
        desk.part("a1 ", 1, sender="Alpha"),
        desk.part("b1 ", 1, sender="Beta"),
        desk.part("b2", 2, sender="Beta"),
        desk.part("a2", 2, sender="Alpha"),
    )
    assert await desk.texts() == ["b1 b2", "a1 a2"]


async def test_parts_of_several_lines_and_references_do_not_mix(desk: Desk) -> None:
    await desk.world.lines(OTHER)
    await desk.receive(
        desk.part("a1 ", 1),
        desk.part("b1 ", 1, reference=8),
        desk.part("c1 ", 1, to=OTHER),
        desk.part("d1 ", 1, total=3),
        desk.part("c2", 2, to=OTHER),
        desk.part("b2", 2, reference=8),
        desk.part("a2", 2),
    )
    assert await desk.texts() == ["c1 c2", "b1 b2", "a1 a2"]


async def test_a_reference_that_comes_round_again_begins_a_new_message(desk: Desk) -> None:
    await desk.receive(desk.part("old", 1))
    desk.world.clock.advance(STAMPS_WITHIN_MS / 1000 + 1)
    await desk.receive(desk.part("new 1 ", 1), desk.part("new 2", 2))
    assert await desk.texts() == ["new 1 new 2"]


async def test_two_messages_with_one_reference_are_told_apart_by_their_parts(desk: Desk) -> None:
    await desk.receive(
        desk.part("a1 ", 1), desk.part("b1 ", 1), desk.part("a2", 2), desk.part("b2", 2)
    )
    assert await desk.texts() == ["a1 a2", "b1 b2"]


async def test_fifty_four_parts_in_any_order_are_one_message(desk: Desk) -> None:
    texts = [f"<{number}>" for number in range(1, 55)]
    numbered = sorted(enumerate(texts, 1), key=lambda pair: pair[0] * 31 % 54)
    await desk.receive(*[desk.part(text, number, 54) for number, text in numbered])
    assert await desk.texts() == ["".join(texts)]


async def test_the_most_parts_there_can_be_are_one_message(desk: Desk) -> None:
    await desk.receive(*[desk.part("x", number, 255) for number in range(255, 0, -1)])
    assert await desk.texts() == ["x" * 255]


async def test_a_surrogate_pair_that_was_cut_in_two_is_joined(desk: Desk) -> None:
    await desk.receive(desk.part("smile \ud83d", 1), desk.part("\ude00 486460", 2))
    assert await desk.texts() == ["smile 😀 486460"]


async def test_a_message_was_sent_when_its_first_part_came(desk: Desk) -> None:
    """One whose parts began before a rental never reaches it."""
    await desk.world.lines(OTHER)
    begun = desk.part("Yahoo: ", 1, to=OTHER, sent_at_ms=None)
    await desk.receive(begun)
    desk.world.clock.advance(5)
    other = await desk.world.dealer("other")
    rented = await desk.world.rent(other, 4)
    await desk.receive(desk.part("486460", 2, to=OTHER, sent_at_ms=None))

    assert rented.rental.number == OTHER
    assert (await desk.world.rental(other, rented.rental.id)).state is RentalState.WAITING
    rows = await desk.world.rows("SELECT quarantine FROM messages")
    assert [row[0] for row in rows] == [Quarantine.NO_RENTAL.value]


async def test_parts_that_waited_in_the_spool_reach_the_rental_that_was_open_then(
    desk: Desk,
) -> None:
    came_ms = desk.world.clock.now_ms()
    texts = [desk.part(text, number, sent_at_ms=None) for number, text in enumerate(HALVES, 1)]
    desk.world.clock.advance(300)
    await desk.world.expire()
    gateway_id, _ = await desk.world.gateway()
    for one in texts:
        receipt = await desk.world.db.write(receive_message, gateway_id, one, came_ms)

    assert receipt.rental_id == desk.rental_id
    assert (await desk.shown())[0] is RentalState.EXPIRED
    assert await desk.world.book_findings() == []


async def test_each_part_is_an_event_without_its_text(desk: Desk) -> None:
    await desk.receive(desk.part(HALVES[0], 1))
    event = (await desk.world.events())[-1]
    assert event.kind is EventKind.PART_KEPT
    assert (event.data["number"], event.data["total"]) == (1, 2)
    assert HALVES[0] not in str(event.data)


@given(text=st.text(max_size=60), cuts=st.lists(st.integers(0, 120), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_cut_anywhere_between_two_bytes_pairs_is_joined_again(
    text: str, cuts: list[int]
) -> None:
    text = text.replace("\x00", "")
    raw = part_to_bytes(text)
    edges = [0, *sorted(cut * 2 for cut in cuts if cut * 2 < len(raw)), len(raw)]
    pieces = [raw[a:b] for a, b in pairwise(edges)]
    assert join_parts(dict(enumerate(pieces, 1)), len(pieces)) == text
