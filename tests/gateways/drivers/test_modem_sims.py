import asyncio

import pytest

from gateways.drivers.cases_modem import PIN, SIM, passing_time, plugged_in, until
from gateways.drivers.modem_rig import OTHER_SIM, Rig, pdu, stored
from simlet.domain.health import GatewayReport, LineReport, Reception
from simlet.gateways.contract import Result
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
    rig.desk.result = Result.FAILED
    for number in range(17):
        rig.modem.receive(pdu(f"Ma {number}"), storage="SM")
    async with rig.set_up(), passing_time(rig.desk.clock):
        await until(lambda: "SM of" in rig.desk.gateway.detail)
        assert rig.desk.gateway == GatewayReport(
            up=True, detail=f"SM of {rig.modem.path} is 85% full"
        )
        rig.desk.result = Result.KEPT
        await until(lambda: rig.desk.gateway == GatewayReport(up=True))
    assert not rig.modem.stored("SM")


# SIMs that do not tell their ICCID.

_BUSY = "+CME ERROR: 14"
_OTHER_ICCID_COMMANDS = ("+CRSM", "+ICCID", "^ICCID", "+QCCID", "#CCID")


async def test_nothing_is_handed_over_or_deleted_until_a_busy_sim_tells_its_iccid(rig: Rig) -> None:
    rig.modem.faults.unknown = _OTHER_ICCID_COMMANDS
    rig.modem.faults.results = {"+CCID": [_BUSY] * 40}
    rig.modem.receive(pdu("Ma 123456"), storage="SM")
    with plugged_in(rig.modem):
        async with rig.working(), passing_time(rig.desk.clock):
            await until(lambda: "does not tell its ICCID" in rig.desk.gateway.detail)
            assert rig.desk.is_last(Reception.SEARCHING)
            assert rig.modem.stored("SM")
            await until(lambda: not rig.modem.stored("SM"))
            await until(lambda: rig.desk.gateway == GatewayReport(up=True))
    assert [one.iccid for one in rig.desk.handed_over] == [SIM.iccid]


async def test_an_iccid_that_is_told_later_is_that_of_what_is_read_from_then_on(rig: Rig) -> None:
    rig.modem.faults.unknown = (*_OTHER_ICCID_COMMANDS, "+CCID")
    async with rig.set_up(), passing_time(rig.desk.clock):
        await until(lambda: rig.desk.last_line and rig.desk.last_line.iccid is None)
        rig.modem.faults.unknown = _OTHER_ICCID_COMMANDS
        rig.modem.receive(pdu("Ma 123456"))
        await until(lambda: not rig.modem.stored("SM"))
    assert [one.iccid for one in rig.desk.handed_over] == [SIM.iccid]


async def test_a_sim_that_is_taken_out_before_it_told_its_iccid_is_gone(rig: Rig) -> None:
    rig.modem.faults.results = {"+CCID": ["+CME ERROR: 13"] * 40}
    rig.modem.faults.unknown = _OTHER_ICCID_COMMANDS
    with plugged_in(rig.modem):
        async with rig.working(), passing_time(rig.desk.clock):
            await until(lambda: "does not tell its ICCID" in rig.desk.gateway.detail)
            rig.modem.swap_sim(None)
            await until(lambda: rig.desk.is_last(Reception.NO_SIM))


# What lies in the modem when another SIM is put in.


@pytest.mark.parametrize("before", [frozenset(), frozenset((OTHER_SIM.iccid, OTHER_SIM.imsi))])
async def test_what_lies_in_a_modem_that_had_another_sim_is_given_to_no_sim(
    rig: Rig, before: frozenset[str]
) -> None:
    rig.modem.receive(pdu("Ma 123456"), storage="ME")
    rig.modem.receive(pdu("Ma 654321"), storage="SM")
    with plugged_in(rig.modem):
        rig.desk.last_sims = {rig.modem.path: before}
        async with rig.working():
            await until(lambda: not rig.modem.own and not rig.modem.stored("SM"))
            rig.modem.receive(pdu("Ma 111111"), storage="ME")
            await until(lambda: len(rig.desk.texts) == 3 and not rig.modem.own)
    assert {one.text: (one.iccid, one.to) for one in rig.desk.handed_over} == {
        "Ma 123456": (None, ""),
        "Ma 654321": (SIM.iccid, SIM.number),
        "Ma 111111": (SIM.iccid, SIM.number),
    }


async def test_what_lies_in_the_modem_goes_to_no_sim_when_that_is_changed(rig: Rig) -> None:
    async with rig.set_up(), passing_time(rig.desk.clock):
        rig.desk.result = Result.FAILED
        rig.modem.receive(pdu("Ma 123456"), storage="ME")
        await rig.desk.until_handed_over(1)
        rig.modem.swap_sim(OTHER_SIM, "+CPIN: READY")
        await until(lambda: rig.desk.last_line and rig.desk.last_line.iccid == OTHER_SIM.iccid)
        rig.desk.result = Result.KEPT
        await until(lambda: not rig.modem.own)
    assert rig.desk.handed_over[0].iccid == SIM.iccid
    assert (rig.desk.handed_over[-1].iccid, rig.desk.handed_over[-1].to) == (None, "")


async def test_what_lies_in_the_modem_stays_its_sims_when_that_comes_back(rig: Rig) -> None:
    async with rig.set_up(), passing_time(rig.desk.clock):
        rig.modem.swap_sim(None, "+CPIN: NOT READY")
        await until(lambda: rig.desk.is_last(Reception.NO_SIM))
        rig.modem.receive(pdu("Ma 123456"), storage="ME")
        rig.modem.swap_sim(Sim())
        await until(lambda: not rig.modem.own)
    assert [one.iccid for one in rig.desk.handed_over] == [SIM.iccid]


async def test_what_lies_in_the_modem_waits_until_the_database_tells_whose_it_is(rig: Rig) -> None:
    rig.desk.last_sims = None
    rig.modem.receive(pdu("Ma 123456"), storage="ME")
    rig.modem.receive(pdu("Ma 654321"), storage="SM")
    async with rig.set_up(), passing_time(rig.desk.clock):
        await until(lambda: not rig.modem.stored("SM"))
        rig.modem.say('+CMTI: "ME",1')
        count = len(rig.asked("AT+CMGL"))
        await until(lambda: len(rig.asked("AT+CMGL")) > count + 3)
        assert rig.desk.texts == ["Ma 654321"]
        rig.desk.last_sims = {rig.modem.path: frozenset((SIM.imsi,))}
        await until(lambda: not rig.modem.own)
    assert [one.iccid for one in rig.desk.handed_over] == [SIM.iccid] * 2
