"""The messages of an SMPP session that have come and are not answered yet.

A batch is read and answered while the one before it is kept, so that the database need not wait for
the other side. What comes to one line stays in order nevertheless.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from simlet.gateways.smpp_intake import Batch, Intake
from simlet.wire.smpp import Frame

LEAST_BATCH, MAX_BATCH = 8, 500
MAX_UNDER_WAY = 4
"""So many batches are handed over at a time.

The other side sends the next one when one is answered, so what it lets be unanswered is handed over
in as many parts: in one large part and a small one, they would wait for each other.
"""

# What may wait to be handed over before nothing more is read; far beyond any agreed window.
_MAX_WAITING = 2000
_MAX_WAITING_OCTETS = 4 * 1024 * 1024


@dataclass(slots=True)
class Backlog:
    """What waits, and what is being kept.

    Attributes:
        answer: takes the answers to a batch, once it is kept.
        kept: is called after that, and with the fault where a batch could not be handed over.
    """

    intake: Intake
    answer: Callable[[bytes], None]
    kept: Callable[[BaseException | None], None]
    _waiting: deque[Frame] = field(default_factory=deque)
    _waiting_octets: int = 0
    _next: Batch | None = None
    _under_way: dict[asyncio.Task[None], Batch] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be taken for now."""
        return len(self._waiting) >= _MAX_WAITING or self._waiting_octets >= _MAX_WAITING_OCTETS

    @property
    def is_empty(self) -> bool:
        """Whether all is answered."""
        return not self._waiting and not self._next and not self._under_way

    def add(self, frame: Frame) -> None:
        """Takes a message; `hand_over` is to be called then."""
        self._waiting.append(frame)
        self._waiting_octets += len(frame.body)

    def hand_over(self) -> None:
        """Hands over what waits, in order, as far as it may be under way."""
        while (batch := self._next_batch()) is not None:
            task = asyncio.create_task(self._keep(batch))
            self._under_way[task] = batch
            task.add_done_callback(self._ended)

    async def rest(self) -> None:
        """Waits until what was handed over is answered."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def drop(self) -> None:
        """Ends what is under way: it is not answered."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _next_batch(self) -> Batch | None:
        """What is to be handed over now; None where there is nothing, or no room for it.

        What comes behind others of its line waits until those are kept.
        """
        if len(self._under_way) >= MAX_UNDER_WAY:
            return None
        batch = self._next or self._read_batch()
        behind = batch and any(batch.shares_a_line(one) for one in self._under_way.values())
        self._next = batch if behind else None
        return None if behind else batch

    def _read_batch(self) -> Batch | None:
        waiting = self._waiting
        if not waiting:
            return None
        frames = [waiting.popleft() for _ in range(min(len(waiting), self._share()))]
        self._waiting_octets -= sum([len(frame.body) for frame in frames])
        return self.intake.read(frames)

    def _share(self) -> int:
        """How many messages a batch is to have at most."""
        under_way = sum([len(one.frames) for one in self._under_way.values()])
        share = -(-(len(self._waiting) + under_way) // MAX_UNDER_WAY)
        return min(max(share, LEAST_BATCH), MAX_BATCH)

    async def _keep(self, batch: Batch) -> None:
        self.answer(await self.intake.keep(batch))

    def _ended(self, task: "asyncio.Task[None]") -> None:
        del self._under_way[task]
        self.kept(None if task.cancelled() else task.exception())
