"""The database of a command: opened for it, with the schema it needs, and closed after it."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

from simlet.clock import SystemClock
from simlet.config import Settings
from simlet.load_config import load_settings
from simlet.log import configure_log
from simlet.runtime import open_settings_database
from simlet.store.database import Database
from simlet.store.migrate import check_schema, prepare
from simlet.store.sql import Tx
from simlet.store.sqlite_file import sqlite_path

P = ParamSpec("P")
T = TypeVar("T")


def now_ms() -> int:
    """The time in UTC milliseconds."""
    return SystemClock().now_ms()


def database_name(settings: Settings) -> str:
    """Which database the settings name: a whole path, or an address without who and how."""
    path = sqlite_path(settings.database_url)
    if path is not None:
        return str(path.absolute())
    parts = urlsplit(settings.database_url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


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

    Raises:
        SettingsError: the settings cannot be used.
        DatabaseFault: the database is not there, cannot be used, or has another schema.
        Refused: what the flow refused with.
    """
    return with_database(command_settings(), lambda db: db.write(flow, *args, **inputs))


def read(flow: Callable[Concatenate[Tx, P], T], /, *args: P.args, **inputs: P.kwargs) -> T:
    """Runs one flow that only reads; otherwise as `write`."""
    return with_database(command_settings(), lambda db: db.read(flow, *args, **inputs))


def with_database(
    settings: Settings, work: Callable[[Database], Awaitable[T]], *, may_make: bool = False
) -> T:
    """Does some work with the database that the settings name; otherwise as `write`.

    Args:
        settings: the whole tree.
        work: is handed the database.
        may_make: a database that is not there, or has no schema, is made. A command that only
            looks must not: it would find nothing wrong in a folder that is not the right one.
    """
    if may_make:
        prepare(settings.database_url)
    else:
        check_schema(settings.database_url)
    return asyncio.run(_opened(settings, work))


async def _opened(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    db = open_settings_database(settings)
    try:
        return await work(db)
    finally:
        await db.close()
