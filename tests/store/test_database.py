"""Flows on either database: what comes back, what is undone, and what a read may do."""

import asyncio
from typing import Any

import anyio
import anyio.lowlevel
import apsw
import psycopg
import pytest

from simlet.domain.errors import OUT_OF_STOCK, Refused
from simlet.store.database import Database
from simlet.store.sql import Raised, Sql, Tx
from simlet.testing.gate import Gate
from store.keeping import names
from store.outcomes import (
    ADD,
    ALL,
    Mishap,
    by_its_name,
    keep,
    keep_and_add_twice,
    keep_and_break_the_schema,
    keep_and_fail,
    keep_and_refuse,
    keep_at_gate,
)

pytestmark = pytest.mark.anyio

COUNT = Sql("SELECT count(*) FROM cursors")

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


async def test_a_flow_gets_its_inputs_and_its_result_comes_back(db: Database) -> None:
    assert await db.write(keep, "a", seq=7) == "a kept"
    assert await db.read(lambda tx: [tuple(row) for row in tx.rows(ALL)]) == [("a", 7)]


async def test_a_glance_sees_what_was_just_written(db: Database) -> None:
    await db.write(keep, "a")
    assert await db.quick_read(names) == ["a"]


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


async def test_a_read_cannot_write(db: Database) -> None:
    for run in (db.read, db.quick_read):
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
