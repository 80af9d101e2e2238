"""Show events: what an account is told of its rentals, its money and its callbacks."""

from collections.abc import Sequence
from dataclasses import dataclass

from simlet.domain.events import DEALER_EVENTS, EventKind
from simlet.flows.describe_event import EventDetail, describe_event
from simlet.store import events
from simlet.store.sql import Tx
from simlet.store.stretches import EVER


@dataclass(frozen=True, slots=True)
class EventsPage:
    """Events of an account, and how far the log was looked through.

    Attributes:
        events: the oldest first.
        more_after: the number behind which there may be more; None where there is none.
    """

    events: list[EventDetail]
    more_after: int | None


def events_page(
    tx: Tx, account_id: int, after_seq: int, limit: int, kinds: frozenset[EventKind] | None
) -> EventsPage:
    """The next events of an account behind a number.

    Of `kinds` only what dealers are told; None for all of that. Where they are rare, a page ends
    with a part of the log, though it holds fewer than `limit`, and perhaps none.
    """
    told = DEALER_EVENTS if kinds is None else kinds & DEALER_EVENTS
    # Where all is told a page is full soon.
    some = told != DEALER_EVENTS
    stretch = events.oldest_slice(tx, account_id, after_seq) if some else EVER.behind(after_seq)
    found = events.events_of_account(tx, account_id, stretch, limit, told)
    more_after = stretch.last if stretch.last < EVER.last else None
    if len(found) == limit:
        more_after = found[-1].seq
    return EventsPage([describe_event(tx, event) for event in found], more_after)


def detail_events(tx: Tx, numbers: Sequence[int]) -> list[EventDetail]:
    """The events of these numbers, in their order."""
    found = (events.event_by_seq(tx, seq) for seq in numbers)
    return [describe_event(tx, event) for event in found if event is not None]


def latest_event(tx: Tx) -> int:
    """The number of the newest event of all; 0 when there is none."""
    return events.last_seq(tx)
