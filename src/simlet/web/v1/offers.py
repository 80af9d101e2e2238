"""What may be rented, read once a second for all who ask.

To count the live stock of a million lines takes some hundredths of a second, whoever asks; so
what is shown may be a second old.
"""

import asyncio

from simlet.domain.principal import Account
from simlet.flows.show_services import Offer, ServiceDetail, read_offer, reported_lines
from simlet.runtime import Runtime

KEPT_S = 1.0


class Offers:
    """Of each process one."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._reading: asyncio.Task[Offer] | None = None
        self._until_s = 0.0

    async def to(self, account: Account) -> list[ServiceDetail]:
        """What is offered to an account.

        Raises:
            DatabaseFault: it could not be read.
        """
        reading = self._reading
        if reading is None or self._is_old(reading):
            reading = self._reading = asyncio.ensure_future(self._read())
        # One who goes away must not take the answer from the others.
        offer = await asyncio.shield(reading)
        now_ms = self._runtime.clock.now_ms()
        reported = await self._runtime.db.read(reported_lines, account.id, now_ms)
        return offer.to(account, reported)

    def _is_old(self, reading: asyncio.Task[Offer]) -> bool:
        if not reading.done():
            return False
        failed = reading.cancelled() or reading.exception() is not None
        return failed or self._runtime.clock.monotonic_s() >= self._until_s

    async def _read(self) -> Offer:
        offer = await self._runtime.db.read(read_offer, self._runtime.clock.now_ms())
        self._until_s = self._runtime.clock.monotonic_s() + KEPT_S
        return offer
