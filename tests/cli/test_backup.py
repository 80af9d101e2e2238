"""`simlet backup` and `simlet restore`, as an operator uses them."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from cli.process import get, started
from cli.shell import Shell, row
from simlet.cli.failure import FAULT, REFUSED

pytestmark = pytest.mark.usefixtures("any_port")
LINES = 300


@pytest.fixture
def any_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMLET_LISTEN", "127.0.0.1:0")


def database(shell: Shell) -> Path:
    return Path(shell.url.removeprefix("sqlite:///"))


def balances(shell: Shell) -> dict[str, int]:
    return {one["name"]: one["available_dong"] for one in shell.json("account", "list")}


OPEN = """
import apsw, sys
one = apsw.Connection(sys.argv[1])
one.execute("BEGIN")
one.execute("SELECT * FROM accounts").fetchall()
print("open", flush=True)
sys.stdin.read()
"""


@contextmanager
def open_elsewhere(shell: Shell) -> Iterator[subprocess.Popen[bytes]]:
    """Another program that has the database open."""
    with subprocess.Popen(
        [sys.executable, "-c", OPEN, str(database(shell))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        try:
            yield other
        finally:
            other.communicate()


def killed_with_a_log(shell: Shell, *names: str) -> None:
    """Accounts are added, and stand in the log that a killed process left beside the database."""
    with open_elsewhere(shell) as other:
        for name in names:
            shell.run("account", "add", name)
        other.kill()
    assert database(shell).with_name("simlet.db-wal").stat().st_size


@contextmanager
def renting(address: str, token: str) -> Iterator[list[int]]:
    """Somebody who rents all the time; the ids of the rentals that were answered so far."""
    rented: list[int] = []
    some, enough = threading.Event(), threading.Event()

    def rent() -> None:
        while not enough.is_set():
            got = get(f"{address}/api/register-service/?serviceId=01.4&token={token}")
            rented.append(int(got["data"]["request_id"]))
            if len(rented) == 5:
                some.set()

    thread = threading.Thread(target=rent)
    thread.start()
    assert some.wait(30)
    try:
        yield rented
    finally:
        enough.set()
        thread.join()


def test_a_backup_under_rents_holds_all_that_were_answered_before_it(shell: Shell) -> None:
    copy = shell.folder / "copy.db"
    shell.service(4)
    shell.lines(*(row(one, f"0961{one:06}") for one in range(LINES)))
    shell.run("account", "add", "ann", "--tier", "dealer", "--approve", "--waiting-limit", LINES)
    shell.run("account", "credit", "ann", LINES * 470, "--reason", "cash")
    token = shell.json("account", "token", "ann")["token"]
    with started("serve", "--json") as server, renting(server["address"], token) as rented:
        before = list(rented)
        told = shell.json("backup", copy)
    assert (told["file"], told["database"]) == (str(copy), str(database(shell)))
    assert told["size_bytes"] == copy.stat().st_size
    assert copy.stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in shell.folder.iterdir()) == ["copy.db", "lines.csv"]
    connection = apsw.Connection(str(copy))
    kept = {one for (one,) in connection.execute("SELECT id FROM rentals").fetchall()}
    ((newest,),) = connection.execute("SELECT max(seq) FROM events").fetchall()
    connection.close()
    assert kept >= set(before)
    assert told["newest_event"] == newest
    shell.run("restore", copy)
    assert shell.json("books", "check")["agree"] is True


def test_what_is_brought_back_meets_no_log_of_the_database_before(shell: Shell) -> None:
    copy = shell.folder / "copy.db"
    shell.dealer("ann", 1000)
    shell.run("backup", copy)
    killed_with_a_log(shell, *(f"later-{one}" for one in range(30)))
    done = shell.run("restore", copy).stdout
    assert "numbers" in done
    assert balances(shell) == {"ann": 1000}
    assert shell.json("books", "check")["agree"] is True
    assert not database(shell).with_name("simlet.db-journal").exists()


def test_what_was_there_is_moved_aside_whole_with_its_spool(shell: Shell) -> None:
    copy = shell.folder / "copy.db"
    shell.dealer("ann", 1000)
    shell.run("backup", copy)
    killed_with_a_log(shell, "later")
    spool = database(shell).with_name("simlet.db-spool")
    spool.mkdir()
    (spool / "1.spool").write_bytes(b"a message that waits")
    told = shell.json("restore", copy)
    moved = {one["from"]: Path(one["to"]) for one in told["moved"]}
    assert set(moved) == {str(database(shell)), str(spool)}
    assert not spool.exists()
    assert (moved[str(spool)] / "1.spool").read_bytes() == b"a message that waits"
    connection = apsw.Connection(str(moved[str(database(shell))]))
    names = [one for (one,) in connection.execute("SELECT name FROM accounts").fetchall()]
    connection.close()
    assert names == ["ann", "later"]
    assert database(shell).stat().st_mode & 0o777 == 0o600
    assert copy.exists()


def test_a_damaged_database_is_replaced_too_and_its_log_is_moved_with_it(shell: Shell) -> None:
    copy = shell.folder / "copy.db"
    shell.dealer("ann", 1000)
    shell.run("backup", copy)
    database(shell).write_bytes(b"no database any more" * 1000)
    database(shell).with_name("simlet.db-wal").write_bytes(b"what was a log")
    moved = {one["from"]: Path(one["to"]) for one in shell.json("restore", copy)["moved"]}
    assert moved[f"{database(shell)}-wal"].name == moved[str(database(shell))].name + "-wal"
    assert balances(shell) == {"ann": 1000}


def test_a_database_that_is_gone_is_brought_back(shell: Shell) -> None:
    copy = shell.folder / "copy.db"
    shell.dealer("ann", 1000)
    shell.run("backup", copy)
    database(shell).unlink()
    assert shell.json("restore", copy)["moved"] == []
    assert balances(shell) == {"ann": 1000}


def test_nothing_is_brought_back_under_a_server(shell: Shell) -> None:
    copy = shell.folder / "copy.db"
    shell.run("backup", copy)
    shell.dealer("ann", 1000)
    with started("serve", "--json"):
        assert shell.error("restore", copy, code=FAULT)["code"] == "database_in_use"
    assert balances(shell) == {"ann": 1000}


def test_nothing_is_brought_back_under_another_program(shell: Shell) -> None:
    copy = shell.folder / "copy.db"
    shell.run("backup", copy)
    shell.dealer("ann", 1000)
    with open_elsewhere(shell):
        error = shell.error("restore", copy, code=FAULT)
    assert error["code"] == "database_in_use"
    assert "stop the server" in error["sentence"]
    assert balances(shell) == {"ann": 1000}


def test_a_file_that_is_there_is_not_written_over(shell: Shell) -> None:
    copy = shell.folder / "copy.db"
    copy.write_text("yesterday's")
    assert str(copy) in shell.error("backup", copy, code=REFUSED)["sentence"]
    assert copy.read_text() == "yesterday's"


def test_a_backup_that_fails_leaves_nothing_behind(shell: Shell) -> None:
    shell.lines(*(row(one, f"0961{one:06}") for one in range(300)))
    with database(shell).open("r+b") as file:
        file.seek(database(shell).stat().st_size // 2)
        file.write(b"\xff" * (database(shell).stat().st_size // 4))
    shell.run("backup", shell.folder / "copy.db", code=FAULT)
    assert [one.name for one in shell.folder.iterdir()] == ["lines.csv"]


def letter(copy: Path) -> None:
    copy.write_text("a text, and no database. " * 100)


def strange(copy: Path) -> None:
    connection = apsw.Connection(str(copy))
    connection.execute("CREATE TABLE of_another_program (id)")
    connection.close()


def later(copy: Path) -> None:
    connection = apsw.Connection(str(copy))
    connection.execute("UPDATE alembic_version SET version_num = 'later'")
    connection.close()


def torn(copy: Path) -> None:
    os.truncate(copy, copy.stat().st_size // 2)


def alone_without_its_log(copy: Path) -> None:
    copy.with_name(copy.name + "-wal").write_bytes(b"what is not in the file yet")


@pytest.mark.parametrize("spoil", [letter, strange, later, torn, alone_without_its_log])
def test_what_is_no_whole_backup_is_refused_and_nothing_is_moved(
    shell: Shell, spoil: Callable[[Path], None]
) -> None:
    copy = shell.folder / "copy.db"
    shell.dealer("ann", 1000)
    if spoil in {letter, strange}:
        spoil(copy)
    else:
        shell.run("backup", copy)
        spoil(copy)
    shell.error("restore", copy, code=REFUSED)
    assert balances(shell) == {"ann": 1000}
    assert not [one for one in database(shell).parent.iterdir() if one.name.endswith("Z")]
    assert not [one for one in database(shell).parent.iterdir() if ".part" in one.name]


def test_neither_no_file_nor_the_database_itself_is_a_backup(shell: Shell) -> None:
    shell.dealer("ann", 1000)
    shell.error("restore", shell.folder / "nowhere.db", code=REFUSED)
    shell.error("restore", database(shell), code=REFUSED)
    assert balances(shell) == {"ann": 1000}


def test_a_copy_that_sqlite3_made_can_be_brought_back(shell: Shell) -> None:
    shell.dealer("ann", 1000)
    shutil.copy(database(shell), shell.folder / "copy.db")
    shell.run("account", "credit", "ann", 500, "--reason", "cash")
    shell.run("restore", shell.folder / "copy.db")
    assert balances(shell) == {"ann": 1000}


def test_postgresql_has_programs_of_its_own_for_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMLET_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/simlet")
    assert "pg_dump" in shell.error("backup", "copy.db", code=REFUSED)["sentence"]
    assert "pg_restore" in shell.error("restore", "copy.db", code=REFUSED)["sentence"]
