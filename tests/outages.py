"""Databases that are down in one way or another, for as long as a test says."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw
import psycopg

from simlet.store.sqlite_file import sqlite_path

_PATIENCE_MS = 20_000
# It waits until they have ended: what is asked of one that is about to end may still be answered.
_END = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"


@contextmanager
def no_writes(url: str) -> Iterator[None]:
    """The database takes reads and no writes: a lock, or a standby that was not promoted yet.

    On SQLite a writer waits for its busy time-out first.
    """
    path = sqlite_path(url)
    if path is None:
        with _altered(url, "SET default_transaction_read_only = on", "RESET ALL"):
            yield
        return
    lock = apsw.Connection(str(path))
    lock.set_busy_timeout(_PATIENCE_MS)
    lock.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        lock.close()


@contextmanager
def no_connections(postgres_url: str) -> Iterator[None]:
    """PostgreSQL ended every connection to the database, and takes no new ones."""
    with _altered(postgres_url, "ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true"):
        yield


def end_connections(postgres_url: str) -> None:
    """PostgreSQL ends every connection to the database, and takes new ones."""
    with _beside(postgres_url) as (connection, name):
        connection.execute(_END, (name,))


@contextmanager
def _altered(url: str, change: str, undo: str) -> Iterator[None]:
    """A database with another setting; its connections are ended before and after."""
    with _beside(url) as (connection, name):
        connection.execute(f"ALTER DATABASE {name} {change}".encode())
        connection.execute(_END, (name,))
        try:
            yield
        finally:
            connection.execute(f"ALTER DATABASE {name} {undo}".encode())
            connection.execute(_END, (name,))


@contextmanager
def _beside(url: str) -> Iterator[tuple[psycopg.Connection[Any], str]]:
    """A connection to the server of a database, but to another one; and the database's name."""
    address, _, options = url.partition("?")
    server, _, name = address.rpartition("/")
    with psycopg.connect(f"{server}/postgres?{options}", autocommit=True) as connection:
        yield connection, name
