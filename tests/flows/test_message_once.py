"""A message that is handed over again is kept once."""

import pytest

from flows.receiving import CODE, NUMBER, OTHER_CODE, balances, waiting_rental
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
