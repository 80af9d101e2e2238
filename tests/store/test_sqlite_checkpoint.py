"""Checkpoints: who brings the WAL over when, with and without the thread, and how it ends."""

import asyncio
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest

from simlet.store import sqlite_checkpoint
from simlet.store.database import open_database
from simlet.store.sql import Call, DatabaseFault
from simlet.store.sqlite_file import connect
from simlet.store.sqlite_group import GroupWriter
from simlet.testing.gate import Gate
from store.keeping import fill, names

PATIENCE_S = 20.0
PAGE_BYTES = 4_096
EACH_PAGES = 500
LIMIT_PAGES = 2_000
FILL_PAGES = 260
"""Hardly more than `fill` writes: a megabyte, and what leads to it."""

LEAVER = Path(__file__).with_name("leave_open.py")


@pytest.fixture(autouse=True)
def _small_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_checkpoint, "EACH_PAGES", EACH_PAGES)
    monkeypatch.setattr(sqlite_checkpoint, "LIMIT_PAGES", LIMIT_PAGES)


class Pages(NamedTuple):
    """What a checkpoint says: so many pages are in the WAL, and so many are in the file by now."""

    in_wal: int
    brought_over: int


class Watched:
    """The connection of the thread: it stops at the gate, and tells what each checkpoint said."""

    def __init__(self, connection: apsw.Connection, gate: Gate | None) -> None:
        self._connection = connection
        self._gate = gate
        self.said: queue.SimpleQueue[Pages] = queue.SimpleQueue()
        self.closed = threading.Event()

    def wal_checkpoint(self) -> tuple[int, int]:
        if self._gate is not None:
            self._gate.pass_through()
        said = self._connection.wal_checkpoint()
        self.said.put(Pages(*said))
        return said

    def close(self) -> None:
        self._connection.close()
        self.closed.set()


Opened = queue.SimpleQueue[Watched]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """The connections that threads have opened."""
    return watch(monkeypatch)


def watch(monkeypatch: pytest.MonkeyPatch, gate: Gate | None = None) -> Opened:
    opened: Opened = queue.SimpleQueue()

    def connect_watched(*args: Any) -> Watched:
        made = Watched(connect(*args), gate)
        opened.put(made)
        return made

    monkeypatch.setattr(sqlite_checkpoint, "connect", connect_watched)
    return opened


@pytest.fixture
def no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread cannot open the database."""

    def refuse(*_: Any) -> None:
        raise DatabaseFault("too many open files")

    monkeypatch.setattr(sqlite_checkpoint, "connect", refuse)


@pytest.fixture
def writer(file: Path) -> Iterator[GroupWriter]:
    writer = GroupWriter(file, PATIENCE_S)
    yield writer
    writer.close()


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Somebody reads one state of the file all the time."""
    with closing(apsw.Connection(str(file))) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM cursors").fetchall()
        yield


def write(writer: GroupWriter, *fillings: str) -> None:
    for name in fillings:
        assert writer.write([Call(fill, (name,), {})]) == [name]


def fillings(pages: int, *, first: str = "") -> list[str]:
    """So many that they fill at least these pages."""
    return [f"{first}{n:03}" for n in range(-(-pages * PAGE_BYTES // 1_000_000))]


def kept(writer: GroupWriter) -> list[str]:
    (found,) = writer.write([Call(names, (), {})])
    assert isinstance(found, list)
    return found


def log_of(file: Path) -> Path:
    return file.with_name(file.name + "-wal")


def wal_pages(file: Path) -> int:
    return log_of(file).stat().st_size // PAGE_BYTES


def stands_alone(file: Path, folder: Path) -> list[str]:
    """What the file holds without its WAL."""
    alone = Path(shutil.copy(file, folder / "alone.db"))
    with closing(apsw.Connection(str(alone))) as connection:
        assert connection.pragma("integrity_check") == "ok"
        return [row[0] for row in connection.execute("SELECT name FROM cursors ORDER BY name")]


def is_whole(file: Path) -> bool:
    with closing(apsw.Connection(str(file))) as connection:
        return bool(connection.pragma("integrity_check") == "ok")


# -------------------------------------------------------------------------------- who, and when


def test_the_thread_brings_over_what_has_come(
    writer: GroupWriter, opened: Opened, file: Path, tmp_path: Path
) -> None:
    several = fillings(EACH_PAGES)
    write(writer, *several)
    said = opened.get(timeout=PATIENCE_S).said.get(timeout=PATIENCE_S)
    assert said.in_wal == said.brought_over >= EACH_PAGES
    assert stands_alone(file, tmp_path) == several


def test_little_wants_no_thread(writer: GroupWriter) -> None:
    write(writer, "one")
    assert writer._checkpoints._thread is None


def test_it_goes_on_when_the_wal_has_begun_anew(writer: GroupWriter, opened: Opened) -> None:
    write(writer, *fillings(EACH_PAGES, first="a"))
    thread = opened.get(timeout=PATIENCE_S)
    thread.said.get(timeout=PATIENCE_S)
    write(writer, *fillings(EACH_PAGES, first="b"))
    again = thread.said.get(timeout=PATIENCE_S)
    assert again.in_wal == again.brought_over


def test_where_the_thread_keeps_up_the_wal_begins_anew_again_and_again(
    writer: GroupWriter, opened: Opened, file: Path
) -> None:
    several = fillings(LIMIT_PAGES * 5)
    thread: Watched | None = None
    wanted_at = 0
    for name in several:
        write(writer, name)
        if writer._checkpoints._begun_at not in (0, wanted_at):
            wanted_at = writer._checkpoints._begun_at
            thread = thread or opened.get(timeout=PATIENCE_S)
            thread.said.get(timeout=PATIENCE_S)
    assert EACH_PAGES <= wal_pages(file) <= EACH_PAGES + FILL_PAGES
    assert kept(writer) == several


@pytest.mark.usefixtures("no_thread")
def test_without_the_thread_the_wal_stays_within_its_limit(writer: GroupWriter, file: Path) -> None:
    several = fillings(LIMIT_PAGES * 3)
    write(writer, *several)
    assert LIMIT_PAGES <= wal_pages(file) <= LIMIT_PAGES + FILL_PAGES
    assert kept(writer) == several


@pytest.mark.usefixtures("no_thread")
def test_who_reads_for_long_lets_the_wal_grow_no_longer_than_that(
    writer: GroupWriter, file: Path
) -> None:
    write(writer, "before")
    with reading(file):
        write(writer, *fillings(LIMIT_PAGES * 2))
        grown = wal_pages(file)
        assert grown >= LIMIT_PAGES * 2
    write(writer, *fillings(LIMIT_PAGES, first="after"))
    assert wal_pages(file) <= grown + FILL_PAGES


# ----------------------------------------------------------------------- what was committed stays


def test_a_thread_that_could_not_open_the_database_tries_again(
    writer: GroupWriter, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: queue.SimpleQueue[None] = queue.SimpleQueue()

    def refuse(*_: Any) -> None:
        tried.put(None)
        raise DatabaseFault("too many open files")

    with monkeypatch.context() as changed:
        changed.setattr(sqlite_checkpoint, "connect", refuse)
        several = fillings(EACH_PAGES)
        write(writer, *several)
        tried.get(timeout=PATIENCE_S)
    opened = watch(monkeypatch)
    more = fillings(EACH_PAGES, first="more")
    write(writer, *more)
    opened.get(timeout=PATIENCE_S).said.get(timeout=PATIENCE_S)
    assert stands_alone(file, tmp_path)[: len(several)] == several


def test_a_commit_is_kept_and_told_where_no_thread_can_be_started(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    writer = GroupWriter(file, PATIENCE_S)
    several = fillings(LIMIT_PAGES + EACH_PAGES)
    with monkeypatch.context() as changed:
        changed.setattr(threading.Thread, "start", refuse)
        write(writer, *several)
        assert kept(writer) == several
        writer.close()
    assert not log_of(file).exists()


# ---------------------------------------------------------------------------------------- the end


def test_closing_ends_the_thread_and_leaves_all_in_the_file(
    file: Path, opened: Opened, tmp_path: Path
) -> None:
    writer = GroupWriter(file, PATIENCE_S)
    several = fillings(LIMIT_PAGES + EACH_PAGES)
    write(writer, *several)
    thread = writer._checkpoints._thread
    assert thread is not None
    writer.close()
    assert not thread.is_alive()
    assert opened.get(timeout=PATIENCE_S).closed.is_set()
    assert not log_of(file).exists()
    assert stands_alone(file, tmp_path) == several
    writer.close()


def test_closing_without_a_thread_does_no_harm_twice(file: Path) -> None:
    writer = GroupWriter(file, PATIENCE_S)
    writer.close()
    writer.close()
    assert not log_of(file).exists()


@pytest.mark.anyio
async def test_closing_waits_for_a_checkpoint_that_runs(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = GroupWriter(file, PATIENCE_S)
    with Gate() as gate:
        opened = watch(monkeypatch, gate)
        write(writer, *fillings(EACH_PAGES))
        thread = opened.get(timeout=PATIENCE_S)
        await gate.reached()
        end = asyncio.create_task(asyncio.to_thread(writer.close))
        assert await asyncio.to_thread(writer._checkpoints._wanted.wait, PATIENCE_S)
        assert not end.done()
        assert not thread.closed.is_set()
        assert log_of(file).exists()
        gate.open()
        await end
    assert thread.said.get(timeout=PATIENCE_S).in_wal >= EACH_PAGES
    assert not log_of(file).exists()


@pytest.mark.usefixtures("no_thread")
def test_closing_does_not_wait_for_a_thread_that_could_not_begin(file: Path) -> None:
    writer = GroupWriter(file, PATIENCE_S)
    write(writer, *fillings(EACH_PAGES))
    writer.close()
    assert not log_of(file).exists()


def test_who_reads_still_when_the_writer_closes_brings_over_the_rest(
    file: Path, tmp_path: Path
) -> None:
    several = fillings(EACH_PAGES)
    with reading(file):
        writer = GroupWriter(file, PATIENCE_S)
        write(writer, *several)
        writer.close()
        assert log_of(file).exists()
    assert not log_of(file).exists()
    assert stands_alone(file, tmp_path) == several


@pytest.mark.anyio
async def test_a_database_that_is_closed_leaves_all_in_the_file(
    sqlite_url: str, file: Path, tmp_path: Path
) -> None:
    db = open_database(sqlite_url, readers=2)
    several = fillings(EACH_PAGES)
    for name in several:
        await db.write(fill, name)
    assert await db.read(names) == several
    await db.close()
    assert not log_of(file).exists()
    assert stands_alone(file, tmp_path) == several


def test_a_process_that_does_not_close_ends_nevertheless(file: Path) -> None:
    # The process that writes is started again only when it has ended.
    ended = subprocess.run(
        [sys.executable, LEAVER, str(file)],
        env=os.environ | {"PYTHONPATH": str(LEAVER.parents[1])},
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 3
    assert is_whole(file)
    with closing(GroupWriter(file, PATIENCE_S)) as writer:
        assert kept(writer) == ["kept"]
