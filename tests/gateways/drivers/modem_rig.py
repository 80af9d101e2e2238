"""A pretend modem with the driver that reads it, and what its messages say."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateways.drivers.cases_modem import plugged_in, settings, until
from simlet.domain.health import GatewayReport, LineReport, Reception
from simlet.domain.inbound import Inbound
from simlet.gateways.contract import Result, Value
from simlet.gateways.drivers.modem import KIND
from simlet.testing.driver_kit import FakeSupervisor, running
from simlet.testing.modem import PretendModem
from simlet.testing.modem_answers import Sim, StoredMessage
from simlet.testing.sms_pdus import Stamp, tpdu_length, write_deliver

SENT = Stamp(1_772_694_429_000)
OTHER_SIM = Sim("8984048000099999992", "452040000000002", "+84987654321")


def pdu(text: str, sender: str = "VIETTEL") -> bytes:
    return write_deliver(sender, text, SENT)[0]


def stored(text: str, status: int = 0) -> StoredMessage:
    octets = pdu(text)
    return StoredMessage(octets.hex().upper(), tpdu_length(octets), status)


@dataclass
class Desk(FakeSupervisor):
    """An office that can decide each message by itself."""

    decide: Callable[[Inbound], Result] | None = None

    async def deliver(self, many: Sequence[Inbound]) -> list[Result]:
        results = await super().deliver(many)
        return [self.decide(one) for one in many] if self.decide else results

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.handed_over]

    def lines(self, port: str = "") -> list[LineReport]:
        reports = [one for one in self.reports if isinstance(one, LineReport)]
        return [one for one in reports if not port or one.port == port]

    @property
    def last_line(self) -> LineReport | None:
        return self.lines()[-1] if self.lines() else None

    @property
    def gateway(self) -> GatewayReport:
        told = [one for one in self.reports if isinstance(one, GatewayReport)]
        return told[-1] if told else GatewayReport(up=False)

    def is_last(self, reception: Reception) -> bool:
        return self.last_line is not None and self.last_line.reception is reception


@dataclass
class Rig:
    """A modem, the driver that reads it, and the office behind the driver."""

    modem: PretendModem = field(default_factory=PretendModem)
    desk: Desk = field(default_factory=Desk)

    @asynccontextmanager
    async def working(self, **others: Value) -> AsyncIterator[None]:
        """The driver at work; the clock stands."""
        context = self.desk.context(KIND, settings(self.modem, **others))
        async with running(KIND.make(context)):
            yield

    @asynccontextmanager
    async def set_up(self, **others: Value) -> AsyncIterator[None]:
        """The driver at work on a modem that was plugged in; it has been told to tell."""
        with plugged_in(self.modem):
            async with self.working(**others):
                await until(lambda: self.modem.is_set_up and self.desk.is_last(Reception.READY))
                yield

    def asked(self, start: str) -> list[str]:
        return [one for one in self.modem.asked if one.startswith(start)]
