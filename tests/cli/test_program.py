"""What holds for every command: its options, its failures, its exit codes."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import click
import msgspec
import pytest
from click.testing import CliRunner

from cli.shell import Shell
from simlet import __version__
from simlet.cli import main
from simlet.cli.failure import FAULT, INTERRUPTED, REFUSED, WRONG_USE
from simlet.cli.program import Program


def commands(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


EVERY = [(path, command) for path, command in commands(main) if not command.hidden]
READING = [("account", "list"), ("service", "list"), ("line", "list"), ("gateway", "list")]


def test_the_forms_that_others_rely_on_are_there() -> None:
    paths = {" ".join(path) for path, _ in EVERY}
    assert paths == {
        *("rent", "serve", "migrate", "backup", "restore", "demo", "sms", "rentals", "books check"),
        *("account add", "account credit", "account token", "account list", "account suspend"),
        *("account resume", "account approve", "account revoke", "account callback"),
        *("account debit",),
        *("service add", "service list", "service pause", "service resume"),
        *("service open", "service close", "line import", "line list", "line retire"),
        *("line attach", "line detach"),
        *("service change", "gateway add", "gateway list", "gateway show", "gateway set"),
        *("gateway rotate", "gateway remove", "network list", "network add"),
        *("lines", "gateways", "quarantine", "timeline"),
    }


@pytest.mark.parametrize(("path", "command"), EVERY, ids=str)
def test_every_command_takes_json_and_says_what_it_does(
    path: tuple[str, ...], command: click.Command
) -> None:
    options = [name for one in command.params for name in one.opts]
    assert "--json" in options
    assert command.help
    assert all(one.help for one in command.params if isinstance(one, click.Option))
    shown = CliRunner().invoke(main, [*path, "--help"])
    assert shown.exit_code == 0
    assert "--json" in shown.stdout


@pytest.mark.parametrize("path", READING)
def test_a_list_with_nothing_in_it_is_an_empty_array_or_a_sentence(
    shell: Shell, path: tuple[str, str]
) -> None:
    assert shell.json(*path) == []
    assert shell.run(*path).stdout.startswith("There are no ")


def test_the_version_is_told(shell: Shell) -> None:
    assert __version__ in shell.run("--version").stdout


def test_an_unknown_command_is_wrong_use(shell: Shell) -> None:
    assert shell.error("acount", code=WRONG_USE)["code"] == "usage"


def test_an_unknown_option_is_wrong_use(shell: Shell) -> None:
    assert shell.error("account", "list", "--all", code=WRONG_USE)["code"] == "usage"


def test_a_refusal_has_the_code_of_the_catalogue(shell: Shell) -> None:
    error = shell.error("account", "suspend", "nobody", code=REFUSED)
    assert error == {"code": "account_unknown", "sentence": "There is no account 'nobody'."}


def test_a_refusal_is_one_sentence_for_people(shell: Shell) -> None:
    result = shell.run("account", "suspend", "nobody", code=REFUSED)
    assert result.stderr == "Error: There is no account 'nobody'.\n"


def test_an_unknown_setting_is_wrong_use_and_is_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMLET_LISTENN", "x")
    error = shell.error("books", "check", code=WRONG_USE)
    assert error["code"] == "settings"
    assert "SIMLET_LISTENN" in error["sentence"]


def test_a_database_that_cannot_be_opened_is_a_fault(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMLET_DATABASE_URL", "sqlite:////nowhere/simlet.db")
    assert shell.error("books", "check", code=FAULT)["code"] == "database"


def test_a_server_that_is_not_there_is_a_fault_and_no_password_is_shown(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMLET_DATABASE_URL", "postgresql://user:hidden@127.0.0.1:1/name")
    error = shell.error("books", "check", code=FAULT)
    assert error["code"] == "database"
    assert "hidden" not in error["sentence"]


def test_a_file_that_is_no_database_is_a_fault(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = shell.folder / "other.db"
    other.write_text("a text, and no database. " * 100)
    monkeypatch.setenv("SIMLET_DATABASE_URL", f"sqlite:///{other}")
    assert shell.error("account", "list", code=FAULT)["code"] == "database"


@pytest.mark.parametrize("first", [("migrate",), ("account", "add", "ann")])
def test_the_first_steps_make_the_database(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, first: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SIMLET_DATABASE_URL", "sqlite:///new.db")
    shell.run(*first)
    assert (shell.folder / "new.db").exists()
    assert len(shell.json("network", "list")) == 5


@pytest.mark.parametrize(
    "line",
    [
        *("books check", "account list", "account credit ann 1 --reason cash", "service list"),
        *("line list", "lines", "gateways", "rentals", "quarantine", "timeline 1", "network list"),
        *("gateway add office --kind http", "sms 0961000001 --from x --text y", "backup copy.db"),
    ],
)
def test_other_commands_make_no_database_where_there_is_none(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setenv("SIMLET_DATABASE_URL", "sqlite:///new.db")
    error = shell.error(*line.split(), code=FAULT)
    assert error["code"] == "database"
    assert f"no database {shell.folder}/new.db:" in error["sentence"]
    assert "`simlet migrate`" in error["sentence"]
    assert list(shell.folder.iterdir()) == []


def test_a_database_without_a_schema_is_left_as_it_is(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMLET_DATABASE_URL", "sqlite:///new.db")
    (shell.folder / "new.db").touch()
    assert "`simlet migrate`" in shell.error("books", "check", code=FAULT)["sentence"]


def test_a_newer_schema_is_refused_by_every_command(shell: Shell) -> None:
    connection = apsw.Connection(shell.url.removeprefix("sqlite:///"))
    connection.execute("UPDATE alembic_version SET version_num = 'later'")
    connection.close()
    for path in (("account", "list"), ("migrate",)):
        error = shell.error(*path, code=FAULT)
        assert error["code"] == "database"
        assert "later" in error["sentence"]


def test_an_argument_in_another_encoding_is_wrong_use(shell: Shell) -> None:
    assert shell.error("account", "add", "caf\udce9", code=WRONG_USE)["code"] == "usage"


@click.command("failing")
@click.argument("what")
@click.option("--json", is_flag=True)
def failing(what: str, json: bool) -> None:
    del json
    if what == "interrupt":
        raise KeyboardInterrupt
    raise LookupError("the line 0912345678 is gone")


@pytest.fixture
def failing_program() -> Program:
    return Program(commands=[failing])


def test_what_nobody_foresaw_is_a_fault_with_its_place_and_no_number(
    failing_program: Program,
) -> None:
    result = CliRunner().invoke(failing_program, ["failing", "fault"])
    assert result.exit_code == FAULT
    assert "Traceback" in result.stderr
    assert "LookupError" in result.stderr.splitlines()[-1]
    assert "0912345678" not in result.stderr


def test_what_nobody_foresaw_is_one_document_for_programs(failing_program: Program) -> None:
    result = CliRunner().invoke(failing_program, ["failing", "fault", "--json"])
    assert result.exit_code == FAULT
    assert msgspec.json.decode(result.stderr)["error"]["code"] == "fault"


def test_an_interrupted_command_has_an_exit_code_of_its_own(failing_program: Program) -> None:
    result = CliRunner().invoke(failing_program, ["failing", "interrupt"])
    assert result.exit_code == INTERRUPTED
    assert result.stderr.splitlines()[-1] == "Error: Interrupted."


def test_the_program_runs_as_a_module_and_its_exit_code_reaches_the_shell(shell: Shell) -> None:
    command = [sys.executable, "-m", "simlet", "account", "suspend", "nobody"]
    ended = subprocess.run(command, capture_output=True, cwd=shell.folder, check=False)
    assert ended.returncode == REFUSED
    assert ended.stderr.decode() == "Error: There is no account 'nobody'.\n"


def test_a_terminal_without_the_letters_of_vietnamese_is_no_reason_to_fail(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.dealer()
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    command = [sys.executable, "-m", "simlet", "account", "list"]
    ended = subprocess.run(command, capture_output=True, cwd=shell.folder, check=True)
    assert b"ann" in ended.stdout


def test_the_folder_of_the_command_is_where_its_settings_file_is_looked_for(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SIMLET_DATABASE_URL")
    Path("simlet.toml").write_text('database_url = "sqlite:///of-the-file.db"\n')
    shell.run("migrate")
    assert Path("of-the-file.db").exists()
