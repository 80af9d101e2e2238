"""Why a rent is refused, and in which order."""

from itertools import combinations

import pytest

from web.first_api.answers import (
    NO_FUNDS,
    NO_STOCK,
    NO_SUCH_SERVICE,
    UNAUTHENTICATED,
    refusal,
    too_many,
)
from web.first_api.api import Api

pytestmark = pytest.mark.anyio

REFUSALS = {
    "token": UNAUTHENTICATED,
    "service": NO_SUCH_SERVICE,
    "limit": too_many(1),
    "funds": NO_FUNDS,
    "stock": NO_STOCK,
}


async def answer_with_all_of(api: Api, reasons: tuple[str, ...]) -> tuple[int, str]:
    """The answer to a rent that is to be refused for each of these reasons."""
    await api.world.service(4, price_dong=470)
    await api.world.lines("0967000001", "0967000002")
    balance_dong = (470 if "limit" in reasons else 0) + (469 if "funds" in reasons else 10_000)
    dealer = await api.world.dealer(waiting_limit=1, balance_dong=balance_dong)
    if "limit" in reasons:
        await api.rented(dealer, "serviceId=4")
    service = "5" if "service" in reasons else "4"
    carries = "ITELECOM" if "stock" in reasons else ""
    token = "nope" if "token" in reasons else dealer.token
    before = await api.rows()
    reply = await api.get(
        f"/api/register-service/?serviceId={service}&carries={carries}&orderId=o&token={token}"
    )
    assert await api.rows() == before
    return refusal(reply.json)


@pytest.mark.parametrize("reason", REFUSALS)
async def test_a_refusal_changes_nothing(api: Api, reason: str) -> None:
    assert await answer_with_all_of(api, (reason,)) == REFUSALS[reason]


@pytest.mark.parametrize(("first", "second"), list(combinations(REFUSALS, 2)))
async def test_refusals_come_in_their_order(api: Api, first: str, second: str) -> None:
    assert await answer_with_all_of(api, (first, second)) == REFUSALS[first]


async def test_the_waiting_limit_counts_only_what_waits(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001", "0967000002", "0967000003")
    dealer = await api.world.dealer(waiting_limit=2)
    first = await api.rented(dealer, "serviceId=4")
    await api.rented(dealer, "serviceId=4")
    assert refusal(await api.rent(dealer, "serviceId=4")) == too_many(2)

    number = (await api.world.rental(dealer, first)).number
    await api.world.sms(number, "Ma la 529310")

    assert (await api.rent(dealer, "serviceId=4"))["success"] is True


async def test_a_balance_of_just_the_price_is_enough(api: Api) -> None:
    await api.world.service(4, price_dong=470)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer(balance_dong=470)

    assert (await api.rent(dealer, "serviceId=4"))["Balance"] == 0
