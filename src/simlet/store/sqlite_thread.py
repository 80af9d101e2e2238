"""SQLite: the flows of a process are written by a thread of its own."""

import asyncio
import contextlib
import queue
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simlet.store.sql import Call
from simlet.store.sqlite_group import GroupWriter


@dataclass(slots=True)
class _Job:
    """Flows that one caller waits for together; each has its own outcome."""

    calls: list[Call]
    outcomes: list[Any]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]


class WriterThread:
    """Writes what it is handed, in groups.

    Args:
        path: the database.
        group_limit: the most flows in one commit.
        busy_timeout_s: how long a writer of another program is waited for.

    Raises:
        DatabaseFault: the database cannot be opened.
    """

    def __init__(self, path: Path, group_limit: int, busy_timeout_s: float) -> None:
        self._group_limit = group_limit
        self._jobs: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._gathered: list[_Job] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer = GroupWriter(path, busy_timeout_s)
        self._thread = threading.Thread(
            target=self._write_groups, name="sqlite-writer", daemon=True
        )
        self._thread.start()

    async def write_all(self, calls: list[Call]) -> list[Any]:
        """Runs the flows in one commit, in order; each outcome is a result or `Raised`."""
        loop = asyncio.get_running_loop()
        job = _Job(calls, [], loop, loop.create_future())
        self._gathered.append(job)
        if len(self._gathered) == 1 or loop is not self._loop:
            # Another loop than before: the one before may have ended without handing over.
            self._loop = loop
            loop.call_soon(self._hand_over)
        # The flows run whatever becomes of the caller: a dropped connection must not leave it
        # open whether a rent was kept.
        await job.done
        return job.outcomes

    def _hand_over(self) -> None:
        """Gives the writer what one turn of the event loop brought, together.

        One by one, the two threads would take turns at every statement, and each turn costs more
        than the statement.
        """
        jobs, self._gathered = self._gathered, []
        if jobs:
            self._jobs.put(jobs)

    async def close(self) -> None:
        """Ends after every flow that was accepted has its commit."""
        self._hand_over()
        self._jobs.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)
        self._writer.close()

    def _write_groups(self) -> None:
        waiting: deque[_Job] = deque()
        closing = False
        while waiting or not closing:
            closing = self._await_jobs(waiting) or closing
            if waiting:
                self._write_group(self._next_group(waiting))

    def _await_jobs(self, waiting: deque[_Job]) -> bool:
        """Adds what was handed over, waiting for it if nothing waits yet; True at the end."""
        closing = False
        if not waiting:
            closing = _add(waiting, self._jobs.get())
        with contextlib.suppress(queue.Empty):
            while not closing:
                closing = _add(waiting, self._jobs.get_nowait())
        return closing

    def _next_group(self, waiting: deque[_Job]) -> list[_Job]:
        """The first jobs, up to the limit of flows; a job is never divided."""
        group = [waiting.popleft()]
        flows = len(group[0].calls)
        while waiting and flows + len(waiting[0].calls) <= self._group_limit:
            group.append(waiting.popleft())
            flows += len(group[-1].calls)
        return group

    def _write_group(self, group: list[_Job]) -> None:
        outcomes = iter(self._writer.write([call for job in group for call in job.calls]))
        for job in group:
            job.outcomes = [next(outcomes) for _ in job.calls]
        _tell(group)


def _add(waiting: deque[_Job], handed_over: list[_Job] | None) -> bool:
    """Adds jobs to those that wait; True when it was the end instead."""
    if handed_over is None:
        return True
    waiting.extend(handed_over)
    return False


def _tell(group: list[_Job]) -> None:
    """Wakes the callers, all of one event loop at once: each waking costs a switch of threads."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in group:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, jobs in by_loop.items():
        # A caller whose loop has ended waits no longer; the writer goes on for the others.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_finish, jobs)


def _finish(jobs: list[_Job]) -> None:
    for job in jobs:
        if not job.done.done():
            job.done.set_result(None)
