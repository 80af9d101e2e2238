"""What root makes beside the files of another user."""

import os
from pathlib import Path

import pytest

from simlet.gateways.spool_files import SpoolFiles
from simlet.ownership import give_to_owner_of
from simlet.store.claim import claimed
from simlet.store.turn import Turn

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")

SOMEBODY = 65534


@pytest.fixture
def database(tmp_path: Path) -> Path:
    made = tmp_path / "simlet.db"
    made.touch()
    os.chown(made, SOMEBODY, SOMEBODY)
    return made


def owners(*paths: Path) -> set[tuple[int, int]]:
    return {(one.stat().st_uid, one.stat().st_gid) for one in paths}


def test_what_a_command_of_root_makes_belongs_to_the_owner_of_the_database(database: Path) -> None:
    turn = Turn(database)
    with turn.taken(), claimed(f"sqlite:///{database}"):
        pass
    turn.close()
    beside = [database.with_name(database.name + end) for end in ("-turn", "-server")]
    assert owners(*beside) == {(SOMEBODY, SOMEBODY)}


def test_a_turn_that_root_had_left_behind_is_given_away(database: Path) -> None:
    left = database.with_name("simlet.db-turn")
    left.touch(0o600)
    turn = Turn(database)
    with turn.taken():
        pass
    turn.close()
    assert owners(left) == {(SOMEBODY, SOMEBODY)}


def test_the_spool_of_a_server_of_root_belongs_to_the_owner_of_the_database(
    database: Path,
) -> None:
    files = SpoolFiles(database.with_name("spool"), 1_000_000, database)
    assert files.write([b"\nrecord\n"], 1) == [True]
    made = list(files.folder.iterdir())
    assert owners(files.folder, *made) == {(SOMEBODY, SOMEBODY)}
    assert made
    files.close()


def test_a_message_is_spooled_where_the_database_is_gone(tmp_path: Path) -> None:
    files = SpoolFiles(tmp_path / "spool", 1_000_000, tmp_path / "gone.db")
    assert files.write([b"\nrecord\n"], 1) == [True]
    files.close()


def test_what_others_made_stays_theirs(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY)
    own = tmp_path / "own"
    own.touch()
    give_to_owner_of(own, database)
    assert owners(own) == {(0, 0)}
