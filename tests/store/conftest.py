"""A database of each kind, opened, without a world around it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simlet.store.database import Database, open_database
from simlet.store.sqlite_file import sqlite_path
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
