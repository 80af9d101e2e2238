"""Show events: what an account is told of its rentals, its money and its callbacks."""

from collections.abc import Sequence

from simlet.domain.events import DEALER_EVENTS, EventKind
from simlet.flows.tell_event import EventDetail, tell_event
from simlet.store import events
from simlet.store.sql import Tx


def events_page(
    tx: Tx, account_id: int, after_seq: int, limit: int, kinds: frozenset[EventKind] | None
) -> list[EventDetail]:
    """The next events of an account behind a number, the oldest first.

    Of `kinds` only what dealers are told; None for all of that.
    """
    told = DEALER_EVENTS if kinds is None else kinds & DEALER_EVENTS
    page = events.events_of_account(tx, account_id, after_seq, limit, told)
    return [tell_event(tx, event) for event in page]


def detail_events(tx: Tx, numbers: Sequence[int]) -> list[EventDetail]:
    """The events of these numbers, in their order."""
    found = (events.event_by_seq(tx, seq) for seq in numbers)
    return [tell_event(tx, event) for event in found if event is not None]


def latest_event(tx: Tx) -> int:
    """The number of the newest event of all; 0 when there is none."""
    return events.last_seq(tx)
