"""Statements that find events by what they are, not by their numbers."""

from simlet.domain.events import EventKind
from simlet.store.events import LoggedEvent, event_by_seq
from simlet.store.sql import Sql, Tx

_NEWEST = Sql(
    "SELECT seq FROM events WHERE account_id = :account_id AND seq IS NOT NULL AND kind = :kind "
    "ORDER BY seq DESC LIMIT 1"
)
_ENDS = Sql("SELECT min(seq), max(seq) FROM events")
_FROM = Sql("SELECT seq, at_ms FROM events WHERE seq >= :seq ORDER BY seq LIMIT 1")


def newest_event(tx: Tx, account_id: int, kind: EventKind) -> LoggedEvent | None:
    """The newest event of an account of one kind, among those that have a number."""
    row = tx.row(_NEWEST, account_id=account_id, kind=kind.value)
    return None if row is None else event_by_seq(tx, row[0])


def seq_before(tx: Tx, at_ms: int) -> int:
    """A number behind which all events of a time, and later ones, stand.

    Times go up with numbers, but for what the caller allows for. They have no index: this takes as
    many steps as the length of the log has binary digits.
    """
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
