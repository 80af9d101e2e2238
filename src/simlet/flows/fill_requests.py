"""Fill requests: whoever stands in the queue gets a line when one that fits is free.

Each request is filled in a transaction of its own, which locks what a renting locks, in the same
order. In the order of their ids, of those that ask the same: `give_line` sees to that, whoever
rents at the same moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from simlet.domain.allocate import Chance
from simlet.domain.errors import OUT_OF_STOCK, WAITING_LIMIT, Refused
from simlet.domain.extras import Extras
from simlet.domain.request import LineRequest, RequestState
from simlet.flows.end_request import end_request
from simlet.flows.give_line import RentRequest, give_line
from simlet.store import reports, requests, stock
from simlet.store.requests import Queue
from simlet.store.sql import Tx


class FillOutcome(Enum):
    """What came of a request's turn."""

    FILLED = "filled"
    ENDED = "ended"
    """It left the queue without a line, now or before."""
    KEPT = "kept"
    """It keeps its place, and those behind it may go before it."""
    DRY = "dry"
    """There is no line: not for those behind it either."""


@dataclass(frozen=True, slots=True)
class QueuedRequest:
    """A request in its queue."""

    request_id: int
    account_id: int
    queue: Queue


def queue_to_serve(
    tx: Tx, now_ms: int, limit: int, served: Mapping[Queue, int | None]
) -> list[QueuedRequest]:
    """Up to `limit` requests of each queue whose turn may be now, in the order of their ids.

    Args:
        tx: the transaction.
        now_ms: the time.
        limit: how many of each queue.
        served: behind which request a queue goes on; None for one that is not to be served.
    """
    standing = [
        QueuedRequest(request_id, account_id, queue)
        for queue in requests.queues(tx)
        if (after := served.get(queue, 0)) is not None
        for request_id, account_id in requests.in_turn(tx, queue, after, now_ms, limit)
    ]
    return sorted(standing, key=lambda one: one.request_id)


def any_queued(tx: Tx) -> bool:
    """Whether anybody queues."""
    return requests.any_queued(tx)


def fill_request(tx: Tx, request_id: int, now_ms: int, chance: Chance) -> FillOutcome:
    """Gives a line to a request that is queued; where renting is refused, so is the request.

    Out of stock it stays, and at its account's limit of rentals too.
    """
    request = requests.lock_request(tx, request_id)
    if request is None or request.state is not RequestState.QUEUED:
        return FillOutcome.ENDED
    if now_ms >= request.deadline_at_ms:
        end_request(tx, request.expired(now_ms), now_ms)
        return FillOutcome.ENDED
    try:
        rented = give_line(tx, _renting(request), now_ms, chance, request.id)
    except Refused as refused:
        return _not_given(tx, request, refused, now_ms)
    end_request(tx, request.filled(rented.rental.id, now_ms), now_ms)
    return FillOutcome.FILLED


def _not_given(tx: Tx, request: LineRequest, refused: Refused, now_ms: int) -> FillOutcome:
    if refused.refusal is WAITING_LIMIT:
        return FillOutcome.KEPT
    if refused.refusal is OUT_OF_STOCK:
        return FillOutcome.KEPT if _others_may_have_it(tx, request) else FillOutcome.DRY
    end_request(tx, request.refused(refused.refusal.code, now_ms), now_ms)
    return FillOutcome.ENDED


def _others_may_have_it(tx: Tx, request: LineRequest) -> bool:
    """Whether lines may be left that are not given to an account because it reported them."""
    # Of a large account all reports are gone through.
    return stock.has_left(tx, request.service_id) and reports.has_reported(
        tx, request.account_id, request.service_id
    )


def _renting(request: LineRequest) -> RentRequest:
    return RentRequest(
        account_id=request.account_id,
        service_id=request.service_id,
        networks=request.networks,
        wanted=request.wanted,
        unwanted=request.unwanted,
        max_price_dong=request.max_price_dong,
        extras=Extras(request.extras.metadata, request.extras.endpoint_id, request.id),
    )


def expire_requests(tx: Tx, now_ms: int, limit: int) -> int:
    """Ends up to `limit` requests whose deadline has passed; how many."""
    due = requests.requests_due(tx, now_ms, limit)
    # Services are locked last by each of these, and in the order of their ids.
    for request in sorted(due, key=lambda one: one.service_id):
        end_request(tx, request.expired(now_ms), now_ms)
    return len(due)
