"""Closing a database: what was accepted is kept, and what comes later is refused."""

import asyncio

import anyio
import anyio.lowlevel
import pytest

from simlet.store.database import open_database
from simlet.store.sql import DatabaseFault, Tx
from simlet.testing.gate import Gate
from store.keeping import names
from store.outcomes import by_its_name, keep, keep_at_gate, names_kept

pytestmark = pytest.mark.anyio


async def test_closing_commits_what_was_accepted(database_url: str) -> None:
    db = open_database(database_url, pool_size=1)
    with Gate() as gate:
        accepted = [asyncio.create_task(db.write(keep_at_gate, "a", gate))]
        await gate.reached()
        accepted += [asyncio.create_task(db.write(keep, name)) for name in "bcd"]
        await anyio.lowlevel.checkpoint()
        closing = asyncio.create_task(db.close())
        await anyio.lowlevel.checkpoint()
        assert not closing.done()
        gate.open()
        assert await asyncio.gather(*accepted) == ["a kept", "b kept", "c kept", "d kept"]
        await closing
    assert await names_kept(database_url) == ["a", "b", "c", "d"]


async def test_what_is_accepted_at_the_moment_of_closing_is_committed(database_url: str) -> None:
    db = open_database(database_url)
    accepted = [asyncio.create_task(db.write(keep, name)) for name in "ab"]
    closing = asyncio.create_task(db.close())
    with anyio.fail_after(10):
        assert await asyncio.gather(*accepted) == ["a kept", "b kept"]
        await closing
    assert await names_kept(database_url) == ["a", "b"]


async def test_a_write_while_closing_is_refused_and_not_kept(database_url: str) -> None:
    db = open_database(database_url)
    with Gate() as gate:
        accepted = asyncio.create_task(db.write(keep_at_gate, "a", gate))
        await gate.reached()
        closing = asyncio.create_task(db.close())
        await anyio.lowlevel.checkpoint()
        with pytest.raises(DatabaseFault, match="closing"):
            await db.write(keep, "b")
        gate.open()
        await asyncio.gather(accepted, closing)
    assert await names_kept(database_url) == ["a"]


async def test_closing_waits_for_a_read_and_does_not_hold_up_the_loop(database_url: str) -> None:
    def read_at_gate(tx: Tx, gate: Gate) -> list[str]:
        gate.pass_through()
        return names(tx)

    db = open_database(database_url)
    with Gate() as gate:
        reading = asyncio.create_task(db.read(read_at_gate, gate))
        await gate.reached()
        closing = asyncio.create_task(db.close())
        await anyio.to_thread.run_sync(int)
        gate.open()
        with anyio.fail_after(10):
            await closing
        assert await reading == []


async def test_after_closing_everything_is_refused(database_url: str) -> None:
    db = open_database(database_url)
    await db.close()
    with pytest.raises(DatabaseFault):
        await db.write(keep, "a")
    with pytest.raises(DatabaseFault):
        await db.write_all(by_its_name, ["good a", "good b"])
    with pytest.raises(DatabaseFault):
        await db.read(names)
    with pytest.raises(DatabaseFault):
        await db.quick_read(names)
    assert await names_kept(database_url) == []


async def test_closing_twice_does_no_harm(database_url: str) -> None:
    db = open_database(database_url)
    await db.write(keep, "a")
    await db.close()
    await db.close()
    assert await names_kept(database_url) == ["a"]
