"""Dealers who rent, and whose codes come in at a steady pace: what several measurements share."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.installation import GATEWAY, Installation

from simlet.domain.inbound import Inbound, MessageKind
from simlet.domain.rental import Rental
from simlet.flows.browse import find_gateway
from simlet.flows.receive_message import receive_message
from simlet.flows.rent_number import RentRequest, rent_number
from simlet.store.database import Database, open_database
from simlet.store.sql import Tx

PER_S = 200
"""Messages a second."""
SERVICE_ID = 1
_FIRST_AFTER_S = 0.1


@dataclass(frozen=True, slots=True)
class Desk:
    """Writes to the database beside the server, as a gateway's process would."""

    installation: Installation
    db: Database
    gateway_id: int

    async def rent(self, account: int) -> Rental:
        """A rental of one of the dealers, counted from 0."""
        request = RentRequest(account + 1, SERVICE_ID)
        return (await self.db.write(rent_number, request, now_ms(), draw)).rental

    async def send(self, rental: Rental, code: str) -> float:
        """A message with the code; `time.perf_counter()` just before its commit."""
        sender = self.installation.services[SERVICE_ID]
        text = f"{code} is your code"
        inbound = Inbound(MessageKind.SMS, rental.number, sender, text, None, None)
        return await self.db.write(self._keep, inbound)

    def _keep(self, tx: Tx, inbound: Inbound) -> float:
        receive_message(tx, self.gateway_id, inbound, now_ms())
        return time.perf_counter()


@asynccontextmanager
async def open_desk(installation: Installation) -> AsyncIterator[Desk]:
    """A desk on the database of an installation."""
    db = open_database(installation.url)
    try:
        gateway = await db.read(find_gateway, GATEWAY)
        assert gateway is not None
        yield Desk(installation, db, gateway.id)
    finally:
        await db.close()


async def at_a_steady_pace(
    once: Callable[[int, float], Awaitable[float]], seconds: float
) -> list[float]:
    """What each round gave; round `number` is told when it is to begin, `PER_S` in a second."""
    first_s = time.perf_counter() + _FIRST_AFTER_S
    rounds = [once(number, first_s + number / PER_S) for number in range(int(seconds * PER_S))]
    return list(await asyncio.gather(*rounds))


async def sleep_until(at_s: float) -> None:
    """Until `time.perf_counter()` is so far."""
    await asyncio.sleep(max(0.0, at_s - time.perf_counter()))


def draw(count: int) -> int:
    """A number below `count`."""
    return time.perf_counter_ns() % count


def now_ms() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000
