"""Notes of who was told what a rental's messages said, by which way and when.

Told is a code, a text or where a recording is; what was erased is not. A callback has told when the
dealer's server has taken it.

Telling a code is the most frequent call by far and must not wait for a writer, so each process
notes it in memory and writes its notes down each second. A process that is killed loses those of
its last second.
"""

import asyncio

from simlet.clock import Clock
from simlet.flows.note_reads import note_reads
from simlet.log import get_log
from simlet.store.database import Database
from simlet.store.reads import Read

FIRST_API, V1, STREAM, CALLBACK = "first_api", "v1", "stream", "callback"

FLUSH_EACH_S = 1.0
NOTES_LIMIT = 100_000
"""The most rentals noted while the database takes nothing; further ones are not."""

_PAGE = 5000
_log = get_log("reads")

_Times = list[int]
"""The first time, the last one, how often."""


class ReadNotes:
    """The notes of one process."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._notes: dict[tuple[int, str], _Times] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, rental_id: int, via: str, at_ms: int) -> None:
        """Notes that a rental's code, text or recording was told; below a microsecond."""
        times = self._notes.get((rental_id, via))
        if times is not None:
            times[1] = at_ms
            times[2] += 1
        elif len(self._notes) < NOTES_LIMIT:
            self._notes[rental_id, via] = [at_ms, at_ms, 1]

    async def start(self) -> None:
        """Begins to write notes down."""
        self._task = asyncio.create_task(self._run(), name="reads")

    async def stop(self) -> None:
        """Ends after the last note is written down."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self.flush()

    async def flush(self) -> None:
        """Writes down what was noted; where the database does not take it, it stays noted."""
        notes, self._notes = self._notes, {}
        reads = [Read(*key, *times) for key, times in notes.items()]
        written = 0
        try:
            while written < len(reads):
                await self._db.write(note_reads, reads[written : written + _PAGE])
                written += _PAGE
        except asyncio.CancelledError:
            # The flow that was under way runs to its end all the same.
            self._keep(reads[written + _PAGE :])
            raise
        except Exception:  # noqa: BLE001 - logged, and tried again
            _log.exception("reads_not_noted")
            self._keep(reads[written:])

    def _keep(self, reads: list[Read]) -> None:
        for one in reads:
            times = self._notes.get((one.rental_id, one.via))
            if times is not None:
                times[0] = min(times[0], one.first_at_ms)
                times[2] += one.times
            elif len(self._notes) < NOTES_LIMIT:
                self._notes[one.rental_id, one.via] = [
                    one.first_at_ms, one.last_at_ms, one.times
                ]  # fmt: skip

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(FLUSH_EACH_S)
            await self.flush()
