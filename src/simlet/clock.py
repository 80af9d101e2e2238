"""The clock: the one place that reads the time and waits for it.

Flows get `now` as an argument; what runs around them gets a `Clock`, so that a test can hold time
in its hand.
"""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time."""

    def now_ms(self) -> int:
        """The time in UTC milliseconds since 1970; it may jump when the machine's clock is set."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since some fixed moment, never going back: for measuring how long things take."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Gives way for so many seconds; with 0 or less, once to whatever else is ready."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        """The system's time in UTC milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """The system's steady clock, in seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Gives way for so many seconds."""
        await asyncio.sleep(seconds)
