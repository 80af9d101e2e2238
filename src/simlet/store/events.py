"""Statements for the event log.

Readers follow `seq`. On SQLite, which has one writer, an event is numbered when it is written. On
PostgreSQL transactions commit in another order than they took their numbers in, so events are
numbered after their commit, by one transaction at a time: a lower number can never appear after a
higher one was read.
"""

from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from simlet.domain.events import Event, EventKind
from simlet.store.sql import Row, Sql, Tx, texts_array
from simlet.store.stretches import EVER, SLICE_ROWS, Stretch

_ADD = Sql(
    "INSERT INTO events (seq, kind, at_ms, account_id, rental_id, message_id, data) "
    "VALUES ({next_seq}, :kind, :at_ms, :account_id, :rental_id, :message_id, :data)"
)
_LOCK_NUMBERING = Sql("SELECT {lock_numbering}")
_UNNUMBERED = Sql("SELECT 1 FROM events WHERE seq IS NULL LIMIT 1")
_NUMBER = Sql(
    "UPDATE events SET seq = n.seq FROM (SELECT e.id, (SELECT coalesce(max(seq), 0) FROM events) "
    "+ row_number() OVER (ORDER BY e.id) AS seq FROM events e WHERE e.seq IS NULL) n "
    "WHERE events.id = n.id"
)
FIELDS = "seq, kind, at_ms, account_id, rental_id, message_id, data"
_AFTER = Sql(f"SELECT {FIELDS} FROM events WHERE seq > :after ORDER BY seq LIMIT :limit")
_TRACES = Sql(
    "SELECT seq, kind, account_id, rental_id, data FROM events "
    "WHERE seq > :after ORDER BY seq LIMIT :limit"
)
_OF_ACCOUNT = Sql(
    f"SELECT {FIELDS} FROM events "
    "WHERE account_id = :account_id AND seq > :after AND seq <= :last AND kind IN {texts} "
    "ORDER BY seq LIMIT :limit"
)
_OF_ACCOUNT_AT = Sql(
    "SELECT seq FROM events WHERE account_id = :account_id AND seq > :after "
    "ORDER BY seq LIMIT 1 OFFSET :passed"
)
_BY_SEQ = Sql(f"SELECT {FIELDS} FROM events WHERE seq = :seq")
_LAST = Sql("SELECT max(seq) FROM events")
_CURSOR = Sql("SELECT seq FROM cursors WHERE name = :name {for_update}")
_POSITION = Sql("SELECT seq FROM cursors WHERE name = :name")
_SET_CURSOR = Sql(
    "INSERT INTO cursors (name, seq) VALUES (:name, :seq) "
    "ON CONFLICT (name) DO UPDATE SET seq = excluded.seq"
)
_NO_DATA = "{}"
_OF_REQUESTS = frozenset(kind for kind in EventKind if kind.value.startswith("request."))


class _RequestData(msgspec.Struct):
    request_id: int | None = None


_requests = msgspec.json.Decoder(_RequestData)


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event with its number."""

    seq: int
    kind: EventKind
    at_ms: int
    account_id: int | None
    rental_id: int | None
    message_id: int | None
    data: dict[str, str | int | bool | None]


class EventHeader(NamedTuple):
    """Whom an event concerns: all that waking somebody needs."""

    seq: int
    kind: EventKind
    account_id: int | None
    rental_id: int | None
    request_id: int | None


def add_event(tx: Tx, event: Event) -> None:
    """Writes an event, in the transaction of the fact it tells."""
    tx.run(
        _ADD,
        kind=event.kind.value,
        at_ms=event.at_ms,
        account_id=event.account_id,
        rental_id=event.rental_id,
        message_id=event.message_id,
        data=msgspec.json.encode(event.data).decode() if event.data else _NO_DATA,
    )


def number_events(tx: Tx) -> int:
    """Numbers what was committed without a number; how many events those were."""
    if tx.row(_UNNUMBERED) is None:
        return 0
    tx.row(_LOCK_NUMBERING)
    return tx.run(_NUMBER)


def events_after(tx: Tx, after: int, limit: int) -> list[LoggedEvent]:
    """Events with higher numbers, in order."""
    return [logged_event(row) for row in tx.rows(_AFTER, after=after, limit=limit)]


def events_of_account(
    tx: Tx, account_id: int, stretch: Stretch, limit: int, kinds: frozenset[EventKind]
) -> list[LoggedEvent]:
    """Events of an account in a stretch of numbers, of some kinds, in order."""
    named = texts_array(kind.value for kind in kinds)
    inputs = stretch._asdict()
    rows = tx.rows(_OF_ACCOUNT, account_id=account_id, limit=limit, texts=named, **inputs)
    return [logged_event(row) for row in rows]


def oldest_slice(tx: Tx, account_id: int, after: int) -> Stretch:
    """The next `SLICE_ROWS` events of an account behind a number, or all to the end."""
    row = tx.row(_OF_ACCOUNT_AT, account_id=account_id, after=after, passed=SLICE_ROWS - 1)
    return Stretch(after, EVER.last if row is None else row[0])


def event_by_seq(tx: Tx, seq: int) -> LoggedEvent | None:
    """The event of a number; None when it was not given yet."""
    row = tx.row(_BY_SEQ, seq=seq)
    return None if row is None else logged_event(row)


def headers_after(tx: Tx, after: int, limit: int) -> list[EventHeader]:
    """Whom the events with higher numbers concern, in order: cheaper than the events."""
    return [_header(row) for row in tx.rows(_TRACES, after=after, limit=limit)]


def _header(row: Row) -> EventHeader:
    kind = EventKind(row[1])
    request_id = _requests.decode(row[4]).request_id if kind in _OF_REQUESTS else None
    return EventHeader(row[0], kind, row[2], row[3], request_id)


def logged_event(row: Row) -> LoggedEvent:
    """The event of a row of `FIELDS`."""
    return LoggedEvent(
        seq=row[0],
        kind=EventKind(row[1]),
        at_ms=row[2],
        account_id=row[3],
        rental_id=row[4],
        message_id=row[5],
        data=msgspec.json.decode(row[6]),
    )


def last_seq(tx: Tx) -> int:
    """The highest number given; 0 when there is none."""
    row = tx.row(_LAST)
    return (row[0] or 0) if row else 0


def newest_seq(tx: Tx) -> int:
    """The number of the newest event that was committed, or that this transaction wrote."""
    number_events(tx)
    return last_seq(tx)


def position(tx: Tx, name: str) -> int | None:
    """How far a reader has come; None when it never read. For those who only look."""
    row = tx.row(_POSITION, name=name)
    return None if row is None else row[0]


def cursor(tx: Tx, name: str) -> int | None:
    """How far a reader has come, locked; None when it never read."""
    row = tx.row(_CURSOR, name=name)
    return None if row is None else row[0]


def set_cursor(tx: Tx, name: str, seq: int) -> None:
    """Records how far a reader has come."""
    tx.run(_SET_CURSOR, name=name, seq=seq)
