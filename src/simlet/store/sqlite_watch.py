"""Telling when something was committed to a file of SQLite, by whichever process.

Source: SQLite, `PRAGMA data_version`: it changes on a connection when another one commits.
"""

import asyncio
from typing import Any

import apsw

from simlet.store.sql import DatabaseFault

LOOK_S = 0.004


class SqliteWatch:
    """Looks at the file every few milliseconds, while somebody waits.

    Args:
        connection: one of its own, on which nothing is written; closed with this.
    """

    def __init__(self, connection: apsw.Connection) -> None:
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
            version: Any = self._connection.execute("PRAGMA data_version").fetchall()[0][0]
        except apsw.Error as error:
            raise DatabaseFault(f"SQLite cannot be watched: {error}") from error
        return int(version)
