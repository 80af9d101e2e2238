"""What a read raises: a fault of the database, or what its flow raised by itself."""

import os
from pathlib import Path

import apsw
import psycopg
import pytest

from simlet.domain.errors import OUT_OF_STOCK, Refused
from simlet.store.database import Database, open_database
from simlet.store.sql import DatabaseFault, Sql, Tx

pytestmark = pytest.mark.anyio

PAGE_BYTES = 4096


class Mishap(Exception):  # noqa: N818
    """A fault that no rule foresees."""


def lines(tx: Tx) -> list[object]:
    return [row[0] for row in tx.rows(Sql("SELECT id FROM lines"))]


@pytest.mark.parametrize("way", ["read", "quick_read"])
async def test_a_read_that_the_database_fails_raises_a_fault_of_the_database(
    db: Database, way: str
) -> None:
    look = getattr(db, way)

    with pytest.raises(DatabaseFault) as caught:
        await look(lambda tx: tx.rows(Sql("SELECT seq FROM a_table_that_was_lost")))
    assert isinstance(caught.value.__cause__, (apsw.Error, psycopg.Error))

    # The connection is as good as before.
    assert await look(lines) == []


@pytest.mark.parametrize("way", ["read", "quick_read"])
@pytest.mark.parametrize("error", [Refused(OUT_OF_STOCK), Mishap()], ids=["refused", "faulty"])
async def test_what_a_read_raises_by_itself_reaches_its_caller_as_it_is(
    db: Database, way: str, error: Exception
) -> None:
    def read_and_raise(tx: Tx) -> None:
        lines(tx)
        raise error

    with pytest.raises(type(error)) as caught:
        await getattr(db, way)(read_and_raise)
    assert caught.value is error


@pytest.mark.parametrize("way", ["read", "quick_read"])
async def test_a_file_that_was_cut_off_is_a_fault_of_the_database(file: Path, way: str) -> None:
    db = open_database(f"sqlite:///{file}", readers=1)
    try:
        os.truncate(file, PAGE_BYTES)
        with pytest.raises(DatabaseFault) as caught:
            await getattr(db, way)(lines)
        assert isinstance(caught.value.__cause__, apsw.Error)
    finally:
        await db.close()


async def test_an_error_that_ends_the_transaction_is_hidden_by_no_other(
    sqlite_db: Database,
) -> None:
    """As SQLite does of itself after some faults of the disk."""

    def end_and_fail(tx: Tx) -> None:
        tx.run(Sql("ROLLBACK"))
        raise Mishap

    with pytest.raises(Mishap):
        await sqlite_db.read(end_and_fail)
    assert await sqlite_db.read(lines) == []
