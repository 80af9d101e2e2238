"""What may be rented, read once a second for all who ask.

To count the live stock of a million lines takes some hundredths of a second, whoever asks, and so
does a look at all that a large account reported; so what is shown may be a second old.
"""

import asyncio
from collections.abc import Mapping
from typing import TypeVar

from simlet.domain.principal import Account
from simlet.flows.show_services import Offer, ServiceDetail, read_offer, reported_lines
from simlet.runtime import Runtime

KEPT_S = 1.0

T = TypeVar("T")


class Offers:
    """Of each process one."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._look: _Look | None = None

    async def to(self, account: Account) -> list[ServiceDetail]:
        """What is offered to an account.

        Raises:
            DatabaseFault: it could not be read.
        """
        look = self._look
        if look is None or look.is_old():
            look = self._look = _Look(self._runtime)
        offer = await look.offer()
        return offer.to(account, await look.reported_by(account.id))


class _Look:
    """What was read of one second; for each account that asked in it one figure is kept."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._until_s = 0.0
        self._offer = asyncio.ensure_future(self._read())
        self._reported: dict[int, asyncio.Task[dict[int, int]]] = {}

    async def offer(self) -> Offer:
        # One who goes away must not take the answer from the others.
        return await asyncio.shield(self._offer)

    async def reported_by(self, account_id: int) -> Mapping[int, int]:
        """How many lines an account does not get; never of an earlier moment than the offer."""
        reading = self._reported.get(account_id)
        if reading is None or _failed(reading):
            now_ms = self._runtime.clock.now_ms()
            read = self._runtime.db.read(reported_lines, account_id, now_ms)
            reading = self._reported[account_id] = asyncio.ensure_future(read)
        return await asyncio.shield(reading)

    def is_old(self) -> bool:
        if not self._offer.done():
            return False
        return _failed(self._offer) or self._runtime.clock.monotonic_s() >= self._until_s

    async def _read(self) -> Offer:
        offer = await self._runtime.db.read(read_offer, self._runtime.clock.now_ms())
        self._until_s = self._runtime.clock.monotonic_s() + KEPT_S
        return offer


def _failed(reading: asyncio.Task[T]) -> bool:
    return reading.done() and (reading.cancelled() or reading.exception() is not None)
