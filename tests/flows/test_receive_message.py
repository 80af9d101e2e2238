"""What a message or a call does to its rental."""

import pytest

from flows.receiving import CODE, NO_CODE, NUMBER, OTHER_CODE, balances, waiting_rental
from simlet.domain.events import EventKind
from simlet.domain.inbound import Inbound, MessageKind
from simlet.domain.rental import RentalState
from simlet.testing.world import World

pytestmark = pytest.mark.anyio


# ----------------------------------------------------------------------------------------- the code


async def test_a_code_settles_the_rental(world: World) -> None:
    dealer, rental = await waiting_rental(world)

    receipt = await world.sms(NUMBER, CODE)

    view = await world.rental(dealer, rental.id)
    assert receipt.rental_id == rental.id
    assert (view.state, view.code, view.text) == (RentalState.RECEIVED, "123456", CODE)
    assert await balances(world, dealer) == (530, 0, 0)
    assert await world.book_findings() == []


async def test_the_house_earns_the_price(world: World) -> None:
    await waiting_rental(world)
    await world.sms(NUMBER, CODE)

    (row,) = await world.rows(
        "SELECT sum(amount_dong) FROM postings WHERE target = 'house:revenue'"
    )
    assert row[0] == 470


async def test_a_message_and_its_settling_are_one_event_each_without_what_was_said(
    world: World,
) -> None:
    dealer, rental = await waiting_rental(world)
    before = await world.events()

    receipt = await world.sms(NUMBER, CODE)

    kept, received = (await world.events())[len(before) :]
    assert (kept.kind, kept.message_id) == (EventKind.MESSAGE_KEPT, receipt.message_id)
    assert (kept.account_id, kept.rental_id) == (dealer.id, rental.id)
    assert kept.data == {"has_code": True}
    assert (received.kind, received.rental_id) == (EventKind.RENTAL_RECEIVED, rental.id)
    assert received.data == {"settled_dong": 470}


async def test_a_service_with_a_pattern_of_its_own_finds_its_own_code(world: World) -> None:
    await world.service(4, code_pattern=r"ticket (\w+)")
    await world.lines(NUMBER)
    dealer = await world.dealer()
    rental = (await world.rent(dealer, 4)).rental

    await world.sms(NUMBER, "Your code is 123456, your ticket AB12X")

    assert (await world.rental(dealer, rental.id)).code == "AB12X"


async def test_a_service_with_a_pattern_of_its_own_takes_no_other_code(world: World) -> None:
    await world.service(4, code_pattern=r"ticket (\w+)")
    await world.lines(NUMBER)
    dealer = await world.dealer()
    rental = (await world.rent(dealer, 4)).rental

    await world.sms(NUMBER, CODE)

    assert (await world.rental(dealer, rental.id)).state is RentalState.WAITING


async def test_a_message_without_a_code_is_attached_and_the_rental_waits_on(world: World) -> None:
    dealer, rental = await waiting_rental(world)

    receipt = await world.sms(NUMBER, NO_CODE)

    view = await world.rental(dealer, rental.id)
    assert receipt.rental_id == rental.id
    assert (view.state, view.text, view.code) == (RentalState.WAITING, None, None)
    assert await balances(world, dealer) == (530, 470, 1)

    await world.sms(NUMBER, CODE)
    assert (await world.rental(dealer, rental.id)).code == "123456"


async def test_a_second_message_is_attached_at_no_cost_and_shown(world: World) -> None:
    dealer, rental = await waiting_rental(world)
    await world.sms(NUMBER, CODE)
    before = await world.events()

    receipt = await world.sms(NUMBER, OTHER_CODE)

    view = await world.rental(dealer, rental.id)
    assert receipt.rental_id == rental.id
    assert (view.code, view.text) == ("654321", OTHER_CODE)
    assert await balances(world, dealer) == (530, 0, 0)
    assert [one.kind for one in (await world.events())[len(before) :]] == [EventKind.MESSAGE_KEPT]
    assert await world.book_findings() == []


async def test_a_stamp_ahead_of_our_clock_does_not_hide_what_comes_after(world: World) -> None:
    dealer, rental = await waiting_rental(world)
    await world.sms(NUMBER, CODE, sent_at_ms=world.clock.now_ms() + 3_600_000)
    world.clock.advance(5)

    await world.sms(NUMBER, OTHER_CODE)

    assert (await world.rental(dealer, rental.id)).code == "654321"


async def test_a_second_message_without_a_code_does_not_hide_the_code(world: World) -> None:
    dealer, rental = await waiting_rental(world)
    await world.sms(NUMBER, CODE)

    receipt = await world.sms(NUMBER, NO_CODE)

    assert receipt.rental_id == rental.id
    assert (await world.rental(dealer, rental.id)).code == "123456"


# -------------------------------------------------------------------------------------------- calls


async def test_a_call_with_a_recording_settles_even_without_a_code(world: World) -> None:
    dealer, rental = await waiting_rental(world)

    receipt = await world.call(NUMBER, transcript="", wav=b"RIFF....WAVE")

    view = await world.rental(dealer, rental.id)
    assert receipt.rental_id == rental.id
    assert (view.state, view.message_kind, view.code) == (RentalState.RECEIVED, "call", None)
    assert view.has_recording
    assert await balances(world, dealer) == (530, 0, 0)


async def test_a_call_gives_the_code_of_its_transcript(world: World) -> None:
    dealer, rental = await waiting_rental(world)

    await world.call(NUMBER, transcript="Your code is 123456", wav=b"RIFF....WAVE")

    assert (await world.rental(dealer, rental.id)).code == "123456"


async def test_a_call_without_a_recording_settles_by_its_code(world: World) -> None:
    dealer, rental = await waiting_rental(world)

    await world.call(NUMBER, transcript="Your code is 123456")

    view = await world.rental(dealer, rental.id)
    assert (view.state, view.code, view.has_recording) == (RentalState.RECEIVED, "123456", False)


async def test_a_call_without_recording_and_code_leaves_the_rental_waiting(world: World) -> None:
    dealer, rental = await waiting_rental(world)

    receipt = await world.call(NUMBER, transcript="hello, who is there")

    assert receipt.rental_id == rental.id
    assert (await world.rental(dealer, rental.id)).state is RentalState.WAITING
    assert await balances(world, dealer) == (530, 470, 1)


async def test_a_call_and_a_text_of_the_same_id_are_two(world: World) -> None:
    await waiting_rental(world)
    gateway_id, _ = await world.gateway()
    inbound = Inbound(MessageKind.SMS, "+84967000001", "Yahoo", CODE, None, "17")

    await world.receive(inbound, gateway_id)
    second = await world.receive(inbound._replace(kind=MessageKind.CALL), gateway_id)

    assert not second.duplicate
