"""Lists: of each account few are read at a time, and the others wait in its own queue.

A list may read much, and dealers ask for many. Whatever one of them asks for, the others' lists
are read beside his.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from simlet.domain.errors import RATE_LIMITED, Refused
from simlet.store.database import Database
from simlet.turns import NoPlace, Turns
from simlet.web.asgi import Disconnected

OF_ONE_AT_ONCE = 2
"""The most lists that are read at a time for one account; the database reads one more."""

OF_ONE_WAITING = 100
TRY_AGAIN_S = 1


class Lists:
    """The way of every list to the database. Of each process one."""

    def __init__(self, db: Database) -> None:
        self._db = replace(db, for_lists=True)
        self._turns = Turns(OF_ONE_AT_ONCE, OF_ONE_WAITING)

    @asynccontextmanager
    async def turn(self, account_id: int, is_gone: Callable[[], bool]) -> AsyncIterator[Database]:
        """The database, when it is the account's turn to read a list.

        Args:
            account_id: whose list it is.
            is_gone: whether the client went away meanwhile: then nothing is read.

        Raises:
            Refused: RATE_LIMITED, when too many of the account wait.
            Disconnected: the client went away.
        """
        try:
            async with self._turns.taken(account_id):
                if is_gone():
                    raise Disconnected
                yield self._db
        except NoPlace:
            raise Refused(RATE_LIMITED, wait_s=TRY_AGAIN_S) from None
