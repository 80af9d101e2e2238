import asyncio
import fcntl
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest

from simlet import siblings as module
from simlet.config import Settings
from simlet.siblings import (
    SERVE_BESIDE,
    SILENT_AFTER_S,
    WRITE,
    Instructions,
    Siblings,
    Silence,
    listening_at,
    meeting_place,
    say_alive,
)
from simlet.testing.clock import FakeClock

pytestmark = pytest.mark.anyio

PATIENCE_S = 20.0
HANGS = 'echo "$$" > "$TOLD"; exec sleep 1000'


async def test_one_that_cannot_be_started_is_tried_again_after_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    clock = FakeClock()
    siblings = Siblings(SERVE_BESIDE, Instructions(Settings()), 1, clock)
    await siblings.start()

    async with asyncio.timeout(PATIENCE_S):
        for pause_s in (1.0, 2.0, 4.0):
            await clock.wait_for_sleeping(1)
            clock.advance(pause_s - 0.001)
            assert clock.sleeping == 1
            clock.advance(0.001)
        await clock.wait_for_sleeping(1)
        await siblings.stop()


def run_instead(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Has a script run in the place of Python; the pipe that it can tell something by."""
    told = folder / "told"
    os.mkfifo(told)
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setenv("TOLD", str(told))
    return told


async def read(pipe: Path) -> str:
    return await asyncio.wait_for(asyncio.to_thread(pipe.read_text), PATIENCE_S)


async def test_what_one_is_told_stands_on_its_input_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'read line; (echo "$line"; echo "$@"; env) > "$TOLD"; cat > /dev/null'
    pipe = run_instead(script, tmp_path, monkeypatch)
    settings = Settings(database_url="postgresql://simlet:Hidden-Password@127.0.0.1/simlet")
    siblings = Siblings(WRITE, Instructions(settings, "/somewhere/writer"), 1, FakeClock())
    await siblings.start()
    line, arguments, *environment = (await read(pipe)).splitlines()
    await asyncio.wait_for(siblings.stop(), PATIENCE_S)
    told = msgspec.json.decode(line, type=Instructions)
    assert told.settings.database_url == settings.database_url
    assert told.writer == "/somewhere/writer"
    assert arguments.split() == ["-m", *WRITE]
    assert "Hidden-Password" not in "".join(environment)


async def test_one_that_dies_is_started_again_after_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = run_instead('echo "$$" > "$TOLD"; exit 3', tmp_path, monkeypatch)
    clock = FakeClock()
    siblings = Siblings(SERVE_BESIDE, Instructions(Settings()), 1, clock)
    await siblings.start()
    first = await read(pipe)
    async with asyncio.timeout(PATIENCE_S):
        await clock.wait_for_sleeping(1)
    clock.advance(1.0)
    assert await read(pipe) != first
    await asyncio.wait_for(siblings.stop(), PATIENCE_S)


async def test_one_that_does_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = run_instead(HANGS, tmp_path, monkeypatch)
    monkeypatch.setattr(module, "_KILL_AFTER_S", 0.05)
    siblings = Siblings(SERVE_BESIDE, Instructions(Settings()), 1, FakeClock())
    await siblings.start()
    pid = int(await read(pipe))
    await asyncio.wait_for(siblings.stop(), PATIENCE_S)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_one_that_hangs_is_killed_and_another_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = run_instead(HANGS, tmp_path, monkeypatch)
    clock = FakeClock()
    siblings = Siblings(SERVE_BESIDE, Instructions(Settings()), 1, clock, must_speak=True)
    await siblings.start()
    first = int(await read(pipe))
    async with asyncio.timeout(PATIENCE_S):
        for pause_s in (SILENT_AFTER_S, SILENT_AFTER_S, 1.0):
            await clock.wait_for_sleeping(1)
            clock.advance(pause_s)
    second = int(await read(pipe))
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    await end(second, siblings)


async def test_one_that_is_not_asked_to_say_so_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = run_instead(HANGS, tmp_path, monkeypatch)
    clock = FakeClock()
    siblings = Siblings(WRITE, Instructions(Settings()), 1, clock)
    await siblings.start()
    pid = int(await read(pipe))
    assert clock.sleeping == 0
    await end(pid, siblings)


async def end(pid: int, siblings: Siblings) -> None:
    siblings.dismiss()
    os.kill(pid, signal.SIGTERM)
    await asyncio.wait_for(siblings.stop(), PATIENCE_S)


async def test_who_says_something_in_every_other_span_is_not_silent() -> None:
    clock, stream = FakeClock(), asyncio.StreamReader()
    silence = Silence(stream, clock)
    fallen = asyncio.ensure_future(silence.fallen())
    async with asyncio.timeout(PATIENCE_S):
        for spoken in (True, False) * 4:
            await clock.wait_for_sleeping(1)
            if spoken:
                stream.feed_data(b".")
                await silence.heard.wait()
            clock.advance(SILENT_AFTER_S)
        await clock.wait_for_sleeping(1)
        assert not fallen.done()
        clock.advance(SILENT_AFTER_S)
        await fallen


async def test_who_works_says_so_and_never_waits_for_who_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, writer = os.pipe()
    monkeypatch.setattr(module, "_OUTPUT", writer)
    assert not await say_alive()
    assert os.read(reader, 10) == b"."
    os.write(writer, bytes(fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)))
    assert not await say_alive()
    os.close(reader)
    assert not await say_alive()
    os.close(writer)


async def test_none_are_started_where_there_is_one_process() -> None:
    siblings = Siblings(SERVE_BESIDE, Instructions(Settings()), 0, FakeClock())
    await siblings.start()
    await asyncio.wait_for(siblings.stop(), PATIENCE_S)


def test_a_meeting_place_is_closed_to_others_and_gone_afterwards() -> None:
    with meeting_place(needed=True) as address:
        assert address is not None
        mode = address.parent.stat()
        assert stat.S_IMODE(mode.st_mode) == 0o700
        assert mode.st_uid == os.getuid()
        assert not address.exists()
    assert not address.parent.exists()


def test_there_is_no_meeting_place_where_none_is_needed() -> None:
    with meeting_place(needed=False) as address:
        assert address is None


def test_a_meeting_place_has_room_for_a_socket_however_long_the_usual_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("long" * 30)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with meeting_place(needed=True) as address:
        assert address is not None
        with listening_at(address) as listener:
            assert listener.getsockname() == str(address)


def test_an_address_that_was_left_behind_is_taken_over() -> None:
    with meeting_place(needed=True) as address:
        assert address is not None
        with pytest.raises(KeyError), listening_at(address):
            raise KeyError
        # The next one needs the folder.
        assert address.exists()
        with (
            listening_at(address),
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as visitor,
        ):
            visitor.connect(str(address))
        assert not address.parent.exists()


# What was left behind


@pytest.fixture
def usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that meeting places are made in."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def listened_once(folder: Path, name: str = "writer") -> Path:
    """A folder with a socket that nobody listens on any more."""
    folder.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(folder / name))
        listener.listen()
    return folder


def begin_anew() -> None:
    with meeting_place(needed=True):
        pass


FIRST_WITHOUT_A_WRITER = """
import socket, sys
from simlet.siblings import meeting_place
with meeting_place(needed=True) as address, socket.socket(socket.AF_UNIX) as writer:
    writer.bind(str(address))
    writer.listen()
    writer.close()
    print(address, flush=True)
    sys.stdin.read()
"""


def test_a_meeting_place_is_cleared_away_when_its_first_process_was_killed_and_not_before(
    usual: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FIRST_WITHOUT_A_WRITER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(usual)},
    ) as first:
        try:
            assert first.stdout is not None
            address = Path(first.stdout.readline().decode().strip())
            assert address.parent.parent == usual
            begin_anew()
            # Its writer is about to be started again.
            assert address.is_socket()
        finally:
            first.kill()
    assert address.is_socket()
    begin_anew()
    assert list(usual.iterdir()) == []


def test_a_meeting_place_where_somebody_listens_stays(usual: Path) -> None:
    folder = usual / "simlet-12345678"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(folder / "writer"))
        # Nobody is let in, and there is no room to wait.
        listener.listen(0)
        begin_anew()
        begin_anew()
        assert (folder / "writer").is_socket()


def test_one_that_is_just_being_made_stays(usual: Path) -> None:
    (usual / "simlet-12345678").mkdir()
    begin_anew()
    assert (usual / "simlet-12345678").is_dir()


def test_what_is_no_meeting_place_stays_as_it_is(usual: Path) -> None:
    (usual / "simlet-file").write_text("kept")
    (listened_once(usual / "simlet-more") / "notes").write_text("kept")
    listened_once(usual / "simlet-another", "reader")
    listened_once(usual / "others")
    (usual / "simlet-link").symlink_to(usual / "others")
    begin_anew()
    assert (usual / "simlet-file").read_text() == "kept"
    assert (usual / "simlet-more" / "writer").is_socket()
    assert (usual / "simlet-another" / "reader").is_socket()
    assert (usual / "simlet-link" / "writer").is_socket()


def test_a_meeting_place_of_another_user_stays(
    usual: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = listened_once(usual / "simlet-12345678")
    with monkeypatch.context() as another:
        another.setattr(os, "geteuid", lambda: os.getuid() + 1)
        begin_anew()
        assert (folder / "writer").is_socket()
    begin_anew()
    assert not folder.exists()
