"""Flows that PostgreSQL undid for the sake of others: they run again, and count once."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress

import psycopg
import pytest
from psycopg import errors

from simlet.store.database import Database
from simlet.store.sql import DatabaseFault, Raised, Sql, Tx
from store.keeping import opened
from store.outcomes import ADD
from store.sessions import GET, LOCK, RAISE, add, count_up, figures, own_pid, with_options

pytestmark = pytest.mark.anyio

PATIENCE_S = 20


@pytest.fixture
async def postgres_db(postgres_url: str) -> AsyncIterator[Database]:
    async with opened(with_options(postgres_url, "deadlock_timeout=20ms")) as db:
        yield db


class Meeting:
    """Two flows meet here the first time they come by; when they run again they pass."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2)
        self.runs: Counter[str] = Counter()

    def attend(self, name: str) -> None:
        self.runs[name] += 1
        if self.runs[name] == 1:
            self._barrier.wait(PATIENCE_S)


async def test_of_two_flows_in_a_deadlock_one_runs_again_and_both_are_kept(
    postgres_db: Database,
) -> None:
    meeting = Meeting()

    def lock_both(tx: Tx, first: str, second: str) -> str:
        tx.row(LOCK, name=first)
        meeting.attend(first)
        tx.row(LOCK, name=second)
        count_up(tx, first)
        count_up(tx, second)
        return f"{first}, then {second}"

    await postgres_db.write_all(add, ["a", "b"])
    results: list[str] = await asyncio.gather(
        *(postgres_db.write(lock_both, *names) for names in (("a", "b"), ("b", "a")))
    )
    assert results == ["a, then b", "b, then a"]
    # Three, or more: the one that ran again can be as quick as to meet the other once more.
    assert sum(meeting.runs.values()) >= 3
    assert await postgres_db.read(figures) == {"a": 2, "b": 2}


async def test_a_flow_that_cannot_be_serialized_runs_again(postgres_db: Database) -> None:
    meeting = Meeting()
    strict = Sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    put = Sql("UPDATE cursors SET seq = :seq WHERE name = 'a'")

    def count_strictly(tx: Tx, name: str) -> int:
        tx.run(strict)
        row = tx.row(GET, name="a")
        assert row is not None
        meeting.attend(name)
        tx.run(put, seq=row[0] + 1)
        return int(row[0]) + 1

    await postgres_db.write(add, "a")
    results = await asyncio.gather(
        postgres_db.write(count_strictly, "one"), postgres_db.write(count_strictly, "other")
    )
    assert sorted(results) == [1, 2]
    assert sum(meeting.runs.values()) == 3


async def test_of_two_flows_that_add_the_same_row_one_runs_again_and_finds_it(
    postgres_db: Database,
) -> None:
    meeting = Meeting()

    def add_once(tx: Tx, name: str) -> str:
        found = tx.row(GET, name="a")
        meeting.attend(name)
        if found is not None:
            return "found"
        add(tx, "a")
        return "added"

    results = await asyncio.gather(
        postgres_db.write(add_once, "one"), postgres_db.write(add_once, "other")
    )
    assert sorted(results) == ["added", "found"]
    assert sum(meeting.runs.values()) == 3


async def test_of_two_groups_in_a_deadlock_one_runs_again_and_both_are_kept(
    postgres_db: Database,
) -> None:
    meeting = Meeting()
    order = {"ab": ["a", "b"], "ba": ["b", "a"]}

    def count_and_meet(tx: Tx, step: tuple[str, str]) -> str:
        group, name = step
        count_up(tx, name)
        if name == order[group][0]:
            meeting.attend(group)
        return name

    await postgres_db.write_all(add, ["a", "b"])
    results = await asyncio.gather(
        *(
            postgres_db.write_all(count_and_meet, [(group, name) for name in names])
            for group, names in order.items()
        )
    )
    assert results == [["a", "b"], ["b", "a"]]
    assert sum(meeting.runs.values()) >= 3
    assert await postgres_db.read(figures) == {"a": 2, "b": 2}


async def test_a_group_keeps_nobody_waiting_for_the_server_to_see_a_deadlock(
    postgres_url: str,
) -> None:
    meeting = Meeting()

    def count_and_meet(tx: Tx, name: str) -> str:
        if name == "c":
            raise ValueError(name)
        count_up(tx, name)
        if name == "a":
            meeting.attend("group")
        return name

    def lock_both(tx: Tx) -> None:
        count_up(tx, "b")
        meeting.attend("lone")
        count_up(tx, "a")

    async with opened(with_options(postgres_url, "deadlock_timeout=60s")) as db:
        await db.write_all(add, ["a", "b"])
        async with asyncio.timeout(PATIENCE_S):
            outcomes, _ = await asyncio.gather(
                db.write_all(count_and_meet, ["a", "c", "b"]), db.write(lock_both)
            )
        first, refused, last = outcomes
        assert (first, last) == ("a", "b")
        assert isinstance(refused, Raised)
        assert isinstance(refused.error, ValueError)
        assert await db.read(figures) == {"a": 2, "b": 2}


# As PostgreSQL numbers them: not serializable, a deadlock, a row that is there already.
RUN_AGAIN = ["40001", "40P01", "23505"]


@pytest.mark.parametrize("code", RUN_AGAIN)
async def test_a_flow_runs_again_as_often_as_it_must_and_on_the_same_connection(
    postgres_db: Database, code: str
) -> None:
    pids = []

    def be_unlucky(tx: Tx) -> None:
        count_up(tx, "a")
        pids.append(own_pid(tx))
        if len(pids) <= 5:
            tx.run(Sql(RAISE.format(code)))

    await postgres_db.write(add, "a")
    await postgres_db.write(be_unlucky)
    assert len(pids) == 6
    assert len(set(pids)) == 1
    assert await postgres_db.read(figures) == {"a": 1}


@pytest.mark.parametrize("code", RUN_AGAIN)
async def test_a_flow_that_is_never_lucky_is_given_up(postgres_db: Database, code: str) -> None:
    runs = []

    def never_be_lucky(tx: Tx) -> None:
        runs.append(1)
        tx.run(Sql(RAISE.format(code)))

    with pytest.raises(psycopg.Error, match="on purpose"):
        await postgres_db.write(never_be_lucky)
    assert 5 < len(runs) < 100


async def test_a_row_that_stays_in_the_way_is_told_to_its_caller(postgres_db: Database) -> None:
    runs = []

    def add_again(tx: Tx) -> None:
        runs.append(1)
        add(tx, "a")

    await postgres_db.write(add, "a")
    with pytest.raises(errors.UniqueViolation):
        await postgres_db.write(add_again)
    assert 1 < len(runs) <= 10


async def test_a_row_that_stays_in_the_way_of_one_of_many_undoes_only_that_one(
    postgres_db: Database,
) -> None:
    outcomes = await postgres_db.write_all(add, ["a", "b", "a", "c"])
    assert [type(one.error) if isinstance(one, Raised) else one for one in outcomes] == [
        None,
        None,
        errors.UniqueViolation,
        None,
    ]
    assert list(await postgres_db.read(figures)) == ["a", "b", "c"]


async def test_a_flow_reads_what_is_committed_whatever_the_server_prefers(
    postgres_url: str,
) -> None:
    level = Sql("SHOW transaction_isolation")
    prefers = with_options(postgres_url, "default_transaction_isolation=serializable")
    async with opened(prefers) as db:
        row = await db.write(lambda tx: tx.row(level))
    assert row is not None
    assert row[0] == "read committed"


async def test_a_flow_that_hides_an_error_is_told_that_nothing_was_kept(
    postgres_db: Database,
) -> None:
    def hide(tx: Tx) -> str:
        add(tx, "a")
        with suppress(psycopg.Error):
            tx.run(ADD, name="b", seq=None)
        return "done"

    with pytest.raises(DatabaseFault):
        await postgres_db.write(hide)
    assert await postgres_db.read(figures) == {}
