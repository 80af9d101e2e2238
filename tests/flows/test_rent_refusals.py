"""Why a rent is refused, in which order, and that a refusal changes nothing."""

from dataclasses import replace

import pytest

from flows.renting import refusal_of_rent, rent_all
from simlet.domain import errors
from simlet.domain.errors import Refusal, Refused
from simlet.domain.rental import RentalState
from simlet.domain.service import Category
from simlet.flows.manage_accounts import suspend_account
from simlet.flows.manage_services import open_service, pause_service
from simlet.flows.rent_number import RentRequest, rent_number
from simlet.testing.world import World

pytestmark = pytest.mark.anyio


async def test_an_empty_pool_is_refused_and_changes_nothing(world: World) -> None:
    await world.service(4)
    dealer = await world.dealer(balance_dong=1000)
    before = await world.events()

    assert await refusal_of_rent(world, dealer, 4) is errors.OUT_OF_STOCK

    assert (await world.account(dealer)).available_dong == 1000
    assert await world.events() == before


async def test_a_balance_of_just_the_price_is_enough(world: World) -> None:
    await world.service(4, price_dong=470)
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer(balance_dong=470)

    assert (await world.rent(dealer, 4)).balance_dong == 0
    assert await refusal_of_rent(world, dealer, 4) is errors.INSUFFICIENT_FUNDS


async def test_a_balance_of_one_dong_less_is_refused(world: World) -> None:
    await world.service(4, price_dong=470)
    await world.lines("0967000001")
    dealer = await world.dealer(balance_dong=469)

    assert await refusal_of_rent(world, dealer, 4) is errors.INSUFFICIENT_FUNDS


async def test_no_more_rentals_wait_than_the_limit_says(world: World) -> None:
    await world.service(4, waiting_s=60)
    await world.lines("0967000001", "0967000002", "0967000003")
    dealer = await world.dealer(waiting_limit=2)

    first = await world.rent(dealer, 4)
    await world.rent(dealer, 4)
    with pytest.raises(Refused) as refused:
        await world.rent(dealer, 4)
    assert refused.value.refusal is errors.WAITING_LIMIT
    assert refused.value.details == {"limit": 2}

    await world.sms(first.rental.number, "Your code is 123456")
    await world.rent(dealer, 4)
    assert await refusal_of_rent(world, dealer, 4) is errors.WAITING_LIMIT


async def test_an_expired_rental_makes_room_under_the_limit(world: World) -> None:
    await world.service(4, waiting_s=60)
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer(waiting_limit=1)
    await world.rent(dealer, 4)

    world.clock.advance(60)
    await world.expire()

    assert (await world.rent(dealer, 4)).rental.state is RentalState.WAITING


async def test_one_accounts_limit_is_not_anothers(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001", "0967000002")
    one, other = await world.dealer("one", waiting_limit=1), await world.dealer("other")
    await world.rent(one, 4)

    assert (await world.rent(other, 4)).rental.account_id == other.id


async def test_refusals_come_in_the_order_of_the_contract(world: World) -> None:
    """Service, then the filters' words, then the limit, then the balance, then the stock."""
    await world.service(4, price_dong=470)
    await world.lines("0967000001")
    dealer = await world.dealer(waiting_limit=1, balance_dong=470)
    await world.rent(dealer, 4)

    async def refusal(service_id: int, network: str) -> Refusal:
        return await refusal_of_rent(world, dealer, service_id, networks=(network,))

    assert await refusal(99, "NOWHERE") is errors.SERVICE_UNAVAILABLE
    assert await refusal(4, "NOWHERE") is errors.INVALID
    assert await refusal(4, "VIETTEL") is errors.WAITING_LIMIT
    await world.sms("0967000001", "Your code is 123456")
    assert await refusal(4, "VIETTEL") is errors.INSUFFICIENT_FUNDS
    await world.credit(dealer.name, 470)
    assert await refusal(4, "VIETTEL") is errors.OUT_OF_STOCK


async def test_a_service_that_nobody_added_is_not_there(world: World) -> None:
    dealer = await world.dealer()
    assert await refusal_of_rent(world, dealer, 4) is errors.SERVICE_UNAVAILABLE


async def test_a_paused_service_is_not_rented_until_it_is_resumed(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer()

    await world.db.write(pause_service, 4, paused=True, now_ms=world.clock.now_ms())
    assert await refusal_of_rent(world, dealer, 4) is errors.SERVICE_UNAVAILABLE
    await world.db.write(pause_service, 4, paused=False, now_ms=world.clock.now_ms())
    assert (await world.rent(dealer, 4)).rental.number == "+84967000001"


@pytest.mark.parametrize(
    "category", [category for category in Category if category.closed], ids=lambda one: one.value
)
async def test_a_closed_category_is_not_rented_until_it_is_opened_with_a_reason(
    world: World, category: Category
) -> None:
    await world.service(4, category=category)
    await world.lines("0967000001")
    dealer = await world.dealer()

    assert await refusal_of_rent(world, dealer, 4) is errors.SERVICE_UNAVAILABLE
    await world.db.write(open_service, 4, "An Nguyễn", "our own tests", world.clock.now_ms())
    assert (await world.rent(dealer, 4)).rental.number == "+84967000001"


async def test_a_service_under_the_name_of_another_store_is_not_there(world: World) -> None:
    await world.service(4, "01")
    await world.lines("0967000001")
    dealer = await world.dealer()
    request = RentRequest(dealer.id, 4, "02")

    with pytest.raises(Refused) as refused:
        await world.db.write(rent_number, request, world.clock.now_ms(), world.runtime.chance)

    assert refused.value.refusal is errors.SERVICE_UNAVAILABLE


async def test_a_service_rents_no_line_of_another_store(world: World) -> None:
    await world.service(4, "01")
    await world.lines("0967000001", store="02")
    await world.lines("0967000002", store="01")
    dealer = await world.dealer()

    assert await rent_all(world, dealer, 4) == ["0967000002"]


async def test_a_suspended_account_rents_nothing(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer()
    await world.db.write(suspend_account, dealer.name, world.clock.now_ms())

    assert await refusal_of_rent(world, dealer, 4) is errors.UNAUTHENTICATED


async def test_an_account_that_is_not_there_rents_nothing(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = replace(await world.dealer(), id=99)

    assert await refusal_of_rent(world, dealer, 4) is errors.UNAUTHENTICATED
