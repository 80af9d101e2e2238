"""A database of each kind, opened, without a world around it."""

from collections.abc import AsyncIterator

import pytest

from simlet.store.database import Database, open_database


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """A migrated and opened database, on each kind in turn."""
    db = open_database(database_url, readers=2, pool_size=4)
    yield db
    await db.close()
