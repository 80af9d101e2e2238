import pytest

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.events import EventKind
from simlet.domain.rental import Rental, RentalState
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

NUMBER = "0967000001"
CODE = "Your code is 486460"


async def rented(
    world: World, *, extend_s: int = 30, extend_times: int = 2
) -> tuple[Dealer, Rental]:
    await world.service(4, waiting_s=60, extend_s=extend_s, extend_times=extend_times)
    await world.lines(NUMBER)
    dealer = await world.dealer(balance_dong=1000)
    return dealer, (await world.rent(dealer, 4)).rental


async def reason_of_refusal(world: World, dealer: Dealer, rental: Rental) -> object:
    before = await world.events()
    with pytest.raises(Refused) as refused:
        await world.extend(dealer, rental.id)
    assert refused.value.refusal is errors.NOT_EXTENDABLE
    assert await world.events() == before
    return refused.value.details["reason"]


async def test_an_extension_moves_the_deadline_at_no_price(world: World) -> None:
    dealer, rental = await rented(world)
    world.clock.advance(59)

    extended = await world.extend(dealer, rental.id)

    assert extended.deadline_at_ms == rental.deadline_at_ms + 30_000
    assert extended.extensions == 1
    assert (await world.account(dealer)).available_dong == 530
    assert await world.rows("SELECT number, by_s FROM rental_extensions") == [(1, 30)]
    world.clock.advance(30)
    assert (await world.expire()).released == 0
    await world.sms(NUMBER, CODE)
    assert (await world.rental(dealer, rental.id)).code == "486460"
    assert await world.book_findings() == []


async def test_at_the_new_deadline_it_expires(world: World) -> None:
    dealer, rental = await rented(world)
    await world.extend(dealer, rental.id)

    world.clock.advance(90)

    assert (await world.expire()).released == 1
    assert (await world.account(dealer)).available_dong == 1000


async def test_an_extension_is_told_by_one_event(world: World) -> None:
    dealer, rental = await rented(world)
    before = await world.events()

    await world.extend(dealer, rental.id)

    (event,) = (await world.events())[len(before) :]
    assert (event.kind, event.account_id) == (EventKind.RENTAL_EXTENDED, dealer.id)
    assert (event.rental_id, event.data) == (rental.id, {"by_s": 30})


async def test_it_is_extended_as_often_as_the_service_allows(world: World) -> None:
    dealer, rental = await rented(world)
    for _ in range(2):
        await world.extend(dealer, rental.id)

    assert "as often" in str(await reason_of_refusal(world, dealer, rental))
    rows = await world.rows("SELECT deadline_at_ms - created_at_ms, extensions FROM rentals")
    assert rows == [(120_000, 2)]


async def test_where_the_service_allows_none_it_is_not_extended(world: World) -> None:
    dealer, rental = await rented(world, extend_s=0, extend_times=0)

    assert "allows no" in str(await reason_of_refusal(world, dealer, rental))


async def test_once_its_time_is_over_it_is_not_extended_even_if_nobody_noticed(
    world: World,
) -> None:
    dealer, rental = await rented(world)
    world.clock.advance(60)

    assert "over" in str(await reason_of_refusal(world, dealer, rental))


async def test_a_rental_that_ended_is_not_extended(world: World) -> None:
    dealer, rental = await rented(world)
    await world.sms(NUMBER, CODE)
    assert "wait" in str(await reason_of_refusal(world, dealer, rental))
    await world.lines("0967000002")
    other = (await world.rent(dealer, 4)).rental
    await world.cancel(dealer, other.id)

    assert "wait" in str(await reason_of_refusal(world, dealer, other))
    assert (await world.rental(dealer, rental.id)).state is RentalState.RECEIVED


async def test_another_accounts_rental_is_unknown(world: World) -> None:
    _, rental = await rented(world)
    other = await world.dealer("other")
    with pytest.raises(Refused) as refused:
        await world.extend(other, rental.id)
    assert refused.value.refusal is errors.RENTAL_UNKNOWN
