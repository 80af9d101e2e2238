"""Databases that are down in one way or another, for as long as a test says."""

from collections.abc import Iterator
from contextlib import contextmanager

import apsw
import psycopg

from simlet.store.sqlite_file import sqlite_path

_PATIENCE_MS = 20_000


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


@contextmanager
def _altered(url: str, change: str, undo: str) -> Iterator[None]:
    """A database with another setting; its connections are ended before and after."""
    address, _, options = url.partition("?")
    server, _, name = address.rpartition("/")
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    with psycopg.connect(f"{server}/postgres?{options}", autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} {change}".encode())
        connection.execute(end, (name,))
        try:
            yield
        finally:
            connection.execute(f"ALTER DATABASE {name} {undo}".encode())
            connection.execute(end, (name,))
