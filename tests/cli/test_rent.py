"""`simlet rent`, in a process of its own beside a real server."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from click.testing import Result

from cli.process import started
from cli.shell import Shell, row
from conftest import Fresh
from simlet.cli.failure import INTERRUPTED, REFUSED, WRONG_USE
from simlet.cli.rent import NO_CODE, progress_line
from simlet.client import Client, Rental

ENDS_WITHIN_S = 30


@dataclass(frozen=True)
class Server:
    """A server, and the shell of its operator."""

    shell: Shell
    url: str
    token: str

    @contextmanager
    def renting(self, *args: object) -> Iterator[subprocess.Popen[str]]:
        """The command while it runs; it must end by itself."""
        with subprocess.Popen(
            [sys.executable, "-m", "simlet", "rent", *(str(one) for one in args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def rent(self, *args: object, code: int = 0) -> Result:
        """The command to its end, in this process."""
        return self.shell.run("rent", *args, code=code)

    def message(self, number: str) -> None:
        self.shell.run("sms", number, "--from", "Yahoo", "--text", "Yahoo: 604391")

    def client(self) -> Client:
        return Client(self.url, self.token)

    def newest(self) -> Rental:
        """The rental that was begun last."""
        with self.client() as client:
            return next(client.rentals())

    def rental_count(self) -> int:
        with self.client() as client:
            return len(list(client.rentals()))


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture(scope="module")
def served(fresh_sqlite: Fresh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with fresh_sqlite() as url, pytest.MonkeyPatch.context() as patch:
        for name in [one for one in os.environ if one.startswith("SIMLET_")]:
            patch.delenv(name)
        patch.setenv("SIMLET_DATABASE_URL", url)
        patch.setenv("SIMLET_LISTEN", "127.0.0.1:0")
        shell = Shell(tmp_path_factory.mktemp("served"), url)
        shell.service(4)
        shell.lines(*(row(serial, f"09610000{serial:02}") for serial in range(1, 31)))
        shell.dealer("ann", 100_000)
        token = shell.json("account", "token", "ann")["token"]
        with started("serve", "--json") as serving:
            yield Server(shell, serving["address"], token)


@pytest.fixture
def server(served: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """One server for all tests here; each rents a line of its own."""
    monkeypatch.setenv("SIMLET_DATABASE_URL", served.shell.url)
    monkeypatch.setenv("SIMLET_URL", served.url)
    monkeypatch.setenv("SIMLET_TOKEN", served.token)
    return served


def test_the_number_comes_first_and_the_code_last(server: Server) -> None:
    with server.renting("Yahoo", "--network", "VIETTEL", "--prefix", "096") as process:
        number = first_line(process)
        server.message(number)
        out, told = process.communicate(timeout=ENDS_WITHIN_S)
    assert (process.returncode, out) == (0, "604391\n")
    assert re.fullmatch(r"\+8496100[0-9]{4}", number)
    assert f"0{number[3:]} for Yahoo" in told


def test_for_programs_both_are_json_lines(server: Server) -> None:
    with server.renting(4, "--json") as process:
        rented = msgspec.json.decode(first_line(process))
        server.message(rented["number"])
        out, told = process.communicate(timeout=ENDS_WITHIN_S)
    assert (rented["object"], rented["state"]) == ("rental", "waiting")
    ended = msgspec.json.decode(out)
    assert (ended["id"], ended["state"], ended["code"]) == (rented["id"], "received", "604391")
    assert (process.returncode, told) == (0, "")


def test_it_need_not_wait(server: Server) -> None:
    shown = server.rent(4, "--no-wait").stdout
    assert (shown, server.newest().state) == (f"{server.newest().number}\n", "waiting")


def test_a_terminal_shows_the_seconds_that_are_left(server: Server) -> None:
    terminal, other_end = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "simlet", "rent", "4"],
        stdout=subprocess.PIPE,
        stderr=other_end,
        env=os.environ | {"TERM": "xterm"},
    ) as process:
        os.close(other_end)
        shown = b""
        while b" left" not in shown:
            shown += os.read(terminal, 1000)
        rental = server.newest()
        server.message(rental.number)
        out, _ = process.communicate(timeout=ENDS_WITHIN_S)
    os.close(terminal)
    assert out.decode() == f"{rental.number}\n604391\n"
    assert f"{rental.national_number}  waiting for the code, " in shown.decode()


def test_the_seconds_are_counted_as_minutes() -> None:
    rental = msgspec.convert(
        {
            "object": "rental",
            "id": 1,
            "state": "waiting",
            "service_id": 4,
            "service_name": "Yahoo",
            "store": "01",
            "number": "+84961000001",
            "national_number": "0961000001",
            "price_dong": 470,
            "created_at": "2026-11-23T12:00:00.000Z",
            "deadline_at": "2026-11-23T12:05:00.000Z",
        },
        Rental,
    )
    assert progress_line(rental, 125.2).plain.endswith("2:05 left")
    assert progress_line(rental, -3).plain.endswith("0:00 left")


def test_ctrl_c_cancels_the_rental_and_says_so(server: Server) -> None:
    with server.renting(4) as process:
        first_line(process)
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=ENDS_WITHIN_S)
    assert (process.returncode, out) == (INTERRUPTED, "")
    assert "is cancelled and its price is back" in told
    assert "Traceback" not in told
    assert server.newest().state == "cancelled"


def test_ctrl_c_tells_programs_how_the_rental_ended(server: Server) -> None:
    with server.renting(4, "--json") as process:
        rented = msgspec.json.decode(first_line(process))
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=ENDS_WITHIN_S)
    ended = msgspec.json.decode(out)
    assert (ended["id"], ended["state"]) == (rented["id"], "cancelled")
    assert process.returncode == INTERRUPTED


def test_ctrl_c_after_the_code_shows_the_code(server: Server) -> None:
    with server.renting(4) as process:
        number = first_line(process)
        # Stopped, it cannot see the code before the signal.
        process.send_signal(signal.SIGSTOP)
        server.message(number)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        out, _ = process.communicate(timeout=ENDS_WITHIN_S)
    assert (process.returncode, out) == (0, "604391\n")


def test_without_a_code_it_ends_with_its_own_exit_code(server: Server) -> None:
    with server.renting(4) as process:
        first_line(process)
        with server.client() as client:
            client.cancel(server.newest().id)
        out, told = process.communicate(timeout=ENDS_WITHIN_S)
    assert (process.returncode, out) == (NO_CODE, "")
    assert "without a code" in told


def test_ctrl_c_before_it_can_be_cancelled_says_what_becomes_of_it(server: Server) -> None:
    server.shell.run(
        *("service", "add", "--store", "01", "--id", 5, "--name", "Zalo", "--sender", "Zalo"),
        *("--price", 470, "--seconds", 300, "--cancel-after", 200),
    )
    with server.renting(5) as process:
        first_line(process)
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=ENDS_WITHIN_S)
    assert (process.returncode, out) == (INTERRUPTED, "")
    assert "not cancelled" in told
    assert "comes back if no code comes" in told
    assert server.newest().state == "waiting"


@pytest.mark.parametrize("args", [["6"], ["Yahoo", "--max-price", "1"], ["4", "--prefix", "x"]])
def test_a_refusal_is_one_sentence(server: Server, args: list[str]) -> None:
    before = server.rental_count()
    ended = server.rent(*args, code=REFUSED)
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert server.rental_count() == before


def test_a_refusal_is_json_for_programs(server: Server) -> None:
    ended = server.rent("6", "--json", code=REFUSED)
    assert msgspec.json.decode(ended.stderr)["error"]["code"] == "service_unavailable"


def test_a_server_that_is_not_there_is_told(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    ended = server.rent("4", "--url", f"http://127.0.0.1:{port}", code=REFUSED)
    assert "did not answer" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_token_may_stand_in_a_file(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SIMLET_TOKEN")
    file = tmp_path / "token"
    file.write_text(server.token + "\n")
    args = ("4", "--no-wait", "--token-file", file)
    server.rent(*args)
    file.write_text("")
    assert "empty" in server.rent(*args, code=WRONG_USE).stderr
    file.write_bytes(b"\xff")
    assert "cannot be read" in server.rent(*args, code=WRONG_USE).stderr


@pytest.mark.parametrize("lacking", ["SIMLET_URL", "SIMLET_TOKEN"])
def test_without_a_server_or_a_token_it_says_what_to_set(
    server: Server, lacking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(lacking)
    assert lacking in server.rent("4", code=WRONG_USE).stderr
