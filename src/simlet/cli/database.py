"""The database of a command: opened for it, with the schema it needs, and closed after it."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, TypeVar

from simlet.clock import SystemClock
from simlet.config import Settings
from simlet.load_config import load_settings
from simlet.log import configure_log
from simlet.runtime import open_settings_database
from simlet.store.database import Database
from simlet.store.migrate import prepare
from simlet.store.sql import Tx

P = ParamSpec("P")
T = TypeVar("T")


def now_ms() -> int:
    """The time in UTC milliseconds."""
    return SystemClock().now_ms()


def command_settings() -> Settings:
    """The settings, from the file and the environment; the command logs as they say.

    Raises:
        SettingsError: they cannot be used.
    """
    settings = load_settings(os.environ)
    log_as_command(settings)
    return settings


def log_as_command(settings: Settings) -> None:
    """Sends what is logged to standard error: what a command has to say stands alone.

    A command tells itself what it did, so of a server's everyday lines it writes none.
    """
    level = settings.log.level
    configure_log("warning" if level == "info" else level, settings.log.format, sys.stderr)


def write(flow: Callable[Concatenate[Tx, P], T], /, *args: P.args, **inputs: P.kwargs) -> T:
    """Runs one flow in one transaction of the settings' database.

    An empty database gets its schema first.

    Raises:
        SettingsError: the settings cannot be used.
        DatabaseFault: the database cannot be used, or has another schema.
        Refused: what the flow refused with.
    """
    return with_database(command_settings(), lambda db: db.write(flow, *args, **inputs))


def read(flow: Callable[Concatenate[Tx, P], T], /, *args: P.args, **inputs: P.kwargs) -> T:
    """Runs one flow that only reads; otherwise as `write`."""
    return with_database(command_settings(), lambda db: db.read(flow, *args, **inputs))


def with_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """Does some work with the database that the settings name; otherwise as `write`."""
    prepare(settings.database_url)
    return asyncio.run(_opened(settings, work))


async def _opened(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    db = open_settings_database(settings)
    try:
        return await work(db)
    finally:
        await db.close()
