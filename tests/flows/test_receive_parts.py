from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simlet.domain.events import EventKind
from simlet.domain.inbound import Inbound, MessageKind, Part, Quarantine, join_parts, part_to_bytes
from simlet.domain.rental import RentalState
from simlet.flows.forget_old import forget_old
from simlet.flows.give_up_parts import give_up_parts, overdue_parts
from simlet.flows.receive_message import (
    LATE_WITHIN_MS,
    REPEATED_WITHIN_MS,
    STAMPS_WITHIN_MS,
    receive_message,
)
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

NUMBER = "+84967000001"
OTHER = "+84967000002"
PATIENCE_S = 30.0
HALVES = ("Your Yahoo code is 48", "6460. Do not share it.")
WHOLE = "".join(HALVES)


@dataclass
class Desk:
    """A dealer that waits for Yahoo on a line, and parts that come in."""

    world: World
    dealer: Dealer
    rental_id: int

    def part(
        self, text: str, number: int, total: int = 2, reference: int = 7, **changes: Any
    ) -> Inbound:
        whole = Inbound(MessageKind.SMS, NUMBER, "Yahoo", text, self.world.clock.now_ms())
        return whole._replace(part=Part(reference, total, number), **changes)

    async def receive(self, *inbounds: Inbound) -> list[Any]:
        return [await self.world.receive(one, None) for one in inbounds]

    async def give_up(self) -> int:
        now_ms = self.world.clock.now_ms()
        overdue = await self.world.db.read(overdue_parts, now_ms, PATIENCE_S, 100)
        return sum([await self.world.db.write(give_up_parts, one, now_ms) for one in overdue])

    async def texts(self) -> list[str]:
        return [row[0] for row in await self.world.rows("SELECT body FROM messages ORDER BY id")]

    async def shown(self) -> tuple[RentalState, str | None, str | None]:
        view = await self.world.rental(self.dealer, self.rental_id)
        return view.state, view.text, view.code


@pytest.fixture
async def desk(world: World) -> Desk:
    await world.service(4)
    await world.lines(NUMBER)
    dealer = await world.dealer()
    rented = await world.rent(dealer, 4)
    return Desk(world, dealer, rented.rental.id)


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
    await desk.receive(desk.part("Yahoo code: 4864", 1))
    desk.world.clock.advance(PATIENCE_S)
    await desk.give_up()
    before = await desk.shown()
    await desk.receive(desk.part("-none-of-this-is-a-code-86-46-0-1-2-3-4-5-6-7", 2))

    state, _, code = await desk.shown()
    assert (before[0], state) == (RentalState.RECEIVED, RentalState.RECEIVED)
    assert before[2] == "4864"
    assert code is not None


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


async def test_each_part_is_an_event_without_its_text(desk: Desk) -> None:
    await desk.receive(desk.part(HALVES[0], 1))
    event = (await desk.world.events())[-1]
    assert event.kind is EventKind.PART_KEPT
    assert (event.data["number"], event.data["total"]) == (1, 2)
    assert HALVES[0] not in str(event.data)


# Other sorts of messages


async def test_a_sim_is_known_by_its_iccid(desk: Desk) -> None:
    (row,) = await desk.world.rows("SELECT iccid FROM lines")
    sms = desk.part("Yahoo 486460", 1)._replace(part=None, to="", iccid=row[0])
    (receipt,) = await desk.receive(sms)

    assert receipt.rental_id == desk.rental_id
    (kept,) = await desk.world.rows("SELECT to_number FROM messages")
    assert kept[0] == NUMBER


async def test_what_comes_on_an_unknown_sim_is_in_quarantine(desk: Desk) -> None:
    sms = desk.part("hello", 1)._replace(part=None, to="", iccid="89840000000000000999")
    (receipt,) = await desk.receive(sms)

    assert receipt.quarantine is Quarantine.UNKNOWN_NUMBER
    (kept,) = await desk.world.rows("SELECT to_number FROM messages")
    assert kept[0] == "sim0000000000999"


async def test_a_damaged_message_is_for_the_operator_alone(desk: Desk) -> None:
    raw = desk.part("0791 Yahoo 486460", 1)._replace(part=None, damaged=True)
    (receipt,) = await desk.receive(raw)

    assert receipt.quarantine is Quarantine.DAMAGED
    assert (await desk.shown())[0] is RentalState.WAITING


async def test_a_gateway_may_not_deliver_for_a_line_of_another_one(desk: Desk) -> None:
    own_id, _ = await desk.world.gateway("own")
    foreign_id, _ = await desk.world.gateway("foreign")
    await desk.world.lines(OTHER, gateway="own")
    other = await desk.world.dealer("other")
    rented = await desk.world.rent(other, 4)
    sms = Inbound(MessageKind.SMS, OTHER, "Yahoo", "code 486460", None, "1")

    refused = await desk.world.receive(sms, foreign_id)
    again = await desk.world.receive(sms, foreign_id)
    assert (refused.quarantine, again.quarantine) == (Quarantine.OTHER_GATEWAY,) * 2
    assert again.duplicate
    assert (await desk.world.rental(other, rented.rental.id)).state is RentalState.WAITING

    kept = await desk.world.receive(sms, own_id)
    assert kept.rental_id == rented.rental.id


async def test_only_equipment_that_holds_the_sim_proves_whose_it_is(desk: Desk) -> None:
    await desk.world.gateway("own")
    await desk.world.lines(OTHER, gateway="own")
    (row,) = await desk.world.rows(f"SELECT iccid FROM lines WHERE number = '{OTHER}'")
    told = Inbound(MessageKind.SMS, "", "Yahoo", "code 486460", None, "1", iccid=row[0])

    (said, held) = await desk.receive(told, told._replace(source_id="2", has_sim=True))
    assert said.quarantine is Quarantine.OTHER_GATEWAY
    assert held.quarantine is Quarantine.NO_RENTAL


async def test_a_part_for_a_line_of_another_gateway_is_recorded_as_it_is(desk: Desk) -> None:
    await desk.world.gateway("own")
    await desk.world.lines(OTHER, gateway="own")
    (receipt,) = await desk.receive(desk.part("486460", 1, to=OTHER))
    assert receipt.quarantine is Quarantine.OTHER_GATEWAY


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
