"""`simlet migrate`: the database gets the schema of this version."""

import click

from simlet.cli.database import command_settings
from simlet.cli.output import Output, json_option
from simlet.store.migrate import migrate as bring_to_newest


@click.command()
@json_option
def migrate(output: Output) -> None:
    """Bring the database to the schema of this version."""
    before, after = bring_to_newest(command_settings().database_url)
    if before == after:
        words = f"The database has schema {after} already."
    else:
        words = f"The database is brought from {before or 'nothing'} to schema {after}."
    output.say(words, {"before": before, "after": after})
