"""Shared step: an event with what it tells of, as its account is told it."""

from dataclasses import dataclass, replace

from simlet.domain.events import EventKind
from simlet.domain.rental import RentalState
from simlet.domain.request import LineRequest, RequestState
from simlet.store import details, requests
from simlet.store.details import MessageDetail, RentalDetail
from simlet.store.events import LoggedEvent
from simlet.store.rental_views import RentalView
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
        """The rental of which it tells what a message said; None when it tells nothing of that."""
        answered = self.event.kind is EventKind.RENTAL_RECEIVED
        told = self.rental if answered else self.message
        return self.event.rental_id if told is not None and is_read(told) else None


def is_read(told: RentalDetail | RentalView | MessageDetail) -> bool:
    """Whether who is told this reads a code, a text, or where a recording is."""
    if not isinstance(told, MessageDetail) and told.state is not RentalState.RECEIVED:
        return False
    # Of what was erased the text is None; that of a call without words is empty.
    return told.text is not None and bool(told.code or told.text or told.has_recording)


def describe_event(tx: Tx, event: LoggedEvent) -> EventDetail:
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
