"""PostgreSQL: flows run in threads, each with a connection of its own.

Flows lock the rows they decide on; a flow that meets a deadlock, a serialisation failure or a
row that another one added at the same moment runs again from its start.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg
from psycopg import errors

from simlet.store.sql import Call, DatabaseFault, Inputs, Raised, Row, Sql

T = TypeVar("T")

_RUN_AGAIN = (errors.SerializationFailure, errors.DeadlockDetected, errors.UniqueViolation)
_ATTEMPTS = 10


class PostgresTx:
    """A transaction on one PostgreSQL connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def run(self, statement: Sql, /, **inputs: Any) -> int:
        """See `Tx.run`."""
        return self._connection.execute(statement.postgres, inputs).rowcount

    def row(self, statement: Sql, /, **inputs: Any) -> Row | None:
        """See `Tx.row`."""
        found: Row | None = self._connection.execute(statement.postgres, inputs).fetchone()
        return found

    def rows(self, statement: Sql, /, **inputs: Any) -> list[Row]:
        """See `Tx.rows`."""
        return self._connection.execute(statement.postgres, inputs).fetchall()

    def run_many(self, statement: Sql, many: Iterable[Inputs], /) -> None:
        """See `Tx.run_many`."""
        with self._connection.cursor() as cursor:
            cursor.executemany(statement.postgres, many)


class PostgresDatabase:
    """A PostgreSQL database. See `simlet.store.database.Database` for what each call does."""

    def __init__(self, url: str, *, pool_size: int = 8, connect_timeout_s: int = 5) -> None:
        self._url = url
        self._connect_timeout_s = connect_timeout_s
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: set[psycopg.Connection[Any]] = set()
        self._writers = ThreadPoolExecutor(pool_size, "postgres-writer")
        self._readers = ThreadPoolExecutor(max(2, pool_size // 2), "postgres-reader")

    async def write_all(self, calls: list[Call]) -> list[Any]:
        """Runs the flows in one transaction, in order; each outcome is a result or `Raised`."""
        loop = asyncio.get_running_loop()
        outcomes: list[Any] = await asyncio.shield(
            loop.run_in_executor(self._writers, self._write, calls)
        )
        return outcomes

    async def read(self, call: Call) -> Any:
        """Runs a read in a thread of its own."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read, call)

    async def glance(self, call: Call) -> Any:
        """As `read`: a round trip must not hold the caller's thread."""
        return await self.read(call)

    async def close(self) -> None:
        """Ends after every flow that was accepted has its commit."""
        loop = asyncio.get_running_loop()
        for executor in (self._writers, self._readers):
            await loop.run_in_executor(None, executor.shutdown)
        for connection in self._connections:
            connection.close()

    def _connection(self) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = psycopg.connect(
                self._url, autocommit=True, connect_timeout=self._connect_timeout_s
            )
            self._local.connection = connection
            with self._lock:
                self._connections = {one for one in self._connections if not one.closed}
                self._connections.add(connection)
        return connection

    def _read(self, call: Call) -> Any:
        return self._attempt(lambda connection: _in_snapshot(connection, call))

    def _write(self, calls: list[Call]) -> list[Any]:
        single = len(calls) == 1
        try:
            return self._attempt(
                lambda connection: _in_transaction(connection, calls, single=single)
            )
        except Exception as error:  # noqa: BLE001 - every caller is told
            return [Raised(error) for _ in calls]

    def _attempt(self, work: Callable[[psycopg.Connection[Any]], T]) -> T:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return work(self._connection())
            except _RUN_AGAIN:
                if attempt == _ATTEMPTS:
                    raise
            except _CommitUnknown as error:
                raise DatabaseFault("the connection was lost while committing") from error
            except psycopg.OperationalError as error:
                # Nothing was committed: a connection that the server closed meanwhile is
                # replaced once, and the work done again.
                self._local.connection = None
                if attempt > 1:
                    raise DatabaseFault(f"PostgreSQL: {type(error).__name__}") from error
        raise AssertionError("unreachable")


class _CommitUnknown(Exception):  # noqa: N818
    """The connection was lost between COMMIT and its answer: nobody may run the flow again."""


def _in_snapshot(connection: psycopg.Connection[Any], call: Call) -> Any:
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        return call(PostgresTx(connection))
    finally:
        _roll_back(connection)


def _in_transaction(
    connection: psycopg.Connection[Any], calls: list[Call], *, single: bool
) -> list[Any]:
    connection.execute("BEGIN")
    try:
        tx = PostgresTx(connection)
        outcomes = [_run_flow(connection, tx, call, single=single) for call in calls]
    except BaseException:
        _roll_back(connection)
        raise
    if single and isinstance(outcomes[0], Raised):
        _roll_back(connection)
        return outcomes
    try:
        connection.execute("COMMIT")
    except psycopg.OperationalError as error:
        if isinstance(error, _RUN_AGAIN):
            raise
        connection.close()
        raise _CommitUnknown from error
    return outcomes


def _run_flow(
    connection: psycopg.Connection[Any], tx: PostgresTx, call: Call, *, single: bool
) -> Any:
    """One flow's outcome; a lone flow is undone with its transaction, others by a savepoint."""
    if not single:
        connection.execute("SAVEPOINT flow")
    try:
        outcome = call(tx)
    except psycopg.OperationalError:
        raise
    except _RUN_AGAIN:
        raise
    except Exception as error:  # noqa: BLE001 - it is the caller's, who is told
        outcome = Raised(error)
        if not single:
            connection.execute("ROLLBACK TO SAVEPOINT flow")
    if not single:
        connection.execute("RELEASE SAVEPOINT flow")
    return outcome


def _roll_back(connection: psycopg.Connection[Any]) -> None:
    if not connection.closed:
        connection.execute("ROLLBACK")
