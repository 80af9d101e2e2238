"""What the contract of the first API says beside its cases, one sentence a test."""

import asyncio
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import pytest

from simlet.domain.principal import Tier
from simlet.domain.service import Category, Prices, Rules, Service
from simlet.domain.signing import (
    TOKEN_RANDOM_BYTES,
    format_gateway_secret,
    format_token,
    hash_secret,
)
from simlet.flows.forget_old import forget_old
from simlet.flows.manage_accounts import (
    add_account,
    approve_account,
    resume_account,
    revoke_tokens,
    suspend_account,
)
from simlet.flows.manage_lines import add_network, retire_line
from simlet.flows.manage_services import add_service, open_service, pause_service
from simlet.store import accounts
from simlet.store.sql import Sql, Tx
from simlet.testing.world import Dealer, World
from web.first_api.api import Api

pytestmark = pytest.mark.anyio

UNAUTHENTICATED = (401, "Lỗi xác thực")
NO_SUCH_SERVICE = (-4, "Ứng dụng không tồn tại hoặc đang tạm ngưng")
NO_FUNDS = (-2, "Số dư tài khoản không đủ")
NO_STOCK = (-3, "Kho số đang tạm hết, vui lòng liên hệ hỗ trợ")
NO_SUCH_RENTAL = (-2, "Mã phiên không đúng")

METHODS = [
    "/api/?show=balance",
    "/api/?show=networks",
    "/api/?show=service",
    "/api/?show=code&ID=1000001",
    "/api/?show=history",
    "/api/register-service/?serviceId=01.4",
    "/api/rephone/?phone=0967000001&serviceId=4&thuesim1=1000001",
    "/api/?show=nothing",
    "/api/nothing",
]


def refusal(body: dict[str, Any]) -> tuple[int, str]:
    """An error's status and text, after all that errors have in common was checked."""
    assert body["success"] is False
    assert "data" not in body
    assert "Data" not in body
    assert body.get("Message", body["message"]) == body["message"]
    return body["status_code"], body["message"]


def invalid(name: str) -> tuple[int, str]:
    return -1, f"Có lỗi: {name} không hợp lệ"


def too_many(limit: int) -> tuple[int, str]:
    return 429, f"Limit exceeded, tối đa {limit} số chờ tin nhắn"


async def a_dealer_with_a_code(api: Api, *numbers: str) -> tuple[Dealer, int, str]:
    """A dealer, its rental of service 4 that got its code, and the rental's number."""
    await api.world.service(4)
    await api.world.lines(*(numbers or ("0967000001",)))
    dealer = await api.world.dealer()
    rental_id = await api.rented(dealer, "serviceId=4")
    number = (await api.world.rental(dealer, rental_id)).number
    await api.world.sms(number, "Ma la 529310")
    return dealer, rental_id, number


async def rephone(
    api: Api, dealer: Dealer, phone: str, rental: int | str, service: str = "4"
) -> dict[str, Any]:
    path = f"/api/rephone/?phone={phone}&serviceId={service}&thuesim1={rental}"
    return await api.ask(dealer, path)


def _run(tx: Tx, statement: Sql) -> int:
    return tx.run(statement)


# Who calls


@pytest.mark.parametrize("path", METHODS)
async def test_every_method_asks_for_a_token(api: Api, path: str) -> None:
    assert refusal((await api.get(path)).json) == UNAUTHENTICATED


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_token_is_taken_from_the_header_as_well(api: Api, scheme: str) -> None:
    dealer = await api.world.dealer(balance_dong=700)

    reply = await api.get("/api/?show=balance", {"Authorization": f"{scheme} {dealer.token}"})

    assert reply.json["data"] == {"balance": 700}


@pytest.mark.parametrize("header", ["{}", "Basic {}", "Bearer", "Bearer x{}", "Token {}"])
async def test_another_header_is_no_token(api: Api, header: str) -> None:
    dealer = await api.world.dealer()

    reply = await api.get("/api/?show=balance", {"Authorization": header.format(dealer.token)})

    assert refusal(reply.json) == UNAUTHENTICATED


async def _token_of_a_member(world: World) -> str:
    await world.dealer("someone", tier=Tier.MEMBER)
    return await _given_token(world, "someone")


async def _token_of_a_pending_account(world: World) -> str:
    await world.db.write(add_account, "someone", Tier.DEALER, 10, None, world.clock.now_ms())
    return await _given_token(world, "someone")


async def _given_token(world: World, name: str) -> str:
    """A token put into the database past the rules, which would not give one."""
    token = format_token(world.runtime.random_bytes(TOKEN_RANDOM_BYTES))
    account = await world.db.read(accounts.account_by_name, name)
    assert account is not None
    await world.db.write(accounts.add_token, account.id, hash_secret(token), world.clock.now_ms())
    return token


async def _token_of_a_suspended_account(world: World) -> str:
    dealer = await world.dealer("someone")
    await world.db.write(suspend_account, "someone", world.clock.now_ms())
    return dealer.token


async def _revoked_token(world: World) -> str:
    dealer = await world.dealer("someone")
    await world.db.write(revoke_tokens, "someone", world.clock.now_ms())
    return dealer.token


async def _mistyped_token(world: World) -> str:
    token = (await world.dealer("someone")).token
    return token[:-1] + ("x" if token[-1] != "x" else "y")


async def _token_of_nobody(world: World) -> str:
    return format_token(world.runtime.random_bytes(TOKEN_RANDOM_BYTES))


async def _secret_of_a_gateway(world: World) -> str:
    return format_gateway_secret(world.runtime.random_bytes(TOKEN_RANDOM_BYTES))


@pytest.mark.parametrize(
    "token_of",
    [
        _token_of_a_member,
        _token_of_a_pending_account,
        _token_of_a_suspended_account,
        _revoked_token,
        _mistyped_token,
        _token_of_nobody,
        _secret_of_a_gateway,
    ],
)
async def test_such_a_token_is_refused_by_every_method(api: Api, token_of: Any) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    token = await token_of(api.world)
    before = await api.rows()

    for path in METHODS:
        joint = "&" if "?" in path else "?"
        reply = await api.get(f"{path}{joint}token={token}")
        assert refusal(reply.json) == UNAUTHENTICATED, path

    assert await api.rows() == before


async def test_a_token_works_from_the_approval_on(api: Api) -> None:
    token = await _token_of_a_pending_account(api.world)
    await api.world.db.write(approve_account, "someone", "a tester", api.world.clock.now_ms())

    assert (await api.get(f"/api/?show=balance&token={token}")).json["success"] is True


async def test_a_token_works_again_after_the_suspension(api: Api) -> None:
    token = await _token_of_a_suspended_account(api.world)
    await api.world.db.write(resume_account, "someone", api.world.clock.now_ms())

    assert (await api.get(f"/api/?show=balance&token={token}")).json["success"] is True


# Every answer


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


# Balance, networks, services


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
    rules = Rules(catch_all=True)
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


# Ids


async def test_the_id_of_a_rental_is_a_bare_number_with_both_digits_of_the_store(api: Api) -> None:
    await api.world.service(4, "10")
    await api.world.lines("0967000001", store="10")
    dealer = await api.world.dealer()

    reply = await api.get(f"/api/register-service/?serviceId=10.4&token={dealer.token}")

    rental_id = reply.json["data"]["request_id"]
    assert f'"RequestLog":{{"ID":{rental_id}.10,'.encode() in reply.raw
    assert f'"request_id":"{rental_id}"'.encode() in reply.raw


@pytest.mark.parametrize(
    "form", ["{}", "{}.10", "{}.1", "{}.100", "{}.0", "{}.99", "{}.", "0{}.10"]
)
async def test_the_integer_part_of_an_id_alone_decides(api: Api, form: str) -> None:
    await api.world.service(4, "10")
    await api.world.lines("0967000001", store="10")
    dealer = await api.world.dealer()
    rental_id = await api.rented(dealer, "serviceId=4")

    code = await api.code(dealer, form.format(rental_id))

    assert code["data"]["ID"] == rental_id


@pytest.mark.parametrize("service", ["02.97", "97", "2.97", "02.0097", "%2002.97%20", "+97"])
async def test_a_service_is_taken_with_and_without_its_store(api: Api, service: str) -> None:
    await api.world.service(97, "02")
    await api.world.lines("0967000001", store="02")
    dealer = await api.world.dealer()

    answer = await api.rent(dealer, f"serviceId={service}")

    assert answer["RequestLog"]["ServiceID"] == 97


@pytest.mark.parametrize(
    "service", ["01.97", "02.98", "", "abc", "02.", ".97", "-97", "97.02.1", "9" * 401, "%00", "٩٧"]
)
async def test_another_service_is_not_there(api: Api, service: str) -> None:
    await api.world.service(97, "02")
    await api.world.lines("0967000001", store="02")
    dealer = await api.world.dealer()

    assert refusal(await api.rent(dealer, f"serviceId={service}")) == NO_SUCH_SERVICE


async def test_a_rent_without_a_service_names_none_that_is_there(api: Api) -> None:
    dealer = await api.world.dealer()

    assert refusal(await api.rent(dealer, "")) == NO_SUCH_SERVICE


# Filters

POOL = (
    "0961000001 VIETTEL",
    "0967000002 MOBIFONE",
    "0852000003 VINAPHONE",
    "0903000004 MOBIFONE",
)


async def numbers_fitting(api: Api, query: str) -> set[str]:
    """The numbers of the pool that can be rented under a filter, all of them."""
    await api.world.service(4)
    await api.world.lines(*POOL)
    dealer = await api.world.dealer()
    numbers: set[str] = set()
    while True:
        answer = await api.rent(dealer, f"serviceId=4&{query}")
        if not answer["success"]:
            assert refusal(answer) == NO_STOCK
            return numbers
        numbers.add(answer["data"]["phone_number"])


@pytest.mark.parametrize(
    ("query", "fitting"),
    [
        ("", {"961000001", "967000002", "852000003", "903000004"}),
        ("carries=&yPrefix=&nPrefix=", {"961000001", "967000002", "852000003", "903000004"}),
        ("carries=|&yPrefix=||&nPrefix=|", {"961000001", "967000002", "852000003", "903000004"}),
        ("carries=mobifone", {"967000002", "903000004"}),
        ("carries=|Viettel||vinaphone|", {"961000001", "852000003"}),
        ("carries=%20VIETTEL%20|", {"961000001"}),
        ("carries=VIETTEL%7CVINAPHONE", {"961000001", "852000003"}),
        ("carries=VIETTEL|viettel|VIETTEL", {"961000001"}),
        ("yPrefix=96", {"961000001", "967000002"}),
        ("yPrefix=096|", {"961000001", "967000002"}),
        ("yPrefix=967", {"967000002"}),
        ("yPrefix=0967|85", {"967000002", "852000003"}),
        ("yPrefix=9610000", {"961000001"}),
        ("yPrefix=961000001", {"961000001"}),
        ("yPrefix=9", {"961000001", "967000002", "903000004"}),
        ("nPrefix=96|85|", {"903000004"}),
        ("nPrefix=096|", {"852000003", "903000004"}),
        ("nPrefix=967", {"961000001", "852000003", "903000004"}),
        ("yPrefix=96&nPrefix=967", {"961000001"}),
        ("yPrefix=96|85&nPrefix=96", {"852000003"}),
        ("yPrefix=96&nPrefix=96", set()),
        ("carries=MOBIFONE&yPrefix=96", {"967000002"}),
        ("carries=MOBIFONE&nPrefix=96", {"903000004"}),
        ("carries=ITELECOM", set()),
    ],
)
async def test_every_filter_counts(api: Api, query: str, fitting: set[str]) -> None:
    assert await numbers_fitting(api, query) == fitting


# Refusals

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


# The dealer's own id of an order


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


# The same number again


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


# The code


async def test_the_id_may_be_named_request_id(api: Api) -> None:
    dealer, rental_id, _ = await a_dealer_with_a_code(api)

    answer = await api.ask(dealer, f"/api/?show=code&requestId={rental_id}")

    assert answer == await api.code(dealer, rental_id)


@pytest.mark.parametrize("rental", ["", "abc", "-1", "0", "9" * 19, "9" * 401, "1e6", "%00", "١"])
async def test_a_rental_that_is_not_there_has_response_code_3(api: Api, rental: str) -> None:
    dealer = await api.world.dealer()

    answer = await api.code(dealer, rental)

    assert refusal(answer) == NO_SUCH_RENTAL
    assert (answer["ResponseCode"], answer["Result"]) == (3, None)
    assert answer["Msg"] == answer["message"]


async def test_another_accounts_rental_is_as_one_that_is_not_there(api: Api) -> None:
    _, rental_id, _ = await a_dealer_with_a_code(api)
    other = await api.world.dealer("other")

    assert await api.code(other, rental_id) == await api.code(other, 1)
    assert await api.history(other) == []


async def test_while_it_waits_text_and_code_are_null(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    rental_id = await api.rented(dealer, "serviceId=4")
    await api.world.sms("0967000001", "Chao mung ban den voi dich vu")

    answer = await api.code(dealer, rental_id)

    assert (answer["ResponseCode"], answer["Result"]) == (1, None)
    data = answer["data"]
    assert (data["Status"], data["SmsContent"], data["Code"]) == (0, None, None)


async def test_zeros_in_front_of_a_code_stay(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    await api.world.sms(number, "Ma xac thuc la 003907")

    answer = await api.code(dealer, rental_id)

    assert (answer["Result"]["Code"], answer["data"]["Code"]) == ("003907", "003907")


async def test_the_newest_message_with_a_code_is_shown(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    api.world.clock.advance(1)
    await api.world.sms(number, "Ma moi la 700312")
    api.world.clock.advance(1)
    await api.world.sms(number, "Cam on ban da su dung dich vu")

    answer = await api.code(dealer, rental_id)

    assert answer["Result"]["SMS"] == "Ma moi la 700312"
    assert (answer["Result"]["Code"], answer["data"]["Code"]) == ("700312", "700312")


async def test_further_messages_cost_nothing(api: Api) -> None:
    dealer, _, number = await a_dealer_with_a_code(api)
    before = await api.world.account(dealer)

    await api.world.sms(number, "Ma moi la 700312")

    assert await api.world.account(dealer) == before


async def test_what_comes_after_the_time_is_not_shown(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    api.world.clock.advance(300)
    await api.world.expire()
    await api.world.sms(number, "Ma moi la 700312")

    assert (await api.code(dealer, rental_id))["Result"]["Code"] == "529310"


async def test_text_and_code_are_null_after_they_were_forgotten(api: Api) -> None:
    dealer, rental_id, _ = await a_dealer_with_a_code(api)
    api.world.clock.advance(24 * 3600 + 1)
    await api.world.db.write(forget_old, api.world.clock.now_ms(), 24, 100)

    answer = await api.code(dealer, rental_id)
    (row,) = await api.history(dealer)

    assert answer["ResponseCode"] == 0
    assert answer["Result"] == {"SMS": None, "Code": None, "IsCall": False, "CallFile": None}
    for data in (answer["data"], row):
        assert (data["Status"], data["SmsContent"], data["Code"]) == (1, None, None)


async def a_dealer_with_a_call(api: Api, transcript: str) -> tuple[Dealer, int]:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    rental_id = await api.rented(dealer, "serviceId=4")
    await api.world.call("0967000001", transcript=transcript, wav=b"RIFF....WAVE")
    return dealer, rental_id


async def test_a_transcript_stands_behind_its_mark(api: Api) -> None:
    dealer, rental_id = await a_dealer_with_a_call(api, "mã của bạn là 059809")

    answer = await api.code(dealer, rental_id)

    assert answer["Result"]["SMS"] == "[Call]mã của bạn là 059809"
    assert answer["Result"]["Code"] == "059809"
    assert answer["Result"]["IsCall"] is answer["data"]["IsSound"] is True
    assert answer["data"]["SmsContent"] == answer["Result"]["CallFile"]


async def test_a_call_without_a_code_in_its_transcript_gives_its_recording(api: Api) -> None:
    dealer, rental_id = await a_dealer_with_a_call(api, "")

    answer = await api.code(dealer, rental_id)

    assert answer["ResponseCode"] == 0
    assert answer["Result"]["Code"] is None
    assert answer["Result"]["CallFile"].startswith("http")


async def test_a_recording_has_no_address_after_it_was_forgotten(api: Api) -> None:
    dealer, rental_id = await a_dealer_with_a_call(api, "mã của bạn là 059809")
    api.world.clock.advance(24 * 3600 + 1)
    await api.world.db.write(forget_old, api.world.clock.now_ms(), 24, 100)

    answer = await api.code(dealer, rental_id)

    assert answer["Result"] == {"SMS": None, "Code": None, "IsCall": True, "CallFile": None}
    assert (answer["data"]["SmsContent"], answer["data"]["Code"]) == (None, None)


_CANCEL = Sql("UPDATE rentals SET state = 'cancelled', listening = FALSE")


async def test_a_cancelled_rental_reads_as_an_expired_one(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    rental_id = await api.rented(dealer, "serviceId=4")
    await api.world.db.write(_run, _CANCEL)

    answer = await api.code(dealer, rental_id)

    assert (answer["ResponseCode"], answer["Result"]) == (2, None)
    assert answer["Msg"] == "không nhận được code, quá thời gian chờ"
    assert answer["data"]["Status"] == 2
    assert [row["Status"] for row in await api.history(dealer, "status=2")] == [2]


async def test_polling_without_a_pause_always_gets_its_answer(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    rental_id = await api.rented(dealer, "serviceId=4")

    answers = await asyncio.gather(*(api.code(dealer, rental_id) for _ in range(300)))

    assert {one["ResponseCode"] for one in answers} == {1}


# The history


async def test_a_row_of_the_history_is_the_rentals_data_with_is_sound_as_a_text(api: Api) -> None:
    dealer, sms_id, _ = await a_dealer_with_a_code(api)
    await api.world.service(5)
    call_id = await api.rented(dealer, "serviceId=5")
    await api.world.call("0967000001", transcript="mã là 059809", wav=b"RIFF....WAVE")

    rows = await api.history(dealer)

    assert [(row["ID"], row["IsSound"]) for row in rows] == [(call_id, "true"), (sms_id, "false")]
    for row in rows:
        data = (await api.code(dealer, row["ID"]))["data"]
        data["IsSound"] = str(data["IsSound"]).lower()
        assert list(row.items()) == list(data.items())


async def three_rentals(api: Api) -> tuple[Dealer, list[int]]:
    """A dealer with a rental of 4 that got its code, one that expired, and one of 5 that waits."""
    await api.world.service(4)
    await api.world.service(5)
    await api.world.lines("0967000001", "0967000002")
    dealer = await api.world.dealer()
    received = await api.rented(dealer, "serviceId=4")
    await api.world.sms((await api.world.rental(dealer, received)).number, "Ma la 529310")
    expired = await api.rented(dealer, "serviceId=4")
    api.world.clock.advance(300)
    await api.world.expire()
    return dealer, [received, expired, await api.rented(dealer, "serviceId=5")]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [2, 1, 0]),
        ("service=&status=&limit=&fromDate=&toDate=", [2, 1, 0]),
        ("service=-1&status=-1&fromDate=-1&toDate=-1", [2, 1, 0]),
        ("service=4", [1, 0]),
        ("service=01.4", [1, 0]),
        ("service=5", [2]),
        ("service=999999999", []),
        ("status=0", [2]),
        ("status=1", [0]),
        ("status=2", [1]),
        ("service=4&status=0", []),
        ("service=4&status=2", [1]),
        ("limit=2", [2, 1]),
        ("limit=1&service=4", [1]),
        ("limit=9999999999999999999999", [2, 1, 0]),
    ],
)
async def test_the_history_is_filtered_newest_first(
    api: Api, query: str, expected: list[int]
) -> None:
    dealer, rental_ids = await three_rentals(api)

    rows = await api.history(dealer, query)

    assert [row["ID"] for row in rows] == [rental_ids[index] for index in expected]


_COPY = Sql(
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1004) "
    "INSERT INTO rentals (account_id, service_id, store, line_id, number, price_dong, state, "
    "created_at_ms, deadline_at_ms, closed_at_ms, catch_all, again, listening) "
    "SELECT account_id, service_id, store, line_id, number, price_dong, 'expired', "
    "created_at_ms, deadline_at_ms, deadline_at_ms, catch_all, again, FALSE FROM rentals, n"
)


async def test_the_history_gives_100_rows_if_not_asked_and_1000_at_most(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    await api.rented(dealer, "serviceId=4")
    await api.world.db.write(_run, _COPY)

    for limit, count in (("", 100), ("limit=5", 5), ("limit=1000", 1000), ("limit=5000", 1000)):
        rows = await api.history(dealer, limit)
        assert len(rows) == count, limit
        ids = [row["ID"] for row in rows]
        assert ids == sorted(ids, reverse=True)


def at_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("fromDate=2026-03-05&toDate=2026-03-05", ["2026-03-05", "2026-03-05"]),
        ("fromDate=2026-03-05", ["2026-03-06", "2026-03-05", "2026-03-05"]),
        ("toDate=2026-03-05", ["2026-03-05", "2026-03-05", "2026-03-04"]),
        ("fromDate=2026-03-06&toDate=2026-03-06", ["2026-03-06"]),
        ("fromDate=2026-03-06&toDate=2026-03-05", []),
        ("fromDate=0001-01-01&toDate=2026-03-04", ["2026-03-04"]),
        ("fromDate=2026-03-06&toDate=9999-12-31", ["2026-03-06"]),
    ],
)
async def test_both_dates_are_included_as_days_of_vietnam(
    api: Api, query: str, days: list[str]
) -> None:
    await api.world.service(4)
    await api.world.lines(*(f"096700000{i}" for i in range(4)))
    dealer = await api.world.dealer()
    # The last second of a day in Vietnam, the first and the last of the next, the first after it.
    for utc in ("03-04T16:59:59", "03-04T17:00:00", "03-05T16:59:59", "03-05T17:00:00"):
        api.world.clock.set_now_ms(at_ms(f"2026-{utc}"))
        await api.rented(dealer, "serviceId=4")

    rows = await api.history(dealer, query)

    assert [row["CreatedTime"][:10] for row in rows] == days


async def test_times_are_local_without_a_zone(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    api.world.clock.set_now_ms(at_ms("2026-03-04T17:00:01") + 999)

    answer = await api.rent(dealer, "serviceId=4")

    assert answer["RequestLog"]["CreatedTime"] == "2026-03-05T00:00:01"
