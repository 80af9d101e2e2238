"""Shared step: an event with what it tells of, as its account is told it."""

from dataclasses import dataclass, replace

from simlet.domain.events import EventKind
from simlet.domain.rental import RentalState
from simlet.domain.request import LineRequest, RequestState
from simlet.store import details, requests
from simlet.store.details import MessageDetail, RentalDetail
from simlet.store.events import LoggedEvent
from simlet.store.sql import Tx

_STATES = {
    EventKind.RENTAL_WAITING: RentalState.WAITING,
    EventKind.RENTAL_RECEIVED: RentalState.RECEIVED,
    EventKind.RENTAL_EXPIRED: RentalState.EXPIRED,
    EventKind.RENTAL_CANCELLED: RentalState.CANCELLED,
    EventKind.RENTAL_EXTENDED: RentalState.WAITING,
    EventKind.REQUEST_FILLED: RentalState.WAITING,
}


@dataclass(frozen=True, slots=True)
class EventDetail:
    """An event as a dealer is told it.

    Attributes:
        rental: in the state of this event, with the message of this event alone; its deadline,
            extensions and report are those of the time it is told.
        request: the request that it is about.
        message: the message that it is about.
    """

    event: LoggedEvent
    rental: RentalDetail | None
    request: LineRequest | None
    message: MessageDetail | None

    @property
    def code_of(self) -> int | None:
        """The rental whose code it tells; None when it tells none."""
        answered = self.event.kind is EventKind.RENTAL_RECEIVED
        told = self.rental if answered else self.message
        tells = told is not None and (told.code or told.has_recording)
        return self.event.rental_id if tells else None


def tell_event(tx: Tx, event: LoggedEvent) -> EventDetail:
    """Reads what an event of an account tells of."""
    message = None
    if event.kind is EventKind.MESSAGE_KEPT and event.message_id is not None:
        message = details.message_detail(tx, event.message_id)
    return EventDetail(event, _rental(tx, event), _request(tx, event), message)


def _request(tx: Tx, event: LoggedEvent) -> LineRequest | None:
    request_id = event.data.get("request_id")
    if not isinstance(request_id, int):
        return None
    found = requests.request_by_id(tx, request_id)
    if found is None or event.kind is not EventKind.REQUEST_QUEUED:
        return found
    return replace(
        found, state=RequestState.QUEUED, closed_at_ms=None, rental_id=None, refusal=None
    )


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
