"""Which rental of a line a message belongs to, and that nobody else sees it."""

import pytest

from flows.receiving import CODE, NUMBER, OTHER_CODE, quarantined, waiting_rental
from simlet.domain.errors import Refused
from simlet.domain.events import EventKind
from simlet.domain.inbound import Quarantine
from simlet.domain.rental import RentalState
from simlet.testing.world import World

pytestmark = pytest.mark.anyio


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


async def test_what_is_in_quarantine_no_dealer_sees(world: World) -> None:
    dealer, rental = await waiting_rental(world)
    await world.sms(NUMBER, CODE, sender="Zalo")
    await world.sms(NUMBER, CODE, sent_at_ms=rental.created_at_ms - 60_000)

    view = await world.rental(dealer, rental.id)

    assert (view.text, view.code, view.message_id) == (None, None, None)
    other = await world.dealer("other")
    with pytest.raises(Refused):
        await world.rental(other, rental.id)
