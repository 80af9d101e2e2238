import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from simlet.turns import NoPlace, Turns

pytestmark = pytest.mark.anyio

ANNA, BINH = 1, 2
STEPS = 20


class Worker:
    """One who takes an account's turn, tells when it has it, and keeps it until it is told."""

    def __init__(self, turns: Turns, account_id: int, tell: Callable[[], None]) -> None:
        self._done = asyncio.Event()
        self.task = asyncio.ensure_future(self._work(turns, account_id, tell))

    async def _work(self, turns: Turns, account_id: int, tell: Callable[[], None]) -> None:
        async with turns.taken(account_id):
            tell()
            await self._done.wait()

    async def finish(self) -> None:
        self._done.set()
        await self.task


class Crowd:
    """Workers by name, and in which order they had their turns."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.had: list[str] = []
        self.workers: dict[str, Worker] = {}

    async def come(self, account_id: int, *names: str) -> None:
        for name in names:
            self.workers[name] = Worker(self.turns, account_id, partial(self.had.append, name))
        await settled()

    async def finish(self, *names: str) -> None:
        for name in names:
            await self.workers[name].finish()
        await settled()

    async def cancel(self, name: str) -> None:
        task = self.workers[name].task
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await settled()


async def settled() -> None:
    """Everybody has come as far as it can."""
    for _ in range(STEPS):
        await asyncio.sleep(0)


async def test_an_account_has_as_many_turns_as_it_may_and_the_next_in_the_order_they_came() -> None:
    crowd = Crowd(Turns(of_one=2))
    await crowd.come(ANNA, "a", "b", "c", "d", "e")
    assert crowd.had == ["a", "b"]
    await crowd.finish("b")
    assert crowd.had == ["a", "b", "c"]
    await crowd.finish("a", "c", "d", "e")
    assert crowd.had == ["a", "b", "c", "d", "e"]


async def test_an_account_does_not_wait_for_another() -> None:
    crowd = Crowd(Turns(of_one=1))
    await crowd.come(ANNA, *(f"a{one}" for one in range(50)))
    await crowd.come(BINH, "b")
    assert crowd.had == ["a0", "b"]
    await crowd.finish("b", *(f"a{one}" for one in range(50)))


async def test_beyond_the_bound_of_its_own_queue_an_account_has_no_place() -> None:
    turns = Turns(of_one=1, most_waiting=2)
    crowd = Crowd(turns)
    await crowd.come(ANNA, "a", "b", "c")
    with pytest.raises(NoPlace):
        async with turns.taken(ANNA):
            pass
    await crowd.come(BINH, "other")
    await crowd.finish("a")
    await crowd.come(ANNA, "d")
    await crowd.finish("b", "c", "d", "other")
    assert crowd.had == ["a", "other", "b", "c", "d"]
    assert turns.idle


async def test_where_none_may_wait_an_account_has_its_turns_all_the_same() -> None:
    turns = Turns(of_one=1, most_waiting=0)
    async with turns.taken(ANNA):
        with pytest.raises(NoPlace):
            async with turns.taken(ANNA):
                pass
    assert turns.idle


async def test_one_that_is_cancelled_while_it_waits_is_passed_over() -> None:
    turns = Turns(of_one=1, most_waiting=2)
    crowd = Crowd(turns)
    await crowd.come(ANNA, "a", "b", "c")
    await crowd.cancel("b")
    await crowd.come(ANNA, "d")
    await crowd.finish("a", "c", "d")
    assert crowd.had == ["a", "c", "d"]
    assert turns.idle


async def test_one_that_is_cancelled_with_its_turn_gives_it_back() -> None:
    turns = Turns(of_one=1)
    crowd = Crowd(turns)
    await crowd.come(ANNA, "a", "b")
    await crowd.cancel("a")
    assert crowd.had == ["a", "b"]
    await crowd.finish("b")
    assert turns.idle


async def test_one_that_is_cancelled_as_its_turn_comes_hands_it_on() -> None:
    turns = Turns(of_one=1)
    crowd = Crowd(turns)
    async with turns.taken(ANNA):
        await crowd.come(ANNA, "b", "c")
    # It is b's turn now, and b does not know it yet.
    await crowd.cancel("b")
    assert crowd.had == ["c"]
    await crowd.finish("c")
    assert turns.idle


async def test_one_that_fails_gives_its_turn_back() -> None:
    turns = Turns(of_one=1)
    with pytest.raises(ValueError, match="it failed"):
        async with turns.taken(ANNA):
            raise ValueError("it failed")
    assert turns.idle


async def test_nothing_is_kept_of_those_who_have_had_their_turns() -> None:
    turns = Turns(of_one=2)
    crowd = Crowd(turns)
    assert turns.idle
    for account_id in range(10):
        await crowd.come(account_id, *(f"{account_id}-{one}" for one in range(5)))
    assert not turns.idle
    await crowd.finish(*crowd.workers)
    assert turns.idle
