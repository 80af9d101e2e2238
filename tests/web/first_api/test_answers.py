"""What all answers of the first API have in common, and how a wrong call is told."""

from itertools import combinations
from typing import Any

import pytest

from web.first_api.answers import METHODS, a_dealer_with_a_code, invalid, refusal
from web.first_api.api import Api

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("path", METHODS)
async def test_a_path_is_taken_with_and_without_its_closing_slash(api: Api, path: str) -> None:
    dealer = await api.world.dealer()
    path, _, query = path.partition("?")

    bare = await api.ask(dealer, path.rstrip("/") + "?" + query)
    api.world.clock.advance(5)

    assert await api.ask(dealer, path.rstrip("/") + "/?" + query) == bare


def _named_alike(content: Any) -> list[tuple[str, str]]:
    """Pairs of names that differ by case alone, and what they hold does not agree."""
    if isinstance(content, list):
        return [pair for one in content for pair in _named_alike(one)]
    if not isinstance(content, dict):
        return []
    uneven = [
        (a, b)
        for a, b in combinations(content, 2)
        if a.lower() == b.lower() and content[a] != content[b]
    ]
    return uneven + [pair for one in content.values() for pair in _named_alike(one)]


async def test_names_that_differ_only_by_case_hold_the_same(api: Api) -> None:
    dealer, rental_id, _ = await a_dealer_with_a_code(api, "0967000001", "0967000002")
    answers = [await api.ask(dealer, path) for path in METHODS]
    answers += [await api.code(dealer, rental_id), await api.rent(dealer, "serviceId=5")]
    answers += [(await api.get(path)).json for path in METHODS]

    assert [pair for one in answers for pair in _named_alike(one)] == []
    assert sum("Data" in one for one in answers) == 1
    assert sum("Message" in one for one in answers) == 5


@pytest.mark.parametrize("path", METHODS)
async def test_the_response_code_of_an_error_repeats_its_status(api: Api, path: str) -> None:
    body = (await api.get(path)).json

    refusal(body)
    assert body.get("ResponseCode", body["status_code"]) == body["status_code"]


async def test_texts_stand_in_the_json_as_they_are(api: Api) -> None:
    name = "DỊCH VỤ <&'/> 🇻🇳 Đ"
    await api.world.service(5, name=name)
    dealer = await api.world.dealer()

    raw = (await api.get(f"/api/?show=service&token={dealer.token}")).raw.decode()

    assert raw.count(name) == 4
    assert "\\u" not in raw
    assert '": ' not in raw
    assert '", ' not in raw


async def test_a_text_message_stands_in_the_json_as_it_is(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    text = "Mã xác thực: 482913 ✓ \u2028 không chia sẻ"
    await api.world.sms(number, text)

    reply = await api.get(f"/api/?show=code&ID={rental_id}&token={dealer.token}")

    assert text in reply.raw.decode()


async def test_names_of_parameters_are_taken_in_any_case(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001", "0903000001 MOBIFONE")
    dealer = await api.world.dealer()

    rented = await api.get(
        f"/api/Register-Service/?SERVICEID=4&CARRIES=MobiFone&YPREFIX=90&nprefix=96"
        f"&ORDERID=one&TOKEN={dealer.token}"
    )
    rental_id = rented.json["data"]["request_id"]
    code = await api.get(f"/api/?Show=code&id={rental_id}&tOKEN={dealer.token}")
    history = await api.get(f"/api/?SHOW=history&SERVICE=5&LIMIT=1&token={dealer.token}")

    assert rented.json["data"]["phone_number"] == "903000001"
    assert code.json["ResponseCode"] == 1
    assert history.json["data"] == []


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("/api/?show=foo", "show"),
        ("/api/?show=", "show"),
        ("/api/", "show"),
        ("/api", "show"),
        ("/api/foo", "method"),
        ("/api/register-service/?serviceId=4&carries=FOO", "carries"),
        ("/api/register-service/?serviceId=4&carries=VIETTEL|FOO", "carries"),
        ("/api/register-service/?serviceId=4&carries=3", "carries"),
        ("/api/register-service/?serviceId=4&yPrefix=abc", "yPrefix"),
        ("/api/register-service/?serviceId=4&yPrefix=96|0", "yPrefix"),
        ("/api/register-service/?serviceId=4&yPrefix=96,97", "yPrefix"),
        ("/api/register-service/?serviceId=4&nPrefix=-85", "nPrefix"),
        ("/api/register-service/?serviceId=4&nPrefix=%D9%A9%D9%A6", "nPrefix"),
        ("/api/register-service/?serviceId=4&nPrefix=9%D9%A6", "nPrefix"),
        ("/api/register-service/?serviceId=4&orderId=" + "x" * 65, "orderId"),
        ("/api/register-service/?serviceId=4&orderId=a%00b", "orderId"),
        ("/api/rephone/?serviceId=4&thuesim1=1", "phone"),
        ("/api/rephone/?serviceId=4&thuesim1=1&phone=123", "phone"),
        ("/api/rephone/?serviceId=4&phone=0967000001", "thuesim1"),
        ("/api/rephone/?serviceId=4&phone=0967000001&thuesim1=abc", "thuesim1"),
        ("/api/?show=history&service=abc", "service"),
        ("/api/?show=history&status=3", "status"),
        ("/api/?show=history&limit=0", "limit"),
        ("/api/?show=history&limit=ten", "limit"),
        ("/api/?show=history&limit=-5", "limit"),
        ("/api/?show=history&fromDate=05-03-2026", "fromDate"),
        ("/api/?show=history&fromDate=2026-02-30", "fromDate"),
        ("/api/?show=history&fromDate=0000-01-01", "fromDate"),
        ("/api/?show=history&toDate=2026-3-5", "toDate"),
        ("/api/?show=history&toDate=today", "toDate"),
    ],
)
async def test_a_missing_or_malformed_parameter_is_named(api: Api, query: str, name: str) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    before = await api.rows()

    assert refusal(await api.ask(dealer, query)) == invalid(name)
    assert await api.rows() == before


@pytest.mark.parametrize(
    "path",
    ["/api/foo", "/api/register-service/x", "/api/v1/", "/api/%00", "/api/../etc", "/api//x"],
)
async def test_an_unknown_path_below_api_is_an_error_of_the_api(api: Api, path: str) -> None:
    dealer = await api.world.dealer()

    assert refusal(await api.ask(dealer, path)) == invalid("method")
