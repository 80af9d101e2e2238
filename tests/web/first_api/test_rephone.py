"""Renting the same number again."""

from typing import Any

import pytest

from simlet.flows.manage_lines import retire_line
from simlet.testing.world import Dealer
from web.first_api.answers import (
    NO_FUNDS,
    NO_STOCK,
    NO_SUCH_SERVICE,
    a_dealer_with_a_code,
    refusal,
    too_many,
)
from web.first_api.api import Api

pytestmark = pytest.mark.anyio


async def rephone(
    api: Api, dealer: Dealer, phone: str, rental: int | str, service: str = "4"
) -> dict[str, Any]:
    path = f"/api/rephone/?phone={phone}&serviceId={service}&thuesim1={rental}"
    return await api.ask(dealer, path)


@pytest.mark.parametrize(
    "phone", ["0967000001", "967000001", "84967000001", "+84967000001", "%2B84967000001"]
)
async def test_a_number_is_taken_in_every_spelling(api: Api, phone: str) -> None:
    dealer, rental_id, _ = await a_dealer_with_a_code(api)

    answer = await rephone(api, dealer, phone, rental_id)

    assert answer["RequestLog"]["Phone"] == "0967000001"
    assert answer["data"]["phone_number"] == "967000001"
    assert answer["data"]["re_phone_number"] == "84967000001"


@pytest.mark.parametrize("form", ["{}", "{}.01", "{}.1"])
async def test_the_earlier_rental_is_taken_in_every_form(api: Api, form: str) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)

    answer = await rephone(api, dealer, number, form.format(rental_id), "01.4")

    assert answer["data"]["request_id"] == str(rental_id + 1)


async def test_renting_again_costs_the_price_and_gets_a_code_of_its_own(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    balance_dong = (await api.world.account(dealer)).available_dong

    answer = await rephone(api, dealer, number, rental_id)
    again = int(answer["data"]["request_id"])
    assert (await api.code(dealer, again))["ResponseCode"] == 1
    api.world.clock.advance(1)
    await api.world.sms(number, "Ma la 700312")

    assert answer["Balance"] == balance_dong - 470
    assert (await api.code(dealer, again))["Result"]["Code"] == "700312"
    assert await api.world.book_findings() == []


async def test_a_number_can_be_rented_again_and_again(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    for _ in range(3):
        api.world.clock.advance(300)
        await api.world.expire()
        answer = await rephone(api, dealer, number, rental_id)
        rental_id = int(answer["data"]["request_id"])
        await api.world.sms(number, "Ma la 700312")

    assert (await api.code(dealer, rental_id))["ResponseCode"] == 0


async def test_an_expired_rental_gives_no_right_to_its_number(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    rental_id = await api.rented(dealer, "serviceId=4")
    api.world.clock.advance(300)
    await api.world.expire()

    assert refusal(await rephone(api, dealer, "0967000001", rental_id)) == NO_STOCK


async def test_a_waiting_rental_gives_no_right_to_its_number(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    rental_id = await api.rented(dealer, "serviceId=4")

    assert refusal(await rephone(api, dealer, "0967000001", rental_id)) == NO_STOCK


async def test_another_accounts_rental_gives_no_right_to_its_number(api: Api) -> None:
    _, rental_id, number = await a_dealer_with_a_code(api)
    other = await api.world.dealer("other")

    assert refusal(await rephone(api, other, number, rental_id)) == NO_STOCK


async def test_a_rental_of_another_service_gives_no_right_to_its_number(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    await api.world.service(5)

    assert refusal(await rephone(api, dealer, number, rental_id, "5")) == NO_STOCK


async def test_a_rental_of_another_number_gives_no_right_to_it(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api, "0967000001", "0967000002")
    (other,) = {"+84967000001", "+84967000002"} - {number}

    assert refusal(await rephone(api, dealer, other, rental_id)) == NO_STOCK


async def test_a_rental_that_never_was_gives_no_right_to_a_number(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)

    assert refusal(await rephone(api, dealer, number, rental_id + 1)) == NO_STOCK


async def test_a_number_that_waits_again_already_is_not_free(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    await rephone(api, dealer, number, rental_id)
    api.world.clock.advance(5)
    before = await api.rows()

    assert refusal(await rephone(api, dealer, number, rental_id)) == NO_STOCK
    assert await api.rows() == before


async def test_a_number_that_a_catch_all_service_holds_is_not_free(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    await api.world.service(5, catch_all=True)
    other = await api.world.dealer("other")
    api.world.clock.advance(300)
    await api.world.expire()
    await api.rented(other, "serviceId=5")

    assert refusal(await rephone(api, dealer, number, rental_id)) == NO_STOCK


async def test_a_retired_number_is_not_free(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    await api.world.db.write(retire_line, number, api.world.clock.now_ms())

    assert refusal(await rephone(api, dealer, number, rental_id)) == NO_STOCK


async def test_renting_again_is_refused_as_renting_is(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    await api.world.service(5, price_dong=100_000_000)

    assert refusal(await rephone(api, dealer, number, rental_id, "6")) == NO_SUCH_SERVICE
    api.world.clock.advance(5)
    assert refusal(await rephone(api, dealer, number, rental_id, "5")) == NO_FUNDS


async def test_renting_again_counts_for_the_waiting_limit(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001", "0967000002")
    dealer = await api.world.dealer(waiting_limit=1)
    rental_id = await api.rented(dealer, "serviceId=4")
    number = (await api.world.rental(dealer, rental_id)).number
    await api.world.sms(number, "Ma la 529310")
    await api.rented(dealer, "serviceId=4")

    assert refusal(await rephone(api, dealer, number, rental_id)) == too_many(1)


@pytest.mark.parametrize(("after_s", "wait_s"), [(0, 5), (1.5, 4), (4, 1), (4.999, 1)])
async def test_sooner_than_five_seconds_the_seconds_to_wait_are_told(
    api: Api, after_s: float, wait_s: int
) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    await rephone(api, dealer, number, rental_id)
    api.world.clock.advance(after_s)
    before = await api.rows()

    answer = refusal(await rephone(api, dealer, number, rental_id))

    assert answer == (429, f"Limit exceeded, vui lòng thử lại sau {wait_s} giây")
    assert await api.rows() == before


async def test_after_five_seconds_the_number_is_asked_for_again(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    assert refusal(await rephone(api, dealer, number, 1)) == NO_STOCK
    api.world.clock.advance(5)

    assert (await rephone(api, dealer, number, rental_id))["success"] is True


async def test_the_pace_is_each_dealers_own(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    other = await api.world.dealer("other")
    await rephone(api, other, number, rental_id)

    assert (await rephone(api, dealer, number, rental_id))["success"] is True


async def test_a_repeated_order_to_rent_again_gets_the_first_rental(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    order = f"{rental_id}&orderId=one"
    first = await rephone(api, dealer, number, order)
    api.world.clock.advance(5)

    assert await rephone(api, dealer, "0" + number.removeprefix("+84"), order) == first
    assert len(await api.history(dealer)) == 2


async def test_an_order_that_is_sent_again_at_once_gets_the_first_rental(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    first = await rephone(api, dealer, number, f"{rental_id}&orderId=one")

    assert await rephone(api, dealer, number, f"{rental_id}&orderId=one") == first
    status, _ = refusal(await rephone(api, dealer, number, f"{rental_id}&orderId=two"))
    assert status == 429
    assert len(await api.history(dealer)) == 2


async def test_an_order_that_was_another_is_refused_and_does_not_count(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api, "0967000001", "0967000002")
    await api.rented(dealer, "serviceId=4&orderId=one")

    status, text = refusal(await rephone(api, dealer, number, f"{rental_id}&orderId=one"))

    assert (status, text[:15]) == (-1, "Có lỗi: orderId")
    assert (await rephone(api, dealer, number, rental_id))["success"] is True


@pytest.mark.parametrize(
    ("phone", "rental", "service"), [("abc", "1", "4"), ("0967000001", "x", "4"), ("1", "1", "x")]
)
async def test_a_malformed_call_does_not_count(
    api: Api, phone: str, rental: str, service: str
) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    await rephone(api, dealer, phone, rental, service)

    assert (await rephone(api, dealer, number, rental_id))["success"] is True
