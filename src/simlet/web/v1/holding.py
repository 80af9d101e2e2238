"""Who holds on for an answer that is held open: a wait, or a stream.

An account may have so many of them open, and one whose client went away ends at once: each takes a
connection and memory for as long as it is open.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from simlet.feed import Waiter
from simlet.flows import browse
from simlet.web.asgi import Disconnected, Receive
from simlet.web.v1.operation import Call


@dataclass(slots=True)
class Client:
    """Whoever holds on for an answer.

    Attributes:
        receive: of ASGI; nothing of the request is left to be read but its end.
        admit: refuses where the token holds no longer.
        gone: the client went away.
    """

    receive: Receive
    admit: Callable[[], Awaitable[object]]
    gone: bool = False

    @contextmanager
    def ends(self, waiter: Waiter) -> Iterator[None]:
        """Lets news end when the client goes away."""
        watching = asyncio.create_task(self._watch(waiter))
        try:
            yield
        finally:
            watching.cancel()

    async def check(self) -> None:
        """Makes sure that there is somebody yet who may be told.

        Raises:
            Disconnected: the client went away.
            Refused: UNAUTHENTICATED.
        """
        if self.gone:
            raise Disconnected
        await self.admit()

    async def _watch(self, waiter: Waiter) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        waiter.end()


@contextmanager
def held_open(call: Call[Any, Any]) -> Iterator[Client]:
    """The client of a call, which counts among the open ones of its account.

    Raises:
        Refused: OPEN_LIMIT.
    """
    with call.held.one_more(call.account.id):
        admit = partial(call.runtime.db.quick_read, browse.account_of_token, call.token_hash)
        yield Client(call.receive, admit)
