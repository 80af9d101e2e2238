import asyncio
import json
import sys
from pathlib import Path

import pytest

from gateways.drivers.cases_modem import passing_time, plugged_in, settings, until
from gateways.drivers.modem_rig import Desk, Rig, pdu
from simlet.domain.health import GatewayReport, Reception
from simlet.gateways import at_port
from simlet.gateways.drivers.modem import KIND
from simlet.testing.driver_kit import running
from simlet.testing.modem import PretendModem
from simlet.testing.modem_answers import Sim

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("pattern", ["ttyUSB*", "ttyUSB0"])
async def test_a_modem_that_is_unplugged_comes_back(tmp_path: Path, pattern: str) -> None:
    desk, modem = Desk(), PretendModem(Sim(), link=tmp_path / "ttyUSB0")
    context = desk.context(KIND, {"ports": str(tmp_path / pattern), "command_timeout_s": 0.5})
    async with running(KIND.make(context)), passing_time(desk.clock):
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
    context = desk.context(KIND, {"ports": str(tmp_path / "ttyUSB*")})
    async with running(KIND.make(context)), passing_time(desk.clock):
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
        context = desk.context(KIND, {"ports": f"{modem.link},{modem.path}"})
        async with running(KIND.make(context)), passing_time(desk.clock):
            await until(lambda: len(desk.lines()) > 3)
    assert {one.port for one in desk.lines()} == {str(modem.link)}


async def test_a_modem_that_is_plugged_in_later_is_found(tmp_path: Path) -> None:
    desk, modem = Desk(), PretendModem(Sim(), link=tmp_path / "ttyUSB7")
    context = desk.context(KIND, {"ports": str(tmp_path / "ttyUSB*")})
    async with running(KIND.make(context)), passing_time(desk.clock):
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
        context = rig.desk.context(KIND, settings(rig.modem, other))
        async with running(KIND.make(context)), passing_time(rig.desk.clock):
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
        async with running(KIND.make(desk.context(KIND, settings(*modems, command_timeout_s=20)))):
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
        context = desk.context(KIND, {"ports": ",".join(ports["ports"])})
        async with running(KIND.make(context)):
            told = [json.loads(await rack.stdout.readline()) for _ in range(13)]
            await desk.until_handed_over(12)
    finally:
        rack.stdin.close()
        await rack.wait()
    assert told[-1] == {"messages": 12}
    sent = {(ports["iccids"][one["port"]], one["text"]) for one in told[:-1]}
    assert {(one.iccid, one.text) for one in desk.handed_over} == sent
