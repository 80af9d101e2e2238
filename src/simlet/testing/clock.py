"""A clock that stands still until a test moves it."""

import asyncio
from dataclasses import dataclass

START_MS = 1_700_000_000_000


@dataclass(eq=False)
class _Sleeper:
    due_ms: int
    woken: asyncio.Future[None]


class FakeClock:
    """A `Clock` whose time passes by `advance` alone; whole milliseconds.

    Use it from one event loop; only the readings may be taken from other threads.

    Args:
        now_ms: where it starts, in UTC milliseconds since 1970.
    """

    def __init__(self, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms
        self._elapsed_ms = 0
        self._sleepers: list[_Sleeper] = []
        self._begun: list[asyncio.Future[None]] = []

    def now_ms(self) -> int:
        """The time that the test has set, in UTC milliseconds since 1970."""
        return self._now_ms

    def monotonic_s(self) -> float:
        """Seconds by which the clock was advanced since it was made."""
        return self._elapsed_ms / 1000

    @property
    def sleeping(self) -> int:
        """How many sleeps wait for their time."""
        return sum(not sleeper.woken.done() for sleeper in self._sleepers)

    async def wait_for_sleeping(self, count: int) -> None:
        """Waits until so many sleeps, or more, wait for their time: then nobody is at work."""
        while self.sleeping < count:
            begun = asyncio.get_running_loop().create_future()
            self._begun.append(begun)
            await begun

    def set_now_ms(self, now_ms: int) -> None:
        """Sets the time of day, as an operator or NTP would: sleeps do not notice it."""
        self._now_ms = now_ms

    def advance(self, seconds: float) -> None:
        """Lets time pass and wakes the sleeps that are due, the earliest first.

        They go on when the caller next gives way to the event loop. A sleep begun after this call
        counts from the new time: a loop that sleeps wakes once, however far the clock moved.

        Raises:
            ValueError: seconds is negative.
        """
        if seconds < 0:
            raise ValueError("Time does not run backwards: use set_now_ms to set the clock back.")
        passed_ms = round(seconds * 1000)
        self._now_ms += passed_ms
        self._elapsed_ms += passed_ms
        due = [sleeper for sleeper in self._sleepers if sleeper.due_ms <= self._elapsed_ms]
        for sleeper in sorted(due, key=lambda sleeper: sleeper.due_ms):
            _wake(sleeper.woken)

    async def sleep(self, seconds: float) -> None:
        """Waits until the clock was advanced by so many seconds from now."""
        due_ms = self._elapsed_ms + round(seconds * 1000)
        if due_ms <= self._elapsed_ms:
            await asyncio.sleep(0)
            return
        sleeper = _Sleeper(due_ms, asyncio.get_running_loop().create_future())
        self._sleepers.append(sleeper)
        while self._begun:
            _wake(self._begun.pop())
        try:
            await sleeper.woken
        finally:
            self._sleepers.remove(sleeper)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
