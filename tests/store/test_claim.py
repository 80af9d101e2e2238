"""Who has a whole database: one server, or nobody while it is changed whole."""

import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from simlet.store.claim import alone, claimed
from simlet.store.sql import DatabaseFault, DatabaseInUse

HOLD = """
import sys
from simlet.store.claim import claimed
with claimed(sys.argv[1]):
    print("claimed", flush=True)
    sys.stdin.read()
"""


def test_of_two_names_of_one_database_one_can_be_claimed(tmp_path: Path) -> None:
    (tmp_path / "simlet.db").touch()
    (tmp_path / "other.db").symlink_to(tmp_path / "simlet.db")
    with (
        claimed(f"sqlite:///{tmp_path}/simlet.db"),
        pytest.raises(DatabaseInUse, match=f"{tmp_path}/simlet.db"),
        claimed(f"sqlite:///{tmp_path}/other.db"),
    ):
        pass
    with claimed(f"sqlite:///{tmp_path}/other.db"):
        pass


def test_a_process_that_is_killed_gives_its_claim_back(sqlite_url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, sqlite_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"claimed\n"
        with pytest.raises(DatabaseInUse), claimed(sqlite_url):
            pass
        other.kill()
    with claimed(sqlite_url):
        pass


def test_nothing_is_claimed_where_nothing_can_be_made(tmp_path: Path) -> None:
    with pytest.raises(DatabaseFault, match="nowhere"), claimed(f"sqlite:///{tmp_path}/nowhere/a"):
        pass


def test_postgresql_may_have_several_servers() -> None:
    with claimed("postgresql://host/simlet"), claimed("postgresql://host/simlet"):
        pass


def test_nobody_can_open_a_database_that_somebody_has_alone(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    before = apsw.Connection(str(path))
    before.execute("SELECT * FROM accounts").fetchall()
    with pytest.raises(DatabaseInUse, match="stop the server"), alone(path):
        pass
    before.close()
    with alone(path):
        after = apsw.Connection(str(path))
        with pytest.raises(apsw.BusyError):
            after.execute("SELECT * FROM accounts")
        after.close()
    assert list(path.parent.iterdir()) == [path]
