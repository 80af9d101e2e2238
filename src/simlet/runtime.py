"""What every part of a running server is handed: settings, database, clock, chance."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from simlet.chance import system_chance
from simlet.clock import Clock, SystemClock
from simlet.config import Settings
from simlet.domain.allocate import Chance
from simlet.feed import EventFeed
from simlet.flows.browse import signing_key
from simlet.reads import ReadNotes
from simlet.store.database import Database, open_database

RECORDING_KEY = "recording"


@dataclass(frozen=True, slots=True)
class Runtime:
    """The outside world of the flows, so that a test can put another in its place.

    Attributes:
        random_bytes: gives that many unforeseeable bytes.
        recording_key: signs the addresses of recordings.
        base_url: where dealers reach this server, without a closing slash.
        feed: wakes whoever waits for an event.
        reads: where it is noted that a rental's code was told.
    """

    settings: Settings
    db: Database
    clock: Clock
    chance: Chance
    random_bytes: Callable[[int], bytes]
    recording_key: bytes
    base_url: str
    feed: EventFeed
    reads: ReadNotes


def open_settings_database(settings: Settings, writer: Path | None = None) -> Database:
    """Opens the database that the settings name; `writer` as in `open_database`."""
    return open_database(
        settings.database_url,
        readers=settings.database.readers,
        group_limit=settings.database.group_limit,
        busy_timeout_s=settings.database.busy_timeout_s,
        pool_size=settings.database.pool_size,
        writer=writer,
    )


async def open_runtime(settings: Settings, bound_port: int, writer: Path | None = None) -> Runtime:
    """Opens the database and makes what the parts need; the schema is there already.

    Args:
        settings: the whole tree.
        bound_port: the port that is listened on.
        writer: the socket of the process that writes to SQLite, where there is one.
    """
    db = open_settings_database(settings, writer)
    key = await db.write(signing_key, RECORDING_KEY, secrets.token_bytes(32))
    clock = SystemClock()
    return Runtime(
        settings=settings,
        db=db,
        clock=clock,
        chance=system_chance,
        random_bytes=secrets.token_bytes,
        recording_key=key,
        base_url=settings.recording_base(bound_port),
        feed=EventFeed(db, clock),
        reads=ReadNotes(db, clock),
    )
