"""Opening a file of SQLite, and what a flow runs on.

Source: APSW, whose SQLite is its own and not the system's; SQLite, "Write-Ahead Logging".
"""

import contextlib
import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import apsw

from simlet.store.sql import DatabaseFault, Inputs, Row, Sql

_SQLITE = "sqlite:///"
_FIXED_RELEASES = {(3, 44): 6, (3, 50): 7, (3, 51): 3}
_FIRST_FIXED = (3, 53, 0)
_FIRST_BROKEN = (3, 7, 0)
_LOCK_PAUSE_S = 0.01
_FILE_MODE = 0o600
_IN_MEMORY = ":memory:"
_LONGEST_WAL_BYTES = 128 * 1024 * 1024
# One thread at a time has a connection: SQLite need not see to that itself.
_OPENING = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_NOMUTEX


def sqlite_path(url: str) -> Path | None:
    """The file a `sqlite:///…` address names; None for another address."""
    return Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None


def has_wal_reset_bug(version: tuple[int, ...]) -> bool:
    """Whether this release of SQLite can corrupt a WAL database that two connections write.

    The bug stands in 3.7.0 to 3.51.2 and is mended in 3.51.3, 3.50.7, 3.44.6 and 3.53.0.
    """
    if version < _FIRST_BROKEN or version >= _FIRST_FIXED:
        return False
    mended_from = _FIXED_RELEASES.get((version[0], version[1]))
    if mended_from is not None:
        return version[2] < mended_from
    return version < (3, 51, 3)


def refuse_wal_reset_bug(release: str) -> None:
    """Makes sure that a release of SQLite keeps a WAL database whole.

    Args:
        release: as SQLite tells it, "3.53.0".

    Raises:
        DatabaseFault: it is one of the releases that can corrupt it.
    """
    if has_wal_reset_bug(tuple(int(part) for part in release.split("."))):
        raise DatabaseFault(
            f"SQLite {release} can corrupt a database in WAL mode; "
            "3.53.0, 3.51.3, 3.50.7 and 3.44.6 or newer in their lines are mended"
        )


def sqlite_release() -> str:
    """The release of SQLite that this process works with."""
    return apsw.sqlite_lib_version()


def connect(path: Path, busy_timeout_s: float, cache_mb: int = 64) -> apsw.Connection:
    """Opens a database in WAL mode, in which every commit waits for the disk.

    Args:
        path: the file; it is made where there is none, closed to other users.
        busy_timeout_s: how long a statement waits for a lock that another process holds.
        cache_mb: how much of the file is kept in memory at most.

    Raises:
        DatabaseFault: the file cannot be opened, is no database, cannot be in WAL mode, or was
            locked for too long, or another file took its place meanwhile; or this SQLite can
            corrupt it.
    """
    refuse_wal_reset_bug(sqlite_release())
    _make_closed_to_others(path)
    opened = _identity(path)
    try:
        connection = apsw.Connection(str(path), flags=_OPENING, statementcachesize=512)
        try:
            mode = _settle(connection, busy_timeout_s, cache_mb)
        except BaseException:
            connection.close()
            raise
    except apsw.Error as error:
        raise DatabaseFault(f"SQLite cannot open {path}: {error}") from error
    if mode != "wal":
        # It answers with the mode that it kept, where the file system allows no other.
        connection.close()
        raise DatabaseFault(f"SQLite cannot keep {path} in WAL mode, only in {mode}")
    if _identity(path) != opened:
        # What is written now would go to the file that `simlet restore` has moved aside.
        connection.close()
        raise DatabaseFault(f"another database took the place of {path} just now: try again")
    return connection


def _make_closed_to_others(path: Path) -> None:
    """What SQLite makes itself, anybody may read; its log has the mode of the file."""
    if str(path) == _IN_MEMORY:
        return
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_readable_by_others(url: str) -> bool:
    """Whether every user of this machine may read a database's file."""
    path = sqlite_path(url)
    return path is not None and path.exists() and bool(path.stat().st_mode & stat.S_IROTH)


def _settle(connection: apsw.Connection, busy_timeout_s: float, cache_mb: int) -> str:
    connection.set_busy_timeout(int(busy_timeout_s * 1000))
    # Without it SQLite plans a statement anew for each input that a partial index may depend on,
    # which takes longer than the statement.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    mode = enter_wal_mode(connection, busy_timeout_s)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # What is erased is overwritten, not only unlinked.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA cache_size = -{cache_mb * 1024}")
    # What somebody who read for long made of the WAL is given back when it begins anew.
    connection.execute(f"PRAGMA journal_size_limit = {_LONGEST_WAL_BYTES}")
    return mode


def enter_wal_mode(connection: apsw.Connection, patience_s: float) -> str:
    """Puts a database into WAL mode; the mode that it is in then.

    Raises:
        apsw.Error: the file is no database, or was locked for longer than `patience_s`.
    """
    give_up_at = time.monotonic() + patience_s
    while True:
        try:
            return str(connection.pragma("journal_mode", "WAL"))
        except apsw.BusyError:
            # For this alone SQLite does not wait until a lock is free: of two processes that make
            # the file at the same moment one would fail.
            if time.monotonic() >= give_up_at:
                raise
            time.sleep(_LOCK_PAUSE_S)


class SqliteTx:
    """A transaction on one SQLite connection."""

    __slots__ = ("_changes", "_execute", "_execute_many", "_last_id")

    alone = True

    def __init__(self, connection: apsw.Connection) -> None:
        self._execute = connection.execute
        self._execute_many = connection.executemany
        self._changes = connection.changes
        self._last_id = connection.last_insert_rowid

    def run(self, statement: Sql, /, **inputs: Any) -> int:
        """See `Tx.run`."""
        self._execute(statement.sqlite, statement.in_order(inputs))
        return self._changes()

    def add(self, statement: Sql, /, **inputs: Any) -> int:
        """See `Tx.add`: to ask for the id afterwards is quicker than to have it returned."""
        self._execute(statement.sqlite, statement.in_order(inputs))
        return self._last_id()

    def add_once(self, statement: Sql, /, **inputs: Any) -> int | None:
        """See `Tx.add_once`."""
        self._execute(statement.sqlite, statement.in_order(inputs))
        return self._last_id() if self._changes() else None

    def row(self, statement: Sql, /, **inputs: Any) -> Row | None:
        """See `Tx.row`."""
        found = self._execute(statement.sqlite, statement.in_order(inputs)).fetchall()
        return found[0] if found else None

    def rows(self, statement: Sql, /, **inputs: Any) -> list[Row]:
        """See `Tx.rows`."""
        found: list[Any] = self._execute(statement.sqlite, statement.in_order(inputs)).fetchall()
        return found

    def run_many(self, statement: Sql, many: Iterable[Inputs], /) -> None:
        """See `Tx.run_many`."""
        self._execute_many(statement.sqlite, map(statement.in_order, many))
