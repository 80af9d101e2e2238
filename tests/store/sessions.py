"""Sessions on PostgreSQL: begun with settings of their own, counting up, ended from outside."""

from urllib.parse import quote

import psycopg

from simlet.store.sql import Sql, Tx
from store.outcomes import ADD, ALL

LOCK = Sql("SELECT seq FROM cursors WHERE name = :name {for_update}")
GET = Sql("SELECT seq FROM cursors WHERE name = :name")
COUNT_UP = Sql("UPDATE cursors SET seq = seq + 1 WHERE name = :name")
OWN_PID = Sql("SELECT pg_backend_pid()")
RAISE = "DO $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{}'; END $$"


def with_options(url: str, *settings: str) -> str:
    """The address of the same database, where a session begins with these settings."""
    return f"{url}&options=" + quote(" ".join(f"-c {one}" for one in settings))


def add(tx: Tx, name: str, seq: int = 0) -> None:
    tx.run(ADD, name=name, seq=seq)


def count_up(tx: Tx, name: str) -> int:
    return tx.run(COUNT_UP, name=name)


def figures(tx: Tx) -> dict[str, int]:
    return {row[0]: row[1] for row in tx.rows(ALL)}


def own_pid(tx: Tx) -> int:
    row = tx.row(OWN_PID)
    assert row is not None
    pid: int = row[0]
    return pid


def end_connection(url: str, pid: int) -> None:
    """What an administrator, or the end of the server, does to a connection; it is gone then."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
