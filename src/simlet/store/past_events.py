"""Statements that find events by what they are, not by their numbers."""

from typing import NamedTuple

from simlet.domain.events import EventKind
from simlet.store.events import FIELDS, LoggedEvent, event_by_seq, logged_event
from simlet.store.sql import Sql, Tx, texts_array

_NEWEST = Sql(
    "SELECT seq FROM events WHERE account_id = :account_id AND seq IS NOT NULL AND kind = :kind "
    "ORDER BY seq DESC LIMIT 1"
)
_ENDS = Sql("SELECT min(seq), max(seq) FROM events")
_FROM = Sql("SELECT seq, at_ms FROM events WHERE seq >= :seq ORDER BY seq LIMIT 1")
_NEAR = "FROM events WHERE account_id = :account_id AND seq > :after AND seq <= :last"
_COUNT = Sql(f"SELECT count(*) FROM (SELECT 1 {_NEAR} LIMIT :limit) counted")
_BETWEEN = Sql(
    f"SELECT {FIELDS} {_NEAR} AND kind IN {{texts}} AND at_ms >= :from_ms AND at_ms < :to_ms "
    "ORDER BY seq LIMIT :limit"
)


class Stretch(NamedTuple):
    """The events behind the number `after`, up to that with the number `last`."""

    after: int
    last: int


def newest_event(tx: Tx, account_id: int, kind: EventKind) -> LoggedEvent | None:
    """The newest event of an account of one kind, among those that have a number."""
    row = tx.row(_NEWEST, account_id=account_id, kind=kind.value)
    return None if row is None else event_by_seq(tx, row[0])


def near(tx: Tx, from_ms: int, to_ms: int) -> Stretch:
    """The stretch of the log in which the events of a stretch of time stand.

    Times go up with numbers, but for what the caller allows for. They have no index: this takes as
    many steps as the length of the log has binary digits, twice.
    """
    return Stretch(_seq_before(tx, from_ms), _seq_before(tx, to_ms))


def _seq_before(tx: Tx, at_ms: int) -> int:
    ends = tx.row(_ENDS)
    if ends is None or ends[0] is None:
        return 0
    low, high = ends[0] - 1, ends[1] + 1
    # All up to `low` are earlier, and none from `high` on is.
    while high - low > 1:
        middle = (low + high) // 2
        row = tx.row(_FROM, seq=middle)
        if row is not None and row[1] < at_ms:
            low = row[0]
        else:
            high = middle
    return int(low)


def count_events(tx: Tx, account_id: int, stretch: Stretch, limit: int) -> int:
    """How many events of an account a stretch holds; `limit` stands for as many and more."""
    row = tx.row(_COUNT, account_id=account_id, **stretch._asdict(), limit=limit)
    return 0 if row is None else int(row[0])


def events_between(
    tx: Tx,
    account_id: int,
    stretch: Stretch,
    from_ms: int,
    to_ms: int,
    kinds: frozenset[EventKind],
    limit: int,
) -> list[LoggedEvent]:
    """Events of an account in a stretch, of a time and of some kinds, in order."""
    rows = tx.rows(
        _BETWEEN,
        account_id=account_id,
        **stretch._asdict(),
        texts=texts_array(kind.value for kind in kinds),
        from_ms=from_ms,
        to_ms=to_ms,
        limit=limit,
    )
    return [logged_event(row) for row in rows]
