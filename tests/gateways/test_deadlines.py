import asyncio

import pytest

from simlet.gateways.deadlines import Deadlines

pytestmark = pytest.mark.anyio

SHORT_S = 0.01
LONG_S = 3600.0
PATIENCE_S = 20.0


async def test_who_waits_too_long_is_told_once() -> None:
    deadlines = Deadlines(SHORT_S)
    told: asyncio.Queue[str] = asyncio.Queue()
    deadlines.begin(lambda: told.put_nowait("first"))
    deadlines.begin(lambda: told.put_nowait("second"))
    async with asyncio.timeout(PATIENCE_S):
        assert [await told.get(), await told.get()] == ["first", "second"]
    assert told.empty()


async def test_who_has_ended_is_not_told() -> None:
    deadlines = Deadlines(SHORT_S)
    told: asyncio.Queue[str] = asyncio.Queue()
    ended = deadlines.begin(lambda: told.put_nowait("ended"))
    between = deadlines.begin(lambda: told.put_nowait("between"))
    deadlines.begin(lambda: told.put_nowait("last"))
    between.end()
    ended.end()
    ended.end()
    async with asyncio.timeout(PATIENCE_S):
        assert await told.get() == "last"
    assert told.empty()


async def test_a_wait_that_begins_after_the_timer_rang_has_its_whole_time() -> None:
    deadlines = Deadlines(SHORT_S)
    for _ in range(3):
        told = asyncio.Event()
        began_s = asyncio.get_running_loop().time()
        deadlines.begin(told.set)
        await asyncio.wait_for(told.wait(), PATIENCE_S)
        assert asyncio.get_running_loop().time() - began_s >= SHORT_S


async def test_what_has_ended_is_not_kept() -> None:
    deadlines = Deadlines(LONG_S)
    many = [deadlines.begin(lambda: None) for _ in range(100)]
    for one in many[1:]:
        one.end()
    assert len(deadlines._waiting) == 100
    many[0].end()
    assert not deadlines._waiting
    assert deadlines._timer is not None
    deadlines._timer.cancel()


async def test_what_takes_too_long_inside_is_cancelled() -> None:
    with pytest.raises(TimeoutError), Deadlines(SHORT_S).within():
        await asyncio.sleep(LONG_S)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_what_is_done_in_time_goes_on() -> None:
    deadlines = Deadlines(LONG_S)
    with deadlines.within():
        await asyncio.sleep(0)
    assert not deadlines._waiting


async def test_an_error_inside_stays_that_error() -> None:
    with pytest.raises(KeyError), Deadlines(LONG_S).within():
        raise KeyError


async def test_who_is_cancelled_by_another_is_cancelled_and_not_late() -> None:
    deadlines = Deadlines(SHORT_S)
    begun = asyncio.Event()

    async def wait() -> None:
        with deadlines.within():
            begun.set()
            await asyncio.sleep(LONG_S)

    task = asyncio.create_task(wait())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_who_is_cancelled_and_late_at_once_is_cancelled() -> None:
    deadlines = Deadlines(LONG_S)

    async def wait() -> None:
        with deadlines.within():
            await asyncio.sleep(LONG_S)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    late = deadlines._waiting[0].late
    assert late is not None
    late()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
