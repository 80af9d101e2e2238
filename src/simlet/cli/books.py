"""`simlet books`: the double entry behind every balance."""

import click

from simlet.cli.database import read
from simlet.cli.failure import REFUSED
from simlet.cli.output import Output, json_option
from simlet.flows.check_books import check_books


@click.group()
def books() -> None:
    """Books: the double entry behind every balance."""


@books.command()
@json_option
def check(output: Output) -> None:
    """Recompute every figure from the postings; exit code 0 only where all agree."""
    findings = read(check_books)
    words = "\n".join(findings) if findings else "Every figure agrees."
    output.say(words, {"agree": not findings, "findings": findings})
    if findings:
        click.get_current_context().exit(REFUSED)
