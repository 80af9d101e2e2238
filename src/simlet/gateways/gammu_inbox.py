"""The SQLite database of a Gammu SMSD: what its daemon stored, and what it knows of its phones.

This database is the daemon's, and its tables are how one speaks with it; simlet's own are in the
room `store`.

Sources: gammu-smsd 1.42, manual page gammu-smsd-tables(7) and its `sqlite.sql`. What they leave
open was seen with the real daemon: `Text` is each part's own text as UTF-16 in hex, also of what
is split in the middle of a surrogate pair. `TextDecoded` is the first part's alone, and holds what
the daemon joined: by the header's reference, also across senders.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timezone
from pathlib import Path
from typing import Any

from simlet.domain.inbound import Part
from simlet.wire.user_data import binary_text, split_header, utf16_text

PAGE_ROWS = 200
BUSY_TIMEOUT_S = 5.0
_USSD_CLASS = 127
_STAMP = "%Y-%m-%d %H:%M:%S"
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*", re.ASCII)
_BINARY = "8bit"
_READABLE = {"Default_No_Compression", "Unicode_No_Compression", _BINARY}


class UnusableError(Exception):
    """The database is not there, is not a daemon's, or somebody holds it for too long."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of `inbox`: one short message, which may be a part of a long one."""

    row_id: int
    phone: str
    sender: str
    coding: str
    header: str
    text: str
    stamp: str
    stored_at: str


@dataclass(frozen=True, slots=True)
class Phone:
    """A row of `phones`: what the daemon last knew of its modem."""

    phone: str
    imsi: str
    network_code: str
    network: str
    signal_percent: int
    receives: bool
    updated_at: str


@dataclass(frozen=True, slots=True)
class Inbox:
    """The daemon's database; every method opens it, and is for a thread of its own.

    Raises:
        UnusableError: from every method.
    """

    path: str
    phone_id: str

    def unread(self) -> list[Row]:
        """Short messages that are not marked as processed, the oldest first; one page."""
        query = (
            "SELECT ID, RecipientID, SenderNumber, Coding, UDH, Text,"
            " CAST(ReceivingDateTime AS TEXT), CAST(UpdatedInDB AS TEXT)"
            " FROM inbox WHERE Processed = 'false' AND Class <> ? AND ? IN ('', RecipientID)"
            " ORDER BY ID LIMIT ?"
        )
        return [Row(*row) for row in self._all(query, _USSD_CLASS, self.phone_id, PAGE_ROWS)]

    def phones(self) -> list[Phone]:
        """The modems; of each the row that was written last."""
        query = (
            "SELECT ID, IMSI, coalesce(NetCode, ''), coalesce(NetName, ''), Signal,"
            " Receive = 'yes', max(UpdatedInDB) FROM phones WHERE ? IN ('', ID) GROUP BY ID"
        )
        return [Phone(*row) for row in self._all(query, self.phone_id)]

    def mark(self, row_ids: Sequence[int]) -> None:
        """Marks rows as processed."""
        with self._opened() as connection, connection:
            connection.executemany(
                "UPDATE inbox SET Processed = 'true' WHERE ID = ?", [(one,) for one in row_ids]
            )

    def count_done(self, row_ids: Sequence[int]) -> int:
        """How many of these rows are marked, or are none of ours."""
        places = ", ".join("?" * len(row_ids))
        query = (
            f"SELECT count(*) FROM inbox WHERE ID IN ({places})"  # noqa: S608 - question marks alone
            " AND (Processed <> 'false' OR Class = ?)"
        )
        return int(self._all(query, *row_ids, _USSD_CLASS)[0][0])

    def _all(self, query: str, *values: int | str) -> list[tuple[Any, ...]]:
        with self._opened() as connection:
            return connection.execute(query, values).fetchall()

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        # Opened as it is: a file that is not there is not made.
        address = Path(self.path).as_uri() + "?mode=rw"
        try:
            with closing(sqlite3.connect(address, timeout=BUSY_TIMEOUT_S, uri=True)) as connection:
                connection.text_factory = _lenient
                yield connection
        except sqlite3.Error as error:
            raise UnusableError(f"{error}") from error


def text_of(row: Row) -> tuple[str, bool]:
    """The text of a short message, and whether it is damaged: what came, in hex, then."""
    if row.coding not in _READABLE or not _HEX.fullmatch(row.text):
        return row.text, True
    octets = bytes.fromhex(row.text)
    if row.coding == _BINARY:
        return binary_text(octets), False
    try:
        return utf16_text(octets), False
    except ValueError:
        return row.text, True


def part_of(row: Row) -> Part | None:
    """Which part of a long message it is.

    A header that cannot be read tells of no part: the text is there all the same.
    """
    try:
        header = bytes.fromhex(row.header)
        return split_header(header).part if header else None
    except ValueError:
        return None


def milliseconds(stamp: str, zone: timezone | None) -> int | None:
    """A time of the database in UTC milliseconds; None for what is none.

    Args:
        stamp: as `2026-11-23 09:00:00`.
        zone: None for this machine's own.
    """
    try:
        at = datetime.strptime(stamp, _STAMP)  # noqa: DTZ007 - the zone comes on the next line
        at = at.replace(tzinfo=zone) if zone else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return int(at.timestamp()) * 1000 if 2000 <= at.year < 2200 else None


def _lenient(text: bytes) -> str:
    return text.decode("utf-8", "replace")
