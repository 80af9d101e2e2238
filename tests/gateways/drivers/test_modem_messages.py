from collections import deque
from pathlib import Path
from typing import cast

import pytest
from structlog.testing import capture_logs

from gateways.drivers.cases_modem import SIM, passing_time, plugged_in, until
from gateways.drivers.modem_rig import SENT, Rig, pdu, stored
from simlet.domain.health import Reception
from simlet.domain.inbound import Part
from simlet.gateways.contract import Result
from simlet.gateways.drivers.modem import KIND, gateway
from simlet.gateways.drivers.modem.board import Board
from simlet.gateways.drivers.modem.equipment import Card, Modem, Reading
from simlet.gateways.drivers.modem.mailbox import MOST_PUSHED, Mailbox
from simlet.testing.driver_kit import running
from simlet.testing.sms_pdus import tpdu_length, write_deliver
from simlet.wire.at import Unsolicited

pytestmark = pytest.mark.anyio


async def test_what_lies_on_the_sim_and_in_the_modem_is_read_at_the_start(rig: Rig) -> None:
    rig.modem.receive(pdu("on the SIM 111111"), storage="SM")
    rig.modem.receive(pdu("in the modem 222222"), storage="ME")
    with plugged_in(rig.modem):
        rig.desk.last_sims = {rig.modem.path: frozenset((SIM.iccid,))}
        async with rig.working():
            await until(lambda: not rig.modem.stored("SM") and not rig.modem.own)
    assert sorted(rig.desk.texts) == ["in the modem 222222", "on the SIM 111111"]
    for one in rig.desk.handed_over:
        assert (one.iccid, one.to, one.sender) == (SIM.iccid, SIM.number, "VIETTEL")
        assert (one.sent_at_ms, one.source_id) == (SENT.at_ms, None)


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
    rig.desk.result = Result.FAILED
    async with rig.set_up():
        rig.modem.receive(pdu("Ma 123456"))
        async with passing_time(rig.desk.clock):
            await until(lambda: len(rig.desk.texts) >= 3)
            assert rig.modem.stored("SM")
            assert not rig.asked("AT+CMGD")
            rig.desk.result = Result.KEPT
            await until(lambda: not rig.modem.stored("SM"))
    assert set(rig.desk.texts) == {"Ma 123456"}


async def test_only_what_was_kept_of_several_messages_is_deleted(rig: Rig) -> None:
    rig.desk.decide = lambda one: Result.FAILED if one.text == "bad" else Result.KEPT
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
        rig.desk.result = Result.DUPLICATE
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


async def test_a_modem_that_can_be_read_by_places_alone_is_not_set_up_anew(rig: Rig) -> None:
    rig.modem.faults.unknown = ("+CMGL",)
    rig.modem.faults.tells_not = True
    async with rig.set_up(), passing_time(rig.desk.clock):
        for number in range(5):
            rig.modem.receive(pdu(f"Ma {number}"))
            await until(lambda: not rig.modem.stored("SM"))
    assert rig.desk.texts == [f"Ma {number}" for number in range(5)]
    assert len(rig.asked("AT+CNMI=")) == 1


async def test_places_may_be_counted_from_0(rig: Rig) -> None:
    rig.modem.faults.unknown = ("+CMGL",)
    assert rig.modem.sim
    rig.modem.sim.stored[0] = stored("Ma 123456")
    async with rig.set_up():
        await until(lambda: not rig.modem.stored("SM"))
    assert rig.desk.texts == ["Ma 123456"]


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


async def test_a_modem_that_refuses_an_acknowledgement_is_told_again_to_push(rig: Rig) -> None:
    rig.modem.faults.unknown = ("+CNMI=2,1", "+CNMI=1,1")
    rig.modem.faults.results = {"+CNMA": ["+CMS ERROR: 340"]}
    async with rig.set_up():
        before = len(rig.asked("AT+CNMI=2,2"))
        rig.modem.receive(pdu("Ma 123456"))
        await until(lambda: len(rig.asked("AT+CNMI=2,2")) == before + 1)
        await until(lambda: not rig.modem.waiting)
    assert len(rig.asked("AT+CNMA")) == 2


async def test_a_pushed_message_that_is_not_kept_comes_again(rig: Rig) -> None:
    rig.modem.faults.unknown = ("+CNMI=2,1", "+CNMI=1,1")
    rig.desk.result = Result.FAILED
    async with rig.set_up(), passing_time(rig.desk.clock):
        rig.modem.receive(pdu("Ma 123456"))
        await until(lambda: len(rig.desk.texts) >= 2)
        assert rig.modem.waiting
        rig.desk.result = Result.KEPT
        await until(lambda: not rig.modem.waiting)
    assert set(rig.desk.texts) == {"Ma 123456"}


async def test_a_pushed_message_that_nobody_else_has_outlives_the_connection(
    rig: Rig, tmp_path: Path
) -> None:
    rig.modem.faults.unknown = ("+CNMI=2,1", "+CNMI=1,1", "+CSMS")
    rig.modem.link = tmp_path / "ttyUSB0"
    rig.desk.result = Result.FAILED
    with plugged_in(rig.modem):
        async with rig.working(), passing_time(rig.desk.clock):
            await until(lambda: rig.desk.is_last(Reception.READY))
            rig.modem.receive(pdu("Ma 123456"))
            await rig.desk.until_handed_over(1)
            rig.modem.unplug()
            await until(lambda: rig.desk.is_last(Reception.SILENT))
            before = len(rig.desk.texts)
            rig.desk.result = Result.KEPT
            rig.modem.plug_in()
            await until(lambda: len(rig.desk.texts) > before)
            await until(lambda: rig.desk.is_last(Reception.READY))
    assert len(rig.desk.texts) == before + 1
    assert set(rig.desk.texts) == {"Ma 123456"}


async def test_what_was_pushed_is_handed_over_although_its_port_is_gone(
    rig: Rig, tmp_path: Path
) -> None:
    rig.modem.faults.unknown = ("+CNMI=2,1", "+CNMI=1,1", "+CSMS")
    rig.modem.link = tmp_path / "ttyUSB0"
    context = rig.desk.context(KIND, {"ports": f"{tmp_path}/ttyUSB*", "command_timeout_s": 0.5})
    with plugged_in(rig.modem):
        async with running(KIND.make(context)), passing_time(rig.desk.clock):
            await until(lambda: rig.desk.is_last(Reception.READY))
            rig.desk.result = Result.FAILED
            for number in range(3):
                rig.modem.receive(pdu(f"Ma {number}"))
            await rig.desk.until_handed_over(1)
            rig.modem.unplug()
            await until(lambda: rig.desk.gateway.detail == "there is no port")
            rig.desk.result = Result.KEPT
            await until(lambda: rig.desk.texts[-1] == "Ma 2")
    assert {one.iccid for one in rig.desk.handed_over} == {SIM.iccid}


@pytest.mark.parametrize(("result", "lost"), [(Result.KEPT, []), (Result.FAILED, [2])])
async def test_what_was_pushed_is_handed_over_when_the_driver_ends_or_told_as_lost(
    rig: Rig, result: Result, lost: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "END_WITHIN_S", 0.2)
    rig.modem.faults.unknown = ("+CNMI=2,1", "+CNMI=1,1", "+CSMS")
    rig.desk.result = Result.FAILED
    with capture_logs() as logs:
        async with rig.set_up():
            rig.modem.receive(pdu("Ma 1"))
            rig.modem.receive(pdu("Ma 2"))
            await rig.desk.until_handed_over(1)
            rig.desk.result = result
    told = [one["messages"] for one in logs if one["event"] == "modem_pushed_lost"]
    assert told == lost
    if result is Result.KEPT:
        assert rig.desk.texts[-2:] == ["Ma 1", "Ma 2"]


@pytest.mark.parametrize(("acknowledges", "lost"), [(False, 1), (True, 0)])
async def test_a_pushed_message_for_which_there_is_no_room_is_told(
    rig: Rig, acknowledges: bool, lost: int
) -> None:
    """Unless it is not acknowledged, and so comes again."""
    context = rig.desk.context(KIND, {"ports": "/dev/null"})
    mailbox = Mailbox(
        *(context, Board(context, 0.8), "/dev/null", cast("Modem", None), Card(None, None, None)),
        Reading((), pushes=True, acknowledges=acknowledges),
        poll_s=10,
        pushed=deque(),
    )
    with capture_logs() as logs:
        for number in range(MOST_PUSHED + 1):
            mailbox.hear(Unsolicited("+CMT: ,26", pdu(f"Ma {number}").hex()))
    assert len(mailbox.pushed) == MOST_PUSHED
    assert [one["event"] for one in logs] == ["modem_pushed_lost"] * lost


async def test_a_message_that_is_pushed_before_the_sim_is_known_is_handed_over(rig: Rig) -> None:
    octets = pdu("Ma 123456")
    with plugged_in(rig.modem):
        rig.modem.faults.between = [f"+CMT: ,{tpdu_length(octets)}", octets.hex().upper()]
        async with rig.working():
            await until(lambda: len(rig.modem.asked) > 2)
            rig.modem.faults.between = ()
            await rig.desk.until_handed_over(1)
    assert rig.desk.handed_over[0].iccid == SIM.iccid
