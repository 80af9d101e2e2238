"""Turns: of each account few at a time, so that one account waits for itself and for no other."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class NoPlace(Exception):  # noqa: N818 - an answer to the caller, not a fault
    """As many of the account wait already as may."""


class Turns:
    """The turns of all accounts at one thing; used by one event loop.

    Args:
        of_one: the most turns that one account has at a time.
        most_waiting: the most of one account that wait for theirs; None for any number.
    """

    def __init__(self, of_one: int, most_waiting: int | None = None) -> None:
        self._of_one = of_one
        self._most_waiting = most_waiting
        self._taken: dict[int, int] = {}
        self._waiting: dict[int, deque[asyncio.Future[None]]] = {}

    @property
    def idle(self) -> bool:
        """Whether nobody has a turn or waits for one, so that nothing is kept of any account."""
        return not (self._taken or self._waiting)

    def waiting(self, account_id: int) -> int:
        """How many of an account wait."""
        return len(self._waiting.get(account_id, ()))

    @asynccontextmanager
    async def taken(self, account_id: int) -> AsyncIterator[None]:
        """Waits for the account's turn, behind those of it that came before, and gives it back.

        Raises:
            NoPlace: as many of the account wait already as may.
        """
        await self._take(account_id)
        try:
            yield
        finally:
            self._give_back(account_id)

    async def _take(self, account_id: int) -> None:
        taken = self._taken.get(account_id, 0)
        # Who waits is handed a turn that another gives back: while one waits, none is free.
        if taken < self._of_one:
            self._taken[account_id] = taken + 1
            return
        if self._most_waiting is not None and self.waiting(account_id) >= self._most_waiting:
            raise NoPlace
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(account_id, deque()).append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._give_back(account_id)
            else:
                self._leave(account_id, turn)
            raise

    def _give_back(self, account_id: int) -> None:
        """Hands the turn on to the next who waits."""
        while account_id in self._waiting:
            turn = self._waiting[account_id][0]
            self._leave(account_id, turn)
            if not turn.done():
                turn.set_result(None)
                return
        self._taken[account_id] -= 1
        if not self._taken[account_id]:
            del self._taken[account_id]

    def _leave(self, account_id: int, turn: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(account_id)
        if waiting is not None and turn in waiting:
            waiting.remove(turn)
            if not waiting:
                del self._waiting[account_id]
