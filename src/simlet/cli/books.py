"""`simlet books`: the double entry behind every balance."""

import click

from simlet.cli.database import command_settings, database_name, with_database
from simlet.cli.failure import REFUSED
from simlet.cli.output import Output, json_option
from simlet.flows.check_books import check_books
from simlet.store.sqlite_copy import file_faults


@click.group()
def books() -> None:
    """Books: the double entry behind every balance."""


@books.command()
@json_option
def check(output: Output) -> None:
    """Recompute every figure from the postings; exit code 0 only where all agree.

    On SQLite the file itself is checked first; of one that is damaged the books say nothing.
    """
    settings = command_settings()
    name = database_name(settings)
    faults = [f"the file is damaged: {one}" for one in file_faults(settings.database_url)]
    findings = faults or with_database(settings, lambda db: db.read(check_books))
    words = "\n".join(findings) if findings else f"Every figure agrees in {name}."
    output.say(words, {"agree": not findings, "findings": findings, "database": name})
    if findings:
        click.get_current_context().exit(REFUSED)
