"""What the simulator says when a number of its own is rented, recorded with a seed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from simlet.domain.inbound import Inbound, MessageKind
from simlet.gateways.contract import Driver, Expected, Value
from simlet.gateways.drivers.simulator import KIND
from simlet.testing.clock import START_MS
from simlet.testing.driver_kit import Case, FakeSupervisor, Peer, Reaction, UnderTest

NUMBER = "+84912345678"
SETTINGS: dict[str, Value] = {"seed": 7, "delay_min_s": 2, "delay_max_s": 2}


@dataclass(frozen=True, slots=True)
class Renter:
    """Rents a pretend line; the driver's `run` ends when all that it heard of is answered."""

    driver: Driver
    supervisor: FakeSupervisor

    async def send(self, sent: Any) -> Reaction:
        self.supervisor.expected = (sent,)
        playing = asyncio.ensure_future(self.driver.run())
        try:
            while not playing.done():
                handed = self.supervisor.handed_over
                if len(handed) > len(set(handed)):
                    return Reaction.AGAIN
                await self._pass_time(playing)
            await playing
        finally:
            playing.cancel()
        return Reaction.TAKEN

    async def _pass_time(self, playing: "asyncio.Future[None]") -> None:
        """Lets a second pass once the driver waits for nothing else."""
        asleep = asyncio.ensure_future(self.supervisor.clock.wait_for_sleeping(1))
        try:
            await asyncio.wait({playing, asleep}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asleep.cancel()
        self.supervisor.clock.advance(1)
        await asyncio.sleep(0)


@asynccontextmanager
async def connect(supervisor: FakeSupervisor) -> AsyncIterator[Peer]:
    yield Renter(KIND.make(supervisor.context(KIND, SETTINGS)), supervisor)


def _said(sender: str, text: str) -> tuple[Inbound]:
    sent_at_ms = START_MS + 2000
    return (Inbound(MessageKind.SMS, NUMBER, sender, text, sent_at_ms, "sim-813e268c386bbc4"),)


UNDER_TEST = UnderTest(
    KIND,
    (
        Case(
            "a_service_with_senders",
            Expected(NUMBER, "Shopee", ("Shopee",)),
            _said("Shopee", "Nhap ma OTP 861168 de dat lai mat khau Shopee."),
        ),
        Case(
            "a_service_without_senders",
            Expected(NUMBER, "Điện Máy Xanh", ()),
            _said(
                "DienMayXanh",
                "Mã OTP của bạn tại Điện Máy Xanh là: 098702. Không cung cấp mã này cho bất kỳ ai.",
            ),
        ),
    ),
    connect,
    settings=SETTINGS,
)
