"""Shared step: which endpoints are told of events, and as which callbacks."""

from collections import defaultdict
from collections.abc import Sequence

from simlet.domain.endpoint import Endpoint
from simlet.domain.events import DEALER_EVENTS, EventKind
from simlet.store import endpoints
from simlet.store.callbacks import NewCallback
from simlet.store.events import LoggedEvent
from simlet.store.sql import Tx

Addressed = tuple[LoggedEvent, list[Endpoint]]


def find_endpoints(tx: Tx, logged: Sequence[LoggedEvent]) -> list[Addressed]:
    """The events that anybody is told of, each with the active endpoints that are told of it.

    Those are the endpoints of its account that take it, and the one that its rental, or its
    request, names.
    """
    wanted = [one for one in logged if one.kind in DEALER_EVENTS and one.account_id is not None]
    if not wanted:
        return []
    of_account: defaultdict[int, list[Endpoint]] = defaultdict(list)
    for endpoint in endpoints.active_of_accounts(tx, {one.account_id or 0 for one in wanted}):
        of_account[endpoint.account_id].append(endpoint)
    named = _named(tx, wanted)
    found = []
    for event in wanted:
        told = [one for one in of_account[event.account_id or 0] if one.takes(event.kind)]
        own = named.get(event.seq)
        if own is not None and (own.takes(event.kind) or event.kind is EventKind.CALLBACK_TEST):
            told.append(own)
        if told:
            found.append((event, told))
    return found


def _named(tx: Tx, logged: Sequence[LoggedEvent]) -> dict[int, Endpoint]:
    """The endpoint that an event's rental or request names, or a test, by the event's number."""
    rental_ids = {one.rental_id for one in logged if one.rental_id is not None}
    by_rental = endpoints.named_by_rentals(tx, rental_ids) if rental_ids else {}
    request_ids = {one for one in map(request_of, logged) if one is not None}
    by_request = endpoints.named_by_requests(tx, request_ids) if request_ids else {}
    ids: dict[int, int] = {}
    for event in logged:
        tested = event.data.get("callback_id") if event.kind is EventKind.CALLBACK_TEST else None
        endpoint_id = (
            tested or by_rental.get(event.rental_id or 0) or by_request.get(request_of(event) or 0)
        )
        if isinstance(endpoint_id, int):
            ids[event.seq] = endpoint_id
    active = endpoints.active_by_ids(tx, set(ids.values())) if ids else {}
    return {seq: active[endpoint_id] for seq, endpoint_id in ids.items() if endpoint_id in active}


def request_of(event: LoggedEvent) -> int | None:
    """The request that an event is about."""
    request_id = event.data.get("request_id")
    return request_id if isinstance(request_id, int) else None


def callback_of(event: LoggedEvent, endpoint: Endpoint, at_ms: int) -> NewCallback:
    """What an endpoint is told of an event, from `at_ms` on."""
    return NewCallback(
        event_seq=event.seq,
        endpoint_id=endpoint.id,
        account_id=endpoint.account_id,
        rental_id=event.rental_id,
        chain=_chain(event),
        urgent=_tells_code(event),
        event_at_ms=event.at_ms,
        at_ms=at_ms,
    )


def _chain(event: LoggedEvent) -> int | None:
    request_id = request_of(event)
    if event.kind.value.startswith("request.") and request_id is not None:
        return -request_id
    return event.rental_id


def _tells_code(event: LoggedEvent) -> bool:
    if event.kind is EventKind.MESSAGE_KEPT:
        return event.data.get("has_code") is True
    return event.kind is EventKind.RENTAL_RECEIVED
