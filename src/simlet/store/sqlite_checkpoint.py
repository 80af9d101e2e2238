"""SQLite: what was committed is brought from the WAL into the database, beside who writes.

SQLite itself does so inside the commit that fills the WAL, and everybody waits for it. Here a
thread does it while the next groups are written. The WAL begins anew only when all of it was
brought over, which never happens while commits go on coming: so whoever writes does the little
that is left when the WAL has grown to its limit.

Source: SQLite, "Write-Ahead Logging", 3.1 and 3.2.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import apsw

from simlet.log import get_log
from simlet.store.sqlite_file import connect

EACH_PAGES = 4_000
LIMIT_PAGES = 16_000
_CACHE_MB = 1

_log = get_log("database")


class _Attempts:
    """Attempts that raise nothing: each fault is logged once, until one goes well again."""

    def __init__(self) -> None:
        self._told = ""

    def make(self, attempt: Callable[[], None]) -> None:
        """Makes one; where another process is at it just now, the next one will do."""
        try:
            attempt()
            self._told = ""
        except apsw.BusyError:
            return
        except Exception as fault:  # noqa: BLE001 - what was committed is kept, whatever comes of it
            text = str(fault)[:200] or type(fault).__name__
            if text != self._told:
                self._told = text
                _log.warning("checkpoint_failed", error=text)


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
        self._attempts = _Attempts()
        self._own: apsw.Connection | None = None
        connection.set_wal_hook(self._count)

    def after_commit(self) -> None:
        """Has the WAL brought over where enough of it has come since the last time.

        It raises nothing: what was committed is kept, whatever comes of this.
        """
        self._attempts.make(self._see_to_it)

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
        attempts = _Attempts()
        while self._is_wanted():
            attempts.make(self._bring_over)
        if self._own is not None:
            self._own.close()

    def _is_wanted(self) -> bool:
        self._wanted.wait()
        self._wanted.clear()
        return not self._closing

    def _bring_over(self) -> None:
        """What the thread does; where it cannot, the WAL is brought over at its limit."""
        if self._own is None:
            self._own = connect(self._path, 0, _CACHE_MB)
        self._own.wal_checkpoint()
