"""A message that is handed over again is kept once."""

import pytest

from flows.receiving import CODE, NUMBER, OTHER_CODE, balances, waiting_rental
from simlet.domain.inbound import Inbound, MessageKind
from simlet.domain.rental import RentalState
from simlet.flows.forget_old import forget_old
from simlet.flows.receive_message import Receipt
from simlet.testing.world import World

pytestmark = pytest.mark.anyio


async def test_the_same_delivery_twice_is_kept_once(world: World) -> None:
    dealer, _ = await waiting_rental(world)
    first = await world.sms(NUMBER, CODE, source_id="17")
    before = await world.events()

    second = await world.sms(NUMBER, CODE, source_id="17")

    assert second == Receipt(first.message_id, duplicate=True)
    assert await world.events() == before
    assert len(await world.rows("SELECT id FROM messages")) == 1
    assert await balances(world, dealer) == (530, 0, 0)


async def test_the_same_id_with_another_text_is_kept_as_well(world: World) -> None:
    dealer, rental = await waiting_rental(world)
    await world.sms(NUMBER, CODE, source_id="17")

    second = await world.sms(NUMBER, OTHER_CODE, source_id="17")

    assert not second.duplicate
    assert (await world.rental(dealer, rental.id)).code == "654321"


async def test_the_same_id_of_another_gateway_is_another_message(world: World) -> None:
    await waiting_rental(world)
    gateways = [(await world.gateway(name))[0] for name in ("one", "other")]

    receipts = [await world.sms(NUMBER, CODE, source_id="17", gateway_id=one) for one in gateways]

    assert [each.duplicate for each in receipts] == [False, False]


async def test_the_same_fingerprint_is_kept_once(world: World) -> None:
    await waiting_rental(world)
    sent_at_ms = world.clock.now_ms()
    world.clock.advance(3)

    receipts = [await world.sms(NUMBER, CODE, sent_at_ms=sent_at_ms) for _ in range(3)]

    assert [each.duplicate for each in receipts] == [False, True, True]
    assert len({each.message_id for each in receipts}) == 1


async def test_two_genuine_messages_with_the_same_text_are_two(world: World) -> None:
    _, rental = await waiting_rental(world)
    sent_at_ms = world.clock.now_ms()
    world.clock.advance(10)

    receipts = [
        await world.sms(NUMBER, CODE, sent_at_ms=sent_at_ms + after) for after in (0, 1_000)
    ]

    assert [each.rental_id for each in receipts] == [rental.id, rental.id]
    assert receipts[0].message_id != receipts[1].message_id


async def test_without_an_id_and_a_stamp_every_delivery_is_kept(world: World) -> None:
    dealer, _ = await waiting_rental(world)

    receipts = [await world.sms(NUMBER, CODE) for _ in range(2)]

    assert [each.duplicate for each in receipts] == [False, False]
    assert await balances(world, dealer) == (530, 0, 0)
    assert await world.book_findings() == []


async def test_a_repeated_delivery_after_the_expiry_is_still_the_same(world: World) -> None:
    await waiting_rental(world)
    await world.sms(NUMBER, CODE, source_id="17")
    world.clock.advance(61)
    await world.expire()

    assert (await world.sms(NUMBER, CODE, source_id="17")).duplicate


CALL = Inbound(MessageKind.CALL, "+84967000001", "Yahoo", "", None, "call-1")
WAV = b"RIFF....WAVE"
RECORDED = CALL._replace(recording=WAV)


async def _recordings(world: World) -> list[tuple[int, bytes]]:
    rows = await world.rows("SELECT message_id, wav FROM recordings")
    return [(row[0], bytes(row[1])) for row in rows]


async def test_a_recording_that_comes_later_is_added_to_its_call_and_pays_once(
    world: World,
) -> None:
    dealer, rental = await waiting_rental(world)
    call = await world.receive(CALL, None)
    assert (await world.rental(dealer, rental.id)).state is RentalState.WAITING

    receipts = [await world.receive(one, None) for one in (RECORDED, RECORDED, CALL)]

    assert receipts == [
        Receipt(call.message_id, duplicate=False, rental_id=rental.id),
        Receipt(call.message_id, duplicate=True),
        Receipt(call.message_id, duplicate=True),
    ]
    shown = await world.rental(dealer, rental.id)
    assert (shown.state, shown.has_recording) == (RentalState.RECEIVED, True)
    assert await _recordings(world) == [(call.message_id, WAV)]
    assert await balances(world, dealer) == (530, 0, 0)
    assert await world.book_findings() == []


async def test_a_recording_of_a_call_whose_code_was_paid_for_is_added_at_no_cost(
    world: World,
) -> None:
    dealer, rental = await waiting_rental(world)
    await world.receive(CALL._replace(text=CODE), None)
    await world.receive(RECORDED._replace(text=CODE), None)

    shown = await world.rental(dealer, rental.id)
    assert (shown.code, shown.has_recording) == ("123456", True)
    assert await balances(world, dealer) == (530, 0, 0)
    assert await world.book_findings() == []


async def test_a_recording_that_comes_after_the_end_changes_it_not(world: World) -> None:
    dealer, rental = await waiting_rental(world)
    call = await world.receive(CALL, None)
    world.clock.advance(60)
    await world.expire()
    await world.receive(RECORDED, None)

    assert (await world.rental(dealer, rental.id)).state is RentalState.EXPIRED
    assert await _recordings(world) == [(call.message_id, WAV)]
    assert await balances(world, dealer) == (1000, 0, 0)


async def test_a_later_tenant_gets_no_recording_of_an_earlier_ones_call(world: World) -> None:
    _, first = await waiting_rental(world)
    await world.receive(CALL, None)
    world.clock.advance(60)
    await world.expire()
    other = await world.dealer("other")
    rented = (await world.rent(other, 4)).rental

    receipt = await world.receive(RECORDED, None)

    assert receipt.rental_id == first.id
    assert (await world.rental(other, rented.id)).state is RentalState.WAITING


async def test_no_recording_is_added_to_what_was_erased(world: World) -> None:
    await waiting_rental(world)
    await world.receive(CALL, None)
    world.clock.advance(25 * 3600)
    await world.db.write(forget_old, world.clock.now_ms(), 24, 100)

    assert (await world.receive(RECORDED, None)).duplicate
    assert await _recordings(world) == []
