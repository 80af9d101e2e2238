"""PDUs as a modem has them in its storage, and what is handed over for each."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from simlet.domain.inbound import Inbound, MessageKind, Part
from simlet.gateways.contract import Value
from simlet.gateways.drivers.modem import KIND
from simlet.testing.clock import FakeClock
from simlet.testing.driver_kit import Case, FakeSupervisor, Peer, Reaction, UnderTest, running
from simlet.testing.modem import PretendModem
from simlet.testing.modem_answers import Sim
from simlet.testing.sms_pdus import tpdu_length

CONTRACT = Path(__file__).parents[2] / "contract" / "sms_pdu_cases.json"
SIM = Sim()
PIN = "73915"
PATIENCE_S = 15.0


@dataclass(frozen=True, slots=True)
class Pdu:
    """What lies in the storage: octets, and the length that is announced."""

    octets: bytes
    length: int | None = None


async def until(condition: Callable[[], object]) -> None:
    """Waits until something has become true.

    Raises:
        TimeoutError: it does not.
    """
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for is the modem's and the driver's
            await asyncio.sleep(0.002)


@asynccontextmanager
async def passing_time(clock: FakeClock) -> AsyncIterator[None]:
    """A second of the clock passes in a few milliseconds."""

    async def pass_on() -> None:
        while True:
            await asyncio.sleep(0.004)
            clock.advance(1)

    passing = asyncio.create_task(pass_on())
    try:
        yield
    finally:
        passing.cancel()
        with suppress(asyncio.CancelledError):
            await passing


def settings(*modems: PretendModem, **others: Value) -> dict[str, Value]:
    ports = ",".join(str(modem.link or modem.path) for modem in modems)
    return {"ports": ports, "command_timeout_s": 0.5, **others}


@contextmanager
def plugged_in(*modems: PretendModem) -> Iterator[None]:
    for modem in modems:
        modem.plug_in()
    try:
        yield
    finally:
        for modem in modems:
            modem.unplug()


@dataclass(frozen=True, slots=True)
class Network:
    """Sends messages to a modem, and sees whether they are deleted."""

    modem: PretendModem
    supervisor: FakeSupervisor

    async def send(self, sent: Any) -> Reaction:
        assert isinstance(sent, Pdu)
        before = len(self.supervisor.handed_over)
        self.modem.receive(sent.octets, sent.length)
        async with passing_time(self.supervisor.clock):
            await until(
                lambda: not self.modem.stored("SM") or len(self.supervisor.handed_over) > before + 1
            )
        return Reaction.AGAIN if self.modem.stored("SM") else Reaction.TAKEN


@asynccontextmanager
async def connect(supervisor: FakeSupervisor) -> AsyncIterator[Peer]:
    modem = PretendModem()
    with plugged_in(modem):
        async with running(KIND.make(supervisor.context(KIND, settings(modem, pin=PIN)))):
            await until(lambda: modem.is_set_up)
            yield Network(modem, supervisor)


def _recorded() -> Iterator[Case]:
    contract = json.loads(CONTRACT.read_text("utf-8"))
    wanted = {"ucs2_vn", "gsm7_ext", "concat8_gsm_2", "concat16_ucs2_2"}
    for case in contract["cases"]:
        if case["name"] in wanted:
            stamp = round(datetime.fromisoformat(case["ts"]).timestamp() * 1000)
            part = Part(*case["concat"]) if case["concat"] else None
            inbound = Inbound(
                *(MessageKind.SMS, SIM.number, case["sender"], case["text"], stamp),
                part=part,
                iccid=SIM.iccid,
            )
            yield Case(case["name"], Pdu(bytes.fromhex(case["pdu"]), case["tpdu_len"]), (inbound,))


TRUNCATED = bytes.fromhex("07914889200030F0040B914889674523F10008623050417090828C004D00E30020")
STATUS_REPORT = bytes.fromhex("07914889200030F006050B914889674523F1623050417090826230504170908200")

SUBMIT = bytes.fromhex("07914889200030F001000B914889674523F1000005E8329BFD06")


def _damaged(octets: bytes) -> Inbound:
    raw = octets.hex().upper()
    source_id = "pdu-" + hashlib.sha256(raw.encode()).hexdigest()[:32]
    return Inbound(
        *(MessageKind.SMS, SIM.number, "", raw, None, source_id), iccid=SIM.iccid, damaged=True
    )


UNDER_TEST = UnderTest(
    KIND,
    (
        *_recorded(),
        Case("damaged", Pdu(TRUNCATED, tpdu_length(TRUNCATED)), (_damaged(TRUNCATED),)),
        Case("no_message_that_comes_in", Pdu(SUBMIT), (_damaged(SUBMIT),)),
        Case("status_report", Pdu(STATUS_REPORT), ()),
    ),
    connect,
    secrets=(PIN, SIM.iccid, SIM.imsi),
    settings={"ports": "/dev/null"},
)
