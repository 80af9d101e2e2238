"""Whose turn it is to write, among the processes that have one SQLite file open.

SQLite itself lets a second writer look again after growing pauses; here it sleeps until the first
one is done, and is woken at once.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simlet.ownership import give_to_owner_of

_SUFFIX = "-turn"


class Turn:
    """The turns at one database file; used by one thread.

    The lock lies on a file beside the database: to close a second handle of the database itself
    would take SQLite's own locks away (POSIX, fcntl). A process that ends gives its turn back. Who
    only reads needs no such file.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._file: int | None = None

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Waits for the turn, and gives it back.

        Raises:
            OSError: the file beside the database cannot be made.
        """
        if self._file is None:
            self._file = self._open()
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _open(self) -> int:
        path = self._database.with_name(self._database.name + _SUFFIX)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        give_to_owner_of(path, self._database)
        return handle

    def close(self) -> None:
        """Gives up the file; a second time does no harm."""
        handle, self._file = self._file, None
        if handle is not None:
            os.close(handle)
