import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import serialx

from gateways.drivers.cases_modem import (
    PIN,
    SIM,
    STATUS_REPORT,
    passing_time,
    plugged_in,
    settings,
    until,
)
from simlet.domain.errors import INVALID, Refused
from simlet.domain.health import GatewayReport, LineReport, Reception
from simlet.domain.inbound import Inbound, Part
from simlet.gateways import at_port
from simlet.gateways.contract import Fate, HttpRequest, Value
from simlet.gateways.drivers import modem as modem_package
from simlet.gateways.drivers.modem import KIND
from simlet.gateways.settings import check_settings
from simlet.testing.driver_kit import Office, running
from simlet.testing.modem import PretendModem
from simlet.testing.modem_answers import Faults, Sim, StoredMessage
from simlet.testing.sms_pdus import Stamp, tpdu_length, write_deliver
from simlet.wire import at

pytestmark = pytest.mark.anyio

SENT = Stamp(1_772_694_429_000)
OTHER_SIM = Sim("8984048000099999992", "452040000000002", "+84987654321")


def pdu(text: str, sender: str = "VIETTEL") -> bytes:
    return write_deliver(sender, text, SENT)[0]


def stored(text: str, status: int = 0) -> StoredMessage:
    octets = pdu(text)
    return StoredMessage(octets.hex().upper(), tpdu_length(octets), status)


@dataclass
class Desk(Office):
    """An office that can decide each message by itself."""

    decide: Callable[[Inbound], Fate] | None = None

    async def deliver(self, many: Sequence[Inbound]) -> list[Fate]:
        fates = await super().deliver(many)
        return [self.decide(one) for one in many] if self.decide else fates

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
        tools = self.desk.tools(KIND, settings(self.modem, **others))
        async with running(KIND.make(tools)):
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


@pytest.fixture
def rig(anyio_backend: str) -> Rig:
    return Rig(PretendModem(Sim()))


# Messages.


async def test_what_lies_on_the_sim_and_in_the_modem_is_read_at_the_start(rig: Rig) -> None:
    rig.modem.receive(pdu("on the SIM 111111"), storage="SM")
    rig.modem.receive(pdu("in the modem 222222"), storage="ME")
    async with rig.set_up():
        await until(lambda: not rig.modem.stored("SM") and not rig.modem.own)
    assert sorted(rig.desk.texts) == ["in the modem 222222", "on the SIM 111111"]
    first = rig.desk.handed_over[0]
    assert (first.iccid, first.to, first.sender) == (SIM.iccid, SIM.number, "VIETTEL")
    assert (first.sent_at_ms, first.source_id) == (SENT.at_ms, None)


async def test_a_message_is_read_as_soon_as_the_modem_tells_of_it(rig: Rig) -> None:
    async with rig.set_up():
        rig.modem.receive(pdu("Ma 123456"))
        await until(lambda: rig.desk.texts == ["Ma 123456"] and not rig.modem.stored("SM"))


async def test_a_message_that_the_modem_does_not_tell_of_is_found(rig: Rig) -> None:
    async with rig.set_up(poll_s=5), passing_time(rig.desk.clock):
        rig.modem.faults.tells_not = True
        rig.modem.receive(pdu("Ma 123456"))
        await until(lambda: rig.desk.texts == ["Ma 123456"] and not rig.modem.stored("SM"))


async def test_a_message_that_the_modem_tells_of_twice_is_handed_over_once(rig: Rig) -> None:
    async with rig.set_up():
        rig.modem.faults.tells_twice = True
        for number in range(5):
            rig.modem.receive(pdu(f"Ma {number}"))
        await until(lambda: len(rig.desk.texts) >= 5 and not rig.modem.stored("SM"))
        rig.modem.receive(pdu("the last"))
        await until(lambda: "the last" in rig.desk.texts and not rig.modem.stored("SM"))
    assert rig.desk.texts == [f"Ma {number}" for number in range(5)] + ["the last"]


async def test_a_message_that_is_not_kept_stays_and_is_handed_over_again(rig: Rig) -> None:
    rig.desk.fate = Fate.FAILED
    async with rig.set_up():
        rig.modem.receive(pdu("Ma 123456"))
        async with passing_time(rig.desk.clock):
            await until(lambda: len(rig.desk.texts) >= 3)
            assert rig.modem.stored("SM")
            assert not rig.asked("AT+CMGD")
            rig.desk.fate = Fate.KEPT
            await until(lambda: not rig.modem.stored("SM"))
    assert set(rig.desk.texts) == {"Ma 123456"}


async def test_only_what_was_kept_of_several_messages_is_deleted(rig: Rig) -> None:
    rig.desk.decide = lambda one: Fate.FAILED if one.text == "bad" else Fate.KEPT
    for text in ("good", "bad", "fine"):
        rig.modem.receive(pdu(text), storage="SM")
    async with rig.set_up():
        await until(lambda: len(rig.modem.stored("SM")) == 1)
        await until(lambda: len(rig.asked("AT+CMGD")) == 2)
    assert rig.asked("AT+CMGD") == ["AT+CMGD=1", "AT+CMGD=3"]


async def test_a_message_is_handed_over_again_after_a_crash_before_its_deletion(rig: Rig) -> None:
    rig.desk.open.clear()
    with plugged_in(rig.modem):
        async with rig.working():
            rig.modem.receive(pdu("Ma 123456"), storage="SM")
            await rig.desk.until_handed_over(1)
        assert len(rig.modem.stored("SM")) == 1
        rig.desk.open.set()
        rig.desk.fate = Fate.DUPLICATE
        async with rig.working():
            await until(lambda: not rig.modem.stored("SM"))
    assert rig.desk.handed_over[0] == rig.desk.handed_over[1]


async def test_another_message_in_the_place_of_a_kept_one_is_not_deleted(rig: Rig) -> None:
    rig.desk.open.clear()
    async with rig.set_up():
        rig.modem.receive(pdu("the first"))
        await rig.desk.until_handed_over(1)
        rig.modem.stored("SM")[1] = stored("the second")
        rig.desk.clock.advance(3)
        rig.desk.open.set()
        async with passing_time(rig.desk.clock):
            await until(lambda: not rig.modem.stored("SM"))
    assert rig.desk.texts == ["the first", "the second"]


async def test_what_the_owner_of_the_sim_wrote_is_left_alone(rig: Rig) -> None:
    assert rig.modem.sim
    rig.modem.sim.stored.update({4: stored("unsent", 2), 5: stored("sent", 3)})
    rig.modem.receive(pdu("Ma 123456"), storage="SM")
    async with rig.set_up():
        await until(lambda: 1 not in rig.modem.stored("SM"))
    assert set(rig.modem.stored("SM")) == {4, 5}
    assert rig.desk.texts == ["Ma 123456"]


async def test_a_pdu_that_loses_its_half_on_the_way_is_read_again(rig: Rig) -> None:
    async with rig.set_up():
        rig.modem.faults.halves = 1
        rig.modem.receive(pdu("Ma 123456"))
        await until(lambda: not rig.modem.stored("SM"))
    assert rig.desk.texts == ["Ma 123456"]


async def test_each_of_54_parts_is_handed_over_although_the_sim_holds_20(rig: Rig) -> None:
    text = "".join(f"{number:05} " for number in range(54 * 153 // 6))[: 54 * 153]
    parts = write_deliver("VIETTEL", text, SENT, reference=200)
    assert len(parts) == 54
    async with rig.set_up():
        for one in parts:
            rig.modem.receive(one)
        assert rig.modem.waiting
        await until(lambda: len(rig.desk.texts) >= 54 and not rig.modem.stored("SM"))
    found = {one.part: one.text for one in rig.desk.handed_over}
    assert len(rig.desk.handed_over) == 54
    assert set(found) == {Part(200, 54, number) for number in range(1, 55)}
    assert "".join(found[Part(200, 54, number)] for number in range(1, 55)) == text


async def test_a_modem_that_cannot_list_is_read_place_by_place(rig: Rig) -> None:
    rig.modem.faults.unknown = ("+CMGL",)
    rig.modem.receive(pdu("first"), storage="SM")
    rig.modem.receive(pdu("second"), storage="ME")
    async with rig.set_up():
        await until(lambda: not rig.modem.stored("SM") and not rig.modem.own)
    assert sorted(rig.desk.texts) == ["first", "second"]


@pytest.mark.parametrize(("failures", "set_ups"), [(2, 1), (3, 2)])
async def test_a_storage_that_cannot_be_read_is_read_later(
    rig: Rig, failures: int, set_ups: int
) -> None:
    rig.modem.faults.results = {"+CMGL": ["+CMS ERROR: 500"] * failures}
    rig.modem.faults.unknown = ("+CMGR",)
    rig.modem.receive(pdu("Ma 123456"), storage="SM")
    async with rig.set_up(), passing_time(rig.desk.clock):
        await until(lambda: not rig.modem.stored("SM"))
    assert rig.desk.texts == ["Ma 123456"]
    assert len(rig.asked("AT+CNMI=")) == set_ups


async def test_what_cannot_be_deleted_is_not_handed_over_again_and_again(rig: Rig) -> None:
    rig.modem.faults.results = {"+CMGD": ["+CMS ERROR: 500"] * 3}
    async with rig.set_up():
        rig.modem.receive(pdu("Ma 123456"))
        async with passing_time(rig.desk.clock):
            await until(lambda: not rig.modem.stored("SM"))
    assert rig.desk.texts == ["Ma 123456"]


# Messages that no storage has.


async def test_a_pushed_message_is_acknowledged_after_it_is_kept(rig: Rig) -> None:
    rig.modem.faults.unknown = ("+CNMI=2,1", "+CNMI=1,1")
    rig.desk.open.clear()
    async with rig.set_up():
        rig.modem.receive(pdu("Ma 123456"))
        await rig.desk.until_handed_over(1)
        assert not rig.asked("AT+CNMA")
        rig.desk.open.set()
        await until(lambda: not rig.modem.waiting)
    assert len(rig.asked("AT+CNMA")) == 1


async def test_a_pushed_message_that_is_not_kept_comes_again(rig: Rig) -> None:
    rig.modem.faults.unknown = ("+CNMI=2,1", "+CNMI=1,1")
    rig.desk.fate = Fate.FAILED
    async with rig.set_up(), passing_time(rig.desk.clock):
        rig.modem.receive(pdu("Ma 123456"))
        await until(lambda: len(rig.desk.texts) >= 2)
        assert rig.modem.waiting
        rig.desk.fate = Fate.KEPT
        await until(lambda: not rig.modem.waiting)
    assert set(rig.desk.texts) == {"Ma 123456"}


async def test_a_pushed_message_that_nobody_else_has_outlives_the_connection(
    rig: Rig, tmp_path: Path
) -> None:
    rig.modem.faults.unknown = ("+CNMI=2,1", "+CNMI=1,1", "+CSMS")
    rig.modem.link = tmp_path / "ttyUSB0"
    rig.desk.fate = Fate.FAILED
    with plugged_in(rig.modem):
        async with rig.working(), passing_time(rig.desk.clock):
            await until(lambda: rig.desk.is_last(Reception.READY))
            rig.modem.receive(pdu("Ma 123456"))
            await rig.desk.until_handed_over(1)
            rig.modem.unplug()
            await until(lambda: rig.desk.is_last(Reception.SILENT))
            before = len(rig.desk.texts)
            rig.desk.fate = Fate.KEPT
            rig.modem.plug_in()
            await until(lambda: len(rig.desk.texts) > before)
            await until(lambda: rig.desk.is_last(Reception.READY))
    assert len(rig.desk.texts) == before + 1
    assert set(rig.desk.texts) == {"Ma 123456"}


async def test_a_message_that_is_pushed_before_the_sim_is_known_is_handed_over(rig: Rig) -> None:
    octets = pdu("Ma 123456")
    with plugged_in(rig.modem):
        rig.modem.faults.between = [f"+CMT: ,{tpdu_length(octets)}", octets.hex().upper()]
        async with rig.working():
            await until(lambda: len(rig.modem.asked) > 2)
            rig.modem.faults.between = ()
            await rig.desk.until_handed_over(1)
    assert rig.desk.handed_over[0].iccid == SIM.iccid


# What modems do.


@pytest.mark.parametrize(
    "faults",
    [
        Faults(echo_forever=True),
        Faults(between=['+CMTI: "SM",9', "+CREG: 1", "RING", "^RSSI: 12", '+CUSD: 0,"x",15']),
        Faults(between=['+CREG: 1,"00C3","0000A1B2"', "+CCWA: 1", "*EMRDY: 1"]),
        Faults(noise=b"\xff\xfe\x00\x07garbage, and half a li\x80"),
        Faults(noise=b"x" * 20_000),
        Faults(noise=b"> "),
        Faults(pieces=True),
    ],
    ids=["echo", "between", "registration", "noise", "long", "prompt", "pieces"],
)
async def test_a_message_arrives_from_a_modem_that(rig: Rig, faults: Faults) -> None:
    rig.modem.faults = faults
    rig.modem.receive(pdu("before 111111"), storage="SM")
    async with rig.set_up():
        rig.modem.receive(pdu("after 222222"))
        async with passing_time(rig.desk.clock):
            await until(lambda: not rig.modem.stored("SM"))
    assert rig.desk.texts == ["before 111111", "after 222222"]


@pytest.mark.parametrize(
    "greeting", [(), ("RDY", "+CFUN: 1", "+CPIN: READY"), ("^BOOT:1,0,0,0,6",)]
)
async def test_a_modem_that_reboots_is_set_up_again(rig: Rig, greeting: tuple[str, ...]) -> None:
    async with rig.set_up():
        rig.modem.reboot(*greeting)
        assert not rig.modem.is_set_up
        async with passing_time(rig.desk.clock):
            await until(lambda: rig.modem.is_set_up)
        rig.modem.receive(pdu("Ma 123456"))
        async with passing_time(rig.desk.clock):
            await until(lambda: not rig.modem.stored("SM"))
    assert rig.desk.texts == ["Ma 123456"]


async def test_a_modem_that_says_that_it_boots_is_set_up_without_waiting(rig: Rig) -> None:
    async with rig.set_up(poll_s=600):
        rig.modem.reboot("RDY")
        for _ in range(5):  # far less than anything is looked at for its own sake
            rig.desk.clock.advance(1)
            await asyncio.sleep(0.02)
        await until(lambda: rig.modem.is_set_up)


async def test_a_modem_that_says_that_it_boots_all_the_time_is_set_up_once_more(rig: Rig) -> None:
    async with rig.set_up(), passing_time(rig.desk.clock):
        for number in range(20):
            rig.modem.say("^BOOT:1234,0,0,0,75")
            rig.modem.receive(pdu(f"Ma {number}"))
            await until(lambda: not rig.modem.stored("SM"))
    assert rig.desk.texts == [f"Ma {number}" for number in range(20)]
    assert len(rig.asked("AT+CNMI=")) == 2


async def test_answers_to_what_was_asked_before_are_let_go(rig: Rig) -> None:
    rig.modem.receive(pdu("Ma 123456"), storage="SM")
    with plugged_in(rig.modem):
        async with rig.working():
            await until(lambda: rig.modem.asked)
            for number in range(60):
                asyncio.get_running_loop().call_later(number / 2000, rig.modem.say, "OK")
            await until(lambda: rig.desk.is_last(Reception.READY) and not rig.modem.stored("SM"))
    assert {one.reception for one in rig.desk.lines()} == {Reception.READY}
    assert rig.desk.texts == ["Ma 123456"]


async def test_a_modem_that_was_left_waiting_for_a_text_is_freed(rig: Rig) -> None:
    rig.modem.faults.prompts = True
    rig.modem.receive(pdu("Ma 123456"), storage="SM")
    async with rig.set_up():
        await until(lambda: not rig.modem.stored("SM"))


async def test_a_modem_that_goes_silent_is_told_and_read_when_it_is_back(rig: Rig) -> None:
    async with rig.set_up(), passing_time(rig.desk.clock):
        rig.modem.faults.silent = True
        await until(lambda: rig.desk.is_last(Reception.SILENT))
        assert rig.desk.last_line == LineReport(rig.modem.path, Reception.SILENT, SIM.iccid)
        assert rig.desk.gateway.up is False
        assert "does not answer" in rig.desk.gateway.detail
        rig.modem.receive(pdu("Ma 123456"))
        rig.modem.faults.silent = False
        await until(lambda: rig.desk.is_last(Reception.READY) and not rig.modem.stored("SM"))
        await until(lambda: rig.desk.gateway.up)
    assert rig.desk.texts == ["Ma 123456"]


async def test_answers_that_come_too_late_are_nobody_elses(rig: Rig) -> None:
    async with rig.set_up(), passing_time(rig.desk.clock):
        rig.modem.faults.silent = True
        rig.modem.receive(pdu("first"))
        rig.modem.receive(pdu("second"))
        await until(lambda: rig.desk.is_last(Reception.SILENT))
        first = rig.modem.stored("SM")[1]
        rig.modem.say(f"+CMGR: 0,,{first.length}", first.pdu, "OK", "OK")
        rig.modem.faults.silent = False
        await until(lambda: not rig.modem.stored("SM"))
    assert rig.desk.texts == ["first", "second"]


async def test_a_port_that_floods_is_not_read_for_a_moment(anyio_backend: str) -> None:
    calls: list[str] = []
    resumed = asyncio.Event()

    class Transport(asyncio.Transport):
        def is_closing(self) -> bool:
            return False

        def pause_reading(self) -> None:
            calls.append("pause")

        def resume_reading(self) -> None:
            calls.append("resume")
            resumed.set()

    port = at_port.AtPort(1, lambda _: None)
    port.connection_made(Transport())
    for _ in range(64):
        port.data_received(b"x" * 1024)
    assert calls == []
    port.data_received(b"x")
    assert calls == ["pause"]
    await resumed.wait()
    assert calls == ["pause", "resume"]


async def test_a_flooding_modem_and_a_silent_one_do_not_slow_another() -> None:
    desk = Desk()
    sims = [Sim(f"898404800001000{at:04}", f"45204000000{at:04}") for at in range(3)]
    flooding, silent, good = (PretendModem(sim) for sim in sims)
    silent.faults.silent = True
    with plugged_in(flooding, silent, good):
        tools = desk.tools(KIND, settings(flooding, silent, good, command_timeout_s=30))
        async with running(KIND.make(tools)):
            await until(lambda: flooding.is_set_up and good.is_set_up)
            for number in range(20):
                flooding.say_raw(b"\x00\xff~" * 20_000)
                good.receive(pdu(f"Ma {number}"))
                await until(lambda: not good.stored("SM"))
    assert desk.texts == [f"Ma {number}" for number in range(20)]


# Ports that come and go.


@pytest.mark.parametrize("pattern", ["ttyUSB*", "ttyUSB0"])
async def test_a_modem_that_is_unplugged_comes_back(tmp_path: Path, pattern: str) -> None:
    desk, modem = Desk(), PretendModem(Sim(), link=tmp_path / "ttyUSB0")
    tools = desk.tools(KIND, {"ports": str(tmp_path / pattern), "command_timeout_s": 0.5})
    async with running(KIND.make(tools)), passing_time(desk.clock):
        for text in ("first", "second"):
            with plugged_in(modem):
                await until(lambda: desk.is_last(Reception.READY))
                modem.receive(pdu(text))
                await until(lambda: not modem.stored("SM"))
            await until(lambda: desk.is_last(Reception.SILENT))
            assert desk.last_line
            assert desk.last_line.port == str(modem.link)
            assert not (await _gateway_told(desk)).up
    assert desk.texts == ["first", "second"]


async def _gateway_told(desk: Desk) -> GatewayReport:
    await until(lambda: not desk.gateway.up)
    return desk.gateway


async def test_a_modem_that_is_unplugged_is_told_at_once(rig: Rig) -> None:
    async with rig.set_up():
        rig.modem.unplug()
        await until(lambda: rig.desk.is_last(Reception.SILENT))


async def test_a_modem_may_come_back_under_another_name(tmp_path: Path) -> None:
    desk, modem = Desk(), PretendModem(Sim(), link=tmp_path / "ttyUSB0")
    tools = desk.tools(KIND, {"ports": str(tmp_path / "ttyUSB*")})
    async with running(KIND.make(tools)), passing_time(desk.clock):
        with plugged_in(modem):
            await until(lambda: desk.is_last(Reception.READY))
        modem.link = tmp_path / "ttyUSB1"
        with plugged_in(modem):
            await until(lambda: desk.gateway == GatewayReport(up=True))
            await until(lambda: desk.lines(str(modem.link)))
            count = len(desk.lines())
            await until(lambda: len(desk.lines()) > count + 2)
    assert {one.port for one in desk.lines()[count:]} == {str(modem.link)}


async def test_a_port_with_two_names_is_one_port(tmp_path: Path) -> None:
    desk, modem = Desk(), PretendModem(Sim(), link=tmp_path / "modem")
    with plugged_in(modem):
        tools = desk.tools(KIND, {"ports": f"{modem.link},{modem.path}"})
        async with running(KIND.make(tools)), passing_time(desk.clock):
            await until(lambda: len(desk.lines()) > 3)
    assert {one.port for one in desk.lines()} == {str(modem.link)}


async def test_a_modem_that_is_plugged_in_later_is_found(tmp_path: Path) -> None:
    desk, modem = Desk(), PretendModem(Sim(), link=tmp_path / "ttyUSB7")
    tools = desk.tools(KIND, {"ports": str(tmp_path / "ttyUSB*")})
    async with running(KIND.make(tools)), passing_time(desk.clock):
        await until(lambda: desk.reports)
        assert desk.gateway == GatewayReport(up=False, detail="there is no port")
        with plugged_in(modem):
            await until(lambda: desk.is_last(Reception.READY) and desk.gateway.up)


async def test_a_port_that_another_program_has_is_told(rig: Rig) -> None:
    with plugged_in(rig.modem):
        other_program = at_port.open_port(rig.modem.path, 115200, 1, lambda _: None)
        async with other_program, rig.working(), passing_time(rig.desk.clock):
            await until(lambda: rig.desk.is_last(Reception.SILENT))
            assert rig.modem.path in rig.desk.gateway.detail
        async with rig.working(), passing_time(rig.desk.clock):
            await until(lambda: rig.desk.is_last(Reception.READY))


async def test_of_two_ports_with_the_same_sim_one_is_read(rig: Rig) -> None:
    assert rig.modem.sim
    other = PretendModem(rig.modem.sim)
    with plugged_in(rig.modem, other):
        tools = rig.desk.tools(KIND, settings(rig.modem, other))
        async with running(KIND.make(tools)), passing_time(rig.desk.clock):
            await until(lambda: "has the SIM of" in rig.desk.gateway.detail)
            rig.modem.receive(pdu("Ma 123456"))
            await until(lambda: not rig.modem.stored("SM"))
            idle, busy = sorted((rig.modem, other), key=lambda one: len(one.asked))
            assert not [one for one in idle.asked if one.startswith("AT+CMG")][1:]
            busy.faults.silent = True
            await until(lambda: [one for one in idle.asked if one.startswith('AT+CPMS="ME')][2:])
    assert rig.desk.texts == ["Ma 123456"]


async def test_64_ports_in_one_process_are_read() -> None:
    desk = Desk()
    modems = [
        PretendModem(Sim(f"898404800001000{at:04}", f"45204000000{at:04}", f"+84900000{at:03}"))
        for at in range(64)
    ]
    with plugged_in(*modems):
        async with running(KIND.make(desk.tools(KIND, settings(*modems, command_timeout_s=20)))):
            await until(lambda: all(one.is_set_up for one in modems))
            for at, modem in enumerate(modems):
                modem.receive(pdu(f"Ma {at:06}"))
            await until(lambda: not any(one.stored("SM") for one in modems))
            await until(lambda: len({one.port for one in desk.lines()}) == 64)
    came = {(one.iccid, one.to, one.text) for one in desk.handed_over}
    assert came == {
        (one.sim.iccid, one.sim.number, f"Ma {at:06}") for at, one in enumerate(modems) if one.sim
    }


async def test_a_rack_of_pretend_modems_is_read(anyio_backend: str) -> None:
    rack = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simlet.testing.modem", "--ports", "3", "--rate", "20"),
        *("--seconds", "0.2"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert rack.stdin
    assert rack.stdout
    try:
        ports = json.loads(await rack.stdout.readline())
        desk = Desk()
        tools = desk.tools(KIND, {"ports": ",".join(ports["ports"])})
        async with running(KIND.make(tools)):
            told = [json.loads(await rack.stdout.readline()) for _ in range(13)]
            await desk.until_handed_over(12)
    finally:
        rack.stdin.close()
        await rack.wait()
    assert told[-1] == {"messages": 12}
    sent = {(ports["iccids"][one["port"]], one["text"]) for one in told[:-1]}
    assert {(one.iccid, one.text) for one in desk.handed_over} == sent


async def test_a_modem_behind_a_terminal_server_is_read(rig: Rig) -> None:
    rig.modem.plug_in()
    async with AsyncExitStack() as stack:
        stack.callback(rig.modem.unplug)
        heard: list[asyncio.StreamWriter] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(writer)
            opened = serialx.open_serial_connection(rig.modem.path, baudrate=115200)
            from_modem, to_modem = await opened
            try:
                await asyncio.gather(_copy(reader, to_modem), _copy(from_modem, writer))
            finally:
                to_modem.close()
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        stack.callback(server.close)
        port = server.sockets[0].getsockname()[1]
        tools = rig.desk.tools(KIND, {"ports": f"socket://127.0.0.1:{port}"})
        async with running(KIND.make(tools)):
            await until(lambda: rig.modem.is_set_up)
            rig.modem.receive(pdu("Ma 123456"))
            await until(lambda: not rig.modem.stored("SM"))
    assert rig.desk.texts == ["Ma 123456"]


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, serialx.SerialException):
        while octets := await reader.read(4096):
            writer.write(octets)
    writer.close()


# SIMs.


async def test_a_message_on_another_sim_is_never_taken_for_one_of_the_sim_before(rig: Rig) -> None:
    other = Sim(OTHER_SIM.iccid, OTHER_SIM.imsi, OTHER_SIM.number, stored={1: stored("other's")})
    async with rig.set_up(), passing_time(rig.desk.clock):
        rig.modem.swap_sim(other, '+CMTI: "SM",1')
        await until(lambda: not other.stored)
        await until(lambda: rig.desk.last_line and rig.desk.last_line.iccid == other.iccid)
    assert [(one.iccid, one.to) for one in rig.desk.handed_over] == [(other.iccid, other.number)]


async def test_a_sim_that_is_taken_out_and_put_in_again_is_told(rig: Rig) -> None:
    sim = rig.modem.sim
    async with rig.set_up(), passing_time(rig.desk.clock):
        rig.modem.swap_sim(None, "+CPIN: NOT READY")
        await until(lambda: rig.desk.is_last(Reception.NO_SIM))
        assert rig.desk.last_line == LineReport(rig.modem.path, Reception.NO_SIM)
        assert rig.desk.gateway.up
        rig.modem.swap_sim(sim)
        await until(lambda: rig.desk.is_last(Reception.READY))
        assert rig.desk.last_line.iccid == SIM.iccid


async def test_a_pin_is_entered(rig: Rig) -> None:
    rig.modem.swap_sim(Sim(pin=PIN))
    async with rig.set_up(pin=PIN), passing_time(rig.desk.clock):
        rig.modem.reboot("RDY")
        await until(lambda: len(rig.asked("AT+CPIN=")) == 2)
        await until(lambda: rig.modem.is_set_up)


async def test_a_wrong_pin_is_never_entered_twice(rig: Rig) -> None:
    sim = Sim(pin="0000")
    rig.modem.swap_sim(sim)
    rig.modem.faults.unknown = ("+CPINR",)
    with plugged_in(rig.modem):
        async with rig.working(pin=PIN), passing_time(rig.desk.clock):
            await until(lambda: rig.desk.is_last(Reception.LOCKED))
            rig.modem.reboot("RDY")
            count = len(rig.desk.lines())
            await until(lambda: len(rig.desk.lines()) > count + 10)
    assert sim.tries == 2


async def test_a_pin_is_not_entered_when_a_try_was_used_up(rig: Rig) -> None:
    sim = Sim(pin=PIN, tries=2)
    rig.modem.swap_sim(sim)
    with plugged_in(rig.modem):
        async with rig.working(pin=PIN), passing_time(rig.desk.clock):
            await until(lambda: len(rig.desk.lines()) > 3)
    assert rig.desk.is_last(Reception.LOCKED)
    assert not rig.asked("AT+CPIN=")


async def test_a_locked_sim_without_a_pin_is_told(rig: Rig) -> None:
    rig.modem.swap_sim(Sim(pin=PIN))
    with plugged_in(rig.modem):
        async with rig.working():
            await until(lambda: rig.desk.is_last(Reception.LOCKED))
    assert not rig.asked("AT+CPIN=")


@pytest.mark.parametrize("unknown", ["+CCID", "+CCID +CRSM", "+CNUM", "+CSCS +CMEE +COPS +CSQ"])
async def test_a_modem_need_not_know_every_command(rig: Rig, unknown: str) -> None:
    rig.modem.faults.unknown = tuple(unknown.split())
    rig.modem.receive(pdu("Ma 123456"), storage="SM")
    async with rig.set_up():
        await until(lambda: not rig.modem.stored("SM"))
    one = rig.desk.handed_over[0]
    assert one.iccid == (None if "+CRSM" in unknown else SIM.iccid)
    assert one.to == ("" if unknown == "+CNUM" else SIM.number)


# Reports.


async def test_a_line_is_told_with_all_that_is_known_of_it(rig: Rig) -> None:
    async with rig.set_up():
        pass
    assert rig.desk.last_line == LineReport(
        *(rig.modem.path, Reception.READY, SIM.iccid, SIM.number, SIM.imsi, -73, "Viettel")
    )
    assert rig.desk.gateway == GatewayReport(up=True)


async def test_lines_and_gateway_are_told_every_thirty_seconds_at_least(rig: Rig) -> None:
    async with rig.set_up():
        for _ in range(5):
            count, clock = len(rig.desk.lines()), rig.desk.clock
            told = len(rig.desk.reports) - count
            for _ in range(30):
                clock.advance(1)
                await asyncio.sleep(0.01)
            await until(lambda count=count: len(rig.desk.lines()) > count)  # type: ignore[misc]
            assert len(rig.desk.reports) - len(rig.desk.lines()) > told


@pytest.mark.parametrize(
    ("registration", "reception"),
    [(0, Reception.SEARCHING), (3, Reception.DENIED), (5, Reception.READY)],
)
async def test_a_change_of_the_registration_is_told_at_once(
    rig: Rig, registration: int, reception: Reception
) -> None:
    async with rig.set_up():
        count = len(rig.desk.lines())
        rig.modem.registration = registration
        rig.modem.say(f"+CREG: {registration}")
        rig.desk.clock.advance(1)
        await until(lambda: len(rig.desk.lines()) > count)
        assert rig.desk.is_last(reception)


async def test_lines_are_told_while_a_message_waits_for_the_database(rig: Rig) -> None:
    rig.desk.open.clear()
    async with rig.set_up(), passing_time(rig.desk.clock):
        rig.modem.receive(pdu("Ma 123456"))
        await rig.desk.until_handed_over(1)
        count = len(rig.desk.lines())
        await until(lambda: len(rig.desk.lines()) > count + 3)


async def test_a_storage_that_fills_is_told_until_it_is_empty_again(rig: Rig) -> None:
    rig.desk.fate = Fate.FAILED
    for number in range(17):
        rig.modem.receive(pdu(f"Ma {number}"), storage="SM")
    async with rig.set_up(), passing_time(rig.desk.clock):
        await until(lambda: "SM of" in rig.desk.gateway.detail)
        assert rig.desk.gateway == GatewayReport(
            up=True, detail=f"SM of {rig.modem.path} is 85% full"
        )
        rig.desk.fate = Fate.KEPT
        await until(lambda: rig.desk.gateway == GatewayReport(up=True))
    assert not rig.modem.stored("SM")


# Limits.


async def test_a_status_report_is_deleted_and_not_handed_over(rig: Rig) -> None:
    async with rig.set_up():
        rig.modem.receive(STATUS_REPORT)
        await until(lambda: not rig.modem.stored("SM"))
    assert rig.desk.handed_over == []


def test_no_command_sends_dials_or_changes_an_identity() -> None:
    folder = Path(modem_package.__file__ or "").parent
    sources = [*folder.glob("*.py"), Path(at_port.__file__ or ""), Path(at.__file__ or "")]
    assert len(sources) > 5
    forbidden = re.compile(
        r"CMGS|CMSS|CMGW|CMGC|EGMR|ATD\b|AT\+?D\d|CGSN=|SIMEI|MEID|WIMEI|CUSD=|CLVL|CFUN|CLCK|CPWD",
        re.IGNORECASE,
    )
    for source in sources:
        assert forbidden.search(source.read_text("utf-8")) is None, source.name


async def test_all_that_is_asked_reads_sets_up_or_deletes(rig: Rig) -> None:
    rig.modem.receive(pdu("Ma 123456"), storage="SM")
    async with rig.set_up():
        await until(lambda: not rig.modem.stored("SM"))
    names = {re.split(r"[=?]", one)[0] for one in rig.modem.asked}
    assert names <= {
        *("AT", "ATE0", "AT+CMEE", "AT+CPIN", "AT+CMGF", "AT+CSCS", "AT+COPS", "AT+CPMS"),
        *("AT+CNMI", "AT+CCID", "AT+CNUM", "AT+CIMI", "AT+CSQ", "AT+CREG", "AT+CMGL"),
        *("AT+CMGR", "AT+CMGD"),
    }


async def test_a_modem_has_no_address(rig: Rig) -> None:
    driver = KIND.make(rig.desk.tools(KIND, {"ports": "/dev/ttyUSB0"}))
    assert (await driver.answer(HttpRequest("POST", "", {}, b""))).status == 404


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("ports", one) for one in ("", ",", "ttyUSB0", "socket://host", "http://host:1", "COM1")],
        *[("pin", one) for one in ("123", "12345678 ", "١٢٣٤", '1234"', "123456789")],
        *[("baud", 0), ("poll_s", 0), ("command_timeout_s", 0), ("alarm_share", 1.5)],
    ],
)
def test_a_setting_is_refused_that(name: str, value: Value) -> None:
    with pytest.raises(Refused) as refused:
        check_settings(KIND, {"ports": "/dev/ttyUSB0", name: value})
    assert refused.value.refusal is INVALID
    assert refused.value.details["name"] == name


@pytest.mark.parametrize(
    "ports",
    ["/dev/ttyUSB*, /dev/serial/by-id/usb-x", "socket://10.0.0.1:4001,rfc2217://bank:7000", "/x"],
)
def test_ports_are_taken_that_are(ports: str) -> None:
    assert check_settings(KIND, {"ports": ports})["ports"] == ports
