"""Flows that keep names, and what shows how SQLite kept them; found by name in any process."""

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from simlet.store.database import Database, open_database
from simlet.store.sql import Sql, Tx

ADD = Sql("INSERT INTO cursors (name, seq) VALUES (:name, 1)")
ALL = Sql("SELECT name FROM cursors ORDER BY name")


def keep(tx: Tx, name: str) -> str:
    tx.run(ADD, name=name)
    return name


def names(tx: Tx) -> list[str]:
    return [row[0] for row in tx.rows(ALL)]


def keep_what_cannot_be_committed(tx: Tx, name: str) -> str:
    """All is well until the commit: only then is it noticed that the message does not exist."""
    tx.run(Sql("PRAGMA defer_foreign_keys = ON"))
    tx.run(Sql("INSERT INTO recordings (message_id, wav) VALUES (1, x'00')"))
    return keep(tx, name)


def fill(tx: Tx, name: str) -> str:
    """Needs a megabyte of the disk."""
    tx.run(Sql("INSERT INTO secret_keys VALUES (:name, zeroblob(1000000))"), name=name)
    return keep(tx, name)


def pragma(tx: Tx, name: str) -> Any:
    row = tx.row(Sql(f"PRAGMA {name}"))
    assert row is not None
    return row[0]


@asynccontextmanager
async def opened(
    url: str, *, group_limit: int = 256, busy_timeout_s: float = 20, pool_size: int = 4
) -> AsyncIterator[Database]:
    db = open_database(
        url,
        readers=2,
        group_limit=group_limit,
        busy_timeout_s=busy_timeout_s,
        pool_size=pool_size,
    )
    try:
        yield db
    finally:
        await db.close()


def commits_in_wal(file: Path) -> int:
    """How many commits the write-ahead log holds, by SQLite's description of its file format.

    The header has 32 bytes, the page size at 8, the salts at 16. Each frame is a header of 24
    bytes and a page; the header says at 4 how large the database is, in the last frame of a
    commit alone, and repeats the salts at 8.
    """
    log = file.with_name(file.name + "-wal").read_bytes()
    if not log:
        return 0
    (page_bytes,) = struct.unpack_from(">I", log, 8)
    salts = log[16:24]
    headers = [log[at : at + 24] for at in range(32, len(log), 24 + page_bytes)]
    return sum(header[8:16] == salts and header[4:8] != bytes(4) for header in headers)
