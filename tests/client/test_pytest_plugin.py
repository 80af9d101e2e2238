"""The pytest plugin, in pytest runs of their own beside a real server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.process import started
from simlet.client import Client

SIGN_UP = """
def test_sign_up(rented_number):
    number = rented_number("Yahoo")
    assert number.number == "+84" + number.national[1:]
    assert number.wait_for_code(timeout_s=60).isdigit()
"""
BY_LOOP = """
import asyncio

def test_sign_up(rented_number_async):
    async def sign_up():
        number = await rented_number_async("Yahoo")
        assert number.national.startswith("0")
        return await number.wait_for_code(timeout_s=60)
    assert asyncio.run(sign_up()).isdigit()
"""
LEFT_WAITING = """
def test_it_is_not_waited_for(rented_number, rented_number_async):
    import asyncio
    rented_number(4)
    asyncio.run(rented_number_async(4))
"""
USUAL = """
def test_the_usual_service(rented_number):
    assert rented_number().rental.service_name == "Yahoo"
"""
TWO = """
import pytest

@pytest.mark.parametrize("turn", range(4))
def test_each_has_its_own(rented_number, turn):
    one, two = rented_number(4), rented_number(4)
    assert one.number != two.number
    one.cancel()
"""

# The plugins of this suite have no say in what a user's suite does.
ALONE = ("-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:anyio", "-W", "error", "-q")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What the environment of a test run says of a server with pretend lines."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [one for one in os.environ if one.startswith("SIMLET_")]:
            patch.delenv(name)
        folder = tmp_path_factory.mktemp("demo")
        with started("demo", "--port", 0, "--data", folder, "--json") as server:
            yield {"SIMLET_URL": server["address"], "SIMLET_TOKEN": server["token"]}


@pytest.fixture
def client(demo: dict[str, str]) -> Iterator[Client]:
    with Client(demo["SIMLET_URL"], demo["SIMLET_TOKEN"]) as client:
        yield client


def run_pytest(
    folder: Path, text: str, env: dict[str, str], *options: str, ini: str = ""
) -> "subprocess.CompletedProcess[str]":
    """A run of pytest over one file, in a project of its own."""
    (folder / "test_it.py").write_text(text)
    (folder / "pytest.ini").write_text(f"[pytest]\n{ini}")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *ALONE, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        check=False,
    )


def states(client: Client) -> list[str]:
    return [one.state for one in client.rentals()]


def test_a_number_is_rented_and_its_code_waited_for(
    tmp_path: Path, demo: dict[str, str], client: Client
) -> None:
    ended = run_pytest(tmp_path, SIGN_UP, demo)
    assert "1 passed" in ended.stdout, ended.stdout
    assert states(client)[0] == "received"


def test_tests_on_asyncio_have_a_fixture_of_their_own(tmp_path: Path, demo: dict[str, str]) -> None:
    ended = run_pytest(tmp_path, BY_LOOP, demo)
    assert "1 passed" in ended.stdout, ended.stdout


def test_what_still_waits_at_the_end_is_cancelled(
    tmp_path: Path, demo: dict[str, str], client: Client
) -> None:
    before = len(states(client))
    ended = run_pytest(tmp_path, LEFT_WAITING, demo)
    assert "1 passed" in ended.stdout, ended.stdout
    assert states(client)[: -before or None] == ["cancelled", "cancelled"]


def test_tests_in_several_processes_have_numbers_of_their_own(
    tmp_path: Path, demo: dict[str, str], client: Client
) -> None:
    ended = run_pytest(tmp_path, TWO, demo, "-n", "2")
    assert "4 passed" in ended.stdout, ended.stdout
    assert client.account().waiting == 0


def test_the_usual_service_may_stand_in_the_project(tmp_path: Path, demo: dict[str, str]) -> None:
    ini = f"simlet_service = Yahoo\nsimlet_url = {demo['SIMLET_URL']}\n"
    only_token = {"SIMLET_TOKEN": demo["SIMLET_TOKEN"]}
    assert "1 passed" in run_pytest(tmp_path, USUAL, only_token, ini=ini).stdout
    other = run_pytest(tmp_path, USUAL, demo, "--simlet-service", "97", ini=ini)
    assert "DV KH" in other.stdout


def test_the_command_line_wins_over_the_environment(tmp_path: Path, demo: dict[str, str]) -> None:
    wrong = demo | {"SIMLET_URL": "http://127.0.0.1:1"}
    ended = run_pytest(
        tmp_path, USUAL, wrong, "--simlet-url", demo["SIMLET_URL"], "--simlet-service=4"
    )
    assert "1 passed" in ended.stdout, ended.stdout


def test_without_a_service_it_is_said_what_to_name(tmp_path: Path, demo: dict[str, str]) -> None:
    ended = run_pytest(tmp_path, USUAL, demo)
    assert "name a service" in ended.stdout
    assert ended.returncode == 1


@pytest.mark.parametrize("env", [{}, {"SIMLET_URL": "http://127.0.0.1:1"}])
def test_without_a_server_such_tests_are_skipped(tmp_path: Path, env: dict[str, str]) -> None:
    ended = run_pytest(tmp_path, SIGN_UP, env, "-rs")
    assert ended.returncode == 0
    assert "1 skipped" in ended.stdout
    assert "no simlet server is configured: set SIMLET_TOKEN" in ended.stdout


def test_or_fail_where_they_must_run(tmp_path: Path) -> None:
    ended = run_pytest(tmp_path, SIGN_UP, {}, "--simlet-required")
    assert ended.returncode == 1
    assert "no simlet server is configured" in ended.stdout


def test_a_token_is_never_shown(tmp_path: Path, demo: dict[str, str]) -> None:
    failing = SIGN_UP + "    assert number is None\n"
    ended = run_pytest(tmp_path, failing, demo, "--showlocals", "-vv", "--setup-show")
    assert "1 failed" in ended.stdout
    assert demo["SIMLET_TOKEN"] not in ended.stdout + ended.stderr


def test_who_asks_for_no_number_notices_nothing(tmp_path: Path) -> None:
    ended = run_pytest(tmp_path, "def test_it():\n    pass\n", {})
    assert ended.stdout.splitlines()[-1].startswith("1 passed")
