"""SQLite: what was committed is brought from the WAL into the database, beside who writes.

SQLite itself does so inside the commit that fills the WAL, and everybody waits for it. Here a
thread does it while the next groups are written. The WAL begins anew only when all of it was
brought over, which never happens while commits go on coming: so whoever writes does the little
that is left when the WAL has grown to its limit.

Source: SQLite, "Write-Ahead Logging", 3.1 and 3.2.
"""

import contextlib
import threading
from pathlib import Path

import apsw

from simlet.log import get_log
from simlet.store.sql import DatabaseFault
from simlet.store.sqlite_file import connect

EACH_PAGES = 4_000
LIMIT_PAGES = 16_000
_CACHE_MB = 1

_log = get_log("database")


class Checkpoints:
    """The checkpoints of one connection that writes; used by the thread that has it.

    Args:
        path: the database.
        connection: the connection; each commit on it is counted from now on.
    """

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self._path = path
        self._connection = connection
        self._pages = self._begun_at = 0
        self._wanted = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None
        connection.set_wal_hook(self._count)

    def after_commit(self) -> None:
        """Has the WAL brought over where enough of it has come since the last time.

        It raises nothing: what was committed is kept, whatever comes of this.
        """
        try:
            self._see_to_it()
        except Exception as fault:  # noqa: BLE001 - logged, and tried again when more has come
            _log.warning("checkpoints_missing", error=str(fault)[:200])

    def close(self) -> None:
        """Ends; a second time does no harm. The connection is closed by its owner, before or after.

        A checkpoint that runs just now is waited for.
        """
        self._closing = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _see_to_it(self) -> None:
        if self._pages < self._begun_at:
            self._begun_at = 0  # the WAL began anew
        if self._pages >= LIMIT_PAGES:
            # Where the thread, or another process, is at it just now, the next commit tries again.
            with contextlib.suppress(apsw.Error):
                self._connection.wal_checkpoint()
        elif self._pages - self._begun_at >= EACH_PAGES:
            self._begun_at = self._pages
            self._want()

    def _count(self, _: apsw.Connection, __: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    def _want(self) -> None:
        if self._thread is None:
            # A process that ends without closing must not wait for it; what a checkpoint that is
            # cut off had not brought over is in the WAL still.
            thread = threading.Thread(target=self._run, name="sqlite-checkpoints", daemon=True)
            thread.start()
            self._thread = thread
        self._wanted.set()

    def _run(self) -> None:
        try:
            connection = connect(self._path, 0, _CACHE_MB)
        except DatabaseFault as fault:
            # The WAL is brought over at its limit nevertheless.
            _log.warning("checkpoints_missing", error=str(fault)[:200])
            return
        with contextlib.closing(connection):
            while True:
                self._wanted.wait()
                self._wanted.clear()
                if self._closing:
                    return
                with contextlib.suppress(apsw.Error):
                    connection.wal_checkpoint()
