"""PostgreSQL: flows run in threads, each with a connection of its own.

Flows lock the rows they decide on; a flow that meets a deadlock, a serialisation failure or a
row that another one added at the same moment runs again from its start. Flows that share a
transaction lock in any order, so it gives up soon where a lock is not free, and each has its own.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg
from psycopg import errors

from simlet.store.postgres_bus import Numbering, PostgresWatch
from simlet.store.sql import LISTS_AT_ONCE, Call, DatabaseFault, Inputs, Raised, Row, Sql

T = TypeVar("T")

_RUN_AGAIN = (errors.SerializationFailure, errors.DeadlockDetected, errors.UniqueViolation)
_CONCERNS_ALL = (psycopg.OperationalError, errors.UniqueViolation)
_ATTEMPTS = 10
_GROUP_LOCK_MS = 20
_NOT_FREE = (errors.LockNotAvailable, errors.DeadlockDetected)
_DEAD_PEER_MS = 10_000


class PostgresTx:
    """A transaction on one PostgreSQL connection."""

    __slots__ = ("_connection", "added_events")

    alone = False

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.added_events = False

    def run(self, statement: Sql, /, **inputs: Any) -> int:
        """See `Tx.run`."""
        self.added_events |= statement.adds_event
        return self._connection.execute(statement.postgres, inputs).rowcount

    def add(self, statement: Sql, /, **inputs: Any) -> int:
        """See `Tx.add`."""
        added = self.add_once(statement, **inputs)
        if added is None:
            raise LookupError("a statement that adds a row added none")
        return added

    def add_once(self, statement: Sql, /, **inputs: Any) -> int | None:
        """See `Tx.add_once`."""
        self.added_events |= statement.adds_event
        row = self._connection.execute(statement.postgres, inputs).fetchone()
        return None if row is None else row[0]

    def row(self, statement: Sql, /, **inputs: Any) -> Row | None:
        """See `Tx.row`."""
        found: Row | None = self._connection.execute(statement.postgres, inputs).fetchone()
        return found

    def rows(self, statement: Sql, /, **inputs: Any) -> list[Row]:
        """See `Tx.rows`."""
        return self._connection.execute(statement.postgres, inputs).fetchall()

    def run_many(self, statement: Sql, many: Iterable[Inputs], /) -> None:
        """See `Tx.run_many`."""
        self.added_events |= statement.adds_event
        with self._connection.cursor() as cursor:
            cursor.executemany(statement.postgres, many)


class PostgresDatabase:
    """A PostgreSQL database. See `simlet.store.database.Database` for what each call does."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 8,
        connect_timeout_s: int = 5,
        numbering: bool = True,
    ) -> None:
        self._url = url
        self._connect_timeout_s = connect_timeout_s
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: set[psycopg.Connection[Any]] = set()
        self._closing = False
        self._numbers_events = numbering
        self._numbering = Numbering(self._connect, PostgresTx)
        self._writers = ThreadPoolExecutor(pool_size, "postgres-writer")
        self._readers = ThreadPoolExecutor(max(2, pool_size // 2), "postgres-reader")
        # Of their own: nothing else must queue behind the lists of a large account.
        self._lists = ThreadPoolExecutor(LISTS_AT_ONCE, "postgres-lists")
        self._quick_reads = ThreadPoolExecutor(max(2, pool_size // 4), "postgres-quick")

    async def write_all(self, calls: list[Call]) -> list[Any]:
        """Runs the flows in one transaction, in order; each outcome is a result or `Raised`."""
        self._refuse_when_closing()
        loop = asyncio.get_running_loop()
        outcomes: list[Any] = await asyncio.shield(
            loop.run_in_executor(self._writers, self._write, calls)
        )
        return outcomes

    async def read(self, call: Call) -> Any:
        """Runs a read in a thread of its own."""
        return await self._read_in(self._readers, call)

    async def read_list(self, call: Call) -> Any:
        """As `read`, in threads that only lists have."""
        return await self._read_in(self._lists, call)

    async def quick_read(self, call: Call) -> Any:
        """As `read`, in other threads: a round trip must not hold the caller's."""
        return await self._read_in(self._quick_reads, call)

    async def _read_in(self, threads: ThreadPoolExecutor, call: Call) -> Any:
        self._refuse_when_closing()
        return await asyncio.get_running_loop().run_in_executor(threads, self._read, call)

    async def watch(self) -> PostgresWatch:
        """Begins to listen to who writes events."""
        self._refuse_when_closing()
        return PostgresWatch(self._url, self._numbering, self._connect_timeout_s)

    async def close(self) -> None:
        """Ends after every flow that was accepted has its commit."""
        self._closing = True
        loop = asyncio.get_running_loop()
        for executor in (self._writers, self._readers, self._lists, self._quick_reads):
            await loop.run_in_executor(None, executor.shutdown)
        await loop.run_in_executor(None, self._numbering.close)
        for connection in self._connections:
            connection.close()

    def _refuse_when_closing(self) -> None:
        if self._closing:
            raise DatabaseFault("the database is closing")

    def _connection(self) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = self._connect()
            self._local.connection = connection
            with self._lock:
                self._connections = {one for one in self._connections if not one.closed}
                self._connections.add(connection)
        return connection

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=self._connect_timeout_s,
            tcp_user_timeout=_DEAD_PEER_MS,
            keepalives_idle=_DEAD_PEER_MS // 1000,
        )

    def _drop_connection(self) -> None:
        connection: psycopg.Connection[Any] | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()

    def _read(self, call: Call) -> Any:
        try:
            return self._attempt(lambda connection, _: _in_snapshot(connection, call))
        except psycopg.Error as error:
            raise DatabaseFault(f"PostgreSQL: {type(error).__name__}") from error

    def _write(self, calls: list[Call]) -> list[Any]:
        try:
            return self._attempt(
                lambda connection, last: self._in_transaction(connection, calls, last=last)
            )
        except _GroupStopped:
            return [outcome for call in calls for outcome in self._write([call])]
        except Exception as error:  # noqa: BLE001 - every caller is told
            return [Raised(error) for _ in calls]

    def _in_transaction(
        self, connection: psycopg.Connection[Any], calls: list[Call], *, last: bool
    ) -> list[Any]:
        tx = PostgresTx(connection)
        try:
            outcomes = _in_transaction(tx, connection, calls, last=last)
        except _NOT_FREE as error:
            if len(calls) == 1:
                raise
            raise _GroupStopped from error
        if tx.added_events and self._numbers_events:
            self._numbering.wrote()
        return outcomes

    def _attempt(self, work: Callable[[psycopg.Connection[Any], bool], T]) -> T:
        """Does some work, again where that helps; it is told whether this is the last time."""
        replaced = False
        for attempt in range(1, _ATTEMPTS + 1):
            last = attempt == _ATTEMPTS
            try:
                return work(self._connection(), last)
            except _RUN_AGAIN:
                if last:
                    raise
            except _CommitUnknown as error:
                raise DatabaseFault("the connection was lost while committing") from error
            except psycopg.OperationalError as error:
                # Nothing was committed: a connection that the server closed meanwhile is
                # replaced once, and the work done again.
                self._drop_connection()
                if replaced or last:
                    raise DatabaseFault(f"PostgreSQL: {type(error).__name__}") from error
                replaced = True
        raise AssertionError("unreachable")


class _CommitUnknown(Exception):  # noqa: N818
    """The connection was lost between COMMIT and its answer: nobody may run the flow again."""


class _GroupStopped(Exception):  # noqa: N818
    """Flows that share a transaction met a lock that was not free: nothing of them is kept."""


def _in_snapshot(connection: psycopg.Connection[Any], call: Call) -> Any:
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        return call(PostgresTx(connection))
    finally:
        _roll_back(connection)


def _in_transaction(
    tx: PostgresTx, connection: psycopg.Connection[Any], calls: list[Call], *, last: bool
) -> list[Any]:
    # Named, whatever the server's default is: the numbering of events must see, once it has its
    # lock, what was committed while it waited.
    connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
    try:
        if len(calls) > 1:
            # A deadlock would hold everybody up for as long as the server takes to look for it.
            connection.execute(f"SET LOCAL lock_timeout = {_GROUP_LOCK_MS}")
        outcomes = _run_flows(tx, connection, calls, last=last)
    except BaseException:
        _roll_back(connection)
        raise
    if len(calls) == 1 and isinstance(outcomes[0], Raised):
        _roll_back(connection)
        return outcomes
    try:
        done = connection.execute("COMMIT")
    except psycopg.OperationalError as error:
        if isinstance(error, _RUN_AGAIN):
            raise
        connection.close()
        raise _CommitUnknown from error
    if done.statusmessage != "COMMIT":
        # So it answers to a flow that hid an error from us: nothing was kept.
        raise DatabaseFault("PostgreSQL rolled the transaction back")
    return outcomes


def _run_flows(
    tx: PostgresTx, connection: psycopg.Connection[Any], calls: list[Call], *, last: bool
) -> list[Any]:
    """The outcome of each; a lone flow is undone with its transaction, others by a savepoint."""
    if len(calls) == 1:
        return [_outcome(tx, calls[0], _CONCERNS_ALL)]
    # After the last run a row that is there already is the fault of its own flow alone.
    concerns_all = (psycopg.OperationalError,) if last else _CONCERNS_ALL
    outcomes = []
    for call in calls:
        connection.execute("SAVEPOINT flow")
        outcome = _outcome(tx, call, concerns_all)
        if isinstance(outcome, Raised):
            connection.execute("ROLLBACK TO SAVEPOINT flow")
        connection.execute("RELEASE SAVEPOINT flow")
        outcomes.append(outcome)
    return outcomes


def _outcome(tx: PostgresTx, call: Call, concerns_all: tuple[type[Exception], ...]) -> Any:
    try:
        return call(tx)
    except Exception as error:
        if isinstance(error, concerns_all):
            raise
        return Raised(error)


def _roll_back(connection: psycopg.Connection[Any]) -> None:
    if not connection.closed:
        connection.execute("ROLLBACK")
