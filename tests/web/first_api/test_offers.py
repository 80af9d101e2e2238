"""The balance, the networks and the services of a dealer."""

import pytest

from simlet.domain.principal import Tier
from simlet.domain.service import Category, MatchRules, Prices, Service
from simlet.flows.manage_lines import add_network
from simlet.flows.manage_services import add_service, open_service, pause_service
from simlet.testing.world import Dealer
from web.first_api.answers import NO_STOCK, NO_SUCH_SERVICE, refusal
from web.first_api.api import Api

pytestmark = pytest.mark.anyio


async def test_the_balance_is_what_is_available_and_a_number(api: Api) -> None:
    await api.world.service(4, price_dong=470)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer(balance_dong=1000)

    answer = await api.rent(dealer, "serviceId=4")

    assert (answer["Balance"], answer["data"]["balance"]) == (530, 530)
    reply = await api.get(f"/api/?show=balance&token={dealer.token}")
    assert b'"data":{"balance":530}' in reply.raw


async def test_a_further_network_takes_a_new_id_and_can_be_asked_for(api: Api) -> None:
    await api.world.db.write(add_network, "Wintel")
    await api.world.service(4)
    dealer = await api.world.dealer()

    networks = (await api.ask(dealer, "/api/?show=networks"))["data"]

    assert networks[-1] == {"id": 6, "name": "WINTEL"}
    assert refusal(await api.rent(dealer, "serviceId=4&carries=wintel")) == NO_STOCK


@pytest.mark.parametrize(
    ("tier", "price_dong"), [(Tier.DEALER, 1300), (Tier.DISTRIBUTOR, 1200)], ids=["dealer", "dist"]
)
async def test_the_price_is_that_of_the_tier(api: Api, tier: Tier, price_dong: int) -> None:
    rules = MatchRules(catch_all=True)
    service = Service(
        9, "03", "Dear", Prices(1400, 1300, 1200), 60, rules, Category.GENERAL, False, False
    )
    await api.world.db.write(add_service, service, api.world.clock.now_ms())
    await api.world.lines("0967000001", store="03")
    dealer = await api.world.dealer(tier=tier, balance_dong=2000)

    (listed,) = (await api.ask(dealer, "/api/?show=service"))["data"]
    rented = await api.rent(dealer, "serviceId=9")

    assert (listed["PRICE"], listed["price"], listed["Time"]) == (price_dong, price_dong, "60")
    assert rented["RequestLog"]["Price"] == price_dong
    assert rented["Balance"] == 2000 - price_dong


async def _listed(api: Api, dealer: Dealer) -> list[int]:
    return [one["ID"] for one in (await api.ask(dealer, "/api/?show=service"))["data"]]


async def test_a_paused_service_is_not_listed_and_not_rented(api: Api) -> None:
    await api.world.service(4)
    await api.world.service(5)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    now_ms = api.world.clock.now_ms()
    await api.world.db.write(pause_service, 4, paused=True, now_ms=now_ms)

    assert await _listed(api, dealer) == [5]
    assert refusal(await api.rent(dealer, "serviceId=4")) == NO_SUCH_SERVICE

    await api.world.db.write(pause_service, 4, paused=False, now_ms=now_ms)
    assert await _listed(api, dealer) == [4, 5]
    assert (await api.rent(dealer, "serviceId=4"))["success"] is True


@pytest.mark.parametrize("category", [one for one in Category if one.closed])
async def test_a_service_of_a_closed_category_is_neither_listed_nor_rented_until_it_is_opened(
    api: Api, category: Category
) -> None:
    await api.world.service(4, category=category)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()

    assert await _listed(api, dealer) == []
    assert refusal(await api.rent(dealer, "serviceId=4")) == NO_SUCH_SERVICE

    now_ms = api.world.clock.now_ms()
    await api.world.db.write(open_service, 4, "a tester", "the contract allows it", now_ms)
    assert await _listed(api, dealer) == [4]
    assert (await api.rent(dealer, "serviceId=4"))["success"] is True
