"""Deliver callbacks: queue them from the event log, take those that are due, record attempts.

The posting itself is the worker's: it happens between two transactions.
"""

from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from simlet.domain.endpoint import FAILS_BEFORE_REST, BodyFormat, Endpoint
from simlet.domain.events import EventKind
from simlet.domain.rental import RentalState
from simlet.domain.signing import webhook_headers
from simlet.flows.describe_event import EventDetail, describe_event
from simlet.flows.find_endpoints import callback_of, find_endpoints
from simlet.flows.note_attempts import AttemptResult, note_attempts, plan_look
from simlet.store import callbacks, endpoints, events, rental_views
from simlet.store.callbacks import Callback, NewCallback
from simlet.store.events import LoggedEvent
from simlet.store.rental_views import RentalView
from simlet.store.sql import Tx

CURSOR = "callbacks"
PER_ENDPOINT = 4
"""So many callbacks may be under way to one endpoint; to one that is not known to answer, one."""

# What changed about an endpoint may make something due.
_STIRRING = {
    EventKind.ACCOUNT_CALLBACK_SET,
    EventKind.CALLBACK_ADDED,
    EventKind.CALLBACK_CHANGED,
    EventKind.CALLBACK_REMOVED,
}


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much may be taken.

    Attributes:
        places: how many callbacks at most, but for what accounts have places of their own for.
        per_account: how many of one account may be under way at a time.
        by_account: how many of each account are under way.
        by_endpoint: how many to each endpoint are.
        answering: endpoints that took the last callback; others get one at a time.
        after_account: the account that was served last: the turn is that of the next one.
        own: so many of each account may be under way even when there is no other place, so that
            however many addresses hang, nobody waits for those of others.
    """

    places: int
    per_account: int
    by_account: Mapping[int, int] = field(default_factory=dict)
    by_endpoint: Mapping[int, int] = field(default_factory=dict)
    answering: Collection[int] = ()
    after_account: int = 0
    own: int = 0

    def takes(self, account_id: int, taken: int = 0, of_account: int = 0) -> bool:
        """Whether one more of an account may be taken, after so many in all and of its own."""
        under_way = self.by_account.get(account_id, 0) + of_account
        return under_way < self.per_account and (taken < self.places or under_way < self.own)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One callback to post: where, signed with what, telling what.

    Attributes:
        failover: it goes to the failover address.
        view: what the body of the first API tells; None of a test.
        detail: what the body of /v1 tells; None where the format is the other one.
    """

    callback: Callback
    url: str
    secret: str
    old_secret: str | None
    failover: bool
    view: RentalView | None
    detail: EventDetail | None


@dataclass(frozen=True, slots=True)
class DeliveryRound:
    """What one turn of work gave.

    Attributes:
        deliveries: to be posted now.
        outcomes: what was recorded of attempts that ended, by callback.
        more: there is more to do at once.
        next_at_ms: when something is due that is not due yet.
        seq: the number of the last event that was read.
    """

    deliveries: list[Delivery]
    outcomes: dict[int, str]
    more: bool
    next_at_ms: int | None
    seq: int


@dataclass(frozen=True, slots=True)
class LogScan:
    """What a look at the log gave.

    Attributes:
        seq: how far it went.
        work: whether there is work in it.
        more: whether the log goes on behind it.
    """

    seq: int
    work: bool
    more: bool


def look_ahead(tx: Tx, after: int, limit: int) -> LogScan:
    """Reads on in the log without a change: most of what happens is told to nobody."""
    stretch = endpoints.log_span_after(tx, after, limit)
    if not stretch.concerned:
        return LogScan(stretch.seq, work=False, more=stretch.full)
    read = events.events_after(tx, after, limit)
    stirs = any(one.kind in _STIRRING for one in read)
    work = stirs or bool(_to_queue(tx, read))
    return LogScan(read[-1].seq, work, len(read) == limit)


def work_callbacks(
    tx: Tx,
    ended: Sequence[AttemptResult],
    capacity: Capacity,
    now_ms: int,
    *,
    lease_s: float,
    page: int,
    seen: int = 0,
) -> DeliveryRound:
    """One turn of work in one transaction: records, queues, claims.

    Up to `seen` the log was read before, and nothing in it is to be told.
    """
    outcomes = note_attempts(tx, ended, now_ms)
    read = queue_callbacks(tx, page, now_ms, seen)
    taken, deliveries = _claim(tx, now_ms, lease_s, capacity)
    # What could not be told made room for something else.
    more = read == page or len(deliveries) < taken
    seq = events.position(tx, CURSOR) or 0
    return DeliveryRound(deliveries, outcomes, more, _next_at_ms(tx, now_ms), max(seq, seen))


def _next_at_ms(tx: Tx, now_ms: int) -> int | None:
    # What is due already waits for a place, and an attempt that ends makes one.
    times = [
        due_ms if due_ms > now_ms else endpoints.due_later(tx, account_id, now_ms)
        for account_id, due_ms in endpoints.accounts_due(tx)
    ]
    return min((one for one in times if one is not None), default=None)


def queue_callbacks(tx: Tx, limit: int, now_ms: int, seen: int = 0) -> int:
    """Reads on in the event log and queues what is to be told; how many events were read."""
    after = max(events.cursor(tx, CURSOR) or 0, seen)
    read = events.events_after(tx, after, limit)
    if not read:
        return 0
    queued = _to_queue(tx, read)
    due = {one.endpoint_id for one in queued}
    if due:
        endpoints.lock_endpoints(tx, due)
    for one in queued:
        callbacks.add_callback(tx, one)
    endpoints.look_at(tx, due, now_ms)
    events.set_cursor(tx, CURSOR, read[-1].seq)
    return len(read)


def _to_queue(tx: Tx, read: Sequence[LoggedEvent]) -> list[NewCallback]:
    # Not by the time, which may have been set back since the endpoint was added.
    return [
        callback_of(event, endpoint, event.at_ms)
        for event, told in find_endpoints(tx, read)
        for endpoint in told
        if endpoint.was_there_before(event.seq)
    ]


def claim_callbacks(tx: Tx, now_ms: int, lease_s: float, capacity: Capacity) -> list[Delivery]:
    """Takes callbacks that are due; one that is never recorded is due again after the lease.

    Accounts take turns, one callback each, so that a long queue of one is nobody else's.
    """
    return _claim(tx, now_ms, lease_s, capacity)[1]


def _claim(tx: Tx, now_ms: int, lease_s: float, capacity: Capacity) -> tuple[int, list[Delivery]]:
    """How many were taken, and those of them that are to be posted."""
    taken: list[tuple[Endpoint, Callback]] = []
    touched: dict[int, Endpoint] = {}
    of_account: Counter[int] = Counter()
    turns = deque(
        (account_id, _due_of_account(tx, account_id, now_ms, capacity, touched))
        for account_id in _in_turn(tx, now_ms, capacity)
    )
    while turns:
        account_id, due = turns[0]
        fits = capacity.takes(account_id, len(taken), of_account[account_id])
        one = next(due, None) if fits else None
        if one is None:
            turns.popleft()
            continue
        taken.append(one)
        of_account[account_id] += 1
        turns.rotate(-1)
    callbacks.lease_callbacks(
        tx, [callback.id for _, callback in taken], now_ms + round(lease_s * 1000)
    )
    deliveries = [
        delivery
        for endpoint, callback in taken
        if (delivery := _delivery(tx, endpoint, callback, now_ms)) is not None
    ]
    for endpoint in touched.values():
        plan_look(tx, endpoint)
    return len(taken), deliveries


def _in_turn(tx: Tx, now_ms: int, capacity: Capacity) -> list[int]:
    """The accounts that have something due and a place for it, those whose turn it is first."""
    if capacity.places < 1 and capacity.own < 1:
        return []
    due = [
        account_id
        for account_id, due_ms in endpoints.accounts_due(tx)
        if due_ms <= now_ms and capacity.takes(account_id)
    ]
    return sorted(due, key=lambda one: (one <= capacity.after_account, one))


def _due_of_account(
    tx: Tx, account_id: int, now_ms: int, capacity: Capacity, touched: dict[int, Endpoint]
) -> Iterator[tuple[Endpoint, Callback]]:
    """What is due of an account, as much as it has places for, its endpoints in turn."""
    places = capacity.per_account - capacity.by_account.get(account_id, 0)
    # Endpoints that have all they may have under way are due as well, and are passed over.
    limit = places + len(capacity.by_endpoint)
    turns = deque(
        deque(_due_of_endpoint(tx, endpoint, now_ms, capacity, touched))
        for endpoint in endpoints.due_endpoints(tx, account_id, now_ms, limit)
    )
    while turns and places > 0:
        if not turns[0]:
            turns.popleft()
            continue
        places -= 1
        yield turns[0].popleft()
        turns.rotate(-1)


def _due_of_endpoint(
    tx: Tx, endpoint: Endpoint, now_ms: int, capacity: Capacity, touched: dict[int, Endpoint]
) -> list[tuple[Endpoint, Callback]]:
    """What is due at an endpoint: codes first; while it rests, nothing else."""
    rests = endpoint.rests_at(now_ms)
    healthy = endpoint.fails_in_row < FAILS_BEFORE_REST and not rests
    most = PER_ENDPOINT if healthy and endpoint.id in capacity.answering else 1
    free = most - capacity.by_endpoint.get(endpoint.id, 0)
    if free < 1:
        return []
    touched[endpoint.id] = endpoint
    due = callbacks.due_callbacks(tx, endpoint.id, now_ms, urgent=True, limit=free)
    if len(due) < free and not rests:
        limit = free - len(due)
        due += callbacks.due_callbacks(tx, endpoint.id, now_ms, urgent=False, limit=limit)
    return [(endpoint, one) for one in due]


def _delivery(tx: Tx, endpoint: Endpoint, due: Callback, now_ms: int) -> Delivery | None:
    """What is to be posted; None where nothing is left to be told, which ends the callback."""
    event = events.event_by_seq(tx, due.event_seq)
    view = detail = None
    error = "no_event" if event is None else None
    if event is not None and endpoint.format is BodyFormat.V1:
        detail = describe_event(tx, event)
    elif event is not None and event.kind is not EventKind.CALLBACK_TEST:
        view = rental_views.view_at_event(tx, due.event_seq)
        if view is None:
            error = "no_rental"
        elif view.state is RentalState.RECEIVED and view.text is None:
            # What it would tell was erased meanwhile, and half of it would mislead.
            error = "forgotten"
    if error is not None:
        callbacks.end_callback(tx, due, "failed", now_ms, None, error)
        return None
    failover_url = endpoint.failover_url if due.tries % 2 == 1 else None
    begun = replace(due, attempts=due.attempts + 1, tries=due.tries + 1)
    return Delivery(
        callback=begun,
        url=failover_url or endpoint.url,
        secret=endpoint.secret,
        old_secret=endpoint.old_secret_at(now_ms),
        failover=failover_url is not None,
        view=view,
        detail=detail,
    )


def reclaim_callbacks(tx: Tx, now_ms: int) -> int:
    """Has attempts made again that a process which was killed had begun; at how many endpoints."""
    endpoint_ids = callbacks.reclaim_callbacks(tx, now_ms)
    endpoints.look_at(tx, endpoint_ids, now_ms)
    return len(endpoint_ids)


def headers_for(delivery: Delivery, body: bytes, now_ms: int) -> dict[str, str]:
    """The signed headers; the id is the same in every attempt, so that a dealer can count once."""
    message_id = f"evt_{delivery.callback.event_seq}"
    return webhook_headers(delivery.secret, message_id, now_ms // 1000, body, delivery.old_secret)


def under_way(deliveries: Collection[Delivery]) -> tuple[Counter[int], Counter[int]]:
    """How many are under way of each account, and to each endpoint."""
    by_account = Counter(one.callback.account_id for one in deliveries)
    return by_account, Counter(one.callback.endpoint_id for one in deliveries)
