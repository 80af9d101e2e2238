import pytest

from simlet.store.database import Database
from store.keeping import pragma

pytestmark = pytest.mark.anyio


async def test_every_commit_waits_for_the_disk(sqlite_db: Database) -> None:
    assert await sqlite_db.write(pragma, "journal_mode") == "wal"
    assert await sqlite_db.write(pragma, "synchronous") == 2
    assert await sqlite_db.write(pragma, "foreign_keys") == 1


async def test_readers_cannot_write(sqlite_db: Database) -> None:
    assert await sqlite_db.read(pragma, "query_only") == 1
    assert await sqlite_db.quick_read(pragma, "query_only") == 1
