"""Waits: an answer is held until what is asked for has happened, or for so many seconds.

Whoever waits subscribes first and then reads, so that nothing falls in between. Where the server
stops, it answers at once, with what is known then. Where the client goes away the wait ends too,
and afterwards it is told only to a token that still holds.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from simlet.domain.rental import RentalState
from simlet.domain.request import LineRequest, RequestState
from simlet.feed import Waiter
from simlet.flows.show_rental import show_rental
from simlet.flows.show_requests import show_request
from simlet.runtime import Runtime
from simlet.store.details import RentalDetail
from simlet.web.v1.holding import Client

T = TypeVar("T")


async def rental_after_wait(
    runtime: Runtime, account_id: int, rental_id: int, wait_s: float, client: Client
) -> RentalDetail:
    """A rental as soon as it has ended; after `wait_s` seconds as it is then.

    Raises:
        Refused: RENTAL_UNKNOWN, at once; UNAUTHENTICATED, where the token holds no longer.
        Disconnected: the client went away.
        DatabaseFault: it could not be read.
    """

    async def look() -> RentalDetail:
        return await runtime.db.quick_read(show_rental, account_id, rental_id)

    if wait_s <= 0:
        return await look()
    with runtime.feed.rental(rental_id) as waiter:
        return await _after(waiter, look, _rental_waits, wait_s, client)


async def request_after_wait(
    runtime: Runtime, account_id: int, request_id: int, wait_s: float, client: Client
) -> LineRequest:
    """A request for a line as soon as it is queued no longer; after `wait_s` as it is then.

    Raises:
        Refused: REQUEST_UNKNOWN, at once; UNAUTHENTICATED, where the token holds no longer.
        Disconnected: the client went away.
        DatabaseFault: it could not be read.
    """

    async def look() -> LineRequest:
        return await runtime.db.quick_read(show_request, account_id, request_id)

    if wait_s <= 0:
        return await look()
    with runtime.feed.request(request_id) as waiter:
        return await _after(waiter, look, _request_waits, wait_s, client)


def _rental_waits(rental: RentalDetail) -> bool:
    return rental.state is RentalState.WAITING


def _request_waits(request: LineRequest) -> bool:
    return request.state is RequestState.QUEUED


async def _after(
    waiter: Waiter,
    look: Callable[[], Awaitable[T]],
    waits: Callable[[T], bool],
    wait_s: float,
    client: Client,
) -> T:
    until_s = waiter.clock.monotonic_s() + wait_s
    found = await look()
    if waiter.ended or not waits(found):
        return found
    with client.ends(waiter):
        while (left_s := until_s - waiter.clock.monotonic_s()) > 0:
            await waiter.wait(left_s)
            found = await look()
            if waiter.ended or not waits(found):
                break
    await client.check()
    return found
