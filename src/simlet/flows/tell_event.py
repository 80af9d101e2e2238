"""Shared step: an event with what it tells of, as its account is told it."""

from dataclasses import dataclass, replace

from simlet.domain.events import EventKind
from simlet.domain.rental import RentalState
from simlet.domain.request import LineRequest
from simlet.store import details
from simlet.store.details import MessageDetail, RentalDetail
from simlet.store.events import LoggedEvent
from simlet.store.sql import Tx

_STATES = {
    EventKind.RENTAL_WAITING: RentalState.WAITING,
    EventKind.RENTAL_RECEIVED: RentalState.RECEIVED,
    EventKind.RENTAL_EXPIRED: RentalState.EXPIRED,
    EventKind.RENTAL_CANCELLED: RentalState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class EventDetail:
    """An event as a dealer is told it: the same whenever it is told, but for what was forgotten.

    Attributes:
        rental: as it was when this happened, with the message of this event alone.
        request: the request that it is about.
        message: the message that it is about.
    """

    event: LoggedEvent
    rental: RentalDetail | None
    request: LineRequest | None
    message: MessageDetail | None


def tell_event(tx: Tx, event: LoggedEvent) -> EventDetail:
    """Reads what an event of an account tells of."""
    message = None
    if event.kind is EventKind.MESSAGE_KEPT and event.message_id is not None:
        message = details.message_detail(tx, event.message_id)
    return EventDetail(event, _rental(tx, event), None, message)


def _rental(tx: Tx, event: LoggedEvent) -> RentalDetail | None:
    if event.rental_id is None:
        return None
    answer = event.message_id if event.kind is EventKind.RENTAL_RECEIVED else None
    rental = details.rental_with_message(tx, event.rental_id, answer)
    state = _STATES.get(event.kind)
    if rental is None or state is None:
        return rental
    closed_at_ms = None if state is RentalState.WAITING else event.at_ms
    return replace(rental, state=state, closed_at_ms=closed_at_ms)
