"""SQLite: one writer that groups waiting flows into one commit, and readers beside it."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import apsw

from simlet.store.sql import LISTS_AT_ONCE, Call, DatabaseFault, Tx
from simlet.store.sqlite_file import SqliteTx, connect
from simlet.store.sqlite_process import WriterProcess
from simlet.store.sqlite_thread import WriterThread
from simlet.store.sqlite_watch import SqliteWatch


class Writer(Protocol):
    """Where flows are written."""

    async def write_all(self, calls: list[Call]) -> list[Any]:
        """Runs flows in one commit, in order; each outcome is a result or `Raised`."""
        ...

    async def close(self) -> None:
        """Ends after every flow that was accepted has its commit."""
        ...


class SqliteDatabase:
    """A database in one file. See `simlet.store.database.Database` for what each call does."""

    def __init__(
        self,
        path: Path,
        *,
        readers: int = 4,
        group_limit: int = 256,
        busy_timeout_s: float = 60,
        writer: Path | None = None,
    ) -> None:
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._closing = False
        self._local = threading.local()
        self._reader_connections: list[apsw.Connection] = []
        self._readers = ThreadPoolExecutor(readers, "sqlite-reader")
        # Of their own: nothing else must queue behind the lists of a large account.
        self._lists = ThreadPoolExecutor(LISTS_AT_ONCE, "sqlite-lists")
        self._writer = _writer(path, group_limit, busy_timeout_s, writer)
        self._glance = SqliteTx(self._connect_reader())

    def _connect_reader(self) -> apsw.Connection:
        connection = connect(self._path, self._busy_timeout_s)
        connection.execute("PRAGMA query_only = ON")
        self._reader_connections.append(connection)
        return connection

    async def write_all(self, calls: list[Call]) -> list[Any]:
        """Runs the flows in one commit, in order; each outcome is a result or `Raised`."""
        self._refuse_when_closing()
        return await self._writer.write_all(calls)

    async def read(self, call: Call) -> Any:
        """Runs a read in a thread of its own."""
        return await self._read_in(self._readers, call)

    async def read_list(self, call: Call) -> Any:
        """As `read`, in threads that only lists have."""
        return await self._read_in(self._lists, call)

    async def _read_in(self, threads: ThreadPoolExecutor, call: Call) -> Any:
        self._refuse_when_closing()
        return await asyncio.get_running_loop().run_in_executor(threads, self._read, call)

    def _read(self, call: Call) -> Any:
        try:
            return self._read_one_state(call)
        except apsw.Error as error:
            raise _unreadable(error) from error

    def _read_one_state(self, call: Call) -> Any:
        """All statements of one read see the same state."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect_reader()
            self._local.tx = SqliteTx(connection)
        tx: Tx = self._local.tx
        connection.execute("BEGIN")
        try:
            return call(tx)
        finally:
            # Some errors end the transaction; what the flow raised must not be hidden by another.
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    async def quick_read(self, call: Call) -> Any:
        """Runs a read of a few rows by key on the caller's thread: no hand-over, no waiting."""
        self._refuse_when_closing()
        try:
            return call(self._glance)
        except apsw.Error as error:
            raise _unreadable(error) from error

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
        await self._writer.close()
        for threads in (self._readers, self._lists):
            await asyncio.get_running_loop().run_in_executor(None, threads.shutdown)
        for connection in self._reader_connections:
            connection.close()


def _unreadable(error: apsw.Error) -> DatabaseFault:
    return DatabaseFault(f"SQLite could not read: {error}")


def _writer(path: Path, group_limit: int, busy_timeout_s: float, address: Path | None) -> Writer:
    def here() -> WriterThread:
        return WriterThread(path, group_limit, busy_timeout_s)

    return here() if address is None else WriterProcess(address, here)
