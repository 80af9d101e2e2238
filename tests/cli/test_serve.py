"""`simlet serve`, in a process of its own, and the commands beside it."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cli.process import ENDS_WITHIN_S, get, started
from cli.shell import Shell, row
from simlet.cli.failure import FAULT, WRONG_USE


@pytest.fixture(autouse=True)
def any_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMLET_LISTEN", "127.0.0.1:0")


def test_commands_work_while_the_server_runs(any_shell: Shell) -> None:
    with started("serve", "--json") as server:
        any_shell.service(4)
        any_shell.lines(row(1, "0961000001"))
        any_shell.dealer("ann", 1000)
        api = f"{server['address']}/api"
        key = f"token={any_shell.json('account', 'token', 'ann')['token']}"
        rented = get(f"{api}/register-service/?serviceId=01.4&{key}")["data"]
        code = f"{api}/?show=code&ID={rented['request_id']}&{key}"
        assert get(code)["ResponseCode"] == 1
        any_shell.run("sms", rented["phone_number"], "--from", "Yahoo", "--text", "Yahoo: 604391")
        assert get(code)["Result"]["Code"] == "604391"
        any_shell.run("account", "suspend", "ann")
        assert get(code)["status_code"] == 401
        any_shell.run("books", "check")


def test_an_address_in_use_is_told_in_a_sentence(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        monkeypatch.setenv("SIMLET_LISTEN", listen)
        command = [sys.executable, "-m", "simlet", "serve"]
        ended = subprocess.run(command, capture_output=True, cwd=shell.folder, check=False)
    assert ended.returncode == FAULT
    taken = f"Error: Cannot listen on {listen}: Address already in use.\n"
    assert ended.stderr.decode() == taken


def test_a_wrong_setting_stops_the_start(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMLET_LISTEN", "everywhere")
    error = shell.error("serve", code=WRONG_USE)
    assert error["code"] == "settings"
    assert "listen" in error["sentence"]


def test_a_second_server_on_the_database_is_refused_and_a_killed_one_holds_up_nobody(
    shell: Shell,
) -> None:
    command = [sys.executable, "-m", "simlet", "serve", "--json"]
    with started("serve", "--json"):
        error = shell.error("serve", code=FAULT)
        assert error["code"] == "database_in_use"
        assert shell.url.removeprefix("sqlite:///") in error["sentence"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        killed.stdout.readline()
        killed.kill()
    with started("serve", "--json"):
        pass


@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o600, False)])
def test_a_database_that_every_user_may_read_is_warned_of_once(
    shell: Shell, mode: int, warned: bool
) -> None:
    Path(shell.url.removeprefix("sqlite:///")).chmod(mode)
    command = [sys.executable, "-m", "simlet", "serve", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        server.terminate()
        _, log = server.communicate(timeout=ENDS_WITHIN_S)
    assert log.count(b"database_readable_by_all") == int(warned)
