"""Opening a file of SQLite: where it is, what is no database, which releases are refused."""

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from simlet.store import sqlite_file
from simlet.store.database import open_database
from simlet.store.migrate import migrate
from simlet.store.sql import DatabaseFault
from simlet.store.sqlite_file import (
    connect,
    has_wal_reset_bug,
    is_readable_by_others,
    sqlite_path,
    sqlite_release,
)

pytestmark = pytest.mark.anyio


def test_the_path_of_an_address_is_what_stands_behind_three_slashes() -> None:
    assert sqlite_path("sqlite:////var/lib/simlet.db") == Path("/var/lib/simlet.db")
    assert sqlite_path("sqlite:///simlet.db") == Path("simlet.db")
    assert sqlite_path("postgresql://host/simlet") is None


async def test_a_file_that_cannot_be_made_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(DatabaseFault, match="cannot open"):
        open_database(f"sqlite:///{tmp_path}/no/such/folder/simlet.db")


async def test_a_file_that_is_no_database_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "simlet.db").write_bytes(b"anything but a database " * 100)
    with pytest.raises(DatabaseFault, match="cannot open"):
        open_database(f"sqlite:///{tmp_path}/simlet.db")


def test_a_new_file_and_its_log_are_closed_to_others(tmp_path: Path) -> None:
    connection = connect(tmp_path / "simlet.db", 1)
    connection.execute("CREATE TABLE some (id)")
    modes = {one.name: one.stat().st_mode & 0o777 for one in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("simlet.db", "simlet.db-wal", "simlet.db-shm"), 0o600)
    connection.close()


@pytest.mark.parametrize(("mode", "readable"), [(0o644, True), (0o640, False), (0o600, False)])
def test_a_file_that_every_user_may_read_is_known(
    sqlite_url: str, mode: int, readable: bool
) -> None:
    Path(sqlite_url.removeprefix("sqlite:///")).chmod(mode)
    assert is_readable_by_others(sqlite_url) is readable


def test_a_file_that_was_moved_aside_while_it_was_opened_is_not_written(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    enter = sqlite_file.enter_wal_mode

    def late(connection: apsw.Connection, patience_s: float) -> str:
        mode = enter(connection, patience_s)
        copy = path.with_name("copy.db")
        copy.write_bytes(path.read_bytes())
        path.rename(path.with_name("aside.db"))
        copy.rename(path)
        return mode

    monkeypatch.setattr(sqlite_file, "enter_wal_mode", late)
    with pytest.raises(DatabaseFault, match="took the place"):
        connect(path, 1)


async def test_a_file_that_stays_locked_is_a_fault(tmp_path: Path) -> None:
    other = apsw.Connection(str(tmp_path / "simlet.db"))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseFault, match="locked"):
        open_database(f"sqlite:///{tmp_path}/simlet.db", busy_timeout_s=0.05)
    other.close()


async def test_a_database_that_cannot_be_in_wal_mode_is_refused() -> None:
    with pytest.raises(DatabaseFault, match="WAL"):
        open_database("sqlite:///:memory:")


# --------------------------------------------------------------------------- the bug of the resets


@pytest.mark.parametrize(
    ("version", "broken"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 7, 17), True),
        ((3, 31, 1), True),
        ((3, 40, 1), True),
        ((3, 43, 2), True),
        ((3, 44, 0), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 44, 7), False),
        ((3, 45, 0), True),
        ((3, 49, 2), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 0), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),  # withdrawn for other reasons
        ((3, 52, 1), False),
        ((3, 53, 0), False),
        ((3, 53, 4), False),
        ((4, 0, 0), False),
    ],
)
def test_the_releases_with_the_wal_reset_bug_are_known(
    version: tuple[int, int, int], broken: bool
) -> None:
    assert has_wal_reset_bug(version) is broken


@pytest.mark.parametrize("use", [open_database, migrate])
def test_a_release_with_the_wal_reset_bug_is_refused(
    use: Callable[[str], object], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    with pytest.raises(DatabaseFault, match=r"can corrupt .* WAL"):
        use(sqlite_url)


async def test_the_release_in_use_has_no_wal_reset_bug() -> None:
    assert not has_wal_reset_bug(tuple(map(int, sqlite_release().split("."))))
