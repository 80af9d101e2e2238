"""Shared step: a request leaves the queue."""

from simlet.domain.events import Event, EventKind
from simlet.domain.request import LineRequest, RequestState
from simlet.store import events, requests, services
from simlet.store.sql import Tx

_KINDS = {
    RequestState.FILLED: EventKind.REQUEST_FILLED,
    RequestState.REFUSED: EventKind.REQUEST_REFUSED,
    RequestState.EXPIRED: EventKind.REQUEST_EXPIRED,
    RequestState.CANCELLED: EventKind.REQUEST_CANCELLED,
}


def end_request(tx: Tx, request: LineRequest, now_ms: int) -> None:
    """Records the end of a request that was queued, and locked before.

    Args:
        tx: the transaction.
        request: as it is after its end: see `LineRequest.filled` and the like.
        now_ms: the time.
    """
    if not requests.close_request(tx, request):
        raise LookupError("a request that was locked was closed by another transaction")
    describe_request(tx, request, _KINDS[request.state], now_ms)
    services.count_queued(tx, request.service_id, -1)


def describe_request(tx: Tx, request: LineRequest, kind: EventKind, now_ms: int) -> None:
    """Writes an event of a request."""
    data: dict[str, str | int | bool | None] = {"request_id": request.id}
    if request.refusal is not None:
        data["refusal"] = request.refusal
    event = Event(
        kind, now_ms, account_id=request.account_id, rental_id=request.rental_id, data=data
    )
    events.add_event(tx, event)
