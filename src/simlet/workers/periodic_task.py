"""What every worker does: some work, then a pause, until it is stopped; a fault does not end it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from simlet.clock import Clock
from simlet.log import get_log

AFTER_FAULT_S = 1.0

_log = get_log("workers")

Work = Callable[[], Awaitable[bool]]
"""One turn of work; True when there is more to do at once."""


@dataclass(slots=True)
class PeriodicTask:
    """Runs one sort of work by the clock."""

    name: str
    work: Work
    pause_s: float
    clock: Clock
    _task: asyncio.Task[None] | None = field(default=None)
    _stopping: bool = False

    async def start(self) -> None:
        """Begins."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """Ends after the turn that is under way; a pause is cut short."""
        self._stopping = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while not self._stopping:
            turn = asyncio.ensure_future(self._turn())
            try:
                pause_s = await asyncio.shield(turn)
            except asyncio.CancelledError:
                await turn
                raise
            if pause_s:
                await self.clock.sleep(pause_s)

    async def _turn(self) -> float:
        """The pause to make after it, in seconds."""
        try:
            return 0.0 if await self.work() else self.pause_s
        except Exception:  # noqa: BLE001 - logged, and the rest goes on
            _log.exception("worker_failed", worker=self.name)
            return AFTER_FAULT_S
