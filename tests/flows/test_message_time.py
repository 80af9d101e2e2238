"""A message reaches the rental that was open when it was sent."""

import pytest

from flows.receiving import CODE, NUMBER, OTHER_CODE, balances, quarantined, waiting_rental
from simlet.domain.inbound import Quarantine
from simlet.domain.rental import RentalState
from simlet.flows.manage_lines import retire_line
from simlet.testing.world import World

pytestmark = pytest.mark.anyio


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


@pytest.mark.parametrize("sent_s_ago", [None, 5])
async def test_a_code_reaches_a_rental_that_was_begun_before_the_clock_was_set_back(
    world: World, sent_s_ago: int | None
) -> None:
    dealer, rental = await waiting_rental(world)
    world.clock.set_now_ms(world.clock.now_ms() - 40_000)
    sent_at_ms = None if sent_s_ago is None else world.clock.now_ms() - sent_s_ago * 1000

    receipt = await world.sms(NUMBER, CODE, sent_at_ms=sent_at_ms)

    assert receipt.rental_id == rental.id
    assert (await world.rental(dealer, rental.id)).code == "123456"
