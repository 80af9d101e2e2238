"""simlet with what `pip install simlet` brings, and without what its extra `server` would bring."""

import os
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement

from cli.process import started
from cli.shell import Shell, row
from simlet.cli.absent import NAMES, absent_commands
from simlet.cli.failure import FAULT
from simlet.cli.operator import COMMANDS

PROJECT = Path(__file__).parents[2] / "pyproject.toml"

# Runs simlet where modules that belong to no allowed distribution are not to be found.
BARE = """
import sys
allowed = set(sys.argv.pop(1).split(","))
class Absent:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in allowed and top not in sys.stdlib_module_names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
if sys.argv[1:2] == ["-c"]:
    exec(sys.argv[2])
else:
    from simlet.cli import main
    main()
"""


def spelled(name: str) -> str:
    return name.lower().replace("_", "-")


def small_distributions() -> set[str]:
    """What the project depends on without its extra, and what that depends on in turn."""
    wanted = [*tomllib.loads(PROJECT.read_text("utf-8"))["project"]["dependencies"]]
    found: set[str] = set()
    while wanted:
        one = Requirement(wanted.pop())
        if one.marker is not None and not one.marker.evaluate({"extra": ""}):
            continue
        if spelled(one.name) not in found:
            found.add(spelled(one.name))
            wanted += requires(one.name) or []
    return found


def allowed_modules() -> str:
    small = small_distributions()
    modules = {
        module
        for module, distributions in packages_distributions().items()
        if small & {spelled(one) for one in distributions}
    }
    return ",".join(sorted({*modules, "simlet"}))


def bare(*args: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", BARE, allowed_modules(), *args]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | (env or {}), check=False
    )


def test_it_needs_four_distributions_of_its_own() -> None:
    given = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["dependencies"]
    assert {Requirement(one).name for one in given} == {"click", "httpx2", "msgspec", "rich"}


def test_the_client_can_be_imported() -> None:
    ended = bare("-c", "import simlet.client; print(simlet.client.Client.__name__)")
    assert (ended.returncode, ended.stdout) == (0, "Client\n"), ended.stderr


def test_help_shows_what_there_is() -> None:
    ended = bare("--help")
    assert ended.returncode == 0, ended.stderr
    assert "\n  rent " in ended.stdout
    assert "\n  serve " not in ended.stdout


@pytest.mark.parametrize(
    "args", [["serve"], ["account", "list", "--help"], ["demo", "--port", "0"]]
)
def test_what_is_not_there_says_what_it_lacks(args: list[str]) -> None:
    ended = bare(*args)
    assert (ended.returncode, ended.stdout) == (FAULT, "")
    assert ended.stderr.startswith(f"Error: `simlet {args[0]}` needs the server's parts")
    assert "pip install 'simlet[server]'" in ended.stderr


def test_a_number_is_rented(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMLET_LISTEN", "127.0.0.1:0")
    shell.service(4)
    shell.lines(row(1, "0961000001"))
    shell.dealer("ann", 1000)
    token = shell.json("account", "token", "ann")["token"]
    with started("serve", "--json") as server:
        env = {"SIMLET_URL": server["address"], "SIMLET_TOKEN": token}
        ended = bare("rent", "4", "--no-wait", env=env)
    assert (ended.returncode, ended.stdout) == (0, "+84961000001\n"), ended.stderr


def test_every_command_that_may_be_absent_is_known() -> None:
    assert list(NAMES) == [one.name for one in COMMANDS]


@pytest.mark.parametrize("name", ["simlet", "simlet.flows", None])
def test_a_broken_installation_is_not_hidden(name: str | None) -> None:
    with pytest.raises(ModuleNotFoundError):
        absent_commands(ModuleNotFoundError("broken", name=name))


def test_stand_ins_are_commands() -> None:
    made = absent_commands(ModuleNotFoundError("absent", name="sqlalchemy.orm"))
    assert all(isinstance(one, click.Command) and one.hidden for one in made)
