"""Waits: the answer comes when it is there, and no later than was asked for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import pytest

from simlet.domain.errors import RENTAL_UNKNOWN, REQUEST_UNKNOWN, Refused
from simlet.domain.rental import RentalState
from simlet.domain.request import LineRequest, RequestState
from simlet.flows.cancel_request import cancel_request
from simlet.store.details import RentalDetail
from simlet.testing.site import Site
from simlet.testing.world import Dealer, World
from simlet.web.v1.waiting import rental_after_wait, request_after_wait
from web.v1.api import staying_client

pytestmark = pytest.mark.anyio

PATIENCE_S = 20.0
WAIT_S = 60
CODE = "your code is 135790"

T = TypeVar("T")
End = Callable[[World, Dealer, RentalDetail], Awaitable[object]]


@pytest.fixture(autouse=True)
async def _feed(world: World) -> AsyncIterator[None]:
    await world.runtime.feed.start()
    yield
    await world.runtime.feed.stop()


@pytest.fixture
async def dealer(world: World) -> Dealer:
    await world.service(4, waiting_s=30)
    await world.lines("0967000001", "0967000002")
    return await world.dealer()


def rental_wait(
    world: World, dealer: Dealer, rental_id: int, wait_s: float = WAIT_S
) -> Coroutine[Any, Any, RentalDetail]:
    return rental_after_wait(world.runtime, dealer.id, rental_id, wait_s, staying_client())


def request_wait(
    world: World, dealer: Dealer, request_id: int, wait_s: float = WAIT_S
) -> Coroutine[Any, Any, LineRequest]:
    return request_after_wait(world.runtime, dealer.id, request_id, wait_s, staying_client())


async def begun(world: World, wait: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    """A wait that has found nothing yet, and sleeps."""
    task = asyncio.ensure_future(wait)
    await world.clock.wait_for_sleeping(1)
    return task


async def answer(task: "asyncio.Task[T]") -> T:
    return await asyncio.wait_for(task, PATIENCE_S)


# ------------------------------------------------------------------------------------- rentals


async def receive(world: World, _: Dealer, rental: RentalDetail) -> None:
    await world.sms(rental.number, CODE)


async def cancel(world: World, dealer: Dealer, rental: RentalDetail) -> None:
    await world.cancel(dealer, rental.id)


async def expire(world: World, _: Dealer, __: RentalDetail) -> None:
    world.clock.advance(30)
    await world.expire()


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (receive, RentalState.RECEIVED),
        (cancel, RentalState.CANCELLED),
        (expire, RentalState.EXPIRED),
    ],
)
async def test_a_wait_is_answered_when_the_rental_ends(
    world: World, dealer: Dealer, end: End, state: RentalState
) -> None:
    rented = (await world.rent(dealer, 4)).rental
    rental = await rental_wait(world, dealer, rented.id, 0)
    assert rental.state is RentalState.WAITING
    task = await begun(world, rental_wait(world, dealer, rental.id))
    await end(world, dealer, rental)
    found = await answer(task)
    assert found.state is state
    assert found.code == ("135790" if state is RentalState.RECEIVED else None)
    assert world.clock.sleeping == 0


async def test_a_rental_that_has_ended_is_answered_at_once(world: World, dealer: Dealer) -> None:
    rental = (await world.rent(dealer, 4)).rental
    await world.sms(rental.number, CODE)
    found = await rental_wait(world, dealer, rental.id)
    assert found.code == "135790"


async def test_after_its_time_a_wait_is_answered_as_it_is_then(
    world: World, dealer: Dealer
) -> None:
    rental = (await world.rent(dealer, 4)).rental
    task = await begun(world, rental_wait(world, dealer, rental.id, 5))
    world.clock.advance(4.999)
    assert world.clock.sleeping == 1
    world.clock.advance(0.001)
    assert (await answer(task)).state is RentalState.WAITING


async def test_what_leaves_a_rental_waiting_does_not_answer(world: World, dealer: Dealer) -> None:
    rental = (await world.rent(dealer, 4)).rental
    task = await begun(world, rental_wait(world, dealer, rental.id, 5))
    with world.runtime.feed.rental(rental.id) as waiter:
        await world.sms(rental.number, "no code in here")
        assert await asyncio.wait_for(waiter.wait(3600), PATIENCE_S)
    assert not task.done()
    await world.sms(rental.number, CODE)
    assert (await answer(task)).code == "135790"


async def test_waits_without_end_are_answered_when_the_server_stops(
    world: World, dealer: Dealer
) -> None:
    rental = (await world.rent(dealer, 4)).rental
    task = await begun(world, rental_wait(world, dealer, rental.id))
    world.runtime.feed.dismiss()
    assert (await answer(task)).state is RentalState.WAITING
    late = asyncio.ensure_future(rental_wait(world, dealer, rental.id))
    assert (await answer(late)).state is RentalState.WAITING


async def test_another_accounts_rental_is_unknown_at_once(world: World, dealer: Dealer) -> None:
    rental = (await world.rent(dealer, 4)).rental
    other = await world.dealer("other")
    for account, rental_id in ((other, rental.id), (dealer, rental.id + 1)):
        with pytest.raises(Refused) as refused:
            await rental_wait(world, account, rental_id)
        assert refused.value.refusal is RENTAL_UNKNOWN
    assert not world.runtime.feed._rentals


async def test_thousands_of_waits_are_answered_each_with_its_own(
    world: World, dealer: Dealer
) -> None:
    mine, other = [(await world.rent(dealer, 4)).rental for _ in range(2)]
    many = [asyncio.ensure_future(rental_wait(world, dealer, other.id)) for _ in range(300)]
    many += [asyncio.ensure_future(rental_wait(world, dealer, mine.id)) for _ in range(1_700)]
    await world.clock.wait_for_sleeping(2_000)
    await world.sms(mine.number, CODE)
    found = await asyncio.wait_for(asyncio.gather(*many[300:]), PATIENCE_S)
    assert {one.code for one in found} == {"135790"}
    assert not any(one.done() for one in many[:300])
    world.runtime.feed.dismiss()
    await asyncio.wait_for(asyncio.gather(*many), PATIENCE_S)


# ------------------------------------------------------------------------------------ requests


@pytest.fixture
async def queued(world: World, dealer: Dealer) -> LineRequest:
    """A request that waits, as every line is rented."""
    for _ in range(2):
        await world.rent(dealer, 4)
    found = await world.queue(dealer, 4)
    assert isinstance(found, LineRequest)
    return found


async def test_a_wait_for_a_request_is_answered_when_it_has_its_line(
    world: World, dealer: Dealer, queued: LineRequest
) -> None:
    task = await begun(world, request_wait(world, dealer, queued.id))
    await world.lines("0967000003")
    await world.fill()
    found = await answer(task)
    assert found.state is RequestState.FILLED
    assert found.rental_id is not None


async def test_a_wait_for_a_request_is_answered_when_it_is_cancelled(
    world: World, dealer: Dealer, queued: LineRequest
) -> None:
    task = await begun(world, request_wait(world, dealer, queued.id))
    await world.db.write(cancel_request, dealer.id, queued.id, world.clock.now_ms())
    assert (await answer(task)).state is RequestState.CANCELLED


async def test_a_wait_for_a_request_is_answered_after_its_time(
    world: World, dealer: Dealer, queued: LineRequest
) -> None:
    assert (await request_wait(world, dealer, queued.id, 0)).state is RequestState.QUEUED
    task = await begun(world, request_wait(world, dealer, queued.id, 5))
    world.clock.advance(5)
    assert (await answer(task)).state is RequestState.QUEUED


async def test_another_accounts_request_is_unknown_at_once(
    world: World, queued: LineRequest
) -> None:
    other = await world.dealer("other")
    with pytest.raises(Refused) as refused:
        await request_wait(world, other, queued.id)
    assert refused.value.refusal is REQUEST_UNKNOWN
    assert not world.runtime.feed._requests


# ---------------------------------------------------------------------------------- over the web


async def test_a_dealer_that_waits_gets_its_code(world: World, site: Site, dealer: Dealer) -> None:
    rental = (await world.rent(dealer, 4)).rental
    headers = {"authorization": f"Bearer {dealer.token}"}
    path = f"/v1/rentals/{rental.id}?wait_s=60"
    asking = asyncio.ensure_future(site.get(path, headers))
    await world.clock.wait_for_sleeping(2)
    await world.sms(rental.number, CODE)
    reply = await answer(asking)
    assert (reply.status, reply.json["code"]) == (200, "135790")
