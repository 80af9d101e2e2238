"""`GET /v1/events` by pages, and what is no question to it."""

import pytest

from simlet.testing.site import Site
from simlet.testing.world import Dealer
from web.v1.listening import SSE
from web.v1.telling import a_code, all_pages, bearer, events_of

pytestmark = pytest.mark.anyio


async def test_pages_go_through_all_events_the_oldest_first(site: Site, dealer: Dealer) -> None:
    await a_code(site.world, dealer)
    told = await events_of(site.world, dealer)
    page = (await site.get("/v1/events?limit=3", bearer(dealer))).json
    assert page["object"] == "list"
    assert [one["id"] for one in page["data"]] == [f"evt_{seq}" for seq in told[:3]]
    assert page["next_cursor"] == f"evt_{told[2]}"
    found = await all_pages(site, dealer)
    assert [one["id"] for one in found] == [f"evt_{seq}" for seq in told]
    assert [one["object"] for one in found] == ["event"] * len(told)


async def test_an_empty_page_names_where_it_stood(site: Site, dealer: Dealer) -> None:
    newest = (await site.world.events())[-1].seq
    page = (await site.get(f"/v1/events?after={newest}", bearer(dealer))).json
    assert (page["data"], page["next_cursor"]) == ([], f"evt_{newest}")


async def test_pages_tell_no_other_accounts_and_no_operators_events(
    site: Site, dealer: Dealer
) -> None:
    other = await site.world.dealer("other")
    await a_code(site.world, other)
    await site.world.events()
    types = {one["type"] for one in await all_pages(site, dealer)}
    assert types == {"balance.credited"}


async def test_pages_of_types(site: Site, dealer: Dealer) -> None:
    await a_code(site.world, dealer)
    await site.world.events()
    found = await all_pages(site, dealer, "&types=message.kept,rental.waiting")
    assert [one["type"] for one in found] == ["rental.waiting", "message.kept"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("after=abc", "after"),
        ("after=evt_", "after"),
        ("after=-1", "after"),
        ("after=1.5", "after"),
        ("after=12345678901234567", "after"),
        ("after=", "after"),
        ("after=%D9%A1", "after"),
        ("after=9%0A", "after"),
        ("types=", "types"),
        ("types=rental", "types"),
        ("types=token.issued", "types"),
        ("types=rental.waiting,,rental.received", "types"),
        ("types=" + ",".join(["rental.waiting"] * 100), "types"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("nothing=1", "nothing"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", SSE])
async def test_what_is_not_understood_is_refused(
    site: Site, dealer: Dealer, query: str, name: str, accept: str
) -> None:
    reply = await site.get(f"/v1/events?{query}", bearer(dealer, accept=accept))
    assert reply.status == 422
    assert [one["name"] for one in reply.json["errors"]] == [name]


async def test_a_last_event_id_that_is_none_is_refused(site: Site, dealer: Dealer) -> None:
    headers = bearer(dealer, accept=SSE, **{"last-event-id": "the last one"})
    reply = await site.get("/v1/events", headers)
    assert reply.status == 422
    assert [one["name"] for one in reply.json["errors"]] == ["Last-Event-ID"]


async def test_without_a_token_there_is_no_stream(site: Site) -> None:
    reply = await site.get("/v1/events", {"accept": SSE})
    assert reply.status == 401


async def test_a_page_asked_for_more_than_there_is_goes_on_with_what_comes(
    site: Site, dealer: Dealer
) -> None:
    await site.world.credit(dealer.name, 5)
    newest = (await site.world.events())[-1].seq
    page = (await site.get(f"/v1/events?after={newest + 100}", bearer(dealer))).json
    assert page == {"object": "list", "data": [], "next_cursor": f"evt_{newest}"}
    await site.world.credit(dealer.name, 7)
    await site.world.events()
    page = (await site.get(f"/v1/events?after={page['next_cursor']}", bearer(dealer))).json
    assert [one["amount_dong"] for one in page["data"]] == [7]


@pytest.mark.parametrize(
    "accept",
    [
        "text/event-stream;q=0, application/json",
        "text/event-stream; charset=utf-8; Q=0.000",
        "text/event-stream ;q = 0.",
    ],
)
async def test_a_stream_that_is_not_wanted_is_not_opened(
    site: Site, dealer: Dealer, accept: str
) -> None:
    reply = await site.get("/v1/events?after=0", bearer(dealer, accept=accept))
    assert reply.json["object"] == "list"
