"""The SMPP client against SMSCs of others, each on the loopback."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import smpp34

from gateways.drivers.smsc import NUMBER, PASSWORD, PATIENCE_S, SETTINGS
from peers import KANNEL_TESTS, NODE_MODULES, ROOT, needs_peer
from simlet.domain.health import GatewayReport
from simlet.domain.inbound import Part
from simlet.gateways.contract import Fate, Value
from simlet.gateways.drivers.smpp import KIND
from simlet.testing.driver_kit import Office
from simlet.wire.smpp import Status, Tag

pytestmark = pytest.mark.anyio

SCRIPTS = ROOT / "tests" / "peers_smpp"
LONG = "Mã xác nhận của bạn là 604918. Không chia sẻ mã này với ai 🔒. " * 30


@dataclass(frozen=True, slots=True)
class Script:
    """A peer that is told what to do, and says what happens, as JSON lines."""

    process: asyncio.subprocess.Process
    port: int

    def tell(self, **what: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what).encode() + b"\n")

    async def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            line = await self.process.stdout.readline()
        said: dict[str, Any] = json.loads(line)
        return said

    async def hear_of(self, name: str) -> dict[str, Any]:
        """The next thing that it says of a sort; what it says before is passed over."""
        while name not in (said := await self.hear()):
            pass
        return said


@asynccontextmanager
async def script(*command: object) -> AsyncIterator[Script]:
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "NODE_PATH": str(NODE_MODULES)},
    )
    try:
        said = Script(process, 0)
        yield Script(process, (await said.hear())["port"])
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@asynccontextmanager
async def driven(office: Office, port: int, **more: Value) -> AsyncIterator["asyncio.Task[None]"]:
    """A driver at work, that leaves in good order."""
    driver = KIND.make(office.tools(KIND, {**SETTINGS, "port": port, **more}))
    task = asyncio.ensure_future(driver.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def again(office: Office, heard: "asyncio.Future[Any]") -> Any:
    """Lets time pass until a peer has said something."""
    while not heard.done():
        office.clock.advance(60)
        await asyncio.wait({heard}, timeout=0.01)
    return heard.result()


def message(**more: object) -> dict[str, object]:
    return {
        "source_addr_ton": 5,
        "source_addr": "SHOPEE",
        "dest_addr_ton": 1,
        "destination_addr": "84912345678",
        **more,
    }


# npm `smpp`.


NPM_CASES: dict[str, tuple[dict[str, object], str, Part | None]] = {
    "its own choice of GSM-7": (
        {"short_message": "Ma OTP: 059809 @ {€} _$"},
        "Ma OTP: 059809 @ {€} _$",
        None,
    ),
    "GSM-7 as the default": (
        {"short_message": "Phi 5€ @ là 10", "data_coding": 0},
        "Phi 5€ @ là 10",
        None,
    ),
    "Latin-1": ({"short_message": "Café 4821 ç", "data_coding": 3}, "Café 4821 ç", None),
    "its own choice of UCS-2": ({"short_message": "Mã số 4821 😀"}, "Mã số 4821 😀", None),
    "octets": (
        {"short_message": {"hex": "636f6465203737"}, "data_coding": 4},
        "code 77",
        None,
    ),
    "message_payload": (
        {"message_payload": {"hex": LONG.encode("utf-16-be").hex()}, "data_coding": 8},
        LONG,
        None,
    ),
    "a header of 8 bits": (
        {"short_message": {"udh": "050003a70302", "message": "so 48"}, "esm_class": 0x40},
        "so 48",
        Part(0xA7, 3, 2),
    ),
    "a header of 16 bits": (
        {
            "short_message": {"udh": "06080412340201", "message": "Mã 48"},
            "esm_class": 0x40,
            "data_coding": 8,
        },
        "Mã 48",
        Part(0x1234, 2, 1),
    ),
    # Its single shifts use the locking table, whatever the header says.
    "a Turkish alphabet": (
        {"short_message": {"udh": "03250101", "message": "Kod ş 4821"}, "esm_class": 0x40},
        "Kod ş 4821",
        None,
    ),
    "segments": (
        {
            "short_message": "Ma 1",
            "sar_msg_ref_num": 513,
            "sar_total_segments": 2,
            "sar_segment_seqnum": 2,
        },
        "Ma 1",
        Part(513, 2, 2),
    ),
    "an international sender": (
        {"short_message": "Ma 2", "source_addr_ton": 1, "source_addr": "84987654321"},
        "Ma 2",
        None,
    ),
}


@needs_peer("npm-smpp")
@pytest.mark.parametrize("bind", ["transceiver", "receiver"])
@pytest.mark.parametrize("name", NPM_CASES)
async def test_npm_smpp_delivers(name: str, bind: str) -> None:
    options, text, part = NPM_CASES[name]
    office = Office()
    async with script("node", SCRIPTS / "smsc.js") as smsc, driven(office, smsc.port, bind=bind):
        bound = await smsc.hear_of("bound")
        assert (bound["bound"], bound["password"]) == (f"bind_{bind}", PASSWORD)
        smsc.tell(send="deliver_sm", options=message(**options))
        assert (await smsc.hear_of("answer"))["status"] == Status.ESME_ROK
    (kept,) = office.handed_over
    assert (kept.to, kept.text, kept.part, kept.damaged) == (NUMBER, text, part, False)
    assert kept.sender == ("+84987654321" if "source_addr_ton" in options else "SHOPEE")


@needs_peer("npm-smpp")
async def test_npm_smpp_hears_what_became_of_each_message() -> None:
    office = Office()
    answers = []
    async with script("node", SCRIPTS / "smsc.js") as smsc, driven(office, smsc.port):
        await smsc.hear_of("bound")
        for office.fate in Fate:
            smsc.tell(send="deliver_sm", options=message(short_message="Ma 1"))
            answers.append((await smsc.hear_of("answer"))["status"])
        smsc.tell(send="deliver_sm", options=message(short_message="id:1 stat:X", esm_class=4))
        answers.append((await smsc.hear_of("answer"))["status"])
        payload = {"message_payload": "Ma 2", "data_coding": 0}
        smsc.tell(send="data_sm", options=message(**payload))
        data_sm = await smsc.hear_of("answer")
    assert answers == [0, 0, Status.ESME_RX_T_APPN, Status.ESME_RX_R_APPN, 0]
    assert data_sm["answer"] == "data_sm_resp"
    assert [one.text for one in office.handed_over] == ["Ma 1"] * 4 + ["Ma 2"]


@needs_peer("npm-smpp")
async def test_npm_smpp_and_we_enquire_of_each_other_and_it_hears_our_goodbye() -> None:
    office = Office()
    async with script("node", SCRIPTS / "smsc.js") as smsc:
        async with driven(office, smsc.port):
            await smsc.hear_of("bound")
            smsc.tell(send="enquire_link")
            assert (await smsc.hear_of("answer"))["answer"] == "enquire_link_resp"
            await office.clock.wait_for_sleeping(1)
            office.clock.advance(30)
            assert (await smsc.hear_of("request"))["request"] == "enquire_link"
        assert (await smsc.hear_of("request"))["request"] == "unbind"
        await smsc.hear_of("closed")


@needs_peer("npm-smpp")
async def test_npm_smpp_throttles_a_bind_and_lets_us_in_later() -> None:
    office = Office()
    async with script("node", SCRIPTS / "smsc.js") as smsc:
        smsc.tell(bind=int(Status.ESME_RTHROTTLED))
        smsc.tell(bind=int(Status.ESME_RTHROTTLED))
        await asyncio.sleep(0.05)
        async with driven(office, smsc.port):
            assert (await smsc.hear_of("bound"))["status"] == Status.ESME_RTHROTTLED
            smsc.tell(bind=0)
            await smsc.hear_of("closed")
            bound = asyncio.ensure_future(smsc.hear_of("bound"))
            assert (await again(office, bound))["status"] == 0
    refused = GatewayReport(up=False, detail="the bind was refused: ESME_RTHROTTLED (0x58)")
    assert office.reports[0] == refused


@needs_peer("npm-smpp")
async def test_npm_smpp_drops_the_link_and_delivers_again_what_was_not_answered() -> None:
    office = Office()
    office.open.clear()
    async with script("node", SCRIPTS / "smsc.js") as smsc, driven(office, smsc.port):
        await smsc.hear_of("bound")
        smsc.tell(send="deliver_sm", options=message(short_message="Ma 1"))
        await office.until_handed_over(1)
        smsc.tell(drop=True)
        await smsc.hear_of("closed")
        office.open.set()
        bound = asyncio.ensure_future(smsc.hear_of("bound"))
        await again(office, bound)
        smsc.tell(send="deliver_sm", options=message(short_message="Ma 1"))
        assert (await smsc.hear_of("answer"))["status"] == 0
    first, second = office.handed_over
    assert first == second


@needs_peer("npm-smpp")
async def test_npm_smpp_speaks_tls(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "smsc.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        f" -subj /CN=smsc -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}"
    )
    openssl = await asyncio.create_subprocess_exec(*command.split(), stderr=subprocess.DEVNULL)
    assert await openssl.wait() == 0
    office = Office()
    async with (
        script("node", SCRIPTS / "smsc.js", key, certificate) as smsc,
        driven(office, smsc.port, tls=True, ca_file=str(certificate)),
    ):
        await smsc.hear_of("bound")
        smsc.tell(send="deliver_sm", options=message(short_message=LONG[:60]))
        assert (await smsc.hear_of("answer"))["status"] == 0
    assert office.handed_over[0].text == LONG[:60]


@needs_peer("npm-smpp")
async def test_npm_smpp_floods_and_hears_an_answer_for_each(tmp_path: Path) -> None:
    office = Office()
    async with flood(tmp_path, 3000) as smsc, driven(office, smsc.port):
        result = await smsc.hear()
    assert (result["sent"], result["acked"], result["errors"]) == (3000, 3000, 0)
    assert [one.text for one in office.handed_over] == [f"Mã {n % 7}" for n in range(3000)]
    assert len({one.source_id for one in office.handed_over}) == 3000


@needs_peer("npm-smpp")
async def test_the_client_that_only_answers_answers_all(tmp_path: Path) -> None:
    async with flood(tmp_path, 500) as smsc:
        client = await asyncio.create_subprocess_exec(
            sys.executable, ROOT / "bench" / "answering_client.py", "127.0.0.1", str(smsc.port)
        )
        result = await smsc.hear()
        assert await client.wait() == 0
    assert (result["acked"], result["errors"]) == (500, 0)


@asynccontextmanager
async def flood(folder: Path, count: int) -> AsyncIterator[Script]:
    file = folder / "messages.tsv"
    file.write_text("".join(f"{NUMBER}\tSHOPEE\tMã {n}\n" for n in range(7)))
    async with script("node", SCRIPTS / "flood.js", 0, count, 50, file) as smsc:
        yield smsc


# PyPI `smpp34`.


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
    office = Office()
    office.open.clear()
    async with server_of_smpp34() as (server, port), driven(office, port):
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
        await office.until_handed_over(1)
        assert not sending.done()
        office.open.set()
        assert (await sending).is_success
    assert (office.handed_over[0].sender, office.handed_over[0].text) == ("+84987654321", LONG)


async def test_smpp34_hears_when_a_message_is_to_be_sent_again() -> None:
    office = Office(fate=Fate.FAILED)
    async with server_of_smpp34() as (server, port), driven(office, port):
        esme = await server.next()
        assert isinstance(esme, smpp34.Esme)
        answer = await esme.deliver_sm("84912345678", b"Ma 1", source_addr="GRAB")
        assert answer.command_status == Status.ESME_RX_T_APPN


async def test_smpp34_delivers_many_at_a_time_over_two_sessions() -> None:
    office = Office()
    async with server_of_smpp34() as (server, port), driven(office, port, binds=2):
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
    assert sorted(one.text for one in office.handed_over) == sorted(
        f"Ma {n}" for n in range(100) for _ in sessions
    )


async def test_smpp34_hears_that_we_leave() -> None:
    office = Office()
    async with server_of_smpp34() as (server, port):
        async with driven(office, port):
            assert isinstance(await server.next(), smpp34.Esme)
        assert isinstance(await server.next(), smpp34.Unbound)


# Net::SMPP of Perl.


@asynccontextmanager
async def perl_smsc(office: Office) -> AsyncIterator[Script]:
    """One that hears our goodbye."""
    async with script("perl", SCRIPTS / "smsc.pl") as smsc, driven(office, smsc.port):
        yield smsc
        smsc.tell(read=1)


@needs_peer("net-smpp-perl")
async def test_net_smpp_delivers_a_long_message_in_parts() -> None:
    office = Office()
    async with perl_smsc(office) as smsc:
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
    assert [(one.text, one.part) for one in office.handed_over] == [
        ("part 1", Part(0x102, 2, 1)),
        ("part 2", Part(0x102, 2, 2)),
    ]
    assert [one.source_id for one in office.handed_over] == [
        "reference 1800 part 1",
        "reference 1800 part 2",
    ]


@needs_peer("net-smpp-perl")
async def test_net_smpp_sends_what_we_do_not_know_and_is_told_so() -> None:
    office = Office()
    async with perl_smsc(office) as smsc:
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
    office = Office()
    async with perl_smsc(office) as smsc:
        await smsc.hear_of("bound")
        smsc.tell(raw=fault, read=2, accept=1)
        assert await smsc.hear_of("cmd") == nack
        assert await smsc.hear() == {"closed": 1}
        await again(office, asyncio.ensure_future(smsc.hear_of("bound")))
        # A PDU that lies within its own length, and a good one right behind it.
        broken = "00000014" + "00000005" + "00000000" + "00000007" + "00050053"
        smsc.tell(raw=broken, read=1)
        said = await smsc.hear_of("cmd")
        assert (said["cmd"], said["seq"]) == (0x80000000, 7)
        smsc.tell(send="deliver_sm", options=message(seq=8, short_message="Ma 1"), read=1)
        assert (await smsc.hear_of("cmd")) == {"cmd": 0x80000005, "status": 0, "seq": 8}
    assert [one.text for one in office.handed_over] == ["Ma 1"]


@needs_peer("net-smpp-perl")
async def test_net_smpp_stops_within_a_pdu_and_is_found_out() -> None:
    office = Office()
    async with perl_smsc(office) as smsc:
        await smsc.hear_of("bound")
        smsc.tell(raw="0000004000000005000000000000", read=2)
        await office.clock.wait_for_sleeping(1)
        office.clock.advance(30)
        assert (await smsc.hear_of("cmd"))["cmd"] == 0x15
        await office.clock.wait_for_sleeping(1)
        office.clock.advance(10)
        assert await smsc.hear() == {"closed": 1}
    details = [one.detail for one in office.reports if isinstance(one, GatewayReport)]
    assert "no answer to enquire_link" in details


# Kannel's `drive_smpp`.


async def _bound_soon(office: Office) -> None:
    """Lets time pass until a peer that is still starting has let us in."""
    async with asyncio.timeout(PATIENCE_S):
        while not any(isinstance(one, GatewayReport) and one.up for one in office.reports):
            office.clock.advance(1)
            await asyncio.sleep(0.01)


@needs_peer("drive-smpp")
async def test_drive_smpp_of_kannel_delivers_all_and_is_answered(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    conf = tmp_path / "kannel.conf"
    conf.write_text("group = core\nadmin-port = 1\nsmsbox-port = 1\nadmin-password = x\n")
    office = Office()
    process = await asyncio.create_subprocess_exec(
        *(KANNEL_TESTS / "drive_smpp", "-p", str(port), "-m", "50", "-c", conf),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        async with driven(office, port, bind="receiver"):
            await _bound_soon(office)
            kept = await office.until_handed_over(50)
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
