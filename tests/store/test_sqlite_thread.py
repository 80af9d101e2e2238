"""The writer as a thread: what it groups, and who is told what when."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import apsw
import pytest

from simlet.store.database import Database
from simlet.store.sql import DatabaseFault, Raised, Tx
from simlet.store.sqlite import SqliteDatabase
from simlet.store.sqlite_thread import WriterThread
from simlet.testing.gate import Gate
from store.keeping import (
    commits_in_wal,
    fill,
    keep,
    keep_what_cannot_be_committed,
    names,
    opened,
    pragma,
)

pytestmark = pytest.mark.anyio

HOLDER = Path(__file__).with_name("hold_sqlite.py")


def keep_at_gate(tx: Tx, name: str, gate: Gate) -> str:
    gate.pass_through()
    return keep(tx, name)


def told_before(db: Database, statement: str, gate: Gate) -> None:
    """From now on the writer stops at the gate before it runs a statement of this text."""
    assert isinstance(db.engine, SqliteDatabase)
    assert isinstance(db.engine._writer, WriterThread)

    def look(_: apsw.Cursor, text: str, __: object) -> bool:
        if text == statement:
            gate.pass_through()
        return True

    db.engine._writer._writer._connection.exec_trace = look


async def start_together(
    db: Database, flow: Callable[[Tx, str], str], several: list[str]
) -> "asyncio.Future[list[Any]]":
    """Calls that have all been handed to the writer when this returns."""
    calls = asyncio.gather(*(db.write(flow, one) for one in several), return_exceptions=True)
    await handed_over()
    return calls


async def handed_over() -> None:
    """Lets the calls that were begun come to the database, and the database hand them over."""
    await anyio.lowlevel.checkpoint()
    await anyio.lowlevel.checkpoint()


# --------------------------------------------------------------------------------------- grouping


async def test_each_flow_that_finds_the_writer_idle_has_a_commit_of_its_own(
    sqlite_db: Database, file: Path
) -> None:
    before = commits_in_wal(file)
    for name in "abc":
        await sqlite_db.write(keep, name)
    assert commits_in_wal(file) == before + 3


async def test_all_that_waits_while_the_writer_is_busy_becomes_one_commit(
    sqlite_db: Database, file: Path
) -> None:
    before = commits_in_wal(file)
    with Gate() as gate:
        first = asyncio.create_task(sqlite_db.write(keep_at_gate, "first", gate))
        await gate.reached()
        several = [f"{n:03}" for n in range(200)]
        calls = await start_together(sqlite_db, keep, several)
        gate.open()
        assert await first == "first"
        assert await calls == several
    assert commits_in_wal(file) == before + 2


async def test_a_group_is_no_longer_than_the_limit(sqlite_url: str, file: Path) -> None:
    async with opened(sqlite_url, group_limit=10) as db:
        before = commits_in_wal(file)
        with Gate() as gate:
            first = asyncio.create_task(db.write(keep_at_gate, "first", gate))
            await gate.reached()
            calls = await start_together(db, keep, [f"{n:03}" for n in range(25)])
            gate.open()
            await asyncio.gather(first, calls)
        assert commits_in_wal(file) == before + 1 + 3


async def test_closing_commits_all_groups_that_wait(sqlite_url: str) -> None:
    several = [f"{n:03}" for n in range(25)]
    with Gate() as gate:
        async with opened(sqlite_url, group_limit=10) as db:
            first = asyncio.create_task(db.write(keep_at_gate, "first", gate))
            await gate.reached()
            calls = await start_together(db, keep, several)
            closing = asyncio.create_task(db.close())
            await anyio.lowlevel.checkpoint()
            gate.open()
            with anyio.fail_after(10):
                await asyncio.gather(first, closing)
                assert await calls == several
    async with opened(sqlite_url) as db:
        assert await db.read(names) == [*several, "first"]


async def test_many_inputs_of_one_caller_are_one_commit(sqlite_db: Database, file: Path) -> None:
    before = commits_in_wal(file)
    await sqlite_db.write_all(keep, [f"{n:03}" for n in range(300)])
    assert commits_in_wal(file) == before + 1


# ----------------------------------------------------------------------------------------- commit


async def test_callers_hear_back_only_after_the_commit(sqlite_db: Database, file: Path) -> None:
    with Gate() as gate:
        told_before(sqlite_db, "COMMIT", gate)
        calls = await start_together(sqlite_db, keep, ["a", "b"])
        await gate.reached()
        before = commits_in_wal(file)
        # A whole round trip through another thread: an answer would have come before it.
        assert await sqlite_db.read(names) == []
        assert not calls.done()
        gate.open()
        assert await calls == ["a", "b"]
        assert commits_in_wal(file) > before


async def test_a_commit_that_fails_tells_every_caller_and_keeps_nothing(
    sqlite_db: Database,
) -> None:
    with Gate() as gate:
        first = asyncio.create_task(sqlite_db.write(keep_at_gate, "first", gate))
        await gate.reached()
        good = await start_together(sqlite_db, keep, ["a", "b"])
        bad = await start_together(sqlite_db, keep_what_cannot_be_committed, ["c"])
        many = asyncio.create_task(sqlite_db.write_all(keep, ["d", "e"]))
        await handed_over()
        gate.open()
        assert await first == "first"
        outcomes = [*await good, *await bad]
        outcomes += [one.error for one in await many if isinstance(one, Raised)]
    assert [type(one) for one in outcomes] == [DatabaseFault] * 5
    assert "FOREIGN KEY" in str(outcomes[0])
    assert await sqlite_db.read(names) == ["first"]


async def test_after_a_commit_that_failed_the_next_group_works(sqlite_db: Database) -> None:
    for _ in range(2):
        with pytest.raises(DatabaseFault):
            await sqlite_db.write(keep_what_cannot_be_committed, "a")
    assert await sqlite_db.write(keep, "a") == "a"
    assert await sqlite_db.read(names) == ["a"]


async def test_a_full_disk_tells_every_caller_and_keeps_nothing(sqlite_db: Database) -> None:
    pages = await sqlite_db.write(pragma, "page_count")
    await sqlite_db.write(pragma, f"max_page_count = {pages + 2}")
    with Gate() as gate:
        first = asyncio.create_task(sqlite_db.write(keep_at_gate, "first", gate))
        await gate.reached()
        good = await start_together(sqlite_db, keep, ["a", "b"])
        bad = await start_together(sqlite_db, fill, ["c"])
        gate.open()
        outcomes = [*await asyncio.wait_for(good, 10), *await bad]
        await first
    assert [type(one) for one in outcomes] == [DatabaseFault] * 3
    assert "full" in str(outcomes[0])
    assert await sqlite_db.read(names) == ["first"]
    await sqlite_db.write(keep, "small")
    await sqlite_db.write(pragma, f"max_page_count = {pages + 10_000}")
    await sqlite_db.write(fill, "large")
    assert await sqlite_db.read(names) == ["first", "large", "small"]


async def test_a_caller_whose_event_loop_has_ended_does_not_stop_the_writer(
    sqlite_db: Database,
) -> None:
    with Gate() as gate:

        async def give_up() -> None:
            call = asyncio.ensure_future(sqlite_db.write(keep_at_gate, "theirs", gate))
            await gate.reached()
            call.cancel()

        other = threading.Thread(target=asyncio.run, args=(give_up(),))
        other.start()
        await asyncio.to_thread(other.join)
        mine = await start_together(sqlite_db, keep, ["mine"])
        gate.open()
        assert await asyncio.wait_for(mine, 10) == ["mine"]
    assert await sqlite_db.read(names) == ["mine", "theirs"]


# ------------------------------------------------------------------------------ another process


@asynccontextmanager
async def another_process_writes(file: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    other = await asyncio.create_subprocess_exec(
        *(sys.executable, HOLDER, str(file)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert other.stdout is not None
        assert await other.stdout.readline() == b"writing\n"
        yield other
    finally:
        await other.communicate(b"go on\n")


async def test_another_process_that_writes_is_waited_for(sqlite_db: Database, file: Path) -> None:
    with Gate() as gate:
        told_before(sqlite_db, "BEGIN IMMEDIATE", gate)
        async with another_process_writes(file):
            calls = await start_together(sqlite_db, keep, ["mine", "my other"])
            await gate.reached()
            gate.open()
            with anyio.fail_after(10):
                assert await sqlite_db.read(names) == []
            assert not calls.done()
        assert await calls == ["mine", "my other"]
    assert await sqlite_db.read(names) == ["mine", "my other", "theirs"]


async def test_a_process_that_never_ends_its_write_is_a_fault_until_it_does(
    sqlite_url: str, file: Path
) -> None:
    async with opened(sqlite_url, busy_timeout_s=0.05) as db:
        async with another_process_writes(file):
            for outcome in await (await start_together(db, keep, ["a", "b"])):
                assert isinstance(outcome, DatabaseFault)
                assert "locked" in str(outcome)
        assert await db.write(keep, "c") == "c"
        assert await db.read(names) == ["c", "theirs"]
