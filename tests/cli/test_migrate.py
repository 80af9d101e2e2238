"""`simlet migrate`."""

import pytest

from cli.shell import Shell
from simlet.cli.failure import FAULT
from simlet.store.migrate import newest_revision


def test_an_empty_database_is_brought_to_the_newest_schema(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = newest_revision()
    monkeypatch.setenv("SIMLET_DATABASE_URL", "sqlite:///new.db")
    assert shell.json("migrate") == {"before": None, "after": newest}
    assert shell.json("migrate") == {"before": newest, "after": newest}


def test_people_are_told_what_happened(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = newest_revision()
    monkeypatch.setenv("SIMLET_DATABASE_URL", "sqlite:///new.db")
    brought = f"The database is brought from nothing to schema {newest}.\n"
    assert shell.run("migrate").stdout == brought
    assert shell.run("migrate").stdout == f"The database has schema {newest} already.\n"


def test_a_database_out_of_reach_is_a_fault(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMLET_DATABASE_URL", "sqlite:////nowhere/new.db")
    assert shell.error("migrate", code=FAULT)["code"] == "database"
