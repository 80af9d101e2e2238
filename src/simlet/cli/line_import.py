"""The import of lines in parts, so that a running server is never held up for long."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
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


class _Stopped(Exception):  # noqa: N818 - it takes the transaction back, and is caught
    pass


@dataclass(slots=True)
class Importing:
    """One import into a database.

    Attributes:
        gateway: the name of the gateway that the lines are attached to; None for any.
        pause_share: how long it leaves the database to others after each part, as a share of the
            time that the part took.
        progress: is told of the rows that were worked on.
        added: how many lines were added so far.
        already_there: how many rows were passed over, as their lines were there before.
        bad: the rows that were not added, because they contradict a line in use.
        stopped: is set when it was cancelled; one transaction for all lines is then taken back.
    """

    db: Database
    clock: Clock
    gateway: str | None
    pause_share: float
    progress: Progress
    added: int = 0
    already_there: int = 0
    bad: list[BadRow] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    async def add(self, rows: Rows) -> None:
        """Adds lines, each part in a transaction of its own.

        Raises:
            Refused: GATEWAY_UNKNOWN.
            DatabaseFault: with how many lines were added before.
            CancelledError: `added` tells how many lines were added.
        """
        for part in _parts(sorted(rows, key=_place)):
            started_s = self.clock.monotonic_s()
            await self._to_its_end(self._add_part(part))
            self.progress(len(part))
            await self.clock.sleep(self.pause_share * (self.clock.monotonic_s() - started_s))

    async def _add_part(self, part: Rows) -> None:
        try:
            done = await self.db.write(import_lines, part, self.gateway, self.clock.now_ms())
        except DatabaseFault as fault:
            raise DatabaseFault(f"{fault}; {added_words(self.added)} before") from fault
        self.added += done.added
        self.already_there += done.already_there
        self.bad += done.bad

    async def add_all_or_none(self, rows: Rows) -> None:
        """Adds all lines in one transaction; none when one of them has to be left out.

        Raises:
            Refused: GATEWAY_UNKNOWN.
            DatabaseFault: the database cannot be used; nothing was added.
            CancelledError: `added` tells whether all lines were added, or none.
        """
        await self.check(rows)
        if not self.bad:
            await self._to_its_end(self._add_all(sorted(rows, key=_place)))

    async def _add_all(self, rows: Rows) -> None:
        try:
            done = await self.db.write(self._add_in_one, rows)
        except _SomeAreBad as found:
            self.bad += found.bad
        except _Stopped:
            return
        else:
            self.added = sum(one.added for one in done)
            self.already_there = sum(one.already_there for one in done)

    def _add_in_one(self, tx: Tx, rows: Rows) -> list[Imported]:
        done: list[Imported] = []
        for part in _parts(rows):
            if self.stopped.is_set():
                raise _Stopped
            done.append(import_lines(tx, part, self.gateway, self.clock.now_ms()))
            self.progress(len(part))
        bad = [row for one in done for row in one.bad]
        if bad:
            # Another import added them since they were checked.
            raise _SomeAreBad(bad)
        return done

    async def check(self, rows: Rows) -> None:
        """Finds the rows that would be left out, and adds nothing."""
        for part in _parts(rows):
            known = await self.db.read(known_rows, part, self.gateway)
            self.bad += known.bad
            self.already_there += len(known.same)

    async def _to_its_end(self, work: Awaitable[None]) -> None:
        """Waits for a transaction, also when cancelled: only its end tells what was added."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            self.stopped.set()
            await task
            raise


def added_words(count: int) -> str:
    """How many lines were added, as the beginning of a sentence or behind a semicolon."""
    return "1 line was added" if count == 1 else f"{count} lines were added"


def _parts(rows: Rows) -> Iterator[Rows]:
    for first in range(0, len(rows), PART_ROWS):
        yield rows[first : first + PART_ROWS]


def _place(row: tuple[int, NewLine]) -> str:
    """The order in which lines come to stand beside each other, in the stock and in the index.

    A number begins with its prefix, so that the lines of one cell are together.
    """
    line = row[1]
    return f"{line.store} {line.network_id:05} {line.number}"
