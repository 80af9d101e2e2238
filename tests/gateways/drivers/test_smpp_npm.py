"""The SMPP client against SMSCs of the npm package `smpp`, on the loopback."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateways.drivers.smpp_scripts import LONG, SCRIPTS, Script, again, driven, message, script
from gateways.drivers.smsc import NUMBER, PASSWORD
from peers import ROOT, needs_peer
from simlet.domain.health import GatewayReport
from simlet.domain.inbound import Part
from simlet.gateways.contract import Result
from simlet.testing.driver_kit import FakeSupervisor
from simlet.wire.smpp import Status

pytestmark = pytest.mark.anyio

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
    supervisor = FakeSupervisor()
    async with (
        script("node", SCRIPTS / "smsc.js") as smsc,
        driven(supervisor, smsc.port, bind=bind),
    ):
        bound = await smsc.hear_of("bound")
        assert (bound["bound"], bound["password"]) == (f"bind_{bind}", PASSWORD)
        smsc.tell(send="deliver_sm", options=message(**options))
        assert (await smsc.hear_of("answer"))["status"] == Status.ESME_ROK
    (kept,) = supervisor.handed_over
    assert (kept.to, kept.text, kept.part, kept.damaged) == (NUMBER, text, part, False)
    assert kept.sender == ("+84987654321" if "source_addr_ton" in options else "SHOPEE")


@needs_peer("npm-smpp")
async def test_npm_smpp_hears_what_became_of_each_message() -> None:
    supervisor = FakeSupervisor()
    answers = []
    async with script("node", SCRIPTS / "smsc.js") as smsc, driven(supervisor, smsc.port):
        await smsc.hear_of("bound")
        for supervisor.result in Result:
            smsc.tell(send="deliver_sm", options=message(short_message="Ma 1"))
            answers.append((await smsc.hear_of("answer"))["status"])
        smsc.tell(send="deliver_sm", options=message(short_message="id:1 stat:X", esm_class=4))
        answers.append((await smsc.hear_of("answer"))["status"])
        payload = {"message_payload": "Ma 2", "data_coding": 0}
        smsc.tell(send="data_sm", options=message(**payload))
        data_sm = await smsc.hear_of("answer")
    assert answers == [0, 0, Status.ESME_RX_T_APPN, Status.ESME_RX_R_APPN, 0]
    assert data_sm["answer"] == "data_sm_resp"
    assert [one.text for one in supervisor.handed_over] == ["Ma 1"] * 4 + ["Ma 2"]


@needs_peer("npm-smpp")
async def test_npm_smpp_and_we_enquire_of_each_other_and_it_hears_our_goodbye() -> None:
    supervisor = FakeSupervisor()
    async with script("node", SCRIPTS / "smsc.js") as smsc:
        async with driven(supervisor, smsc.port):
            await smsc.hear_of("bound")
            smsc.tell(send="enquire_link")
            assert (await smsc.hear_of("answer"))["answer"] == "enquire_link_resp"
            await supervisor.clock.wait_for_sleeping(1)
            supervisor.clock.advance(30)
            assert (await smsc.hear_of("request"))["request"] == "enquire_link"
        assert (await smsc.hear_of("request"))["request"] == "unbind"
        await smsc.hear_of("closed")


@needs_peer("npm-smpp")
async def test_npm_smpp_throttles_a_bind_and_lets_us_in_later() -> None:
    supervisor = FakeSupervisor()
    async with script("node", SCRIPTS / "smsc.js") as smsc:
        smsc.tell(bind=int(Status.ESME_RTHROTTLED))
        smsc.tell(bind=int(Status.ESME_RTHROTTLED))
        await asyncio.sleep(0.05)
        async with driven(supervisor, smsc.port):
            assert (await smsc.hear_of("bound"))["status"] == Status.ESME_RTHROTTLED
            smsc.tell(bind=0)
            await smsc.hear_of("closed")
            bound = asyncio.ensure_future(smsc.hear_of("bound"))
            assert (await again(supervisor, bound))["status"] == 0
    refused = GatewayReport(up=False, detail="the bind was refused: ESME_RTHROTTLED (0x58)")
    assert supervisor.reports[0] == refused


@needs_peer("npm-smpp")
async def test_npm_smpp_drops_the_link_and_delivers_again_what_was_not_answered() -> None:
    supervisor = FakeSupervisor()
    supervisor.open.clear()
    async with script("node", SCRIPTS / "smsc.js") as smsc, driven(supervisor, smsc.port):
        await smsc.hear_of("bound")
        smsc.tell(send="deliver_sm", options=message(short_message="Ma 1"))
        await supervisor.until_handed_over(1)
        smsc.tell(drop=True)
        await smsc.hear_of("closed")
        supervisor.open.set()
        bound = asyncio.ensure_future(smsc.hear_of("bound"))
        await again(supervisor, bound)
        smsc.tell(send="deliver_sm", options=message(short_message="Ma 1"))
        assert (await smsc.hear_of("answer"))["status"] == 0
    first, second = supervisor.handed_over
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
    supervisor = FakeSupervisor()
    async with (
        script("node", SCRIPTS / "smsc.js", key, certificate) as smsc,
        driven(supervisor, smsc.port, tls=True, ca_file=str(certificate)),
    ):
        await smsc.hear_of("bound")
        smsc.tell(send="deliver_sm", options=message(short_message=LONG[:60]))
        assert (await smsc.hear_of("answer"))["status"] == 0
    assert supervisor.handed_over[0].text == LONG[:60]


@needs_peer("npm-smpp")
async def test_npm_smpp_floods_and_hears_an_answer_for_each(tmp_path: Path) -> None:
    supervisor = FakeSupervisor()
    async with flood(tmp_path, 3000) as smsc, driven(supervisor, smsc.port):
        result = await smsc.hear()
    assert (result["sent"], result["acked"], result["errors"]) == (3000, 3000, 0)
    assert [one.text for one in supervisor.handed_over] == [f"Mã {n % 7}" for n in range(3000)]
    assert len({one.source_id for one in supervisor.handed_over}) == 3000


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
