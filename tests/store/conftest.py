"""A database of each kind, opened, or a transaction on it, without a world around it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import psycopg
import pytest

from simlet.store.database import Database, open_database
from simlet.store.postgres import PostgresTx
from simlet.store.sql import Tx
from simlet.store.sqlite_file import SqliteTx, sqlite_path
from store.keeping import opened


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """A migrated and opened database, on each kind in turn."""
    db = open_database(database_url, readers=2, pool_size=4)
    yield db
    await db.close()


@pytest.fixture
async def sqlite_db(sqlite_url: str) -> AsyncIterator[Database]:
    """A migrated and opened database of SQLite."""
    async with opened(sqlite_url) as db:
        yield db


@pytest.fixture
def file(sqlite_url: str) -> Path:
    """The file of a migrated database of SQLite."""
    path = sqlite_path(sqlite_url)
    assert path is not None
    return path


@contextmanager
def sqlite_transaction(url: str) -> Iterator[Tx]:
    connection = apsw.Connection(str(sqlite_path(url)))
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("BEGIN")
    try:
        yield SqliteTx(connection)
    finally:
        connection.execute("ROLLBACK")
        connection.close()


@contextmanager
def postgres_transaction(url: str) -> Iterator[Tx]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("BEGIN")
        yield PostgresTx(connection)
        connection.execute("ROLLBACK")


@pytest.fixture
def tx(database_url: str) -> Iterator[Tx]:
    """A transaction on each kind of database in turn: never committed, so nothing stays of it."""
    of_kind = sqlite_transaction if sqlite_path(database_url) else postgres_transaction
    with of_kind(database_url) as tx:
        yield tx
