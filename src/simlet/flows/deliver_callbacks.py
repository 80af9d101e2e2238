"""Deliver callbacks: queue them from the event log, take those that are due, record attempts.

The posting itself is the worker's: it happens between two transactions.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from simlet.domain.backoff import next_attempt_at_ms
from simlet.domain.events import EventKind
from simlet.domain.rental import RentalState
from simlet.domain.signing import webhook_headers
from simlet.store import accounts, callbacks, events, rentals
from simlet.store.callbacks import Callback
from simlet.store.rentals import RentalView
from simlet.store.sql import Tx

CURSOR = "callbacks"
_TOLD = {EventKind.RENTAL_RECEIVED, EventKind.RENTAL_EXPIRED}


@dataclass(frozen=True, slots=True)
class Room:
    """How much may be taken.

    Attributes:
        places: how many callbacks at most.
        per_account: how many of one account may be under way at a time, so that an address which
            never answers holds up nobody else's.
        under_way: how many of each account are under way.
    """

    places: int
    per_account: int
    under_way: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One callback to post: where, signed with what, telling which rental."""

    callback: Callback
    url: str
    secret: str
    rental: RentalView


def queue_callbacks(tx: Tx, limit: int) -> int:
    """Reads on in the event log and queues what is to be told; how many events were read."""
    events.number_events(tx)
    after = events.cursor(tx, CURSOR) or 0
    read = events.events_after(tx, after, limit)
    targets: dict[int, bool] = {}
    for event in read:
        if event.kind not in _TOLD or event.account_id is None or event.rental_id is None:
            continue
        if event.account_id not in targets:
            targets[event.account_id] = accounts.callback_target(tx, event.account_id) is not None
        if targets[event.account_id]:
            callbacks.add_callback(tx, event.seq, event.account_id, event.rental_id, event.at_ms)
    if read:
        events.set_cursor(tx, CURSOR, read[-1].seq)
    return len(read)


def claim_callbacks(tx: Tx, now_ms: int, lease_s: int, room: Room) -> list[Delivery]:
    """Takes callbacks that are due; one that is never recorded is due again after the lease."""
    deliveries = []
    for callback in _leased(tx, now_ms, now_ms + lease_s * 1000, room):
        target = accounts.callback_target(tx, callback.account_id)
        rental = rentals.view_at_event(tx, callback.event_seq)
        if target is None or rental is None:
            callbacks.record_attempt(tx, callback, "failed", now_ms, None, "no_address")
            continue
        if rental.state is RentalState.RECEIVED and rental.text is None:
            # What it would tell was erased meanwhile, and half of it would mislead.
            callbacks.record_attempt(tx, callback, "failed", now_ms, None, "forgotten")
            continue
        deliveries.append(Delivery(callback, target.url, target.secret, rental))
    return deliveries


def _leased(tx: Tx, now_ms: int, until_ms: int, room: Room) -> list[Callback]:
    under_way = Counter(room.under_way)
    leased: list[Callback] = []
    while left := room.places - len(leased):
        full = [one for one, count in under_way.items() if count >= room.per_account]
        due = callbacks.due_callbacks(tx, now_ms, full, left)
        for callback in due:
            if under_way[callback.account_id] < room.per_account:
                under_way[callback.account_id] += 1
                callbacks.lease_callback(tx, callback.id, until_ms)
                leased.append(callback)
        if len(due) < left:
            break
    return leased


def record_attempt(
    tx: Tx, callback: Callback, status: int | None, error: str | None, now_ms: int
) -> str:
    """Records how an attempt went; the state the callback is in then."""
    if status is not None and 200 <= status < 300:
        state, next_at_ms = "done", now_ms
    else:
        due_ms = next_attempt_at_ms(callback.event_at_ms, callback.attempts, callback.attempt_at_ms)
        state, next_at_ms = ("failed", now_ms) if due_ms is None else ("pending", due_ms)
    callbacks.record_attempt(tx, callback, state, next_at_ms, status, error)
    return state


def headers_for(delivery: Delivery, body: bytes, now_ms: int) -> dict[str, str]:
    """The signed headers; the id is the same in every attempt, so that a dealer can count once."""
    message_id = f"evt_{delivery.callback.event_seq}"
    return webhook_headers(delivery.secret, message_id, now_ms // 1000, body)
