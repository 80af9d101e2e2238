"""SQLite: one writer thread that groups waiting flows into one commit, and readers beside it.

Waiting for the disk is what a durable commit costs. So while one group is being committed, the
flows that come in wait together and become the next group. Each flow has a savepoint of its own:
a refusal or a fault undoes only itself. The caller hears back after the group is on disk.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as sqlite3

from simlet.store.sql import Call, DatabaseFault, Inputs, Raised, Row, Sql
from simlet.store.sqlite_watch import SqliteWatch
from simlet.store.turn import Turn

_FIXED_RELEASES = {(3, 44): 6, (3, 50): 7, (3, 51): 3}
_FIRST_FIXED = (3, 53, 0)
_FIRST_BROKEN = (3, 7, 0)
_LOCK_PAUSE_S = 0.01


def has_wal_reset_bug(version: tuple[int, int, int]) -> bool:
    """Whether this release of SQLite can corrupt a WAL database that two connections write.

    The bug stands in 3.7.0 to 3.51.2 and is mended in 3.51.3, 3.50.7, 3.44.6 and 3.53.0.
    """
    if version < _FIRST_BROKEN or version >= _FIRST_FIXED:
        return False
    mended_from = _FIXED_RELEASES.get(version[:2])
    if mended_from is not None:
        return version[2] < mended_from
    return version < (3, 51, 3)


def refuse_wal_reset_bug() -> None:
    """Makes sure that this process's SQLite keeps a WAL database whole.

    Raises:
        DatabaseFault: it is one of the releases that can corrupt it.
    """
    if has_wal_reset_bug(sqlite3.sqlite_version_info):
        raise DatabaseFault(
            f"SQLite {sqlite3.sqlite_version} can corrupt a database in WAL mode; "
            "3.53.0, 3.51.3, 3.50.7 and 3.44.6 or newer in their lines are mended"
        )


def enter_wal_mode(connection: Any, patience_s: float) -> str:
    """Puts a database into WAL mode; the mode that it is in then.

    Raises:
        sqlite3.Error: the file is no database, or was locked for longer than `patience_s`.
    """
    give_up_at = time.monotonic() + patience_s
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            return str(mode)
        except sqlite3.OperationalError as error:
            # For this alone SQLite does not wait until a lock is free: of two processes that make
            # the file at the same moment one would fail.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() >= give_up_at:
                raise
            time.sleep(_LOCK_PAUSE_S)


class SqliteTx:
    """A transaction on one SQLite connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, statement: Sql, /, **inputs: Any) -> int:
        """See `Tx.run`."""
        changed: int = self._connection.execute(statement.sqlite, inputs).rowcount
        return changed

    def row(self, statement: Sql, /, **inputs: Any) -> Row | None:
        """See `Tx.row`."""
        found = self._connection.execute(statement.sqlite, inputs).fetchall()
        return found[0] if found else None

    def rows(self, statement: Sql, /, **inputs: Any) -> list[Row]:
        """See `Tx.rows`."""
        found: list[Row] = self._connection.execute(statement.sqlite, inputs).fetchall()
        return found

    def run_many(self, statement: Sql, many: Iterable[Inputs], /) -> None:
        """See `Tx.run_many`."""
        self._connection.executemany(statement.sqlite, many)


@dataclass(slots=True)
class _Job:
    """Flows that one caller waits for together; each has its own outcome."""

    calls: list[Call]
    outcomes: list[Any]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]


class SqliteDatabase:
    """A database in one file. See `simlet.store.database.Database` for what each call does."""

    def __init__(
        self, path: Path, *, readers: int = 4, group_limit: int = 256, busy_timeout_s: float = 60
    ) -> None:
        refuse_wal_reset_bug()
        self._path = path
        self._group_limit = group_limit
        self._busy_timeout_s = busy_timeout_s
        self._jobs: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._closing = False
        self._gathered: list[_Job] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._local = threading.local()
        self._reader_connections: list[Any] = []
        self._readers = ThreadPoolExecutor(readers, "sqlite-reader")
        self._connection = self._connect()
        self._turn = self._open_turn()
        self._glance = SqliteTx(self._connect_reader())
        self._writer = threading.Thread(
            target=self._write_groups, name="sqlite-writer", daemon=True
        )
        self._writer.start()

    def _connect(self) -> Any:
        try:
            connection = sqlite3.connect(
                str(self._path),
                isolation_level=None,
                check_same_thread=False,
                timeout=self._busy_timeout_s,
                cached_statements=512,
            )
            mode = enter_wal_mode(connection, self._busy_timeout_s)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            # What is erased is overwritten, not only unlinked.
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA cache_size = -65536")
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
        except sqlite3.Error as error:
            raise DatabaseFault(f"SQLite cannot open {self._path}: {error}") from error
        if mode != "wal":
            # It answers with the mode that it kept, where the file system allows no other.
            connection.close()
            raise DatabaseFault(f"SQLite cannot keep {self._path} in WAL mode, only in {mode}")
        return connection

    def _open_turn(self) -> Turn:
        try:
            return Turn(self._path)
        except OSError as error:
            raise DatabaseFault(f"SQLite cannot write beside {self._path}: {error}") from error

    def _connect_reader(self) -> Any:
        connection = self._connect()
        connection.execute("PRAGMA query_only = ON")
        self._reader_connections.append(connection)
        return connection

    async def write_all(self, calls: list[Call]) -> list[Any]:
        """Runs the flows in one commit, in order; each outcome is a result or `Raised`."""
        self._refuse_when_closing()
        loop = asyncio.get_running_loop()
        job = _Job(calls, [], loop, loop.create_future())
        self._gathered.append(job)
        if len(self._gathered) == 1 or loop is not self._loop:
            # Another loop than before: the one before may have ended without handing over.
            self._loop = loop
            loop.call_soon(self._hand_over)
        # The flows run whatever becomes of the caller: a dropped connection must not leave it
        # open whether a rent was kept.
        await job.done
        return job.outcomes

    def _hand_over(self) -> None:
        """Gives the writer what one turn of the event loop brought, together.

        One by one, the two threads would take turns at every statement, and each turn costs more
        than the statement.
        """
        jobs, self._gathered = self._gathered, []
        if jobs:
            self._jobs.put(jobs)

    async def read(self, call: Call) -> Any:
        """Runs a read in a thread of its own."""
        self._refuse_when_closing()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, call)

    def _read(self, call: Call) -> Any:
        tx = getattr(self._local, "tx", None)
        if tx is None:
            tx = self._local.tx = SqliteTx(self._connect_reader())
        return _snapshot(tx, call)

    async def glance(self, call: Call) -> Any:
        """Runs a read of a few rows by key on the caller's thread: no hand-over, no waiting."""
        self._refuse_when_closing()
        return call(self._glance)

    async def watch(self) -> SqliteWatch:
        """Begins to watch the file."""
        self._refuse_when_closing()
        return SqliteWatch(self._connect_reader())

    def _refuse_when_closing(self) -> None:
        if self._closing:
            raise DatabaseFault("the database is closing")

    async def close(self) -> None:
        """Ends after every flow that was accepted has its commit."""
        self._closing = True
        self._hand_over()
        self._jobs.put(None)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._writer.join)
        await loop.run_in_executor(None, self._readers.shutdown)
        for connection in (*self._reader_connections, self._connection):
            connection.close()
        self._turn.close()

    def _write_groups(self) -> None:
        waiting: deque[_Job] = deque()
        closing = False
        while waiting or not closing:
            closing = self._await_jobs(waiting) or closing
            if waiting:
                self._write_group(self._next_group(waiting))

    def _await_jobs(self, waiting: deque[_Job]) -> bool:
        """Adds what was handed over, waiting for it if nothing waits yet; True at the end."""
        closing = False
        if not waiting:
            closing = _add(waiting, self._jobs.get())
        with contextlib.suppress(queue.Empty):
            while not closing:
                closing = _add(waiting, self._jobs.get_nowait())
        return closing

    def _next_group(self, waiting: deque[_Job]) -> list[_Job]:
        """The first jobs, up to the limit of flows; a job is never divided."""
        group = [waiting.popleft()]
        flows = len(group[0].calls)
        while waiting and flows + len(waiting[0].calls) <= self._group_limit:
            group.append(waiting.popleft())
            flows += len(group[-1].calls)
        return group

    def _write_group(self, group: list[_Job]) -> None:
        try:
            with self._turn.taken():
                self._run_group(group)
        except Exception as error:  # noqa: BLE001 - every caller of the group is told
            fault = DatabaseFault(f"SQLite could not commit: {error}")
            fault.__cause__ = error
            for job in group:
                job.outcomes = [Raised(fault) for _ in job.calls]
        _tell(group)

    def _run_group(self, group: list[_Job]) -> None:
        connection = self._connection
        tx = SqliteTx(connection)
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in group:
                job.outcomes = [self._run_flow(tx, call) for call in job.calls]
            connection.execute("COMMIT")
        except BaseException:
            # Before the turn is given back: the next process must not find the file locked.
            self._roll_back()
            raise

    def _run_flow(self, tx: SqliteTx, call: Call) -> Any:
        execute = self._connection.execute
        execute("SAVEPOINT flow")
        try:
            outcome = call(tx)
        except Exception as error:
            if not self._connection.in_transaction:
                # Some errors (a full disk) end the whole transaction: the group is told together.
                raise
            outcome = Raised(error)
            execute("ROLLBACK TO flow")
        execute("RELEASE flow")
        return outcome

    def _roll_back(self) -> None:
        # Where even this fails the group is told nevertheless, and so is the next one.
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


def _add(waiting: deque[_Job], handed_over: list[_Job] | None) -> bool:
    """Adds jobs to those that wait; True when it was the end instead."""
    if handed_over is None:
        return True
    waiting.extend(handed_over)
    return False


def _tell(group: list[_Job]) -> None:
    """Wakes the callers, all of one event loop at once: each waking costs a switch of threads."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in group:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, jobs in by_loop.items():
        # A caller whose loop has ended waits no longer; the writer goes on for the others.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_finish, jobs)


def _finish(jobs: list[_Job]) -> None:
    for job in jobs:
        if not job.done.done():
            job.done.set_result(None)


def _snapshot(tx: SqliteTx, call: Call) -> Any:
    """All statements of one read see the same state."""
    tx._connection.execute("BEGIN")  # noqa: SLF001 - the same file's own class
    try:
        return call(tx)
    finally:
        tx._connection.execute("ROLLBACK")  # noqa: SLF001
