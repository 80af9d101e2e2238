"""Whose turn it is to write, among the processes that have one SQLite file open.

SQLite itself lets a second writer look again after growing pauses; here it sleeps until the first
one is done, and is woken at once.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SUFFIX = "-turn"


class Turn:
    """The turns at one database file; used by one thread.

    The lock lies on a file beside the database: to close a second handle of the database itself
    would take SQLite's own locks away (POSIX, fcntl). A process that ends gives its turn back.

    Raises:
        OSError: the file beside the database cannot be made.
    """

    def __init__(self, database: Path) -> None:
        path = database.with_name(database.name + _SUFFIX)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._closed = False

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Waits for the turn, and gives it back."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Gives up the file; a second time does no harm."""
        if not self._closed:
            self._closed = True
            os.close(self._file)
