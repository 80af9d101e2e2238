import pytest

from simlet.domain.errors import Refused
from simlet.domain.events import EventKind
from simlet.domain.inbound import Inbound, MessageKind, Quarantine
from simlet.domain.rental import Rental, RentalState
from simlet.flows.manage_lines import retire_line
from simlet.flows.receive_message import Receipt
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

NUMBER = "0967000001"
CODE = "Your code is 123456"
OTHER_CODE = "Your code is 654321"
NO_CODE = "Welcome, and thank you for being with us"


async def waiting_rental(world: World) -> tuple[Dealer, Rental]:
    """A dealer with a rental of 60 s, which takes messages of the sender Yahoo."""
    await world.gateway("default")
    await world.service(4, waiting_s=60)
    await world.lines(NUMBER)
    dealer = await world.dealer(balance_dong=1000)
    return dealer, (await world.rent(dealer, 4)).rental


async def balances(world: World, dealer: Dealer) -> tuple[int, int, int]:
    account = await world.account(dealer)
    return account.available_dong, account.held_dong, account.waiting_count


def quarantined(receipt: Receipt, reason: Quarantine) -> bool:
    return receipt.quarantine is reason and receipt.rental_id is None and not receipt.duplicate


# ------------------------------------------------------------------------------------ the code


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


# ------------------------------------------------------------------------------------ its owner


async def test_a_message_from_another_sender_fits_nobody(world: World) -> None:
    dealer, rental = await waiting_rental(world)

    receipt = await world.sms(NUMBER, CODE, sender="Zalo")

    assert quarantined(receipt, Quarantine.NO_RULE_FITS)
    assert (await world.rental(dealer, rental.id)).state is RentalState.WAITING


async def test_a_message_to_a_line_that_nobody_rents_is_kept_from_everybody(world: World) -> None:
    await world.gateway("default")
    await world.lines(NUMBER)
    before = await world.events()

    receipt = await world.sms(NUMBER, CODE)

    assert quarantined(receipt, Quarantine.NO_RENTAL)
    (event,) = (await world.events())[len(before) :]
    assert (event.kind, event.message_id) == (EventKind.MESSAGE_QUARANTINED, receipt.message_id)
    assert (event.account_id, event.rental_id) == (None, None)
    assert event.data == {"quarantine": "no_rental"}


async def test_a_message_to_a_number_that_is_no_line_is_kept_from_everybody(world: World) -> None:
    assert quarantined(await world.sms("0999999999", CODE), Quarantine.UNKNOWN_NUMBER)


async def test_a_quarantined_message_is_kept_whole(world: World) -> None:
    await world.lines(NUMBER)
    await world.sms(NUMBER, CODE, sender="Zalo", sent_at_ms=world.clock.now_ms() - 5)

    (row,) = await world.rows("SELECT sender, body, sent_at_ms, rental_id FROM messages")
    assert tuple(row) == ("Zalo", CODE, world.clock.now_ms() - 5, None)


async def test_two_rentals_of_a_line_get_each_its_own_code(world: World) -> None:
    await world.service(4)
    await world.service(5, name="Zalo")
    await world.lines(NUMBER)
    one, other = await world.dealer("one"), await world.dealer("other")
    first, second = (await world.rent(one, 4)).rental, (await world.rent(other, 5)).rental

    await world.sms(NUMBER, OTHER_CODE, sender="Zalo")
    await world.sms(NUMBER, CODE, sender="Yahoo")

    assert (await world.rental(one, first.id)).code == "123456"
    assert (await world.rental(other, second.id)).code == "654321"


async def test_the_narrowest_rule_gets_the_message(world: World) -> None:
    await world.service(4, senders=("Yahoo",))
    await world.service(5, senders=("Yahoo",), texts=("code is",))
    await world.service(6, texts=("code",))
    await world.lines(NUMBER)
    dealer = await world.dealer()
    rentals = {one: (await world.rent(dealer, one)).rental for one in (4, 6, 5)}

    for service_id in (5, 5, 5):
        receipt = await world.sms(NUMBER, CODE)
        assert receipt.rental_id == rentals[service_id].id
    assert (await world.sms(NUMBER, "123456 là mã")).rental_id == rentals[4].id
    assert (await world.sms(NUMBER, CODE, sender="Zalo")).rental_id == rentals[6].id


async def test_of_two_that_wait_the_older_gets_the_message(world: World) -> None:
    await world.service(4)
    await world.service(5)
    await world.lines(NUMBER)
    dealer = await world.dealer()
    older = (await world.rent(dealer, 5)).rental
    newer = (await world.rent(dealer, 4)).rental

    assert (await world.sms(NUMBER, CODE)).rental_id == older.id
    assert (await world.sms(NUMBER, CODE)).rental_id == newer.id


async def test_a_catch_all_takes_a_message_from_anyone(world: World) -> None:
    await world.service(9, catch_all=True)
    await world.lines(NUMBER)
    dealer = await world.dealer()
    rental = (await world.rent(dealer, 9)).rental

    assert (await world.sms(NUMBER, CODE, sender="0912345678")).rental_id == rental.id
    assert (await world.rental(dealer, rental.id)).code == "123456"


# ----------------------------------------------------------------------------------- its time


async def test_a_message_sent_before_the_rental_never_reaches_it(world: World) -> None:
    dealer, rental = await waiting_rental(world)
    world.clock.advance(5)

    receipt = await world.sms(NUMBER, CODE, sent_at_ms=rental.created_at_ms - 1_000)

    assert quarantined(receipt, Quarantine.NO_RENTAL)
    assert (await world.rental(dealer, rental.id)).state is RentalState.WAITING


async def test_a_message_stamped_in_the_second_of_the_renting_reaches_it(world: World) -> None:
    world.clock.advance(0.750)
    _, rental = await waiting_rental(world)
    world.clock.advance(5)
    second_ms = rental.created_at_ms // 1000 * 1000

    receipt = await world.sms(NUMBER, CODE, sent_at_ms=second_ms)

    assert second_ms < rental.created_at_ms
    assert receipt.rental_id == rental.id


async def test_a_message_stamped_ahead_of_our_clock_was_sent_now(world: World) -> None:
    _, rental = await waiting_rental(world)

    receipt = await world.sms(NUMBER, CODE, sent_at_ms=world.clock.now_ms() + 3_600_000)

    assert receipt.rental_id == rental.id


async def test_a_message_just_before_the_deadline_gives_the_code(world: World) -> None:
    dealer, rental = await waiting_rental(world)
    world.clock.advance(59.999)

    await world.sms(NUMBER, CODE)
    world.clock.advance(0.001)
    await world.expire()

    assert (await world.rental(dealer, rental.id)).state is RentalState.RECEIVED
    assert await balances(world, dealer) == (530, 0, 0)


@pytest.mark.parametrize("stamped", [True, False])
async def test_a_message_at_the_deadline_exactly_is_too_late(world: World, stamped: bool) -> None:
    dealer, rental = await waiting_rental(world)
    world.clock.advance(60)
    assert world.clock.now_ms() == rental.deadline_at_ms

    receipt = await world.sms(NUMBER, CODE, sent_at_ms=rental.deadline_at_ms if stamped else None)
    await world.expire()

    assert quarantined(receipt, Quarantine.NO_RENTAL)
    assert (await world.rental(dealer, rental.id)).state is RentalState.EXPIRED
    assert await balances(world, dealer) == (1000, 0, 0)


async def test_a_message_sent_in_time_before_the_expiry_was_noticed_gives_the_code(
    world: World,
) -> None:
    dealer, rental = await waiting_rental(world)
    world.clock.advance(60.5)

    receipt = await world.sms(NUMBER, CODE, sent_at_ms=rental.deadline_at_ms - 1)
    await world.expire()

    assert receipt.rental_id == rental.id
    assert (await world.rental(dealer, rental.id)).state is RentalState.RECEIVED
    assert await balances(world, dealer) == (530, 0, 0)
    assert await world.book_findings() == []


async def test_a_message_sent_in_time_and_come_after_the_expiry_is_attached_and_changes_nothing(
    world: World,
) -> None:
    dealer, rental = await waiting_rental(world)
    world.clock.advance(61)
    await world.expire()

    receipt = await world.sms(NUMBER, CODE, sent_at_ms=rental.deadline_at_ms - 1)

    view = await world.rental(dealer, rental.id)
    assert receipt.rental_id == rental.id
    assert (view.state, view.code, view.text) == (RentalState.EXPIRED, None, None)
    assert await balances(world, dealer) == (1000, 0, 0)
    assert await world.book_findings() == []


async def test_a_late_message_never_reaches_the_next_tenant(world: World) -> None:
    _, rental = await waiting_rental(world)
    world.clock.advance(60)
    await world.expire()
    world.clock.advance(5)
    other = await world.dealer("other")
    following = (await world.rent(other, 4)).rental
    world.clock.advance(5)

    receipt = await world.sms(NUMBER, CODE, sent_at_ms=rental.deadline_at_ms - 1_000)

    assert following.number == rental.number
    assert receipt.rental_id == rental.id
    assert (await world.rental(other, following.id)).state is RentalState.WAITING


async def test_a_message_after_the_deadline_does_not_reach_a_rental_that_has_its_code(
    world: World,
) -> None:
    dealer, rental = await waiting_rental(world)
    await world.sms(NUMBER, CODE)
    world.clock.advance(60)

    receipt = await world.sms(NUMBER, OTHER_CODE)

    assert quarantined(receipt, Quarantine.NO_RENTAL)
    assert (await world.rental(dealer, rental.id)).code == "123456"


async def test_a_second_message_sent_in_time_and_come_late_is_shown(world: World) -> None:
    dealer, rental = await waiting_rental(world)
    await world.sms(NUMBER, CODE)
    world.clock.advance(61)
    await world.expire()

    receipt = await world.sms(NUMBER, OTHER_CODE, sent_at_ms=rental.deadline_at_ms - 1)

    assert receipt.rental_id == rental.id
    assert (await world.rental(dealer, rental.id)).code == "654321"
    assert await balances(world, dealer) == (530, 0, 0)


async def test_a_number_that_came_back_with_another_sim_brings_nothing_to_the_old_rental(
    world: World,
) -> None:
    dealer, rental = await waiting_rental(world)
    await world.db.write(retire_line, NUMBER, world.clock.now_ms())
    await world.lines(NUMBER)

    receipt = await world.sms(NUMBER, CODE)

    assert quarantined(receipt, Quarantine.NO_RENTAL)
    assert (await world.rental(dealer, rental.id)).state is RentalState.WAITING


# ----------------------------------------------------------------------------------- kept once


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


# --------------------------------------------------------------------------------------- calls


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


# ---------------------------------------------------------------------------- what nobody sees


async def test_what_is_in_quarantine_no_dealer_sees(world: World) -> None:
    dealer, rental = await waiting_rental(world)
    await world.sms(NUMBER, CODE, sender="Zalo")
    await world.sms(NUMBER, CODE, sent_at_ms=rental.created_at_ms - 60_000)

    view = await world.rental(dealer, rental.id)

    assert (view.text, view.code, view.message_id) == (None, None, None)
    other = await world.dealer("other")
    with pytest.raises(Refused):
        await world.rental(other, rental.id)
