import asyncio
import sys

import pytest

from simlet.config import Settings
from simlet.siblings import Siblings
from simlet.testing.clock import FakeClock

pytestmark = pytest.mark.anyio

PATIENCE_S = 20.0


async def test_one_that_cannot_be_started_is_tried_again_after_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    clock = FakeClock()
    siblings = Siblings(Settings(), 1, clock)
    await siblings.start()

    async with asyncio.timeout(PATIENCE_S):
        for pause_s in (1.0, 2.0, 4.0):
            await clock.wait_for_sleeping(1)
            clock.advance(pause_s - 0.001)
            assert clock.sleeping == 1
            clock.advance(0.001)
        await clock.wait_for_sleeping(1)
        await siblings.stop()


async def test_none_are_started_where_there_is_one_process() -> None:
    siblings = Siblings(Settings(), 0, FakeClock())
    await siblings.start()
    await asyncio.wait_for(siblings.stop(), PATIENCE_S)
