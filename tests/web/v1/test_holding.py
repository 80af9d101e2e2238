"""What is held open: so much of each account, and nothing for a client that went away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest

from simlet.config import Settings, V1Settings
from simlet.domain.request import LineRequest
from simlet.flows.manage_accounts import revoke_tokens, suspend_account
from simlet.testing.site import Reply, Site, site_of
from simlet.testing.world import Dealer, World
from web.first_api.api import all_rows
from web.v1.listening import PATIENCE_S, listening

pytestmark = pytest.mark.anyio

CODE = "your code is 135790"
OF_SITE = 1
"""The sleepers of a site at rest: the supervisor of its gateways."""


@pytest.fixture
async def dealer(world: World) -> Dealer:
    await world.service(4)
    await world.lines("0967000001")
    return await world.dealer()


@pytest.fixture
async def narrow(world: World) -> AsyncIterator[Site]:
    """A site where each account may have two open."""
    world.settings = Settings(v1=V1Settings(open_per_account=2))
    world.__post_init__()
    async with site_of(world) as site:
        yield site


def bearer(dealer: Dealer) -> dict[str, str]:
    return {"authorization": f"Bearer {dealer.token}"}


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - the server hears of it from the system
            await asyncio.sleep(0.005)


async def waiting(site: Site, asked: Coroutine[Any, Any, Reply]) -> "asyncio.Task[Reply]":
    """A call whose wait has begun."""
    sleeping = site.world.clock.sleeping
    task = asyncio.ensure_future(asked)
    await site.world.clock.wait_for_sleeping(sleeping + 1)
    return task


def rental_wait(site: Site, dealer: Dealer, rental_id: int) -> Coroutine[Any, Any, Reply]:
    return site.get(f"/v1/rentals/{rental_id}?wait_s=60", bearer(dealer))


def rent(site: Site, dealer: Dealer, **wish: int) -> Coroutine[Any, Any, Reply]:
    headers = bearer(dealer) | {"content-type": "application/json", "idempotency-key": "one"}
    body = b'{"service": 4, "wait_s": 60, "wait_for_stock_s": %d}' % wish.get("queue_s", 0)
    return site.request("POST", "/v1/rentals", headers=headers, data=body)


# ------------------------------------------------------------------------------------ who left


async def wait_for_code(site: Site, dealer: Dealer) -> Reply:
    rental = (await site.world.rent(dealer, 4)).rental
    return await rental_wait(site, dealer, rental.id)


async def rent_and_wait(site: Site, dealer: Dealer) -> Reply:
    return await rent(site, dealer)


async def wait_for_line(site: Site, dealer: Dealer) -> Reply:
    await site.world.rent(dealer, 4)
    return await rent(site, dealer, queue_s=60)


@pytest.mark.parametrize("ask", [wait_for_code, rent_and_wait, wait_for_line])
async def test_a_wait_whose_client_went_away_is_forgotten(
    site: Site, dealer: Dealer, ask: Callable[[Site, Dealer], Coroutine[Any, Any, Reply]]
) -> None:
    world = site.world
    task = await waiting(site, ask(site, dealer))
    feed = world.runtime.feed
    assert feed._rentals or feed._requests
    task.cancel()
    await until(lambda: not (feed._rentals or feed._requests))
    assert world.clock.sleeping == OF_SITE
    # Nobody was told anything.
    await world.runtime.reads.flush()
    assert await world.rows("SELECT rental_id FROM reads") == []


# ----------------------------------------------------------------------------------- how many


async def test_an_account_holds_no_more_open_than_it_may(narrow: Site, dealer: Dealer) -> None:
    world = narrow.world
    other = await world.dealer("other")
    rental = (await world.rent(dealer, 4)).rental
    request = await world.queue(dealer, 4, wait_s=60)
    assert isinstance(request, LineRequest)
    sleeping = world.clock.sleeping
    async with listening(narrow, dealer):
        # What sleeps next is the call that waits, and not the stream that has just begun.
        await world.clock.wait_for_sleeping(sleeping + 1)
        task = await waiting(narrow, rental_wait(narrow, dealer, rental.id))
        for path in (
            f"/v1/rentals/{rental.id}?wait_s=1",
            f"/v1/requests/{request.id}?wait_s=1",
        ):
            refused = await narrow.get(path, bearer(dealer))
            assert (refused.status, refused.json["code"]) == (429, "open_limit")
            assert "2 waits and streams" in refused.json["detail"]
        stream = await narrow.get("/v1/events", bearer(dealer) | {"accept": "text/event-stream"})
        assert (stream.status, stream.json["code"]) == (429, "open_limit")
        # What is answered at once is not counted, and nobody else is concerned.
        for path in (f"/v1/rentals/{rental.id}", "/v1/events"):
            assert (await narrow.get(path, bearer(dealer))).status == 200
        async with listening(narrow, other):
            pass
        await world.sms(rental.number, CODE)
        assert (await asyncio.wait_for(task, PATIENCE_S)).json["code"] == "135790"
        assert (await rental_wait(narrow, dealer, rental.id)).status == 200


async def test_who_may_not_wait_rents_nothing(narrow: Site, dealer: Dealer) -> None:
    world = narrow.world
    async with listening(narrow, dealer), listening(narrow, dealer):
        before = await world.db.read(all_rows)
        refused = await rent(narrow, dealer)
        assert (refused.status, refused.json["code"]) == (429, "open_limit")
        assert await world.db.read(all_rows) == before
    # The refusal was not kept under the key of the call.
    await until(lambda: not world.runtime.feed._followers)
    task = await waiting(narrow, rent(narrow, dealer))
    (row,) = await world.rows("SELECT number FROM rentals")
    await world.sms(f"0{row[0].removeprefix('+84')}", CODE)
    reply = await asyncio.wait_for(task, PATIENCE_S)
    assert (reply.status, reply.json["code"]) == (201, "135790")


# ------------------------------------------------------------------------------------ for whom


@pytest.mark.parametrize("end", [suspend_account, revoke_tokens])
async def test_a_wait_tells_no_code_to_a_token_that_holds_no_longer(
    site: Site, dealer: Dealer, end: Callable[..., Awaitable[object]]
) -> None:
    world = site.world
    rental = (await world.rent(dealer, 4)).rental
    task = await waiting(site, rental_wait(site, dealer, rental.id))
    await world.db.write(end, dealer.name, world.clock.now_ms())
    await world.sms(rental.number, CODE)
    reply = await asyncio.wait_for(task, PATIENCE_S)
    assert (reply.status, reply.json["code"]) == (401, "unauthenticated")
    await world.runtime.reads.flush()
    assert await world.rows("SELECT rental_id FROM reads") == []
