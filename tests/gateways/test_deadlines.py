import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


async def test_who_is_told_may_fail_and_the_others_are_told_in_their_time() -> None:
    deadlines = Deadlines(SHORT_S)
    told: asyncio.Queue[str] = asyncio.Queue()
    failed: asyncio.Queue[object] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, of: failed.put_nowait(of["exception"]))
    error = KeyError()

    def fail() -> None:
        raise error

    deadlines.begin(fail)
    deadlines.begin(lambda: told.put_nowait("next"))
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert await failed.get() is error
            assert await told.get() == "next"
    finally:
        loop.set_exception_handler(None)
    assert failed.empty()
    assert deadlines._timer is None


# ------------------------------------------------------------------------ the same as another way


class Clockwork(asyncio.SelectorEventLoop):
    """An event loop whose time passes when it is told to."""

    now_s = 0.0

    def time(self) -> float:
        return self.now_s

    @staticmethod
    def future() -> "asyncio.Future[None]":
        return asyncio.get_running_loop().create_future()


MOVES = ["turn", "second", "time passes", "time passes", "cancel", "done", "fault"]
Within = Callable[[float], AbstractAsyncContextManager[object]]


def by_deadlines() -> Within:
    deadlines = {after_s: Deadlines(after_s) for after_s in (1.0, 2.0, 3.0)}

    @asynccontextmanager
    async def within(after_s: float) -> AsyncIterator[None]:
        with deadlines[after_s].within():
            yield

    return within


async def what_becomes(
    within: Within, nested: list[float], moves: list[str], stubborn: int
) -> tuple[str, int]:
    """How a task ends under nested deadlines, and how many cancellations it is left with."""
    work, over = Clockwork.future(), Clockwork.future()
    cancelling = -1

    async def run() -> None:
        nonlocal cancelling
        try:
            async with AsyncExitStack() as stack:
                for after_s in nested:
                    await stack.enter_async_context(within(after_s))
                await work_on(work, stubborn)
        finally:
            task = asyncio.current_task()
            assert task is not None
            cancelling = task.cancelling()
        await over

    task = asyncio.create_task(run())
    for move in ["turn", *moves, "done", *["time passes"] * 4]:
        await do(move, work, task)
    if not over.done():
        over.set_result(None)
    work.exception()
    (outcome,) = await asyncio.gather(task, return_exceptions=True)
    return type(outcome).__name__, cancelling


async def work_on(work: "asyncio.Future[None]", stubborn: int) -> None:
    """Waits for the work; so many cancellations do not keep it from going on."""
    for _ in range(stubborn):
        with suppress(asyncio.CancelledError):
            await asyncio.shield(work)
    await asyncio.shield(work)


async def do(move: str, work: "asyncio.Future[None]", task: "asyncio.Task[None]") -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Clockwork)
    match move:
        case "turn":
            await asyncio.sleep(0)
        case "second":
            loop.now_s += 1
        case "time passes":
            loop.now_s += 1
            for _ in range(5):
                await asyncio.sleep(0)
        case "cancel":
            task.cancel()
        case "done" if not work.done():
            work.set_result(None)
        case "fault" if not work.done():
            work.set_exception(KeyError())


@given(
    nested=st.lists(st.sampled_from([1.0, 2.0, 3.0]), min_size=1, max_size=3),
    moves=st.lists(st.sampled_from(MOVES), max_size=10),
    stubborn=st.integers(0, 2),
)
def test_it_ends_as_under_timeouts_of_asyncio(
    nested: list[float], moves: list[str], stubborn: int
) -> None:
    with asyncio.Runner(loop_factory=Clockwork) as runner:
        expected = runner.run(what_becomes(asyncio.timeout, nested, moves, stubborn))
    with asyncio.Runner(loop_factory=Clockwork) as runner:
        assert runner.run(what_becomes(by_deadlines(), nested, moves, stubborn)) == expected
