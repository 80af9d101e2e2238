"""The dealer's own id of an order: the same order is the same rental."""

import pytest

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.rental import RentalState
from simlet.flows.hold import Order
from simlet.flows.manage_services import pause_service
from simlet.testing.world import World

pytestmark = pytest.mark.anyio

ORDER = Order("order-1", b"what was asked for, as a hash...")


async def test_a_repeated_order_gets_the_rental_it_made_first(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer(balance_dong=1000)

    first = await world.rent(dealer, 4, order=ORDER)
    again = await world.rent(dealer, 4, order=ORDER)

    assert again == first
    assert (await world.account(dealer)).waiting_count == 1


async def test_a_repeated_order_tells_what_its_rental_has_become(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer()
    first = await world.rent(dealer, 4, order=ORDER)
    await world.sms("0967000001", "Your code is 123456")

    again = await world.rent(dealer, 4, order=ORDER)

    assert (again.rental.id, again.rental.state) == (first.rental.id, RentalState.RECEIVED)


async def test_an_order_id_with_other_content_is_refused(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer(balance_dong=1000)
    await world.rent(dealer, 4, order=ORDER)

    with pytest.raises(Refused) as refused:
        await world.rent(dealer, 4, order=ORDER._replace(content_hash=b"something else"))

    assert refused.value.refusal is errors.ORDER_REUSED
    assert (await world.account(dealer)).waiting_count == 1


async def test_an_order_is_repeated_even_when_nothing_more_could_be_rented(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer(balance_dong=470, waiting_limit=1)
    first = await world.rent(dealer, 4, order=ORDER)
    await world.db.write(pause_service, 4, paused=True, now_ms=world.clock.now_ms())

    assert (await world.rent(dealer, 4, order=ORDER)).rental == first.rental


async def test_a_refused_order_may_be_placed_again(world: World) -> None:
    await world.service(4)
    dealer = await world.dealer()
    with pytest.raises(Refused):
        await world.rent(dealer, 4, order=ORDER)
    await world.lines("0967000001")

    assert (await world.rent(dealer, 4, order=ORDER)).rental.number == "+84967000001"


async def test_two_accounts_may_use_the_same_order_id(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001", "0967000002")
    one, other = await world.dealer("one"), await world.dealer("other")

    rented = [await world.rent(dealer, 4, order=ORDER) for dealer in (one, other)]

    assert [each.rental.account_id for each in rented] == [one.id, other.id]
    assert rented[0].rental.id != rented[1].rental.id
