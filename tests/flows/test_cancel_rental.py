import pytest

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.events import EventKind
from simlet.domain.inbound import Inbound, MessageKind, Part
from simlet.domain.phone import parse_number
from simlet.domain.rental import Rental, RentalState
from simlet.flows.describe_event import describe_event
from simlet.flows.give_up_parts import give_up_parts
from simlet.flows.receive_message import receive_message
from simlet.flows.show_rental import rental_messages
from simlet.store.details import MessageDetail
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

NUMBER = "0967000001"
CODE = "Your code is 486460"


async def rented(world: World, *, cancel_after_s: int = 0) -> tuple[Dealer, Rental]:
    """A dealer with 1000 đồng, and its rental of the only line, for 470."""
    await world.service(4, waiting_s=60, cancel_after_s=cancel_after_s)
    await world.lines(NUMBER)
    dealer = await world.dealer(balance_dong=1000)
    return dealer, (await world.rent(dealer, 4)).rental


async def figures(world: World, dealer: Dealer) -> tuple[int, int, int]:
    account = await world.account(dealer)
    return account.available_dong, account.held_dong, account.waiting_count


async def test_a_cancelled_rental_gives_its_price_back(world: World) -> None:
    dealer, rental = await rented(world)
    world.clock.advance(7)

    cancelled = await world.cancel(dealer, rental.id)

    assert (cancelled.state, cancelled.listening) == (RentalState.CANCELLED, False)
    assert cancelled.closed_at_ms == rental.created_at_ms + 7000
    assert await figures(world, dealer) == (1000, 0, 0)
    assert (await world.rental(dealer, rental.id)).state is RentalState.CANCELLED
    assert await world.book_findings() == []


async def test_its_line_is_free_at_once_for_anybody(world: World) -> None:
    dealer, rental = await rented(world)
    other = await world.dealer("other")

    await world.cancel(dealer, rental.id)

    assert (await world.rent(other, 4)).rental.line_id == rental.line_id


async def test_a_cancel_is_told_by_one_event(world: World) -> None:
    dealer, rental = await rented(world)
    before = await world.events()

    await world.cancel(dealer, rental.id)

    (event,) = (await world.events())[len(before) :]
    assert (event.kind, event.account_id) == (EventKind.RENTAL_CANCELLED, dealer.id)
    assert (event.rental_id, event.data) == (rental.id, {"released_dong": 470})


async def test_before_the_services_minimum_time_it_is_too_early(world: World) -> None:
    dealer, rental = await rented(world, cancel_after_s=30)
    before = await world.events()
    for moment_s, wait_s in ((0.0, 30), (0.001, 30), (1, 29), (29.999, 1)):
        world.clock.set_now_ms(rental.created_at_ms + round(moment_s * 1000))
        with pytest.raises(Refused) as refused:
            await world.cancel(dealer, rental.id)
        assert refused.value.refusal is errors.CANCEL_TOO_EARLY
        assert refused.value.details == {"wait_s": wait_s}
    assert await world.events() == before
    assert await figures(world, dealer) == (530, 470, 1)

    world.clock.set_now_ms(rental.created_at_ms + 30_000)

    assert (await world.cancel(dealer, rental.id)).state is RentalState.CANCELLED


async def test_a_rental_that_got_its_code_is_given_as_it_is_and_stays_paid(world: World) -> None:
    dealer, rental = await rented(world, cancel_after_s=30)
    await world.sms(NUMBER, CODE)
    before = await world.events()

    assert (await world.cancel(dealer, rental.id)).state is RentalState.RECEIVED

    assert await figures(world, dealer) == (530, 0, 0)
    assert await world.events() == before
    assert (await world.rental(dealer, rental.id)).code == "486460"


async def test_a_second_cancel_changes_nothing(world: World) -> None:
    dealer, rental = await rented(world)
    first = await world.cancel(dealer, rental.id)
    before = await world.events()
    world.clock.advance(5)

    assert await world.cancel(dealer, rental.id) == first
    assert await world.events() == before
    assert await figures(world, dealer) == (1000, 0, 0)


async def test_a_rental_that_expired_stays_expired(world: World) -> None:
    dealer, rental = await rented(world)
    world.clock.advance(60)
    await world.expire()

    assert (await world.cancel(dealer, rental.id)).state is RentalState.EXPIRED
    assert await figures(world, dealer) == (1000, 0, 0)


@pytest.mark.parametrize("cancel_after_s", [0, 3600])
async def test_after_the_deadline_it_has_expired_whenever_that_is_noticed(
    world: World, cancel_after_s: int
) -> None:
    dealer, rental = await rented(world, cancel_after_s=cancel_after_s)
    world.clock.advance(60)

    assert (await world.cancel(dealer, rental.id)).state is RentalState.EXPIRED

    assert (await world.events())[-1].kind is EventKind.RENTAL_EXPIRED
    assert (await world.expire()).released == 0
    assert await figures(world, dealer) == (1000, 0, 0)


async def test_another_accounts_rental_is_unknown(world: World) -> None:
    dealer, rental = await rented(world)
    other = await world.dealer("other")
    for who, rental_id in ((other, rental.id), (dealer, rental.id + 1)):
        with pytest.raises(Refused) as refused:
            await world.cancel(who, rental_id)
        assert refused.value.refusal is errors.RENTAL_UNKNOWN
    assert (await world.rental(dealer, rental.id)).state is RentalState.WAITING


async def test_a_number_rented_again_is_used_for_others_still_after_a_cancel(world: World) -> None:
    dealer, first = await rented(world)
    await world.sms(NUMBER, CODE)
    again = (await world.rent_again(dealer, first)).rental
    other = await world.dealer("other")

    await world.cancel(dealer, again.id)

    with pytest.raises(Refused) as refused:
        await world.rent(other, 4)
    assert refused.value.refusal is errors.OUT_OF_STOCK
    assert (await world.rent_again(dealer, first)).rental.number == first.number


async def test_a_code_sent_before_the_cancel_is_attached_and_changes_nothing(world: World) -> None:
    dealer, rental = await rented(world)
    other = await world.dealer("other")
    world.clock.advance(10)
    sent_at_ms = world.clock.now_ms() - 1
    await world.cancel(dealer, rental.id)
    later = (await world.rent(other, 4)).rental

    receipt = await world.sms(NUMBER, CODE, sent_at_ms=sent_at_ms)

    assert receipt.rental_id == rental.id
    assert (await world.rental(dealer, rental.id)).state is RentalState.CANCELLED
    assert (await world.rental(dealer, rental.id)).code is None
    assert (await world.rental(other, later.id)).state is RentalState.WAITING
    (message,) = await world.db.read(rental_messages, dealer.id, rental.id)
    assert (message.withheld, message.text, message.code) == (True, None, None)
    assert await figures(world, dealer) == (1000, 0, 0)
    assert await world.book_findings() == []


async def test_a_code_sent_after_the_cancel_is_not_its_dealers(world: World) -> None:
    dealer, rental = await rented(world)
    world.clock.advance(10)
    await world.cancel(dealer, rental.id)
    world.clock.advance(1)

    assert (await world.sms(NUMBER, CODE)).rental_id is None


async def told(world: World, dealer: Dealer, rental: Rental) -> list[MessageDetail | None]:
    """The messages of a rental, as they are listed and as the event log tells them."""
    listed = await world.db.read(rental_messages, dealer.id, rental.id)
    kept = [one for one in await world.events() if one.kind is EventKind.MESSAGE_KEPT]
    return [*listed, *[(await world.db.read(describe_event, one)).message for one in kept]]


async def test_a_code_that_the_cancel_overtook_is_not_told(world: World) -> None:
    dealer, rental = await rented(world)
    gateway_id, _ = await world.gateway()
    world.clock.advance(10)
    came_at_ms = world.clock.now_ms()
    code = Inbound(MessageKind.SMS, parse_number(NUMBER), "Yahoo", CODE, came_at_ms)
    call = Inbound(
        MessageKind.CALL, parse_number(NUMBER), "Yahoo", "", came_at_ms, recording=b"RIFF"
    )
    world.clock.advance(0.005)
    await world.cancel(dealer, rental.id)

    for one in (code, call):
        await world.db.write(receive_message, gateway_id, one, came_at_ms)

    found = await told(world, dealer, rental)
    assert len(found) == 4
    for message in found:
        assert message is not None
        assert message.withheld
        assert (message.sender, message.text, message.code) == (None, None, None)
        assert not message.has_recording


async def test_a_code_that_a_late_part_completed_after_the_cancel_is_not_told(
    world: World,
) -> None:
    dealer, rental = await rented(world)
    halves = [
        Inbound(
            MessageKind.SMS,
            parse_number(NUMBER),
            "Yahoo",
            text,
            world.clock.now_ms(),
            part=Part(7, 2, number),
        )
        for number, text in enumerate((CODE[:-3], CODE[-3:]), start=1)
    ]
    await world.receive(halves[0], None)
    world.clock.advance(31)
    await world.db.write(give_up_parts, 1, world.clock.now_ms())
    world.clock.advance(1)
    await world.cancel(dealer, rental.id)

    receipt = await world.receive(halves[1], None)

    assert receipt.rental_id == rental.id
    found = await told(world, dealer, rental)
    assert len(found) == 2
    for message in found:
        assert message is not None
        assert (message.withheld, message.text, message.code) == (True, None, None)
