"""Deadlines of waits that may all take as long: one timer for all of them.

Each message waits for its commit under a deadline that hardly ever comes. A timer for each, begun
and ended, costs a good part of what the message costs itself.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType


class Deadline:
    """One wait; see `Deadlines`."""

    __slots__ = ("_of", "due_s", "late")

    def __init__(self, of: "Deadlines", due_s: float, late: Callable[[], object]) -> None:
        self._of = of
        self.due_s = due_s
        self.late: Callable[[], object] | None = late

    def end(self) -> None:
        """The wait is over; a second time does no harm."""
        self.late = None
        self._of.forget_ended()


class Deadlines:
    """Says who waits longer than `after_s` seconds. Used in one event loop."""

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._waiting: deque[Deadline] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self, late: Callable[[], object]) -> Deadline:
        """A wait begins: `late` is called once, unless it ends before."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        deadline = Deadline(self, loop.time() + self._after_s, late)
        self._waiting.append(deadline)
        if self._timer is None:
            self._timer = loop.call_at(deadline.due_s, self._look)
        return deadline

    def within(self) -> "Within":
        """Cancels what is done inside when it takes too long; `TimeoutError` is raised then."""
        return Within(self)

    def forget_ended(self) -> None:
        """Drops the longest waits as far as they have ended."""
        waiting = self._waiting
        while waiting and waiting[0].late is None:
            waiting.popleft()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting and self._waiting[0].due_s <= loop.time():
                late = self._waiting.popleft().late
                if late is not None:
                    late()
        finally:
            # What one of them raises is the loop's to tell; the others are told all the same.
            self.forget_ended()
            again = self._waiting
            self._timer = loop.call_at(again[0].due_s, self._look) if again else None


class Within:
    """What `asyncio.timeout` does, with a deadline of `Deadlines`."""

    __slots__ = ("_cancelling", "_deadline", "_is_late", "_of", "_task")

    def __init__(self, of: Deadlines) -> None:
        self._of = of
        self._is_late = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - whoever awaits is in a task
        self._task = task
        self._cancelling = task.cancelling()
        self._deadline = self._of.begin(self._cancel)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        self._deadline.end()
        if not self._is_late:
            return
        only_late = self._task.uncancel() <= self._cancelling
        if only_late and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from error

    def _cancel(self) -> None:
        self._is_late = True
        self._task.cancel()
