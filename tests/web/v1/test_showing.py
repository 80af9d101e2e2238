"""Services, networks, the balance, the account and the statement."""

import csv
import io

import pytest

from simlet.testing.world import Dealer, World
from web.v1.api import V1

pytestmark = pytest.mark.anyio


@pytest.fixture
async def dealer(world: World) -> Dealer:
    """A dealer with a service and two lines to rent."""
    await world.service(7, cancel_after_s=30, extend_s=60, extend_times=2)
    await world.lines("0912345671", "0912345672")
    return await world.dealer(balance_dong=10_000)


async def test_services_are_shown_with_price_terms_stock_and_figures(
    v1: V1, dealer: Dealer
) -> None:
    await v1.post(dealer, "/v1/rentals", {"service": 7})
    v1.world.clock.advance(2)  # what is shown may be a second old
    listed = await v1.get(dealer, "/v1/services")
    unknown = {"samples": 0, "delivery_rate": None, "median_s": None}
    assert listed == {
        "object": "list",
        "data": [
            {
                "object": "service",
                "id": 7,
                "name": "Yahoo",
                "store": "01",
                "category": "general",
                "price_dong": 470,
                "waiting_s": 300,
                "cancellable_after_s": 30,
                "extend_s": 60,
                "extend_times": 2,
                "stock": 1,
                "last_24h": unknown,
                "last_7d": unknown,
            }
        ],
        "next_cursor": None,
    }


async def test_services_that_may_not_be_rented_are_not_shown(v1: V1, dealer: Dealer) -> None:
    await v1.world.service(8, name="Paused", paused=True)
    assert [one["id"] for one in (await v1.get(dealer, "/v1/services"))["data"]] == [7]


async def test_networks_are_shown(v1: V1, dealer: Dealer) -> None:
    listed = (await v1.get(dealer, "/v1/networks"))["data"]
    assert {"object": "network", "id": 3, "name": "VIETTEL"} in listed


async def test_the_account_shows_its_limits_and_what_is_used_of_them(
    v1: V1, dealer: Dealer
) -> None:
    await v1.post(dealer, "/v1/rentals", {"service": 7})
    wish = {"service": 7, "prefixes": ["032"], "wait_for_stock_s": 60}
    await v1.post(dealer, "/v1/rentals", wish)
    assert await v1.get(dealer, "/v1/account") == {
        "object": "account",
        "id": dealer.id,
        "name": "dealer",
        "tier": "dealer",
        "waiting": 1,
        "waiting_limit": 10,
        "queued": 1,
        "available_dong": 9530,
        "held_dong": 470,
        "rate_limit": {"per_s": 50.0, "burst": 100},
    }


async def test_the_statement_goes_by_pages_newest_first(v1: V1, dealer: Dealer) -> None:
    for _ in range(2):
        await v1.post(dealer, "/v1/rentals", {"service": 7})
    first = await v1.get(dealer, "/v1/ledger?limit=2")
    assert [one["kind"] for one in first["data"]] == ["hold", "hold"]
    second = await v1.get(dealer, f"/v1/ledger?limit=2&cursor={first['next_cursor']}")
    assert [one["kind"] for one in second["data"]] == ["credit"]
    assert second["next_cursor"] is None
    credit = second["data"][0]
    assert (credit["source"], credit["target"]) == ("world", "available")
    assert (credit["amount_dong"], credit["rental_id"]) == (10_000, None)


async def test_the_statement_is_cut_by_time(v1: V1, dealer: Dealer) -> None:
    v1.world.clock.advance(60)
    await v1.post(dealer, "/v1/rentals", {"service": 7})
    at = "2023-11-14T22:14:20.000Z"
    since = (await v1.get(dealer, f"/v1/ledger?from={at}"))["data"]
    before = (await v1.get(dealer, f"/v1/ledger?to={at}"))["data"]
    assert [one["kind"] for one in since] == ["hold"]
    assert [one["kind"] for one in before] == ["credit"]


async def test_the_statement_is_to_be_had_as_a_table(v1: V1, dealer: Dealer) -> None:
    await v1.post(dealer, "/v1/rentals", {"service": 7})
    reply = await v1.call("GET", "/v1/ledger?format=csv&limit=1", token=dealer.token)
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(reply.raw.decode())))
    assert rows[0][:3] == ["id", "kind", "amount_dong"]
    assert rows[1][1:6] == ["hold", "470", "available", "held", "1000001"]
    cursor = reply.headers["next-cursor"]
    rest = await v1.call("GET", f"/v1/ledger?format=csv&cursor={cursor}", token=dealer.token)
    assert "next-cursor" not in rest.headers
    assert [row[1] for row in csv.reader(io.StringIO(rest.raw.decode()))] == ["kind", "credit"]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@"])
async def test_no_cell_of_the_table_is_a_formula(v1: V1, dealer: Dealer, sign: str) -> None:
    reason = sign + 'HYPERLINK("http://evil.example","x")'
    await v1.world.tamper(f"UPDATE postings SET reason = '{reason}'")
    reply = await v1.call("GET", "/v1/ledger?format=csv", token=dealer.token)
    (_, row) = csv.reader(io.StringIO(reply.raw.decode()))
    assert row[-2] == "'" + reason
    shown = (await v1.get(dealer, "/v1/ledger"))["data"]
    assert shown[0]["reason"] == reason


async def test_another_accounts_money_is_not_shown(v1: V1, dealer: Dealer) -> None:
    other = await v1.world.dealer("other", balance_dong=77)
    for path in ("/v1/ledger", "/v1/balance", "/v1/account"):
        assert "10000" not in str(await v1.get(other, path))
