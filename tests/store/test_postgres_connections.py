"""Connections to PostgreSQL that are lost, not to be had, or left behind."""

import asyncio
import socket

import psycopg
import pytest

from simlet.store.sql import DatabaseFault, Raised, Sql, Tx
from simlet.testing.gate import Gate
from store.keeping import opened
from store.sessions import (
    LOCK,
    RAISE,
    add,
    count_up,
    end_connection,
    figures,
    own_pid,
    with_options,
)

pytestmark = pytest.mark.anyio


def answer(tx: Tx) -> int:
    row = tx.row(Sql("SELECT 1"))
    assert row is not None
    return int(row[0])


async def test_a_connection_that_was_ended_between_two_calls_is_replaced(
    postgres_url: str,
) -> None:
    async with opened(postgres_url, pool_size=1) as db:
        await db.write(add, "a")
        before = await db.write(own_pid)
        end_connection(postgres_url, before)
        assert await db.write(count_up, "a") == 1
        assert await db.write(own_pid) != before
        assert await db.read(figures) == {"a": 1}


async def test_when_the_server_ended_all_connections_reads_and_writes_go_on(
    postgres_url: str,
) -> None:
    async with opened(postgres_url) as db:
        for round_ in range(4):
            await asyncio.gather(*(db.write(add, f"{round_} {n}") for n in range(8)))
            with psycopg.connect(postgres_url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            assert len(await db.read(figures)) == 8 * (round_ + 1)


@pytest.mark.parametrize("many", [False, True])
async def test_a_flow_whose_connection_is_lost_in_its_middle_runs_again_and_counts_once(
    postgres_url: str, many: bool
) -> None:
    pids = []

    def count_and_lose_connection(tx: Tx, name: str) -> int:
        count_up(tx, name)
        pids.append(own_pid(tx))
        if len(pids) == 1:
            end_connection(postgres_url, pids[0])
        return count_up(tx, name)

    async with opened(postgres_url) as db:
        await db.write_all(add, ["a", "b"])
        if many:
            assert await db.write_all(count_and_lose_connection, ["a", "b"]) == [1, 1]
            assert await db.read(figures) == {"a": 2, "b": 2}
        else:
            assert await db.write(count_and_lose_connection, "a") == 1
            assert await db.read(figures) == {"a": 2, "b": 0}
    assert pids[0] != pids[1]


async def test_a_read_whose_connection_is_lost_in_its_middle_runs_again(postgres_url: str) -> None:
    pids = []

    def read(tx: Tx) -> dict[str, int]:
        pids.append(own_pid(tx))
        if len(pids) == 1:
            end_connection(postgres_url, pids[0])
        return figures(tx)

    async with opened(postgres_url) as db:
        await db.write(add, "a", 7)
        assert await db.read(read) == {"a": 7}
    assert len(pids) == 2


async def test_a_flow_that_loses_its_connection_each_time_is_a_fault_and_counts_never(
    postgres_url: str,
) -> None:
    runs = []

    def lose_connection(tx: Tx) -> None:
        runs.append(1)
        count_up(tx, "a")
        end_connection(postgres_url, own_pid(tx))
        count_up(tx, "a")

    async with opened(postgres_url) as db:
        await db.write(add, "a")
        with pytest.raises(DatabaseFault):
            await db.write(lose_connection)
        assert len(runs) == 2
        assert await db.read(figures) == {"a": 0}


async def test_after_a_deadlock_a_lost_connection_is_replaced_nevertheless(
    postgres_url: str,
) -> None:
    runs = []

    def be_unlucky(tx: Tx) -> None:
        runs.append(own_pid(tx))
        if len(runs) == 1:
            tx.run(Sql(RAISE.format("40P01")))
        if len(runs) == 2:
            end_connection(postgres_url, runs[-1])
        add(tx, "a")

    async with opened(postgres_url) as db:
        await db.write(be_unlucky)
        assert await db.read(figures) == {"a": 0}
    assert len(runs) == 3


async def test_no_connection_is_left_behind_when_statements_fail_or_the_database_closes(
    postgres_url: str,
) -> None:
    now = Sql("SELECT seq FROM cursors WHERE name = 'a' FOR UPDATE NOWAIT")

    def lock(tx: Tx, gate: Gate) -> None:
        tx.row(LOCK, name="a")
        gate.pass_through()

    def connections() -> int:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'counted'"
            ).fetchone()
            assert row is not None
            count: int = row[0]
            return count

    async with opened(with_options(postgres_url, "application_name=counted"), pool_size=2) as db:
        await db.write(add, "a")
        with Gate() as gate:
            locking = asyncio.create_task(db.write(lock, gate))
            await gate.reached()
            for _ in range(5):
                with pytest.raises(DatabaseFault):
                    await db.write(lambda tx: tx.row(now))
            assert connections() <= 2
            gate.open()
            await locking
    assert connections() == 0


async def test_a_server_that_does_not_answer_is_a_fault() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        # The port is bound, and nobody listens.
        url = f"postgresql://postgres@127.0.0.1:{taken.getsockname()[1]}/simlet"
        async with opened(url) as db:
            with pytest.raises(DatabaseFault):
                await db.write(add, "a")
            with pytest.raises(DatabaseFault):
                await db.read(figures)
            with pytest.raises(DatabaseFault):
                await db.quick_read(figures)
            outcomes = await db.write_all(add, ["a", "b"])
    assert [type(one.error) for one in outcomes if isinstance(one, Raised)] == [DatabaseFault] * 2


async def test_a_database_that_comes_back_is_used_again(postgres: str) -> None:
    name = "comes_back"
    with psycopg.connect(postgres.format("postgres"), autocommit=True) as connection:
        try:
            async with opened(postgres.format(name)) as db:
                with pytest.raises(DatabaseFault):
                    await db.write(answer)
                with pytest.raises(DatabaseFault):
                    await db.read(answer)
                connection.execute(f"CREATE DATABASE {name}")
                assert await db.write(answer) == 1
                assert await db.read(answer) == 1
        finally:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
