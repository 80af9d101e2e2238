import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import apsw
import psycopg
import pytest

from simlet.domain.errors import OUT_OF_STOCK, Refused
from simlet.store.database import Database, open_database
from simlet.store.sql import DatabaseFault, Raised, Sql, Tx
from simlet.store.sqlite_file import sqlite_path
from simlet.testing.gate import Gate

pytestmark = pytest.mark.anyio

ADD = Sql("INSERT INTO cursors (name, seq) VALUES (:name, :seq)")
ALL = Sql("SELECT name, seq FROM cursors ORDER BY name")
COUNT = Sql("SELECT count(*) FROM cursors")
COUNTER = Path(__file__).with_name("count_up.py")


class Mishap(Exception):  # noqa: N818
    """A fault that no rule foresees."""


def keep(tx: Tx, name: str, seq: int = 1) -> str:
    tx.run(ADD, name=name, seq=seq)
    return f"{name} kept"


def keep_and_refuse(tx: Tx, name: str) -> str:
    keep(tx, name)
    raise Refused(OUT_OF_STOCK)


def keep_and_fail(tx: Tx, name: str) -> str:
    keep(tx, name)
    raise Mishap


def keep_and_break_the_schema(tx: Tx, name: str) -> str:
    keep(tx, name)
    tx.run(ADD, name="without a number", seq=None)
    return "never"


def keep_and_add_twice(tx: Tx, name: str) -> str:
    keep(tx, name)
    keep(tx, name)
    return "never"


FLOWS = {
    "good": keep,
    "refused": keep_and_refuse,
    "faulty": keep_and_fail,
    "broken": keep_and_break_the_schema,
    "double": keep_and_add_twice,
}


MIXED = ["good 1", "refused 2", "good 3", "faulty 4", "broken 5", "double 6", "good 7"]
TOLD_OF_MIXED = [
    "good 1 kept",
    Refused,
    "good 3 kept",
    Mishap,
    "the schema refused",
    "the schema refused",
    "good 7 kept",
]


def by_its_name(tx: Tx, name: str) -> str:
    return FLOWS[name.partition(" ")[0]](tx, name)


def keep_at_gate(tx: Tx, name: str, gate: Gate) -> str:
    kept = keep(tx, name)
    gate.pass_through()
    return kept


def names(tx: Tx) -> list[str]:
    return [row[0] for row in tx.rows(ALL)]


def count(tx: Tx) -> int:
    row = tx.row(COUNT)
    assert row is not None
    result: int = row[0]
    return result


def told(outcome: object) -> object:
    """A result as it is; of an error, what sort it is."""
    error = outcome.error if isinstance(outcome, Raised) else outcome
    if isinstance(error, (apsw.ConstraintError, psycopg.IntegrityError)):
        return "the schema refused"
    return type(error) if isinstance(error, Exception) else error


async def names_kept(url: str) -> list[str]:
    """What is kept, as one sees it who opens the database anew."""
    async with opened(url) as db:
        return await db.read(names)


@asynccontextmanager
async def opened(url: str, *, pool_size: int = 4) -> AsyncIterator[Database]:
    db = open_database(url, readers=2, pool_size=pool_size)
    try:
        yield db
    finally:
        await db.close()


# ------------------------------------------------------------------------------- what comes back


async def test_a_flow_gets_its_inputs_and_its_result_comes_back(db: Database) -> None:
    assert await db.write(keep, "a", seq=7) == "a kept"
    assert await db.read(lambda tx: [tuple(row) for row in tx.rows(ALL)]) == [("a", 7)]


async def test_a_glance_sees_what_was_just_written(db: Database) -> None:
    await db.write(keep, "a")
    assert await db.glance(names) == ["a"]


async def test_both_databases_give_back_what_was_put_in(db: Database) -> None:
    add = Sql(
        "INSERT INTO services (id, position, store, name, price_member_dong, price_dealer_dong, "
        "price_distributor_dong, waiting_s, catch_all, senders, texts, code_pattern, category, "
        "paused, created_at_ms) VALUES (7, 1, '01', :name, 1, 1, :dong, 1, :flag, '', '', :none, "
        "'', :flag, 1)"
    )
    get = Sql("SELECT name, price_distributor_dong, catch_all, code_pattern FROM services")
    key = Sql("INSERT INTO secret_keys (name, value) VALUES ('key', :value)")
    get_key = Sql("SELECT value FROM secret_keys")

    def put(tx: Tx) -> None:
        tx.run(add, name="nhà 🏠 it's", dong=2**62, flag=True, none=None)
        tx.run(key, value=bytes(range(256)))

    def got(tx: Tx) -> list[Any]:
        return [*tx.rows(get)[0], bytes(tx.rows(get_key)[0][0])]

    await db.write(put)
    assert await db.read(got) == ["nhà 🏠 it's", 2**62, True, None, bytes(range(256))]


async def test_a_transaction_counts_the_rows_it_changed(db: Database) -> None:
    change = Sql("UPDATE cursors SET seq = seq + 1 WHERE seq >= :seq")

    def flow(tx: Tx) -> tuple[int, int]:
        tx.run_many(ADD, ({"name": name, "seq": seq} for seq, name in enumerate("abc")))
        return tx.run(change, seq=1), tx.run(change, seq=9)

    assert await db.write(flow) == (2, 0)


async def test_a_row_that_is_not_there_is_none(db: Database) -> None:
    one = Sql("SELECT seq FROM cursors WHERE name = :name")
    assert await db.read(lambda tx: (tx.row(one, name="a"), tx.rows(one, name="a"))) == (None, [])


async def test_a_later_flow_sees_what_an_earlier_one_wrote(db: Database) -> None:
    await db.write(keep, "a")
    assert await db.write(names) == ["a"]


# ---------------------------------------------------------------------- refusals, faults, groups


async def test_a_refusal_reaches_its_caller_and_leaves_nothing(db: Database) -> None:
    with pytest.raises(Refused) as refused:
        await db.write(keep_and_refuse, "a")
    assert refused.value.refusal is OUT_OF_STOCK
    assert await db.read(names) == []


async def test_a_fault_reaches_its_caller_and_leaves_nothing(db: Database) -> None:
    with pytest.raises(Mishap):
        await db.write(keep_and_fail, "a")
    assert await db.read(names) == []


@pytest.mark.parametrize("flow", [keep_and_break_the_schema, keep_and_add_twice])
async def test_what_the_schema_refuses_leaves_nothing_and_the_next_flow_works(
    db: Database, flow: Any
) -> None:
    with pytest.raises(Exception, match=r"(?i)constraint"):
        await db.write(flow, "a")
    await db.write(keep, "b")
    assert await db.read(names) == ["b"]


async def test_outcomes_come_in_the_order_of_the_inputs(db: Database) -> None:
    outcomes = await db.write_all(by_its_name, [f"good {n:02}" for n in range(30)])
    assert outcomes == [f"good {n:02} kept" for n in range(30)]


async def test_one_of_many_undoes_only_itself(db: Database) -> None:
    assert [told(one) for one in await db.write_all(by_its_name, MIXED)] == TOLD_OF_MIXED
    assert await db.read(names) == ["good 1", "good 3", "good 7"]


async def test_one_of_many_sees_what_those_before_it_wrote(db: Database) -> None:
    def flow(tx: Tx, name: str) -> int:
        keep(tx, name)
        return count(tx)

    assert await db.write_all(flow, ["a", "b", "c"]) == [1, 2, 3]


async def test_no_input_gives_no_outcome(db: Database) -> None:
    assert await db.write_all(by_its_name, []) == []


async def test_of_flows_that_wait_together_each_undoes_only_itself(db: Database) -> None:
    with Gate() as gate:
        holding = asyncio.create_task(db.write(keep_at_gate, "good 0", gate))
        await gate.reached()
        waiting = asyncio.gather(
            *(db.write(by_its_name, one) for one in MIXED), return_exceptions=True
        )
        await anyio.lowlevel.checkpoint()
        gate.open()
        await holding
        assert [told(one) for one in await waiting] == TOLD_OF_MIXED
    assert await db.read(names) == ["good 0", "good 1", "good 3", "good 7"]


# --------------------------------------------------------------------------- callers that go away


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


# ------------------------------------------------------------------------------ reads and writers


async def test_a_read_does_not_wait_for_a_writer_in_the_middle_of_its_flow(db: Database) -> None:
    await db.write(keep, "a")
    with Gate() as gate:
        writing = asyncio.create_task(db.write(keep_at_gate, "b", gate))
        await gate.reached()
        with anyio.fail_after(10):
            seen = [await db.read(names), await db.glance(names)]
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


async def test_a_read_cannot_write(db: Database) -> None:
    for run in (db.read, db.glance):
        with pytest.raises(Exception, match=r"(?i)read.?only"):
            await run(keep, "a")
    assert await db.write(names) == []


async def test_a_read_that_fails_does_not_spoil_the_next_one(db: Database) -> None:
    wrong = Sql("SELECT unheard_of FROM cursors")
    for _ in range(3):
        with pytest.raises(Exception, match=r"(?i)column"):
            await db.read(lambda tx: tx.rows(wrong))
    await db.write(keep, "a")
    assert await db.read(names) == ["a"]


# ---------------------------------------------------------------------------------------- closing


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
        await db.glance(names)
    assert await names_kept(database_url) == []


async def test_closing_twice_does_no_harm(database_url: str) -> None:
    db = open_database(database_url)
    await db.write(keep, "a")
    await db.close()
    await db.close()
    assert await names_kept(database_url) == ["a"]


def test_the_path_of_an_address_is_what_stands_behind_three_slashes() -> None:
    assert sqlite_path("sqlite:////var/lib/simlet.db") == Path("/var/lib/simlet.db")
    assert sqlite_path("sqlite:///simlet.db") == Path("simlet.db")
    assert sqlite_path("postgresql://host/simlet") is None


# ---------------------------------------------------------------------------------- two processes


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
