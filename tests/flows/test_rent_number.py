import pytest
from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.testing.world import World

pytestmark = pytest.mark.anyio


async def test_renting_sets_the_price_aside(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer(balance_dong=1000)

    rented = await world.rent(dealer, 4)

    account = await world.account(dealer)
    assert rented.rental.number == "+84967000001"
    assert (account.available_dong, account.held_dong, account.waiting_count) == (530, 470, 1)
    assert await world.book_findings() == []


async def test_an_empty_pool_is_refused_and_changes_nothing(world: World) -> None:
    await world.service(4)
    dealer = await world.dealer(balance_dong=1000)

    with pytest.raises(Refused) as refused:
        await world.rent(dealer, 4)

    assert refused.value.refusal is errors.OUT_OF_STOCK
    assert (await world.account(dealer)).available_dong == 1000
