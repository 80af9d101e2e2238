"""The dealer's own id of an order."""

import asyncio

import pytest

from web.first_api.answers import NO_STOCK, invalid, refusal
from web.first_api.api import Api

pytestmark = pytest.mark.anyio


async def test_the_same_order_gets_the_first_rental(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001", "0967000002")
    dealer = await api.world.dealer()
    first = await api.rent(dealer, "serviceId=01.4&carries=VIETTEL&yPrefix=96|97&orderId=one")
    before = await api.rows()

    again = await api.rent(dealer, "serviceId=4&carries=|viettel|&yPrefix=097|096&orderId=one")

    assert again == first
    assert await api.rows() == before


async def test_the_same_order_gets_the_first_rental_after_its_end(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001", "0967000002")
    dealer = await api.world.dealer(balance_dong=1000)
    rental_id = await api.rented(dealer, "serviceId=4&orderId=one")
    api.world.clock.advance(300)
    await api.world.expire()

    again = await api.rent(dealer, "serviceId=4&orderId=one")

    assert again["data"]["request_id"] == str(rental_id)
    assert again["Balance"] == 1000


@pytest.mark.parametrize(
    "query",
    [
        "serviceId=5",
        "serviceId=4&carries=VIETTEL",
        "serviceId=4&yPrefix=96",
        "serviceId=4&nPrefix=85",
    ],
)
async def test_an_order_with_other_parameters_is_refused(api: Api, query: str) -> None:
    await api.world.service(4)
    await api.world.service(5)
    await api.world.lines("0967000001", "0967000002")
    dealer = await api.world.dealer()
    await api.rented(dealer, "serviceId=4&orderId=one")
    before = await api.rows()

    status, text = refusal(await api.rent(dealer, f"{query}&orderId=one"))

    assert status == -1
    assert text.startswith("Có lỗi: orderId")
    assert await api.rows() == before


async def test_the_header_idempotency_key_is_an_order_id(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001", "0967000002")
    dealer = await api.world.dealer()
    path = f"/api/register-service/?serviceId=4&token={dealer.token}"

    first = await api.get(path, {"Idempotency-Key": "one"})
    again = await api.get(path, {"Idempotency-Key": "one"})
    in_query = await api.get(path + "&orderId=one")
    other = await api.get(path, {"Idempotency-Key": "two"})

    assert first.raw == again.raw == in_query.raw
    assert other.json["data"]["request_id"] != first.json["data"]["request_id"]


async def test_a_header_of_more_than_64_characters_is_refused(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    path = f"/api/register-service/?serviceId=4&token={dealer.token}"

    assert refusal((await api.get(path, {"Idempotency-Key": "x" * 65})).json) == invalid("orderId")
    assert (await api.get(path, {"Idempotency-Key": "x" * 64})).json["success"] is True


async def test_an_order_id_of_64_characters_of_any_script_is_taken(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    order = "%F0%9F%87%BB" * 64

    first = await api.rented(dealer, f"serviceId=4&orderId={order}")

    assert await api.rented(dealer, f"serviceId=4&orderId={order}") == first


async def test_an_order_id_is_the_accounts_own(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001", "0967000002")
    one, other = await api.world.dealer("one"), await api.world.dealer("other")

    first = await api.rented(one, "serviceId=4&orderId=x")

    assert await api.rented(other, "serviceId=4&orderId=x") != first


async def test_a_refused_order_can_be_placed_again(api: Api) -> None:
    await api.world.service(4)
    dealer = await api.world.dealer()
    assert refusal(await api.rent(dealer, "serviceId=4&orderId=one")) == NO_STOCK
    await api.world.lines("0967000001")

    assert (await api.rent(dealer, "serviceId=4&orderId=one"))["success"] is True


async def test_one_order_sent_twenty_times_at_once_makes_one_rental(api: Api) -> None:
    await api.world.service(4, price_dong=470)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer(balance_dong=470, waiting_limit=1)

    answers = await asyncio.gather(
        *(api.rent(dealer, "serviceId=4&orderId=one") for _ in range(20))
    )

    assert all(one == answers[0] for one in answers)
    assert answers[0]["success"] is True
    assert len(await api.history(dealer)) == 1
    assert await api.world.book_findings() == []


@pytest.mark.parametrize("order", ["%FF", "%C3", "a%E9b", "%ED%A0%80"])
async def test_an_order_id_that_is_no_utf8_is_refused(api: Api, order: str) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()

    answer = await api.rent(dealer, f"serviceId=4&orderId={order}")

    assert refusal(answer) == invalid("orderId")


async def test_raw_octets_and_encoded_ones_are_one_order_id(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001", "0967000002")
    dealer = await api.world.dealer()

    first = await api.rented(dealer, "serviceId=4&orderId=Đơn")

    assert await api.rented(dealer, "serviceId=4&orderId=%C4%90%C6%A1n") == first


async def test_of_a_parameter_that_comes_twice_the_first_that_is_not_empty_counts(
    api: Api,
) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001", "0967000002")
    dealer = await api.world.dealer()

    first = await api.rented(dealer, "serviceId=&serviceId=4&orderId=&orderId=one&orderId=two")

    assert await api.rented(dealer, "serviceId=4&serviceId=5&orderId=one") == first
