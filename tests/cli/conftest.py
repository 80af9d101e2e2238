"""What the tests of the commands share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.shell import Shell
from logged import log_as_it_was


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of whoever runs the tests reaches a command."""
    for name in os.environ:
        if name.startswith("SIMLET_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LOGNAME", "tester")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def log_of_before() -> Iterator[None]:
    """A command writes its log to a standard error that is gone after it."""
    with log_as_it_was():
        yield


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_url: str) -> Shell:
    """Commands on an SQLite database."""
    monkeypatch.setenv("SIMLET_DATABASE_URL", sqlite_url)
    return Shell(tmp_path, sqlite_url)


@pytest.fixture
def any_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str) -> Shell:
    """Commands on each kind of database in turn."""
    monkeypatch.setenv("SIMLET_DATABASE_URL", database_url)
    return Shell(tmp_path, database_url)
