"""Telling when something was committed to a file of SQLite, by whichever process.

Source: SQLite, `PRAGMA data_version`: it changes on a connection when another one commits.
"""

import asyncio
from typing import Any

from pysqlite3 import dbapi2 as sqlite3

from simlet.store.sql import DatabaseFault

LOOK_S = 0.004


class SqliteWatch:
    """Looks at the file every few milliseconds, while somebody waits.

    Args:
        connection: one of its own, on which nothing is written; closed with this.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._version = self._look()

    async def changed(self) -> None:
        """See `Watch.changed`."""
        # Nothing tells it: SQLite has to be asked.
        while (version := self._look()) == self._version:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
        self._version = version

    async def close(self) -> None:
        """See `Watch.close`."""
        self.close_now()

    def close_now(self) -> None:
        """Closes the connection; a second time does no harm."""
        self._connection.close()

    def _look(self) -> int:
        try:
            version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error as error:
            raise DatabaseFault(f"SQLite cannot be watched: {error}") from error
        return version
