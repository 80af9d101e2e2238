"""The process that writes to SQLite for the others: `python -m simlet.writer`.

It is told what it needs as any further process is; see `simlet.siblings`. It ends some time after
its standard input has: then those that it writes for are gone, too. Signals do not end it, as
whoever stops a service may send them to all its processes at once.

It brings nothing of the web and of the gateways, as it needs neither.
"""

import signal
import sys
from pathlib import Path

import msgspec

# What is asked for most is there before it is asked for.
import simlet.flows.receive_message
import simlet.flows.rent_number  # noqa: F401
from simlet.config import Settings
from simlet.log import configure_log
from simlet.memory import settle_memory
from simlet.siblings import Instructions, listening_at
from simlet.store.sql import DatabaseFault
from simlet.store.sqlite_file import sqlite_path
from simlet.store.sqlite_group import GroupWriter
from simlet.store.sqlite_server import WriteServer


def main() -> None:
    """Writes until all are gone.

    Raises:
        DatabaseFault: the database cannot be used.
        OSError: the socket cannot be listened on.
    """
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, signal.SIG_IGN)
    told = msgspec.json.decode(sys.stdin.buffer.readline(), type=Instructions)
    settings = told.settings
    configure_log(settings.log.level, settings.log.format, sys.stderr)
    writer = GroupWriter(_database(settings), settings.database.busy_timeout_s)
    with listening_at(_address(told)) as listener:
        settle_memory()
        WriteServer(writer, listener, settings.database.group_limit).serve(sys.stdin.fileno())


def _database(settings: Settings) -> Path:
    path = sqlite_path(settings.database_url)
    if path is None:
        raise DatabaseFault("only SQLite has a process that writes")
    return path


def _address(told: Instructions) -> Path:
    if told.writer is None:
        raise DatabaseFault("it was not told where to listen")
    return Path(told.writer)


if __name__ == "__main__":
    main()
