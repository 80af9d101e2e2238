"""The import of lines in parts, so that a running server is never held up for long."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from simlet.clock import Clock
from simlet.flows.manage_lines import BadRow, Imported, import_lines, known_rows
from simlet.store.database import Database
from simlet.store.lines import NewLine
from simlet.store.sql import DatabaseFault, Tx

PART_ROWS = 5_000
# Whoever waits for SQLite's one writer is not told when it is free, but looks again after a time
# that grows with how long it has waited: so the import stays away for a share of each part's time.
PAUSE_SHARE = 0.35

Rows = Sequence[tuple[int, NewLine]]
Progress = Callable[[int], None]
"""Is told how many rows were worked on since it was told last."""


class _SomeAreBad(Exception):  # noqa: N818 - it takes the transaction back, and is caught
    def __init__(self, bad: Sequence[BadRow]) -> None:
        super().__init__("some rows are bad")
        self.bad = tuple(bad)


@dataclass(slots=True)
class Importing:
    """One import into a database.

    Attributes:
        gateway: the name of the gateway that the lines are attached to; None for any.
        pause_share: how long it leaves the database to others after each part, as a share of the
            time that the part took.
        progress: is told of the rows that were worked on.
        added: how many lines were added so far.
        bad: the rows that were not, because a line has their ICCID or number already.
    """

    db: Database
    clock: Clock
    gateway: str | None
    pause_share: float
    progress: Progress
    added: int = 0
    bad: list[BadRow] = field(default_factory=list)

    async def add(self, rows: Rows) -> None:
        """Adds lines, each part in a transaction of its own.

        Raises:
            Refused: GATEWAY_UNKNOWN.
            DatabaseFault: with how many lines were added before.
        """
        for part in _parts(sorted(rows, key=_place)):
            started_s = self.clock.monotonic_s()
            await self._add_part(part)
            self.progress(len(part))
            await self.clock.sleep(self.pause_share * (self.clock.monotonic_s() - started_s))

    async def _add_part(self, part: Rows) -> None:
        try:
            done = await self.db.write(import_lines, part, self.gateway, self.clock.now_ms())
        except DatabaseFault as fault:
            raise DatabaseFault(f"{fault}; {self.added} lines were added before") from fault
        self.added += done.added
        self.bad += done.bad

    async def add_all_or_none(self, rows: Rows) -> None:
        """Adds all lines in one transaction; none when one of them has to be left out.

        Raises:
            Refused: GATEWAY_UNKNOWN.
            DatabaseFault: the database cannot be used; nothing was added.
        """
        await self.check(rows)
        if self.bad:
            return
        try:
            self.added = await self.db.write(self._add_in_one, sorted(rows, key=_place))
        except _SomeAreBad as found:
            self.bad += found.bad

    def _add_in_one(self, tx: Tx, rows: Rows) -> int:
        done: list[Imported] = []
        for part in _parts(rows):
            done.append(import_lines(tx, part, self.gateway, self.clock.now_ms()))
            self.progress(len(part))
        bad = [row for one in done for row in one.bad]
        if bad:
            # Another import added them since they were checked.
            raise _SomeAreBad(bad)
        return sum(one.added for one in done)

    async def check(self, rows: Rows) -> None:
        """Finds the rows that would be left out, and adds nothing."""
        for part in _parts(rows):
            self.bad += await self.db.read(known_rows, part)


def _parts(rows: Rows) -> Iterator[Rows]:
    for first in range(0, len(rows), PART_ROWS):
        yield rows[first : first + PART_ROWS]


def _place(row: tuple[int, NewLine]) -> str:
    """The order in which lines come to stand beside each other, in the stock and in the index.

    A number begins with its prefix, so that the lines of one cell are together.
    """
    line = row[1]
    return f"{line.store} {line.network_id:05} {line.number}"
