"""Renting: at once, from the queue, the same number again; and waiting for what comes."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from simlet.flows.show_rental import show_rental
from simlet.store.database import Database
from simlet.store.sql import DatabaseFault
from simlet.testing.site import Site
from simlet.testing.world import Dealer, World
from simlet.workers.stock_queue import serve
from web.v1.api import V1

pytestmark = pytest.mark.anyio

NUMBER = "0912345678"


@pytest.fixture
async def dealer(world: World) -> Dealer:
    """A dealer with a service and one line to rent."""
    await world.service(1, price_dong=470)
    await world.lines(NUMBER)
    return await world.dealer(balance_dong=10_000)


async def test_a_number_is_rented_and_its_price_set_aside(v1: V1, dealer: Dealer) -> None:
    reply = await v1.post(dealer, "/v1/rentals", {"service": 1, "metadata": {"order": "A-17"}})
    assert reply.status == 201
    rental = reply.json
    assert reply.headers["location"] == f"/v1/rentals/{rental['id']}"
    assert rental == {
        "object": "rental",
        "id": 1_000_001,
        "state": "waiting",
        "service_id": 1,
        "service_name": "Yahoo",
        "store": "01",
        "number": "+84912345678",
        "national_number": NUMBER,
        "price_dong": 470,
        "code": None,
        "text": None,
        "sender": None,
        "kind": None,
        "recording_url": None,
        "created_at": "2023-11-14T22:13:20.000Z",
        "deadline_at": "2023-11-14T22:18:20.000Z",
        "cancellable_at": "2023-11-14T22:13:20.000Z",
        "closed_at": None,
        "again": False,
        "extensions": 0,
        "extendable": False,
        "metadata": {"order": "A-17"},
        "callback_id": None,
        "request_id": None,
        "report": None,
        "callback_secret": None,
    }
    balance = await v1.get(dealer, "/v1/balance")
    assert balance == {"object": "balance", "available_dong": 9530, "held_dong": 470}


async def test_filters_choose_the_line(v1: V1, dealer: Dealer) -> None:
    await v1.world.lines("0321234567", network="VINAPHONE")
    wish = {
        "service": 1,
        "networks": ["vinaphone"],
        "prefixes": ["032"],
        "prefixes_unwanted": ["9"],
    }
    assert (await v1.post(dealer, "/v1/rentals", wish)).json["number"] == "+84321234567"


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"service": 2}, 404, "service_unavailable"),
        ({"service": 1, "max_price_dong": 469}, 409, "price_above_max"),
        ({"service": 1, "prefixes": ["032"]}, 409, "out_of_stock"),
        ({"service": 1, "number": NUMBER}, 404, "number_not_rented"),
    ],
)
async def test_what_is_not_to_be_had_is_refused(
    v1: V1, dealer: Dealer, wish: dict[str, Any], status: int, code: str
) -> None:
    before = await v1.rows()
    reply = await v1.post(dealer, "/v1/rentals", wish)
    assert (reply.status, reply.json["code"]) == (status, code)
    assert await v1.rows() == before


async def test_who_cannot_pay_is_refused_with_402(v1: V1, dealer: Dealer) -> None:
    poor = await v1.world.dealer("poor", balance_dong=469)
    reply = await v1.post(poor, "/v1/rentals", {"service": 1})
    assert (reply.status, reply.json["code"]) == (402, "insufficient_funds")


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        ({"networks": ["NIX"]}, "networks"),
        ({"prefixes": ["96\n"]}, "prefixes"),
        ({"number": "not a number"}, "number"),
        ({"number": NUMBER, "prefixes": ["91"]}, "number"),
        ({"number": NUMBER, "networks": ["VIETTEL"]}, "number"),
        ({"number": NUMBER, "wait_for_stock_s": 5}, "wait_for_stock_s"),
        ({"metadata": {"a\x7f": "b"}}, "metadata"),
        ({"metadata": {str(number): "" for number in range(21)}}, "metadata"),
        ({"callback_url": "ftp://dealer.example/"}, "callback_url"),
        ({"callback_url": "https://127.0.0.1/"}, "callback_url"),
        ({"callback_url": "https://dealer.example:22/"}, "callback_url"),
        ({"wait_s": 61}, "wait_s"),
        ({"wait_for_stock_s": 3601}, "wait_for_stock_s"),
        ({"max_price_dong": -1}, "max_price_dong"),
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused_by_name(
    v1: V1, dealer: Dealer, wish: dict[str, Any], name: str
) -> None:
    before = await v1.rows()
    reply = await v1.post(dealer, "/v1/rentals", {"service": 1, **wish})
    assert reply.status == 422
    assert [one["name"] for one in reply.json["errors"]] == [name]
    assert await v1.rows() == before


async def test_the_same_number_is_rented_again(v1: V1, dealer: Dealer) -> None:
    await v1.post(dealer, "/v1/rentals", {"service": 1})
    await v1.world.sms(NUMBER, "482913 is your Yahoo code")
    await v1.world.lines("0912345679")
    reply = await v1.post(dealer, "/v1/rentals", {"service": 1, "number": "+84 912 345 678"})
    assert reply.status == 201
    assert (reply.json["national_number"], reply.json["again"]) == (NUMBER, True)


async def test_a_callback_url_makes_an_endpoint_whose_secret_is_shown_once(
    v1: V1, dealer: Dealer
) -> None:
    await v1.world.lines("0912345679")
    wish = {"service": 1, "callback_url": "https://dealer.example/simlet"}
    first = (await v1.post(dealer, "/v1/rentals", wish)).json
    second = (await v1.post(dealer, "/v1/rentals", wish)).json
    assert first["callback_secret"].startswith("whsec_")
    assert second["callback_secret"] is None
    assert second["callback_id"] == first["callback_id"] is not None


async def test_a_wish_that_is_refused_makes_no_endpoint(v1: V1, dealer: Dealer) -> None:
    before = await v1.rows()
    wish = {"service": 2, "callback_url": "https://dealer.example/simlet"}
    assert (await v1.post(dealer, "/v1/rentals", wish)).status == 404
    assert await v1.rows() == before


async def test_out_of_stock_a_wish_may_queue(v1: V1, dealer: Dealer) -> None:
    await v1.post(dealer, "/v1/rentals", {"service": 1})
    wish = {"service": 1, "networks": ["viettel"], "wait_for_stock_s": 600, "metadata": {"a": "b"}}
    reply = await v1.post(dealer, "/v1/rentals", wish)
    assert reply.status == 202
    assert reply.headers["location"] == f"/v1/requests/{reply.json['id']}"
    assert reply.json["object"] == "request"
    assert reply.json["state"] == "queued"
    assert reply.json["ahead"] == 0
    assert reply.json["networks"] == ["VIETTEL"]
    assert reply.json["metadata"] == {"a": "b"}
    assert reply.json["deadline_at"] == "2023-11-14T22:23:20.000Z"
    second = await v1.post(dealer, "/v1/rentals", wish)
    assert second.json["ahead"] == 1
    assert (await v1.get(dealer, "/v1/account"))["queued"] == 2


async def test_one_call_rents_and_answers_with_the_code(site: Site, dealer: Dealer) -> None:
    asked = asyncio.create_task(post(site, dealer, {"service": 1, "wait_s": 60}))
    await rented(site, dealer)
    await site.world.sms(NUMBER, "482913 is your Yahoo code")
    status, rental = await asked
    assert status == 201
    assert (rental["state"], rental["code"], rental["sender"]) == ("received", "482913", "Yahoo")
    assert rental["callback_secret"] is None


async def test_one_call_queues_and_answers_with_the_code(site: Site, dealer: Dealer) -> None:
    world = site.world
    other = await world.dealer("other")
    first = await world.rent(other, 1)
    wish = {"service": 1, "wait_s": 60, "wait_for_stock_s": 60}
    asked = asyncio.create_task(post(site, dealer, wish))
    await queued(site, dealer)
    await world.tamper("UPDATE rentals SET deadline_at_ms = 0 WHERE state = 'waiting'")
    await world.expire()
    assert await serve(world.runtime)
    await rented(site, dealer)
    await world.sms(first.rental.number, "482913 is your Yahoo code")
    status, rental = await asked
    assert status == 201
    assert (rental["object"], rental["code"]) == ("rental", "482913")
    assert rental["request_id"] is not None


async def test_a_wait_that_ends_without_a_code_answers_how_it_stands(
    site: Site, dealer: Dealer
) -> None:
    asked = asyncio.create_task(post(site, dealer, {"service": 1, "wait_s": 30}))
    await rented(site, dealer)
    await pass_time(site, asked)
    status, rental = await asked
    assert (status, rental["state"]) == (201, "waiting")


async def test_a_wait_in_the_queue_that_ends_answers_how_it_stands(
    site: Site, dealer: Dealer
) -> None:
    await site.world.rent(dealer, 1)
    wish = {"service": 1, "wait_s": 30, "wait_for_stock_s": 60}
    asked = asyncio.create_task(post(site, dealer, wish))
    await queued(site, dealer)
    await pass_time(site, asked)
    status, request = await asked
    assert (status, request["state"], request["ahead"]) == (202, "queued", 0)


async def test_a_database_that_fails_during_a_wait_does_not_hide_what_was_rented(
    site: Site, dealer: Dealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick_read = Database.quick_read

    async def broken(db: Database, flow: Callable[..., Any], *args: Any) -> Any:
        if flow is show_rental:
            raise DatabaseFault("the disk is full")
        return await quick_read(db, flow, *args)

    monkeypatch.setattr(Database, "quick_read", broken)
    status, rental = await post(site, dealer, {"service": 1, "wait_s": 30})
    assert (status, rental["state"]) == (201, "waiting")
    assert (await site.world.rental(dealer, rental["id"])).number == rental["number"]


async def pass_time(site: Site, asked: asyncio.Task[Any]) -> None:
    """Lets seconds pass until there is an answer."""
    while not asked.done():
        site.world.clock.advance(1)
        await asyncio.sleep(0)


async def post(site: Site, dealer: Dealer, wish: dict[str, Any]) -> tuple[int, Any]:
    headers = {"authorization": f"Bearer {dealer.token}", "content-type": "application/json"}
    data = msgspec.json.encode(wish)
    reply = await site.request("POST", "/v1/rentals", headers=headers, data=data)
    return reply.status, reply.json


async def rented(site: Site, dealer: Dealer) -> None:
    """Returns when the dealer has a rental that waits."""
    while not (await site.world.account(dealer)).waiting_count:  # noqa: ASYNC110
        await asyncio.sleep(0)


async def queued(site: Site, dealer: Dealer) -> None:
    """Returns when the dealer has a request that is queued."""
    asked = f"SELECT 1 FROM requests WHERE account_id = {dealer.id} AND state = 'queued'"
    while not await site.world.rows(asked):  # noqa: ASYNC110
        await asyncio.sleep(0)


async def test_two_that_name_a_new_callback_url_at_once_both_rent(v1: V1, dealer: Dealer) -> None:
    await v1.world.lines(*(f"09123456{number}" for number in range(10, 18)))
    wish = {"service": 1, "callback_url": "https://dealer.example/simlet"}
    replies = await asyncio.gather(*(v1.post(dealer, "/v1/rentals", wish) for _ in range(4)))
    assert {one.status for one in replies} == {201}
    assert len({one.json["callback_id"] for one in replies}) == 1
    secrets = [one.json["callback_secret"] for one in replies]
    assert sum(one is not None for one in secrets) == 1
