import asyncio

import pytest

from gateways.drivers.cases_modem import SIM, passing_time, plugged_in, settings, until
from gateways.drivers.modem_rig import Desk, Rig, pdu
from simlet.domain.health import LineReport, Reception
from simlet.gateways import at_port
from simlet.gateways.drivers.modem import KIND
from simlet.testing.driver_kit import running
from simlet.testing.modem import PretendModem
from simlet.testing.modem_answers import Faults, Sim

pytestmark = pytest.mark.anyio


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
        context = desk.context(KIND, settings(flooding, silent, good, command_timeout_s=30))
        async with running(KIND.make(context)):
            await until(lambda: flooding.is_set_up and good.is_set_up)
            for number in range(20):
                flooding.say_raw(b"\x00\xff~" * 20_000)
                good.receive(pdu(f"Ma {number}"))
                await until(lambda: not good.stored("SM"))
    assert desk.texts == [f"Ma {number}" for number in range(20)]
