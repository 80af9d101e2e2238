import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

import apsw
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simlet.store
from simlet.store import rentals, stock, stretches
from simlet.store.database import Database
from simlet.store.sql import Sql, Tx
from simlet.store.sqlite_file import sqlite_path
from simlet.store.stretches import Log

STATEMENT = Sql(
    "SELECT CAST(:small AS BIGINT) + CAST(:big_2 AS BIGINT), 7 % 4, 'at :noon', ':own', 100"
)


def row_of(tx: Tx, statement: Sql, inputs: dict[str, int]) -> list[object]:
    row = tx.row(statement, **inputs)
    assert row is not None
    return list(row)


def test_an_input_is_spelled_as_each_driver_wants_it() -> None:
    statement = Sql("SELECT a FROM t WHERE b = :first AND c IN (:c_2, :third)")
    assert statement.sqlite == "SELECT a FROM t WHERE b = ?1 AND c IN (?2, ?3)"
    assert statement.postgres == "SELECT a FROM t WHERE b = %(first)s AND c IN (%(c_2)s, %(third)s)"


def test_inputs_are_handed_over_in_the_order_of_their_numbers() -> None:
    several = Sql("SELECT a FROM t WHERE b = :b AND c = :a AND d = :b AND e = ':e'")
    assert several.sqlite == "SELECT a FROM t WHERE b = ?1 AND c = ?2 AND d = ?1 AND e = ':e'"
    assert several.in_order({"a": 1, "b": 2, "more": 3}) == (2, 1)
    assert Sql("SELECT :only").in_order({"only": "x"}) == ("x",)
    assert Sql("SELECT 1").in_order({}) == ()


def test_an_input_that_is_missing_is_a_fault() -> None:
    with pytest.raises(KeyError):
        Sql("SELECT :a, :b").in_order({"a": 1})


def test_a_cast_is_no_input() -> None:
    assert Sql("SELECT a::text, :b::bigint").postgres == "SELECT a::text, %(b)s::bigint"


def test_what_stands_between_quotes_is_no_input() -> None:
    assert Sql("SELECT ':a', 'it''s :b', :c").postgres == "SELECT ':a', 'it''s :b', %(c)s"


def test_a_percent_sign_is_doubled_for_postgresql_alone() -> None:
    statement = Sql("SELECT a % 2 FROM t WHERE b LIKE '%x'")
    assert statement.sqlite == "SELECT a % 2 FROM t WHERE b LIKE '%x'"
    assert statement.postgres == "SELECT a %% 2 FROM t WHERE b LIKE '%%x'"


@given(
    parts=st.lists(
        st.sampled_from([":a", " % ", "::text", "':b'", "'%'", " x ", ", ", "{for_update}", "9:00"])
    )
)
def test_only_the_inputs_differ_once_the_driver_has_read_a_statement(parts: list[str]) -> None:
    statement = Sql(" ".join(parts))
    as_run = statement.postgres.replace("%(a)s", "?1").replace("%%", "%")
    assert as_run.replace("FOR NO KEY UPDATE", "").rstrip() == statement.sqlite


@pytest.mark.parametrize(
    "word", ["for_update", "in_order_for_update_of_r", "skip_locked", "lock_stock"]
)
def test_a_word_that_locks_rows_says_nothing_on_sqlite(word: str) -> None:
    statement = Sql(f"SELECT 1 FROM rentals r {{{word}}}")
    assert statement.sqlite.strip() == "SELECT 1 FROM rentals r"
    assert "FOR NO KEY UPDATE" in statement.postgres


def test_the_two_locks_of_a_transaction_are_not_the_same_one() -> None:
    assert Sql("SELECT {lock_catalogue}").postgres != Sql("SELECT {lock_numbering}").postgres


@pytest.mark.anyio
async def test_both_databases_understand_a_statement_alike(db: Database) -> None:
    row = await db.read(row_of, STATEMENT, {"small": 1, "big_2": 2**40})
    assert row == [2**40 + 1, 3, "at :noon", ":own", 100]


@pytest.mark.anyio
async def test_a_statement_without_inputs_may_hold_a_percent_sign(db: Database) -> None:
    assert await db.read(row_of, Sql("SELECT 7 % 4, '5 %'"), {}) == [3, "5 %"]


@pytest.mark.anyio
async def test_a_set_of_texts_is_given_as_one_input(db: Database) -> None:
    statement = Sql("SELECT id FROM networks WHERE name IN {texts} ORDER BY id")

    def ids(tx: Tx, texts: str) -> list[int]:
        return [row[0] for row in tx.rows(statement, texts=texts)]

    assert await db.read(ids, '["VIETTEL", "it\'s", "MOBIFONE"]') == [1, 3]
    assert await db.read(ids, "[]") == []


@pytest.mark.anyio
async def test_a_table_is_given_as_one_input(db: Database) -> None:
    statement = Sql("SELECT CAST(value ->> 0 AS BIGINT), value ->> 1 FROM {table}")

    def rows(tx: Tx, table: str) -> list[tuple[object, ...]]:
        return [tuple(row) for row in tx.rows(statement, table=table)]

    assert await db.read(rows, '[[1, "nhà"], [2, null]]') == [(1, "nhà"), (2, None)]


# ------------------------------------------------------------------- the statements of the store


def statements() -> Iterator[tuple[str, Sql]]:
    for module in iter_modules(simlet.store.__path__, "simlet.store."):
        for name, value in vars(import_module(module.name)).items():
            named = f"{module.name.rpartition('.')[2]}.{name}"
            if isinstance(value, Sql):
                yield named, value
            if isinstance(value, Log):
                yield from ((f"{named}.{part}", one) for part, one in value._asdict().items())
    yield "stock.all_filters", stock._page_statement(8, 2, 2, 2)


def inputs_of(statement: Sql) -> dict[str, None]:
    return dict.fromkeys(re.findall(r"%\((\w+)\)s", statement.postgres))


def test_there_are_statements_to_look_at() -> None:
    assert len(list(statements())) > 80


def test_no_word_of_a_statement_is_left_unknown() -> None:
    unknown = [name for name, one in statements() if re.search(r"[{}]", one.sqlite + one.postgres)]
    assert unknown == []


def test_every_statement_fits_the_tables_of_sqlite(sqlite_url: str) -> None:
    connection = apsw.Connection(str(sqlite_path(sqlite_url)))
    try:
        for _, statement in statements():
            connection.execute(
                "EXPLAIN " + statement.sqlite, statement.in_order(inputs_of(statement))
            ).fetchall()
    finally:
        connection.close()


def test_every_statement_fits_the_tables_of_postgresql(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for _, statement in statements():
            connection.execute("EXPLAIN " + statement.postgres, inputs_of(statement))


# Of the check of the books, which is asked for by hand; and a page in the order of the ids.
READS_ALL_RENTALS = {
    "books._COUNT_HOLDS",
    "books._UNEVEN_RENTALS",
    "rental_views._RECENT",
}


def test_no_statement_goes_through_all_rentals_that_ever_were(sqlite_url: str) -> None:
    reads_all = set()
    connection = apsw.Connection(str(sqlite_path(sqlite_url)))
    try:
        for name, statement in statements():
            plan = connection.execute(
                "EXPLAIN QUERY PLAN " + statement.sqlite,
                statement.in_order(inputs_of(statement)),
            ).fetchall()
            steps = {row[3] for row in plan}
            if "rentals" in statement.sqlite and steps & {"SCAN r", "SCAN rentals"}:
                reads_all.add(name)
    finally:
        connection.close()
    assert reads_all == READS_ALL_RENTALS


def plan_of(connection: apsw.Connection, statement: Sql) -> list[str]:
    asked = "EXPLAIN QUERY PLAN " + statement.sqlite
    return [row[3] for row in connection.execute(asked, statement.in_order(inputs_of(statement)))]


def test_ended_rentals_of_a_line_are_found_by_when_they_ended(sqlite_url: str) -> None:
    connection = apsw.Connection(str(sqlite_path(sqlite_url)))
    try:
        assert any(
            "ix_rentals_over (line_id=? AND deadline_at_ms>?)" in step
            for step in plan_of(connection, rentals._OVER_SINCE)
        )
    finally:
        connection.close()


def test_the_ends_of_the_event_log_are_found_without_reading_it(sqlite_url: str) -> None:
    connection = apsw.Connection(str(sqlite_path(sqlite_url)))
    try:
        steps = plan_of(connection, stretches.EVENTS.ends)
        assert not any(step.startswith("SCAN events") for step in steps), steps
    finally:
        connection.close()
