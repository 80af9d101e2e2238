"""By which SIM and gateway a message came, and which of them may bring it."""

import pytest

from flows.parts_desk import NUMBER, OTHER, Desk
from simlet.domain.inbound import Inbound, MessageKind, Quarantine
from simlet.domain.rental import RentalState

pytestmark = pytest.mark.anyio


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


@pytest.mark.parametrize(
    ("has_sim", "quarantine"), [(False, None), (True, Quarantine.UNKNOWN_NUMBER)]
)
async def test_an_iccid_that_nobody_knows_does_not_beat_the_number_unless_the_sim_is_there(
    desk: Desk, has_sim: bool, quarantine: Quarantine | None
) -> None:
    sms = desk.part("Your code is 486460", 1)._replace(part=None, iccid="89840000000000000999")
    (receipt,) = await desk.receive(sms._replace(has_sim=has_sim))

    assert receipt.quarantine is quarantine
    assert receipt.rental_id == (None if has_sim else desk.rental_id)


async def test_a_known_iccid_beats_the_number(desk: Desk) -> None:
    await desk.world.lines(OTHER)
    (row,) = await desk.world.rows(f"SELECT iccid FROM lines WHERE number = '{NUMBER}'")
    sms = desk.part("Yahoo 486460", 1)._replace(part=None, to=OTHER, iccid=row[0])
    (receipt,) = await desk.receive(sms)
    assert receipt.rental_id == desk.rental_id


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


async def test_half_a_character_in_a_part_for_a_line_of_another_gateway_holds_nobody_up(
    desk: Desk,
) -> None:
    """A database that cannot keep it would send what comes behind it to the spool."""
    await desk.world.gateway("own")
    await desk.world.lines(OTHER, gateway="own")
    half = desk.part("code 486460 \ud83d", 1, to=OTHER, sender="Yahoo\ud83d")

    receipt, again = await desk.receive(half, half)

    assert receipt.quarantine is Quarantine.OTHER_GATEWAY
    assert again.duplicate
    (row,) = await desk.world.rows("SELECT sender, body FROM messages")
    assert tuple(row) == ("Yahoo\ufffd", "code 486460 \ufffd")


async def test_half_a_character_in_a_whole_message_is_kept_as_none(desk: Desk) -> None:
    whole = desk.part("Your code is 486460 \udd11", 1)._replace(part=None)
    (receipt,) = await desk.receive(whole)

    assert receipt.rental_id == desk.rental_id
    assert await desk.shown() == (RentalState.RECEIVED, "Your code is 486460 \ufffd", "486460")
