"""Waiting for a while, or for something to happen, whichever is first."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from simlet.clock import Clock

Timer = asyncio.Task[None]


@asynccontextmanager
async def timer(clock: Clock, seconds: float) -> AsyncIterator[Timer]:
    """A task that is done when the time is up; it ends with the context."""
    task = asyncio.create_task(clock.sleep(seconds))
    try:
        yield task
    finally:
        task.cancel()


class Bell:
    """Is rung when there is something to do; rings while nobody listens are not lost."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wakes who waits, or who waits next."""
        self._rung.set()

    async def wait(self, until: Timer) -> bool:
        """Waits for a ring, at longest until the time is up: whether it was rung."""
        ringing = asyncio.create_task(self._rung.wait())
        try:
            await asyncio.wait({until, ringing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ringing.cancel()
        rung = self._rung.is_set()
        self._rung.clear()
        return rung


async def until_first_ends(*works: Coroutine[Any, Any, None]) -> None:
    """Does several things at once until one of them ends, and ends the others.

    Raises:
        Exception: what ended it.
    """
    tasks = [asyncio.create_task(work) for work in works]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in ended:
        task.result()
