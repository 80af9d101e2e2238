"""`simlet backup` and `simlet restore`: the whole database in one file."""

from datetime import UTC, datetime
from pathlib import Path

import click

from simlet.cli.database import command_settings, database_name, now_ms
from simlet.cli.output import Output, json_option
from simlet.store.migrate import newest_revision
from simlet.store.sqlite_copy import CopyFigures, back_up
from simlet.store.sqlite_copy import restore as bring_back

_FILE = click.Path(dir_okay=False, path_type=Path)
_MEGABYTE = 1_000_000


@click.command()
@click.argument("file", type=_FILE)
@json_option
def backup(output: Output, file: Path) -> None:
    """Write the SQLite database into the new FILE, also while the server runs.

    FILE is one state of the whole database, checked and on disk when the command ends, and closed
    to other users. It is there whole or not at all. A FILE that is there already is refused.
    """
    settings = command_settings()
    figures = back_up(settings.database_url, file)
    name, copy = database_name(settings), str(file.absolute())
    facts = {"database": name, "file": copy, **_facts(figures)}
    output.say(f"The database {name} is backed up in {copy}: {_words(figures)}.", facts)


@click.command()
@click.argument("file", type=_FILE)
@json_option
def restore(output: Output, file: Path) -> None:
    """Put the backup FILE into the place of the SQLite database.

    Nobody may have the database open: stop the server first. What is there is moved aside, with
    its spool, and FILE stays as it is. Rentals and events since the backup are not there
    afterwards, and their numbers are given again to others.
    """
    settings = command_settings()
    stamp = f"{datetime.fromtimestamp(now_ms() // 1000, UTC):%Y%m%dT%H%M%SZ}"
    done = bring_back(settings.database_url, file, settings.spool_folder, stamp)
    name, copy = database_name(settings), str(file.absolute())
    moved = [{"from": str(one.absolute()), "to": str(to.absolute())} for one, to in done.moved]
    old = done.figures.schema != newest_revision()
    said = [
        f"The database {name} is the one of {copy} now: {_words(done.figures)}.",
        *(f"What was {one['from']} is {one['to']} now." for one in moved),
        "The numbers of rentals and events that were given after the backup are given again.",
        *(["Its schema is an older one: run `simlet migrate`."] if old else []),
    ]
    facts = {"database": name, "file": copy, **_facts(done.figures), "moved": moved}
    output.say("\n".join(said), facts)


def _facts(figures: CopyFigures) -> dict[str, object]:
    return {
        "size_bytes": figures.size_bytes,
        "newest_event": figures.newest_event,
        "schema": figures.schema,
    }


def _words(figures: CopyFigures) -> str:
    return f"{figures.size_bytes / _MEGABYTE:.1f} MB, events up to {figures.newest_event}"
