import asyncio

import pytest

from simlet.testing.clock import FakeClock
from simlet.workers.periodic_task import AFTER_FAULT_S, PeriodicTask

pytestmark = pytest.mark.anyio

PAUSE_S = 5.0


class Work:
    """Work that a test watches; each turn takes its outcome from a list, then there is no more."""

    def __init__(self, clock: FakeClock, *outcomes: bool | Exception) -> None:
        self.clock = clock
        self.outcomes = list(outcomes)
        self.turns_s: list[float] = []
        self.began = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.finished = 0

    async def turn(self) -> bool:
        self.turns_s.append(self.clock.monotonic_s())
        self.began.set()
        await self.goes_on.wait()
        self.finished += 1
        outcome = self.outcomes.pop(0) if self.outcomes else False
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def run_for(periodic_task: PeriodicTask, clock: FakeClock, *passes_s: float) -> None:
    await periodic_task.start()
    for pass_s in passes_s:
        await clock.wait_for_sleeping(1)
        clock.advance(pass_s)
    await clock.wait_for_sleeping(1)
    await periodic_task.stop()


async def test_work_is_done_at_once_and_again_after_each_pause() -> None:
    clock = FakeClock()
    work = Work(clock)
    await run_for(PeriodicTask("test", work.turn, PAUSE_S, clock), clock, 5, 4.9, 0.1, 5)
    assert work.turns_s == [0, 5, 10, 15]


async def test_while_there_is_more_there_is_no_pause() -> None:
    clock = FakeClock()
    work = Work(clock, True, True, False)
    await run_for(PeriodicTask("test", work.turn, PAUSE_S, clock), clock, 5)
    assert work.turns_s == [0, 0, 0, 5]


async def test_a_fault_does_not_end_the_work() -> None:
    clock = FakeClock()
    work = Work(clock, RuntimeError("once"), RuntimeError("twice"))
    await run_for(
        PeriodicTask("test", work.turn, PAUSE_S, clock), clock, AFTER_FAULT_S, AFTER_FAULT_S, 5
    )
    assert work.turns_s == [0, 1, 2, 7]


async def test_stopping_waits_for_the_turn_under_way() -> None:
    clock = FakeClock()
    work = Work(clock, True)
    work.goes_on.clear()
    periodic_task = PeriodicTask("test", work.turn, PAUSE_S, clock)
    await periodic_task.start()
    await work.began.wait()

    stopping = asyncio.create_task(periodic_task.stop())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not stopping.done()
    work.goes_on.set()
    await stopping

    assert (len(work.turns_s), work.finished) == (1, 1)


@pytest.mark.parametrize("outcome", [False, RuntimeError("a fault")])
async def test_stopping_cuts_a_pause_short(outcome: bool | Exception) -> None:
    clock = FakeClock()
    work = Work(clock, outcome)
    periodic_task = PeriodicTask("test", work.turn, PAUSE_S, clock)
    await periodic_task.start()
    await clock.wait_for_sleeping(1)
    await asyncio.wait_for(periodic_task.stop(), 5)
    assert len(work.turns_s) == 1
