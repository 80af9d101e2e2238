"""Looking names up without holding up the look-ups of others."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

_LOOK_UPS = 1024
"""A look-up goes on after its post has timed out: the system waits half a minute for servers of
names that do not answer. So that the names of one dealer cannot take all places, these are some
times as many as posts that can be under way."""

_Found = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]


class SystemResolver(AbstractResolver):
    """Asks the system, in a thread of its own for each look-up.

    The event loop has a few threads for all look-ups: a handful of names whose servers do not
    answer would hold up every other one, and the end of the process.
    """

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(_LOOK_UPS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        async with self._places:
            looking = _LookUp(host, port, family)
            try:
                threading.Thread(target=looking.run, name="look-up", daemon=True).start()
            except RuntimeError as failure:
                raise OSError("the system grants no more threads") from failure
            found = await looking.done
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Look-ups under way end by themselves; nobody waits for them."""


class _LookUp:
    """One look-up; `done` has its answer, whatever becomes of who asked."""

    def __init__(self, host: str, port: int, family: socket.AddressFamily) -> None:
        self._asked = (host, port, family)
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[Sequence[_Found]] = self._loop.create_future()

    def run(self) -> None:
        """Looks up; in a thread of its own."""
        host, port, family = self._asked
        found: Sequence[_Found] | Exception
        try:
            found = socket.getaddrinfo(
                host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
            )
        except Exception as failure:  # noqa: BLE001 - whoever asked is told
            found = failure
        # The event loop may have ended meanwhile.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._tell, found)

    def _tell(self, found: Sequence[_Found] | Exception) -> None:
        if self.done.done():
            return
        if isinstance(found, Exception):
            self.done.set_exception(found)
        else:
            self.done.set_result(found)
