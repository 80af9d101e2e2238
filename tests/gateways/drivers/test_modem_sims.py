import asyncio

import pytest

from gateways.drivers.cases_modem import PIN, SIM, passing_time, plugged_in, until
from gateways.drivers.modem_rig import OTHER_SIM, Rig, pdu, stored
from simlet.domain.health import GatewayReport, LineReport, Reception
from simlet.gateways.contract import Fate
from simlet.testing.modem_answers import Sim

pytestmark = pytest.mark.anyio


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
