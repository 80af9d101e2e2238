"""Stretches of time as stretches of ids, in tables whose times have no index.

Ids are given in the order of time, but for what `UNEVEN_MS` allows for: transactions overlap, and
clocks are set. So a stretch of ids is where to look, and the times decide what is found.
"""

from typing import NamedTuple

from simlet.store.sql import Sql, Tx

UNEVEN_MS = 600_000
"""What a clock wrote down that was set by more may be left out of a stretch."""

FIRST_MS, LAST_MS = 0, 2**53
"""Not after any time, and not before any: a stretch with them has no such end."""

SLICE_ROWS = 5000
"""So many rows of an index are gone through in some milliseconds."""

_LAST_ID = 2**62


class Stretch(NamedTuple):
    """The rows behind the id `after`, up to that with the id `last`."""

    after: int
    last: int

    def behind(self, one_id: int) -> "Stretch":
        """What of it is behind an id."""
        return Stretch(max(self.after, one_id), self.last)

    def before(self, one_id: int) -> "Stretch":
        """What of it is before an id."""
        return Stretch(self.after, min(self.last, one_id - 1))


EVER = Stretch(-1, _LAST_ID)


class Log(NamedTuple):
    """What finds the ids and times of a table."""

    ends: Sql
    next: Sql


def _log(table: str, one_id: str, at_ms: str) -> Log:
    """A table whose ids go up with time, by the names of both columns; rows may be missing."""
    return Log(
        # SQLite finds one end in a step, and for both at once reads all that is between.
        ends=Sql(
            f"SELECT (SELECT min({one_id}) FROM {table}), (SELECT max({one_id}) FROM {table})"
        ),
        next=Sql(
            f"SELECT {one_id}, {at_ms} FROM {table} WHERE {one_id} >= :id ORDER BY {one_id} LIMIT 1"
        ),
    )


RENTALS = _log("rentals", "id", "created_at_ms")
POSTINGS = _log("postings", "id", "at_ms")
EVENTS = _log("events", "seq", "at_ms")


def near(tx: Tx, log: Log, from_ms: int, to_ms: int) -> Stretch:
    """The ids among which the rows of a stretch of time stand, with some on each side.

    This takes as many steps as the length of the log has binary digits, for each end that is given.
    """
    after, last = EVER
    if from_ms > FIRST_MS:
        after = _last_before(tx, log, from_ms - UNEVEN_MS)
    if to_ms < LAST_MS:
        last = _last_before(tx, log, to_ms + UNEVEN_MS)
    return Stretch(after, last)


def _last_before(tx: Tx, log: Log, at_ms: int) -> int:
    ends = tx.row(log.ends)
    if ends is None or ends[0] is None:
        return 0
    low, high = ends[0] - 1, ends[1] + 1
    # All up to `low` are earlier, and none from `high` on is.
    while high - low > 1:
        middle = (low + high) // 2
        row = tx.row(log.next, id=middle)
        if row is not None and row[1] < at_ms:
            low = row[0]
        else:
            high = middle
    return int(low)
