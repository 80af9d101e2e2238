"""`simlet books`."""

from pathlib import Path

import apsw
import msgspec
import pytest

from cli.shell import Shell, row
from simlet.cli.database import command_settings, database_name


def test_books_agree_after_money_moved(any_shell: Shell) -> None:
    any_shell.service(4)
    any_shell.lines(row(1, "0961000001"))
    any_shell.rent(any_shell.dealer())
    any_shell.run("sms", "0961000001", "--from", "Yahoo", "--text", "Yahoo: 123456")
    found = any_shell.json("books", "check")
    assert (found["agree"], found["findings"]) == (True, [])
    agrees = f"Every figure agrees in {found['database']}.\n"
    assert any_shell.run("books", "check").stdout == agrees


def test_the_database_that_was_checked_is_named_without_its_password(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shell.json("books", "check")["database"] == shell.url.removeprefix("sqlite:///")
    monkeypatch.setenv("SIMLET_DATABASE_URL", "postgresql://ann:hidden@host:5432/simlet?a=b")
    assert database_name(command_settings()) == "postgresql://host:5432/simlet"


def test_a_damaged_file_is_a_finding_and_its_books_are_not_believed(shell: Shell) -> None:
    shell.lines(*(row(one, f"0961{one:06}") for one in range(300)))
    file = Path(shell.url.removeprefix("sqlite:///"))
    with file.open("r+b") as bytes_of_it:
        bytes_of_it.seek(file.stat().st_size // 2)
        bytes_of_it.write(b"\xff" * (file.stat().st_size // 4))
    found = shell.json("books", "check", code=1)
    assert found["agree"] is False
    assert all(one.startswith("the file is damaged: ") for one in found["findings"])


def test_a_figure_that_does_not_agree_is_named_and_is_the_exit_code(shell: Shell) -> None:
    shell.dealer(amount=1000)
    connection = apsw.Connection(shell.url.removeprefix("sqlite:///"))
    connection.execute("UPDATE accounts SET available_dong = 999")
    connection.close()
    found = shell.json("books", "check", code=1)
    assert found["agree"] is False
    assert found["findings"] == ["account 1: available is 999, its postings say 1000"]
    for_people = shell.run("books", "check", code=1)
    assert for_people.stdout.splitlines() == found["findings"]
    assert msgspec.json.encode(found)
