"""The SMPP client against SMSCs in Python, Perl and C, each on the loopback."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import smpp34

from gateways.drivers.smpp_scripts import LONG, SCRIPTS, Script, again, driven, message, script
from gateways.drivers.smsc import PATIENCE_S
from peers import KANNEL_TESTS, needs_peer
from simlet.domain.health import GatewayReport
from simlet.domain.inbound import Part
from simlet.gateways.contract import Result
from simlet.testing.driver_kit import FakeSupervisor
from simlet.wire.smpp import Status, Tag

pytestmark = pytest.mark.anyio


# ----------------------------------------------------------------------------------- PyPI `smpp34`.


@asynccontextmanager
async def server_of_smpp34() -> AsyncIterator[tuple[smpp34.Server, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = smpp34.Server("127.0.0.1", port, system_id="smpp34")
    await server.start()
    try:
        yield server, port
    finally:
        await server.stop()


# Its server takes the answers of transceivers alone, so a receiver is what others test.
async def test_smpp34_delivers_and_is_answered_after_the_message_is_kept() -> None:
    supervisor = FakeSupervisor()
    supervisor.open.clear()
    async with server_of_smpp34() as (server, port), driven(supervisor, port):
        esme = await server.next()
        assert isinstance(esme, smpp34.Esme)
        assert (esme.system_id, esme.can_receive) == ("simlet", True)
        sending = asyncio.ensure_future(
            esme.deliver_sm(
                "84912345678",
                b"",
                source_addr="84987654321",
                source_addr_ton=1,
                data_coding=8,
                tlvs=[
                    smpp34.Tlv(Tag.MESSAGE_PAYLOAD, LONG.encode("utf-16-be")),
                    smpp34.Tlv(0x1400, b"of a vendor"),
                ],
            )
        )
        await supervisor.until_handed_over(1)
        assert not sending.done()
        supervisor.open.set()
        assert (await sending).is_success
    assert (supervisor.handed_over[0].sender, supervisor.handed_over[0].text) == (
        "+84987654321",
        LONG,
    )


async def test_smpp34_hears_when_a_message_is_to_be_sent_again() -> None:
    supervisor = FakeSupervisor(result=Result.FAILED)
    async with server_of_smpp34() as (server, port), driven(supervisor, port):
        esme = await server.next()
        assert isinstance(esme, smpp34.Esme)
        answer = await esme.deliver_sm("84912345678", b"Ma 1", source_addr="GRAB")
        assert answer.command_status == Status.ESME_RX_T_APPN


async def test_smpp34_delivers_many_at_a_time_over_two_sessions() -> None:
    supervisor = FakeSupervisor()
    async with server_of_smpp34() as (server, port), driven(supervisor, port, binds=2):
        sessions = [await server.next(), await server.next()]
        answers = await asyncio.gather(
            *(
                one.deliver_sm("84912345678", f"Ma {n}".encode(), source_addr="GRAB")
                for n in range(100)
                for one in sessions
                if isinstance(one, smpp34.Esme)
            )
        )
    assert len(answers) == 200
    assert all(one.is_success for one in answers)
    assert sorted(one.text for one in supervisor.handed_over) == sorted(
        f"Ma {n}" for n in range(100) for _ in sessions
    )


async def test_smpp34_hears_that_we_leave() -> None:
    supervisor = FakeSupervisor()
    async with server_of_smpp34() as (server, port):
        async with driven(supervisor, port):
            assert isinstance(await server.next(), smpp34.Esme)
        assert isinstance(await server.next(), smpp34.Unbound)


# ------------------------------------------------------------------------------- Net::SMPP of Perl.


@asynccontextmanager
async def perl_smsc(supervisor: FakeSupervisor) -> AsyncIterator[Script]:
    """One that hears our goodbye."""
    async with script("perl", SCRIPTS / "smsc.pl") as smsc, driven(supervisor, smsc.port):
        yield smsc
        smsc.tell(read=1)


@needs_peer("net-smpp-perl")
async def test_net_smpp_delivers_a_long_message_in_parts() -> None:
    supervisor = FakeSupervisor()
    async with perl_smsc(supervisor) as smsc:
        assert (await smsc.hear_of("bound"))["bound"] == "bind_transceiver"
        for number in (1, 2):
            options = message(
                seq=number,
                short_message=f"part {number}",
                sar_msg_ref_num="\x01\x02",
                sar_total_segments="\x02",
                sar_segment_seqnum=chr(number),
                user_message_reference="\x07\x08",
            )
            smsc.tell(send="deliver_sm", options=options, read=1)
            assert (await smsc.hear_of("cmd")) == {"cmd": 0x80000005, "status": 0, "seq": number}
    assert [(one.text, one.part) for one in supervisor.handed_over] == [
        ("part 1", Part(0x102, 2, 1)),
        ("part 2", Part(0x102, 2, 2)),
    ]
    assert [one.source_id for one in supervisor.handed_over] == [
        "reference 1800 part 1",
        "reference 1800 part 2",
    ]


@needs_peer("net-smpp-perl")
async def test_net_smpp_sends_what_we_do_not_know_and_is_told_so() -> None:
    supervisor = FakeSupervisor()
    async with perl_smsc(supervisor) as smsc:
        await smsc.hear_of("bound")
        smsc.tell(send="query_sm", options={"seq": 3, "message_id": "1"}, read=1)
        assert (await smsc.hear_of("cmd")) == {"cmd": 0x80000000, "status": 3, "seq": 3}
        smsc.tell(send="deliver_sm", options=message(seq=4, short_message="Ma 1"), read=1)
        assert (await smsc.hear_of("cmd")) == {"cmd": 0x80000005, "status": 0, "seq": 4}
        smsc.tell(send="unbind", options={"seq": 5}, read=1)
        assert (await smsc.hear_of("cmd")) == {"cmd": 0x80000006, "status": 0, "seq": 5}


@needs_peer("net-smpp-perl")
@pytest.mark.parametrize(
    ("fault", "nack"),
    [
        ("0000000f00000005", {"cmd": 0x80000000, "status": 2, "seq": 0}),
        ("7fffffff00000005000000000000002a", {"cmd": 0x80000000, "status": 2, "seq": 42}),
    ],
)
async def test_net_smpp_sends_garbage_and_serves_the_next_session(
    fault: str, nack: dict[str, int]
) -> None:
    supervisor = FakeSupervisor()
    async with perl_smsc(supervisor) as smsc:
        await smsc.hear_of("bound")
        smsc.tell(raw=fault, read=2, accept=1)
        assert await smsc.hear_of("cmd") == nack
        assert await smsc.hear() == {"closed": 1}
        await again(supervisor, asyncio.ensure_future(smsc.hear_of("bound")))
        # A PDU that lies within its own length, and a good one right behind it.
        broken = "00000014" + "00000005" + "00000000" + "00000007" + "00050053"
        smsc.tell(raw=broken, read=1)
        said = await smsc.hear_of("cmd")
        assert (said["cmd"], said["seq"]) == (0x80000000, 7)
        smsc.tell(send="deliver_sm", options=message(seq=8, short_message="Ma 1"), read=1)
        assert (await smsc.hear_of("cmd")) == {"cmd": 0x80000005, "status": 0, "seq": 8}
    assert [one.text for one in supervisor.handed_over] == ["Ma 1"]


@needs_peer("net-smpp-perl")
async def test_net_smpp_stops_within_a_pdu_and_is_found_out() -> None:
    supervisor = FakeSupervisor()
    async with perl_smsc(supervisor) as smsc:
        await smsc.hear_of("bound")
        smsc.tell(raw="0000004000000005000000000000", read=2)
        await supervisor.clock.wait_for_sleeping(1)
        supervisor.clock.advance(30)
        assert (await smsc.hear_of("cmd"))["cmd"] == 0x15
        await supervisor.clock.wait_for_sleeping(1)
        supervisor.clock.advance(10)
        assert await smsc.hear() == {"closed": 1}
    details = [one.detail for one in supervisor.reports if isinstance(one, GatewayReport)]
    assert "no answer to enquire_link" in details


# --------------------------------------------------------------------------- Kannel's `drive_smpp`.


async def _bound_soon(supervisor: FakeSupervisor) -> None:
    """Lets time pass until a peer that is still starting has let us in."""
    async with asyncio.timeout(PATIENCE_S):
        while not any(isinstance(one, GatewayReport) and one.up for one in supervisor.reports):
            supervisor.clock.advance(1)
            await asyncio.sleep(0.01)


@needs_peer("drive-smpp")
async def test_drive_smpp_of_kannel_delivers_all_and_is_answered(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    conf = tmp_path / "kannel.conf"
    conf.write_text("group = core\nadmin-port = 1\nsmsbox-port = 1\nadmin-password = x\n")
    supervisor = FakeSupervisor()
    process = await asyncio.create_subprocess_exec(
        *(KANNEL_TESTS / "drive_smpp", "-p", str(port), "-m", "50", "-c", conf),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        async with driven(supervisor, port, bind="receiver"):
            await _bound_soon(supervisor)
            kept = await supervisor.until_handed_over(50)
            assert process.stderr is not None
            heard = b""
            async with asyncio.timeout(PATIENCE_S):
                while heard.count(b"deliver_sm_resp") < 50:
                    heard += await process.stderr.readline()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
    assert [one.text for one in kept] == [str(n) for n in range(1, 51)]
