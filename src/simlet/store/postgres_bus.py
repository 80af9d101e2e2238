"""Waking each other over PostgreSQL: who wrote events numbers them, and tells who listens.

Both happen after the commit of the fact, on connections of their own. Inside that transaction the
telling would make commits wait for each other, and numbers would not be in the order of commits.
Nothing is lost where it fails: what has no number gets it from whoever numbers next, and each
listener looks every second.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

from simlet.log import get_log
from simlet.store.events import number_events
from simlet.store.sql import Tx

CHANNEL = "simlet_events"
NUMBER_EACH_S = 0.005
LOOK_EACH_S = 1.0
LONGEST_PAUSE_S = 2.0

Connect = Callable[[], psycopg.Connection[Any]]
MakeTx = Callable[[psycopg.Connection[Any]], Tx]

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_NOTIFY = sql.SQL("NOTIFY {}").format(sql.Identifier(CHANNEL))
_LISTEN = sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL))
_log = get_log("postgres")


class Numbering:
    """Numbers events in a thread of its own, as often as every few milliseconds when asked.

    Args:
        connect: opens a connection, in autocommit mode.
        make_tx: what runs statements on it.
    """

    def __init__(self, connect: Connect, make_tx: MakeTx) -> None:
        self._connect = connect
        self._make_tx = make_tx
        self._connection: psycopg.Connection[Any] | None = None
        self._asked = threading.Event()
        self._written = False
        self._closing = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def wrote(self) -> None:
        """Has events that were committed just now numbered and told; from any thread."""
        self._written = True
        self.look()

    def look(self) -> None:
        """Has what is left without a number numbered, if there is any; without waiting."""
        self._asked.set()
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(
                    target=self._run, name="postgres-numbering", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """Ends after what was asked for is done."""
        with self._lock:
            self._closing = True
        if self._thread is not None:
            # Woken without being asked: it sees that it is to end.
            self._asked.set()
            self._thread.join()
        if self._connection is not None:
            self._connection.close()

    def _run(self) -> None:
        while not self._closing:
            self._asked.wait()
            self._asked.clear()
            began_s = time.monotonic()
            self._number()
            if not self._closing:
                time.sleep(max(0.0, began_s + NUMBER_EACH_S - time.monotonic()))
        if self._asked.is_set():
            self._number()

    def _number(self) -> None:
        # Told even where another process was quicker to number: it may be gone before it tells.
        written, self._written = self._written, False
        try:
            try:
                self._number_and_tell(written=written)
            except psycopg.OperationalError:
                # A connection that the server closed meanwhile is replaced once.
                self._number_and_tell(written=written)
        except Exception as error:  # noqa: BLE001 - logged; the next one numbers what is left
            _log.warning("numbering_failed", error=type(error).__name__)

    def _number_and_tell(self, *, written: bool) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        try:
            if self._numbered(self._connection) or written:
                self._connection.execute(_NOTIFY)
        except psycopg.Error:
            self._connection.close()
            raise

    def _numbered(self, connection: psycopg.Connection[Any]) -> int:
        connection.execute(_BEGIN)
        try:
            count = number_events(self._make_tx(connection))
        except BaseException:
            with contextlib.suppress(psycopg.Error):
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        return count


class PostgresWatch:
    """Listens on a connection of its own, which is made again when it is lost.

    Args:
        url: of the database itself: what stands between may not pass on what is told.
        numbering: is asked each second as well, for what others left without a number.
    """

    def __init__(self, url: str, numbering: Numbering, connect_timeout_s: int) -> None:
        self._url = url
        self._numbering = numbering
        self._connect_timeout_s = connect_timeout_s
        self._heard = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="postgres-listening")

    async def changed(self) -> None:
        """See `Watch.changed`."""
        try:
            async with asyncio.timeout(LOOK_EACH_S):
                await self._heard.wait()
        except TimeoutError:
            # Nobody can tell while it does not listen.
            self._numbering.look()
        self._heard.clear()

    async def close(self) -> None:
        """See `Watch.close`."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pause_s = LOOK_EACH_S
        while True:
            try:
                async with await self._connection() as connection:
                    await connection.execute(_LISTEN)
                    pause_s = LOOK_EACH_S
                    await self._listen(connection)
            except psycopg.Error as error:
                _log.warning("listening_interrupted", error=type(error).__name__, again_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _connection(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, connect_timeout=self._connect_timeout_s
        )

    async def _listen(self, connection: psycopg.AsyncConnection[Any]) -> None:
        while True:
            # What came before the first look, or was left by others, is found by looking.
            self._numbering.look()
            self._heard.set()
            async for _ in connection.notifies(timeout=LOOK_EACH_S):
                self._heard.set()
