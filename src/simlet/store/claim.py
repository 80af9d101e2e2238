"""Who has a whole database: one server at a time, or nobody while it is migrated or replaced.

A server's claim lies on a file beside an SQLite database. It is given back when the process ends,
however it does. On PostgreSQL there is none: behind a pooler of connections a lock can outlive the
server that took it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from simlet.ownership import give_to_owner_of
from simlet.store.sql import DatabaseFault, DatabaseInUse
from simlet.store.sqlite_file import sqlite_path

_SUFFIX = "-server"
_FILE_MODE = 0o600
# Whatever is wrong with its pages, it can still be put out of the way.
_DAMAGED = (apsw.CorruptError, apsw.NotADBError, apsw.IOError, apsw.FullError)


@contextmanager
def claimed(url: str) -> Iterator[None]:
    """Has a database as its server, or in the place of one.

    Raises:
        DatabaseInUse: another process has it so.
        DatabaseFault: nothing can be made beside it.
    """
    path = sqlite_path(url)
    if path is None:
        yield
        return
    whole = path.resolve()
    handle = _lock_file(whole)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatabaseInUse(
                f"another server is using the database {whole}, or it is being migrated or restored"
            ) from None
        yield
    finally:
        os.close(handle)


def _lock_file(database: Path) -> int:
    beside = database.with_name(database.name + _SUFFIX)
    try:
        handle = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        give_to_owner_of(beside, database if database.exists() else database.parent)
    except OSError as error:
        raise DatabaseFault(
            f"the database {database} cannot be opened: {error.strerror}, {beside.name}"
        ) from error
    return handle


@contextmanager
def alone(database: Path) -> Iterator[None]:
    """Has an SQLite file that no process has open, so that none can open it meanwhile.

    Its log is brought into the file before, so that the file is whole by itself; only where it is
    damaged the log stays beside it.

    Raises:
        DatabaseInUse: a process has it open: a server, a command, or another program.
        DatabaseFault: it cannot be opened.
    """
    flags = apsw.SQLITE_OPEN_READWRITE
    try:
        connection = apsw.Connection(str(database), flags=flags)
    except apsw.Error as error:
        raise DatabaseFault(f"SQLite cannot open {database}: {error}") from error
    try:
        _lock(connection, database)
        yield
    finally:
        connection.close()


def _lock(connection: apsw.Connection, database: Path) -> None:
    try:
        # To leave WAL mode takes a lock that nobody else may share. Who comes in behind it, and
        # enters WAL mode again, is kept out by the second one.
        connection.pragma("journal_mode", "DELETE")
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
    except (apsw.BusyError, apsw.LockedError):
        raise DatabaseInUse(
            f"the database {database} is open in another process: stop the server, and every "
            "command beside it"
        ) from None
    except _DAMAGED:
        return
    except apsw.Error as error:
        raise DatabaseFault(f"SQLite cannot lock {database}: {error}") from error
