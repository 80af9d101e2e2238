"""Bringing a database to the schema that this version works with."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from pysqlite3 import dbapi2 as sqlite3
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from simlet.store.claim import alone, claimed
from simlet.store.sql import DatabaseFault, SchemaMismatch
from simlet.store.sqlite_file import connect, refuse_wal_reset_bug, sqlite_path

T = TypeVar("T")

_SCRIPTS = Path(__file__).parent / "migrations"
_PATIENCE_S = 60
_READS_ONLY = "simlet_reads_only"
_LOCK = text("SELECT pg_advisory_xact_lock(1936289132, 3)")


def newest_revision() -> str:
    """The revision of the schema that this version works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None  # noqa: S101 - there is a first migration
    return head


def migrate(url: str) -> tuple[str | None, str]:
    """Brings a database to the newest schema; the revisions before and after.

    An SQLite database that has an older one must not be open in any process: an older server would
    go on writing what it knows.

    Raises:
        SchemaMismatch: the schema is newer than this version of simlet.
        DatabaseInUse: a process has it open, and there is something to do.
        DatabaseFault: the database cannot be reached or changed.
    """
    path = sqlite_path(url)
    if path is None or _with_connection(url, current_revision, reads_only=True) in {
        None,
        newest_revision(),
    }:
        return _with_connection(url, _upgrade)
    with claimed(url):
        # Not longer: the other SQLite of this process is to open it.
        with alone(path):
            pass
        return _with_connection(url, _upgrade)


def check_schema(url: str) -> None:
    """Makes sure that a database is there and has the schema this version works with.

    Raises:
        SchemaMismatch: it has another one, or none.
        DatabaseFault: the database is not there, or cannot be reached.
    """
    refuse_missing(url)
    current = _with_connection(url, current_revision, reads_only=True)
    if current != newest_revision():
        raise SchemaMismatch(_mismatch(current))


def current_revision(connection: Connection) -> str | None:
    """The revision a database stands at; None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def known_revisions() -> set[str]:
    """The revisions of all schemas that this version can bring to the newest one."""
    return {one.revision for one in ScriptDirectory.from_config(_config()).walk_revisions()}


def refuse_missing(url: str) -> None:
    """Makes sure that the file of an SQLite database is there, so that none is made by mistake.

    Raises:
        DatabaseFault: it is not.
    """
    path = sqlite_path(url)
    if path is not None and not path.exists():
        raise DatabaseFault(
            f"there is no database {path.absolute()}: go to the folder of yours, name it in "
            "SIMLET_DATABASE_URL, or make a new one with `simlet migrate`"
        )


def engine_for(url: str) -> Engine:
    """An engine of SQLAlchemy, for migrations and for comparing schemas.

    Raises:
        DatabaseFault: this SQLite can corrupt the database.
    """
    if url.startswith("postgresql://"):
        return create_engine(
            url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool
        )
    refuse_wal_reset_bug(sqlite3.sqlite_version)
    # The two SQLites of this process must not have the file open at once: to close it in one takes
    # away the locks of the other (POSIX, fcntl).
    connect(Path(url.removeprefix("sqlite:///")), _PATIENCE_S).close()
    engine = create_engine(url, module=sqlite3, poolclass=NullPool)
    event.listen(engine, "connect", _begin_ourselves)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _begin_ourselves(connection: sqlite3.Connection, _: object) -> None:
    # The driver commits before DDL unless it is told to leave transactions alone.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_S * 1000}")


def _begin_immediate(connection: Connection) -> None:
    if connection.get_execution_options().get(_READS_ONLY):
        # Looking at the schema must not wait for a writer.
        connection.exec_driver_sql("BEGIN")
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _with_connection(url: str, work: Callable[[Connection], T], *, reads_only: bool = False) -> T:
    engine = engine_for(url)
    try:
        with engine.connect().execution_options(**{_READS_ONLY: reads_only}) as connection:
            if connection.dialect.name == "postgresql" and not reads_only:
                # Two processes that start at once must not both create the tables.
                connection.execute(_LOCK)
            result = work(connection)
            connection.commit()
            return result
    except DBAPIError as error:
        raise DatabaseFault(f"the database cannot be used: {error.orig}") from error
    finally:
        engine.dispose()


def _upgrade(connection: Connection) -> tuple[str | None, str]:
    before = current_revision(connection)
    config = _config()
    config.attributes["connection"] = connection
    if before is not None and before not in known_revisions():
        raise SchemaMismatch(_mismatch(before))
    command.upgrade(config, "head")
    return before, newest_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    return config


def _mismatch(current: str | None) -> str:
    if current is None:
        return "the database has no schema yet: run `simlet migrate`"
    return (
        f"the database has schema {current}, this version of simlet works with "
        f"{newest_revision()}: run `simlet migrate`, or the version that the database is of"
    )


def prepare(url: str) -> None:
    """Gives an empty database its schema, and makes sure that another has the right one.

    Raises:
        SchemaMismatch: its schema is older or newer than what this version works with.
        DatabaseFault: the database cannot be reached or changed.
    """
    if _with_connection(url, current_revision, reads_only=True) is None:
        migrate(url)
    check_schema(url)
