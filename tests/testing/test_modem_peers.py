"""The pretend modem, read by three programs that were written for real ones."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from peers import needs_peer, program
from simlet.testing.modem import PretendModem
from simlet.testing.sms_pdus import Stamp, write_deliver

pytestmark = pytest.mark.anyio

SENT = Stamp(1_772_694_429_000)
VIETNAMESE = "Mã OTP của bạn là 059809. Không chia sẻ mã này cho bất kỳ ai."
PATIENCE_S = 60.0


@pytest.fixture
def modem(anyio_backend: str) -> PretendModem:
    modem = PretendModem()
    modem.receive(write_deliver("+84987654321", "Ma {OTP} 123456 @ VND", SENT)[0], storage="SM")
    modem.receive(write_deliver("VIETTEL", VIETNAMESE, SENT)[0], storage="ME")
    return modem


async def output_of(*command: str) -> str:
    """What a program says.

    Raises:
        AssertionError: it failed.
        TimeoutError: it does not end.
    """
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, said.decode()
    return said.decode()


async def while_running(command: list[str], found: Callable[[], object], log: Path) -> None:
    """Runs a program that does not end by itself until something is found, and ends it.

    Raises:
        AssertionError: it ended by itself.
        TimeoutError: it does not come.
    """
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(*command, stdout=out, stderr=out)
    ended = asyncio.ensure_future(process.wait())
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not found():
                done, _ = await asyncio.wait({ended}, timeout=0.1)
                assert not done, f"it ended; see {log}"
    finally:
        if process.returncode is None:
            os.kill(process.pid, signal.SIGTERM)
            async with asyncio.timeout(PATIENCE_S):
                await ended


def gammurc(modem: PretendModem, folder: Path) -> Path:
    path = folder / "gammurc"
    path.write_text(f"[gammu]\ndevice = {modem.path}\nconnection = at115200\n")
    return path


@needs_peer("gammu")
async def test_gammu_says_which_modem_and_sim_it_is(modem: PretendModem, tmp_path: Path) -> None:
    with modem.plugged_in():
        said = await output_of(program("gammu"), "-c", str(gammurc(modem, tmp_path)), "identify")
    assert "452040000000001" in said
    assert "490154203237518" in said


@needs_peer("gammu")
async def test_gammu_reads_the_messages_of_both_storages(
    modem: PretendModem, tmp_path: Path
) -> None:
    with modem.plugged_in():
        command = [program("gammu"), "-c", str(gammurc(modem, tmp_path)), "getallsms"]
        said = await output_of("env", "LC_ALL=C.UTF-8", *command)
    assert "Ma {OTP} 123456 @ VND" in said
    assert '"+84987654321"' in said
    assert VIETNAMESE in said
    assert '"VIETTEL"' in said


@needs_peer("gammu")
async def test_gammu_deletes_a_message(modem: PretendModem, tmp_path: Path) -> None:
    with modem.plugged_in():
        command = [program("gammu"), "-c", str(gammurc(modem, tmp_path))]
        await output_of(*command, "deletesms", "1", "1")
    assert modem.stored("SM") == {}
    assert len(modem.own) == 1


@needs_peer("gammu-smsd")
async def test_gammu_smsd_reads_and_deletes_what_lies_there_and_what_comes(
    modem: PretendModem, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    with modem.plugged_in():
        settings = tmp_path / "smsdrc"
        settings.write_text(
            f"[gammu]\ndevice = {modem.path}\nconnection = at115200\n"
            f"[smsd]\nservice = files\nlogfile = {tmp_path / 'log'}\ninboxpath = {inbox}/\n"
            "inboxformat = unicode\ncommtimeout = 1\nreceivefrequency = 1\ncheckbattery = 0\n"
            "checksecurity = 0\n"
        )
        command = [program("gammu-smsd"), "-c", str(settings)]
        late = write_deliver("SHOPEE", "Ma 777888", SENT)[0]

        def received() -> bool:
            count = len(list(inbox.iterdir()))
            if count == 2 and "SHOPEE" not in asked:
                asked.append("SHOPEE")
                modem.receive(late)
            return count == 3

        asked: list[str] = []
        await while_running(command, received, tmp_path / "said")
    texts = "\n".join(file.read_text("utf-16") for file in inbox.iterdir())
    assert VIETNAMESE in texts
    assert "Ma {OTP} 123456 @ VND" in texts
    assert "Ma 777888" in texts
    assert not modem.stored("SM")
    assert not modem.own


@needs_peer("smstools")
async def test_smstools_reads_and_deletes_what_lies_there_and_what_comes(
    modem: PretendModem, tmp_path: Path
) -> None:
    folders = {one: tmp_path / one for one in ("incoming", "outgoing", "checked", "failed", "sent")}
    for folder in folders.values():
        folder.mkdir()
    with modem.plugged_in():
        settings = tmp_path / "smsd.conf"
        settings.write_text(
            "devices = GSM1\nloglevel = 7\nuser = root\n"
            + "".join(f"{name} = {folder}\n" for name, folder in folders.items())
            + f"logfile = {tmp_path / 'log'}\ninfofile = {tmp_path / 'info'}\n"
            + f"pidfile = {tmp_path / 'pid'}\nreceive_before_send = yes\nautosplit = 3\n"
            + "delaytime = 1\ndelaytime_mainprocess = 1\n"
            + f"[GSM1]\ndevice = {modem.path}\nincoming = yes\nbaudrate = 115200\n"
            + "memory_start = 1\nprimary_memory = SM\nsecondary_memory = ME\n"
            + "secondary_memory_max = 23\nrtscts = no\n"
            + "decode_unicode_text = no\n"
        )
        command = [program("smsd"), f"-c{settings}", "-t"]
        late = write_deliver("SHOPEE", "Ma 777888", SENT)[0]

        def received() -> bool:
            count = len(list(folders["incoming"].iterdir()))
            if count == 2 and "SHOPEE" not in asked:
                asked.append("SHOPEE")
                modem.receive(late)
            return count == 3

        asked: list[str] = []
        await while_running(command, received, tmp_path / "said")
    raw = [file.read_bytes() for file in folders["incoming"].iterdir()]
    assert any(VIETNAMESE.encode("utf-16-be") in one for one in raw)
    assert any(b"Ma {OTP} 123456 @ VND" in one for one in raw)
    assert any(b"From: SHOPEE" in one and b"Ma 777888" in one for one in raw)
    assert not modem.stored("SM")
    assert not modem.own
