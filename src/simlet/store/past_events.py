"""Statements that find events by what they are, not by their numbers."""

from simlet.domain.events import EventKind
from simlet.store.events import FIELDS, LoggedEvent, event_by_seq, logged_event
from simlet.store.sql import Sql, Tx, texts_array
from simlet.store.stretches import Stretch

_NEWEST = Sql(
    "SELECT seq FROM events WHERE account_id = :account_id AND seq IS NOT NULL AND kind = :kind "
    "ORDER BY seq DESC LIMIT 1"
)
_NEAR = "FROM events WHERE account_id = :account_id AND seq > :after AND seq <= :last"
_COUNT = Sql(f"SELECT count(*) FROM (SELECT 1 {_NEAR} LIMIT :limit) counted")
_BETWEEN = Sql(
    f"SELECT {FIELDS} {_NEAR} AND kind IN {{texts}} AND at_ms >= :from_ms AND at_ms < :to_ms "
    "ORDER BY seq LIMIT :limit"
)


def newest_event(tx: Tx, account_id: int, kind: EventKind) -> LoggedEvent | None:
    """The newest event of an account of one kind, among those that have a number."""
    row = tx.row(_NEWEST, account_id=account_id, kind=kind.value)
    return None if row is None else event_by_seq(tx, row[0])


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
