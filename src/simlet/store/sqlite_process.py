"""SQLite: the flows of several processes are written by one of them, which does nothing else.

A process that serves the web and writes as well does both slowly: its threads take turns at every
statement, and what it holds of the file in memory is stale whenever another process has written.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from simlet.log import get_log
from simlet.store.sql import Call, DatabaseFault, Raised
from simlet.store.sqlite_frames import Inbox, to_frame
from simlet.store.sqlite_thread import WriterThread

PATIENCE_S = 4.0
"""So long is the other process waited for; messages go to the spool a little later."""
_LOOK_AGAIN_S = 0.02

_log = get_log("database")


@dataclass(slots=True, eq=False)
class _Job:
    """Flows that one caller waits for together."""

    number: int
    calls: list[Call]
    outcomes: asyncio.Future[list[Any]]

    def tell(self, outcomes: list[Any]) -> None:
        """Wakes the caller, if it waits still."""
        if not self.outcomes.done():
            self.outcomes.set_result(outcomes)

    def fail(self, fault: Exception) -> None:
        """Gives each flow the same fault for its outcome."""
        self.tell([Raised(fault) for _ in self.calls])


class WriterProcess:
    """Hands flows to the process that writes, and their outcomes to who waits for them.

    Used in one event loop. Two kinds of flows are written here, as SQLite lets one process write at
    a time, whichever it is: what cannot be handed to another process, a function made at run time
    for example; and what waited for some seconds while that process was not there.

    Args:
        address: the socket that the process listens on; it may be there only later.
        here: makes what writes in this process, when that is needed first.
        patience_s: how long that process is waited for.
    """

    def __init__(
        self, address: Path, here: Callable[[], WriterThread], patience_s: float = PATIENCE_S
    ) -> None:
        self._address = address
        self._make_here = here
        self._patience_s = patience_s
        self._here: WriterThread | None = None
        self._under_way_here: set[asyncio.Task[None]] = set()
        self._connection: _Connection | None = None
        self._looking: asyncio.Task[None] | None = None
        self._gathered: list[_Job] = []
        self._last_number = 0

    async def write_all(self, calls: list[Call]) -> list[Any]:
        """Runs the flows in one commit, in order; each outcome is a result or `Raised`.

        Where the process that writes ended before it answered, a `DatabaseFault` is the outcome of
        each: it is not known whether they are kept.
        """
        loop = asyncio.get_running_loop()
        self._last_number += 1
        job = _Job(self._last_number, calls, loop.create_future())
        self._gathered.append(job)
        if len(self._gathered) == 1:
            loop.call_soon(self._hand_over)
        # The flows run whatever becomes of the caller, as they are handed over without it.
        return await job.outcomes

    async def close(self) -> None:
        """Ends after every flow that was accepted has its commit."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        if self._open_connection() is None:
            self._write_gathered_here()
        else:
            self._hand_over()
        if self._connection is not None:
            await self._connection.close()
        await asyncio.gather(*self._under_way_here)
        if self._here is not None:
            await self._here.close()

    def _open_connection(self) -> "_Connection | None":
        connection = self._connection
        return None if connection is None or connection.lost else connection

    def _hand_over(self) -> None:
        """Sends what is gathered, as soon as there is a connection."""
        if not self._gathered:
            return
        connection = self._open_connection()
        if connection is not None:
            jobs, self._gathered = self._gathered, []
            self._send(connection, jobs)
        elif self._looking is None:
            self._looking = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        """Looks for the other process until it is there."""
        loop = asyncio.get_running_loop()
        wait_until_s = loop.time() + self._patience_s
        is_told = False
        while True:
            try:
                _, made = await loop.create_unix_connection(_Connection, str(self._address))
            except (OSError, ValueError) as error:
                if loop.time() >= wait_until_s:
                    self._write_gathered_here()
                    if not is_told:
                        _log.error("writer_missing", error=type(error).__name__)
                        is_told = True
                await asyncio.sleep(_LOOK_AGAIN_S)
            else:
                self._connection, self._looking = made, None
                self._hand_over()
                return

    def _send(self, connection: "_Connection", jobs: list[_Job]) -> None:
        """Sends jobs together; one that cannot be pickled is written here."""
        try:
            frame = to_frame([(job.number, [tuple(call) for call in job.calls]) for job in jobs])
        except Exception:  # noqa: BLE001 - whatever keeps a value from being pickled
            if len(jobs) == 1:
                self._write_here(jobs[0])
            else:
                for job in jobs:
                    self._send(connection, [job])
        else:
            connection.send(frame, jobs)

    def _write_gathered_here(self) -> None:
        jobs, self._gathered = self._gathered, []
        for job in jobs:
            self._write_here(job)

    def _write_here(self, job: _Job) -> None:
        task = asyncio.ensure_future(self._written_here(job))
        self._under_way_here.add(task)
        task.add_done_callback(self._under_way_here.discard)

    async def _written_here(self, job: _Job) -> None:
        try:
            if self._here is None:
                self._here = self._make_here()
            job.tell(await self._here.write_all(job.calls))
        except Exception as fault:  # noqa: BLE001 - the caller is told
            job.fail(fault)


class _Connection(asyncio.Protocol):
    """A connection to the process that writes, and the jobs that are under way on it."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._inbox = Inbox()
        self._under_way: dict[int, _Job] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._ended = asyncio.Event()

    @property
    def lost(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._transport is None or self._transport.is_closing()

    def send(self, frame: bytes, jobs: list[_Job]) -> None:
        """Sends jobs in a frame, on a connection that is not lost."""
        for job in jobs:
            self._under_way[job.number] = job
        self._idle.clear()
        cast(asyncio.Transport, self._transport).write(frame)

    async def close(self) -> None:
        """Ends when nothing is under way any more."""
        await self._idle.wait()
        if self._transport is not None:
            self._transport.close()
            await self._ended.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            for finished in self._inbox.values(data):
                for number, outcomes in finished:
                    self._under_way.pop(number).tell(outcomes)
        except Exception as fault:  # noqa: BLE001 - nothing that follows can be read
            # Only its type: what a fault says may hold a piece of a text.
            _log.error("outcome_unreadable", fault=type(fault).__name__)
            cast(asyncio.Transport, self._transport).abort()
        if not self._under_way:
            self._idle.set()

    def connection_lost(self, _: Exception | None) -> None:
        jobs, self._under_way = self._under_way, {}
        for job in jobs.values():
            job.fail(DatabaseFault("the process that writes ended before it said what is kept"))
        self._idle.set()
        self._ended.set()
