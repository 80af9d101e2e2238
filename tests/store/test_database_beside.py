"""Readers, writers and processes beside each other, and callers that do not wait for the end."""

import asyncio
import sys
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from simlet.store.database import Database
from simlet.store.sql import Sql, Tx
from simlet.testing.gate import Gate
from store.keeping import names, opened
from store.outcomes import ALL, keep, keep_at_gate, names_kept

pytestmark = pytest.mark.anyio

COUNTER = Path(__file__).with_name("count_up.py")


async def test_a_caller_cancelled_in_the_middle_of_a_flow_does_not_undo_it(
    database_url: str,
) -> None:
    with Gate() as gate:
        async with opened(database_url) as db:
            caller = asyncio.create_task(db.write(keep_at_gate, "a", gate))
            await gate.reached()
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
            gate.open()
    assert await names_kept(database_url) == ["a"]


async def test_a_caller_cancelled_before_its_flow_began_does_not_lose_it(
    database_url: str,
) -> None:
    with Gate() as gate:
        async with opened(database_url, pool_size=1) as db:
            holding = asyncio.create_task(db.write(keep_at_gate, "a", gate))
            await gate.reached()
            caller = asyncio.create_task(db.write(keep, "b"))
            await anyio.lowlevel.checkpoint()
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
            gate.open()
            await holding
    assert await names_kept(database_url) == ["a", "b"]


async def test_a_read_does_not_wait_for_a_writer_in_the_middle_of_its_flow(db: Database) -> None:
    await db.write(keep, "a")
    with Gate() as gate:
        writing = asyncio.create_task(db.write(keep_at_gate, "b", gate))
        await gate.reached()
        with anyio.fail_after(10):
            seen = [await db.read(names), await db.quick_read(names)]
        assert not writing.done()
        assert seen == [["a"], ["a"]]
        gate.open()
        await writing
    assert await db.read(names) == ["a", "b"]


async def test_a_writer_does_not_wait_for_a_read_and_the_read_sees_one_state(db: Database) -> None:
    def read_twice(tx: Tx, gate: Gate) -> tuple[list[str], list[str]]:
        before = names(tx)
        gate.pass_through()
        return before, names(tx)

    await db.write(keep, "a")
    with Gate() as gate:
        reading = asyncio.create_task(db.read(read_twice, gate))
        await gate.reached()
        with anyio.fail_after(10):
            await db.write(keep, "b")
            seen = await db.read(names)
        assert seen == ["a", "b"]
        gate.open()
        assert await reading == (["a"], ["a"])


async def test_a_glance_does_not_queue_behind_reads_that_take_long(db: Database) -> None:
    def read_at_gate(tx: Tx, gate: Gate) -> list[str]:
        gate.pass_through()
        return names(tx)

    await db.write(keep, "a")
    with Gate() as gate:
        reading = [asyncio.create_task(db.read(read_at_gate, gate)) for _ in range(9)]
        await gate.reached()
        with anyio.fail_after(10):
            assert await db.quick_read(names) == ["a"]
        gate.open()
        assert await asyncio.gather(*reading) == [["a"]] * 9


async def test_two_processes_that_write_at_once_lose_nothing(database_url: str) -> None:
    change = Sql("UPDATE cursors SET seq = seq + 1 WHERE name = 'count'")
    async with opened(database_url) as db:
        await db.write(keep, "count", seq=0)
        other = await asyncio.create_subprocess_exec(
            *(sys.executable, COUNTER, database_url, "100"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert other.stdout is not None
        assert await other.stdout.readline() == b"ready\n"
        counting = asyncio.create_task(other.communicate(b"go\n"))
        for _ in range(100):
            await db.write(lambda tx: tx.run(change))
        await counting
        assert other.returncode == 0
        assert await db.read(lambda tx: [row[1] for row in tx.rows(ALL)]) == [200]
