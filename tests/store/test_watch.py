"""Being told that something was committed, on both databases and by other processes."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import psycopg
import pytest

from simlet.domain.events import Event, EventKind
from simlet.store import postgres_bus
from simlet.store.database import Database, Watch, open_database
from simlet.store.events import add_event, events_after
from simlet.store.sql import DatabaseFault, Row, Sql, Tx

pytestmark = pytest.mark.anyio

PATIENCE_S = 20.0
SOON_S = 0.6
"""Well below the second after which a listener looks by itself."""

LISTENERS = Sql(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
)
LATE = """
import asyncio, sys
from simlet.domain.events import Event, EventKind
from simlet.store.database import open_database
from simlet.store.events import add_event


async def main():
    db = open_database(sys.argv[1])
    sys.stdin.readline()
    await db.write(add_event, Event(EventKind.LINES_IMPORTED, 7))
    await db.close()


asyncio.run(main())
"""


@asynccontextmanager
async def watching(db: Database) -> AsyncIterator[Watch]:
    """A watch that has told of all that was before it."""
    watch = await db.watch()
    try:
        if isinstance(watch, postgres_bus.PostgresWatch):
            await listening(db)
        yield watch
    finally:
        await watch.close()


async def listening(db: Database) -> int:
    async with asyncio.timeout(PATIENCE_S):
        # Nothing tells it, but the server itself when it is asked.
        while not (rows := await db.read(listeners)):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    pid: int = rows[0][0]
    return pid


def listeners(tx: Tx) -> Sequence[Row]:
    return tx.rows(LISTENERS)


async def settle(watch: Watch) -> None:
    """Until nothing was told for a while."""
    quiet = False
    while not quiet:
        try:
            await asyncio.wait_for(watch.changed(), SOON_S / 2)
        except TimeoutError:
            quiet = True


async def changed(watch: Watch, within_s: float = PATIENCE_S) -> None:
    await asyncio.wait_for(watch.changed(), within_s)


def tell(tx: Tx, at_ms: int = 1) -> None:
    add_event(tx, Event(EventKind.LINES_IMPORTED, at_ms))


async def until_told(watch: Watch, db: Database, count: int) -> None:
    """Waits until so many events can be read, looking only when it is told to."""
    async with asyncio.timeout(PATIENCE_S):
        while len(await db.read(events_after, 0, count + 1)) < count:
            await watch.changed()


async def test_commits_are_told_at_once(db: Database) -> None:
    # A listener on PostgreSQL looks by itself every second: ten seconds for ten of them.
    async with watching(db) as watch, asyncio.timeout(5):
        for count in range(1, 11):
            await db.write(tell)
            await until_told(watch, db, count)


async def test_a_commit_before_the_wait_is_told_as_well(db: Database) -> None:
    async with watching(db) as watch:
        await settle(watch)
        await db.write(tell)
        await asyncio.sleep(0.05)
        await changed(watch, SOON_S)


async def test_a_commit_of_another_process_is_told(db: Database, database_url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LATE, database_url, stdin=PIPE
    )
    async with watching(db) as watch:
        await process.communicate(b"go\n")
        assert process.returncode == 0
        await until_told(watch, db, 1)


async def test_all_watches_are_told(db: Database) -> None:
    async with watching(db) as one, watching(db) as another:
        await settle(one)
        await settle(another)
        await db.write(tell)
        await asyncio.gather(changed(one, SOON_S), changed(another, SOON_S))


async def test_a_closed_database_is_not_watched(db: Database) -> None:
    await db.close()
    with pytest.raises(DatabaseFault):
        await db.watch()


async def test_sqlite_tells_when_it_can_no_longer_be_watched(sqlite_url: str) -> None:
    db = open_database(sqlite_url)
    watch = await db.watch()
    await db.close()
    with pytest.raises(DatabaseFault):
        await changed(watch)
    await watch.close()


# ---------------------------------------------------------------------------------- PostgreSQL


@pytest.fixture
async def postgres_db(postgres_url: str) -> AsyncIterator[Database]:
    db = open_database(postgres_url, pool_size=4)
    yield db
    await db.close()


def end(url: str, pid: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])


async def test_a_lost_listener_listens_again(postgres_db: Database, postgres_url: str) -> None:
    async with watching(postgres_db) as watch:
        first = await listening(postgres_db)
        end(postgres_url, first)
        async with asyncio.timeout(PATIENCE_S):
            while await listening(postgres_db) == first:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        await settle(watch)
        await postgres_db.write(tell)
        await changed(watch, SOON_S)


async def test_numbering_goes_on_after_its_connection_was_lost(
    postgres_db: Database, postgres_url: str
) -> None:
    async with watching(postgres_db) as watch:
        await postgres_db.write(tell)
        await until_told(watch, postgres_db, 1)
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND query LIKE 'NOTIFY%'"
            )
        await postgres_db.write(tell)
        await postgres_db.write(tell)
        await until_told(watch, postgres_db, 3)


async def test_what_another_left_without_a_number_is_numbered(
    postgres_db: Database, postgres_url: str
) -> None:
    other = open_database(postgres_url, numbering=False)
    async with watching(postgres_db) as watch, aclosing(_Closing(other)):
        await other.write(tell)
        await until_told(watch, postgres_db, 1)


async def test_when_it_is_closed_all_that_was_written_has_its_number(postgres_url: str) -> None:
    db = open_database(postgres_url)
    await db.write_all(tell, list(range(100)))
    await db.close()
    again = open_database(postgres_url, numbering=False)
    try:
        assert len(await again.read(events_after, 0, 1000)) == 100
    finally:
        await again.close()


async def test_many_writes_are_numbered_together(postgres_db: Database, postgres_url: str) -> None:
    heard = 0
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"LISTEN {postgres_bus.CHANNEL}")
        await asyncio.gather(*(postgres_db.write(tell) for _ in range(200)))
        await postgres_db.close()
        heard = len(list(connection.notifies(timeout=0.5)))
    assert 1 <= heard < 100


async def test_a_write_without_an_event_tells_nobody(
    postgres_db: Database, postgres_url: str
) -> None:
    add = Sql("INSERT INTO cursors (name, seq) VALUES ('one', 1)")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"LISTEN {postgres_bus.CHANNEL}")
        await postgres_db.write(lambda tx: tx.run(add))
        await postgres_db.close()
        assert list(connection.notifies(timeout=0.2)) == []


class _Closing:
    """A database for `aclosing`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def aclose(self) -> None:
        await self._db.close()
