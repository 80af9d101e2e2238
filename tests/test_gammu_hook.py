"""The hook of a Gammu SMSD, in a process of its own, as the daemon runs it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from peers.gammu_smsd import until
from simlet import gammu_hook
from simlet.gammu_hook import message_of

SECRET = "simlet_gw_of-a-test"
ONE: dict[str, str] = {
    "SMS_MESSAGES": "1",
    "DECODED_PARTS": "0",
    "PHONE_ID": "SIM1",
    "SMS_1_NUMBER": "Yahoo",
    "SMS_1_TEXT": "Mã của bạn là 486460 😀",
}


@dataclass
class Simlet:
    """Answers what a test says, and remembers what was asked.

    Attributes:
        status: of the next answers.
        open: while it is not set, no request is answered.
        asked: path, authorization and body of each request.
    """

    status: int = 200
    port: int = 0
    asked: list[tuple[str, str | None, Any]] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.open.set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/gateways/phones"

    @property
    def texts(self) -> list[str]:
        return [body["messages"][0]["text"] for _, _, body in self.asked]


@contextmanager
def serving(simlet: Simlet) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            simlet.asked.append((self.path, self.headers["authorization"], body))
            assert simlet.open.wait(timeout=30)
            self.send_response(simlet.status)
            self.end_headers()
            self.wfile.write(b'{"error": "as the test says"}')

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        simlet.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def simlet() -> Iterator[Simlet]:
    simlet = Simlet()
    with serving(simlet):
        yield simlet


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n", "utf-8")
    return path


@dataclass(frozen=True)
class Hook:
    """Runs the hook with nothing but Python itself, as on a machine without simlet."""

    secret_file: Path
    spool: Path

    def run(
        self, simlet: Simlet, *arguments: str, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", gammu_hook.__file__, "--address", simlet.address]
        command += ["--secret-file", str(self.secret_file), *arguments]
        return subprocess.run(command, env=env or {}, capture_output=True, text=True, check=False)

    def keep(
        self, simlet: Simlet, *ids: str, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return self.run(simlet, "--spool", str(self.spool), *ids, env=env)

    def start(self, simlet: Simlet, count: int) -> list[subprocess.Popen[bytes]]:
        """Several at a time; their IDs count from 1."""
        command = [sys.executable, "-I", "-S", gammu_hook.__file__, "--address", simlet.address]
        command += ["--secret-file", str(self.secret_file), "--spool", str(self.spool)]
        ids = range(1, count + 1)
        return [subprocess.Popen([*command, str(one)], env=os.environ | ONE) for one in ids]

    def left(self) -> list[str]:
        return sorted(one.suffix for one in self.spool.iterdir() if one.name != ".lock")


@pytest.fixture
def hook(secret_file: Path, tmp_path: Path) -> Hook:
    return Hook(secret_file, tmp_path / "spool")


def test_it_posts_what_the_daemon_says_with_the_secret(simlet: Simlet, hook: Hook) -> None:
    parts = {
        "SMS_MESSAGES": "2",
        "DECODED_PARTS": "1",
        "PHONE_ID": "SIM1",
        "SMS_1_NUMBER": "+84987654321",
        "SMS_1_TEXT": "phần một ",
        "SMS_2_NUMBER": "+84987654321",
        "SMS_2_TEXT": "phần hai",
        "DECODED_1_TEXT": "phần một phần hai",
    }
    ended = hook.run(simlet, "2", "3", env=parts)
    assert (ended.returncode, ended.stderr) == (0, "")
    ((path, authorization, body),) = simlet.asked
    assert (path, authorization) == ("/gateways/phones/messages", f"Bearer {SECRET}")
    assert 0 <= body.pop("age_ms") < 60_000
    assert body.pop("key")
    assert body == {
        "ids": ["2", "3"],
        "phone": "SIM1",
        "messages": [
            {"from": "+84987654321", "text": "phần một "},
            {"from": "+84987654321", "text": "phần hai"},
        ],
        "decoded": ["phần một phần hai"],
    }


@pytest.mark.parametrize("status", [301, 400, 401, 403, 500, 503])
def test_any_answer_but_200_is_a_failure(simlet: Simlet, hook: Hook, status: int) -> None:
    simlet.status = status
    ended = hook.run(simlet, "1", env=ONE)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"simlet-gammu: simlet answers {status} ")
    assert len(simlet.asked) == 1


def test_nobody_who_answers_is_a_failure_that_says_nothing_of_the_message(
    simlet: Simlet, hook: Hook
) -> None:
    nobody = Simlet(port=9)
    ended = hook.run(nobody, "1", env=ONE)
    assert ended.returncode == 1
    assert ended.stderr.startswith("simlet-gammu: simlet cannot be reached: ")
    assert not any(said in ended.stderr for said in ("486460", "Yahoo", SECRET))


def test_a_secret_that_is_not_there_is_a_failure(simlet: Simlet, hook: Hook) -> None:
    hook.secret_file.unlink()
    assert hook.run(simlet, "1", env=ONE).returncode == 1
    assert simlet.asked == []


def test_a_wrong_address_is_wrong_use(simlet: Simlet, hook: Hook) -> None:
    ended = hook.run(simlet, "--address", "ftp://127.0.0.1/", env=ONE)
    assert ended.returncode == 2


def test_what_is_no_utf8_is_replaced_and_the_rest_arrives(hook: Hook, simlet: Simlet) -> None:
    broken = {name.encode(): text.encode() for name, text in ONE.items()}
    broken[b"SMS_1_TEXT"] = b"Code \xff486460"
    command = [sys.executable, "-I", "-S", gammu_hook.__file__, "--address", simlet.address]
    command += ["--secret-file", str(hook.secret_file), "1"]
    subprocess.run(command, env=broken, check=True)
    assert simlet.texts == ["Code ?486460"]


def test_a_message_without_a_text_is_posted_as_such(simlet: Simlet, hook: Hook) -> None:
    without = {name: text for name, text in ONE.items() if name != "SMS_1_TEXT"}
    assert hook.run(simlet, "1", env=without).returncode == 0
    assert simlet.texts == [None]


def test_run_by_hand_without_a_message_it_posts_nothing(simlet: Simlet, hook: Hook) -> None:
    assert hook.run(simlet).returncode == 0
    assert simlet.asked == []


@pytest.mark.parametrize("count", ["", "x", "-1", "²"])
def test_a_count_that_is_none_is_no_message(count: str) -> None:
    assert message_of({"SMS_MESSAGES": count}, []) is None


def test_a_message_that_lost_its_variables_is_named_all_the_same(
    simlet: Simlet, hook: Hook
) -> None:
    assert hook.run(simlet, "17").returncode == 0
    ((_, _, told),) = simlet.asked
    assert (told["ids"], told["messages"]) == (["17"], [])


def test_a_spool_keeps_what_cannot_be_posted_and_posts_it_first_in_order(
    simlet: Simlet, hook: Hook
) -> None:
    simlet.status = 503
    assert hook.keep(simlet, "1", env=ONE).returncode == 1
    assert hook.keep(simlet, "2", env=ONE | {"SMS_1_TEXT": "second"}).returncode == 1
    assert hook.left() == [".json", ".json"]
    del simlet.asked[:]
    simlet.status = 200
    assert hook.keep(simlet, "3", env=ONE | {"SMS_1_TEXT": "third"}).returncode == 0
    assert simlet.texts == [ONE["SMS_1_TEXT"], "second", "third"]
    assert hook.left() == []


def test_what_is_left_in_a_spool_is_posted_without_a_message_as_itself(
    simlet: Simlet, hook: Hook
) -> None:
    simlet.status = 503
    hook.keep(simlet, "1", env=ONE)
    simlet.status = 200
    assert hook.keep(simlet).returncode == 0
    (_, _, failed), (_, _, kept) = simlet.asked
    assert kept["age_ms"] > failed["age_ms"]
    assert {**kept, "age_ms": 0} == {**failed, "age_ms": 0}


def test_what_simlet_will_never_take_does_not_hold_up_the_rest(simlet: Simlet, hook: Hook) -> None:
    simlet.status = 403
    ended = hook.keep(simlet, "1", env=ONE)
    assert hook.left() == [".rejected"]
    assert "simlet answers 403" in ended.stderr
    simlet.status = 200
    assert hook.keep(simlet, "2", env=ONE | {"SMS_1_TEXT": "second"}).returncode == 0
    assert simlet.texts == [ONE["SMS_1_TEXT"], "second"]


def test_a_damaged_file_in_a_spool_does_not_hold_up_the_rest(simlet: Simlet, hook: Hook) -> None:
    hook.spool.mkdir()
    (hook.spool / "0.json").write_text("{", "utf-8")
    assert hook.keep(simlet, "2", env=ONE).returncode == 0
    assert simlet.texts == [ONE["SMS_1_TEXT"]]
    assert hook.left() == [".rejected"]


def test_nobody_else_reads_what_is_in_a_spool(simlet: Simlet, hook: Hook) -> None:
    simlet.status = 503
    hook.keep(simlet, "1", env=ONE)
    (file,) = hook.spool.glob("*.json")
    assert file.stat().st_mode & 0o077 == 0
    assert hook.spool.stat().st_mode & 0o077 == 0


def test_a_message_is_put_aside_although_the_secret_is_not_there(
    simlet: Simlet, hook: Hook
) -> None:
    secret = hook.secret_file.read_text("utf-8")
    hook.secret_file.unlink()
    assert hook.keep(simlet, "1", env=ONE).returncode == 1
    assert hook.left() == [".json"]
    hook.secret_file.write_text(secret, "utf-8")
    assert hook.keep(simlet).returncode == 0
    assert simlet.texts == [ONE["SMS_1_TEXT"]]


_ON_A_FULL_DISK = """
import resource, runpy, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_what_cannot_be_put_aside_is_posted_and_leaves_nothing_behind(
    simlet: Simlet, hook: Hook
) -> None:
    command = [sys.executable, "-I", "-S", "-c", _ON_A_FULL_DISK, gammu_hook.__file__]
    command += ["--address", simlet.address, "--secret-file", str(hook.secret_file)]
    command += ["--spool", str(hook.spool), "1"]
    ended = subprocess.run(command, env=ONE, capture_output=True, text=True, check=False)
    assert (ended.returncode, simlet.texts, hook.left()) == (0, [ONE["SMS_1_TEXT"]], [])
    assert "not put aside" in ended.stderr


@pytest.mark.parametrize("spooled", [True, False])
def test_an_id_that_is_no_utf8_hinders_no_message(
    simlet: Simlet, hook: Hook, spooled: bool
) -> None:
    name = os.fsdecode(b"IN_Caf\xe9_00.txt")
    ended = (hook.keep if spooled else hook.run)(simlet, name, env=ONE)
    assert ended.returncode == 0, ended.stderr
    assert [body["ids"] for _, _, body in simlet.asked] == [["IN_Caf?_00.txt"]]


@pytest.mark.anyio
async def test_several_hooks_at_a_time_post_each_message_once(simlet: Simlet, hook: Hook) -> None:
    simlet.status = 503
    hook.keep(simlet, "0", env=ONE)
    del simlet.asked[:]
    simlet.status = 200
    simlet.open.clear()
    many = hook.start(simlet, 4)
    await until(lambda: hook.left() == [".json"] * 5)
    simlet.open.set()
    assert [one.wait(timeout=30) for one in many] == [0] * 4
    assert sorted(body["ids"] for _, _, body in simlet.asked) == [[f"{one}"] for one in range(5)]
    assert hook.left() == []
