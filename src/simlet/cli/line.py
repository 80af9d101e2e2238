"""`simlet line`: the SIM cards that can receive, imported with their title."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import IO

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from simlet.cli.database import command_settings, now_ms, read, with_database, write
from simlet.cli.failure import REFUSED
from simlet.cli.line_attach import attach, detach
from simlet.cli.line_file import LineFile, read_line_file
from simlet.cli.line_import import PAUSE_SHARE, Importing, Progress, added_words
from simlet.cli.output import Facts, Output, json_option
from simlet.clock import SystemClock
from simlet.domain.errors import GATEWAY_UNKNOWN, Refused
from simlet.flows import browse, manage_lines
from simlet.store.database import Database
from simlet.store.lines import LineRow
from simlet.store.sql import Tx

SHOWN_BAD_ROWS = 100
PAGE_LINES = 5_000

_LIST_COLUMNS = {
    "id": "ID",
    "iccid": "ICCID",
    "number": "NUMBER",
    "network": "NETWORK",
    "store": "STORE",
    "state": "STATE",
    "holder": "HOLDER",
    "contract": "CONTRACT",
    "gateway": "GATEWAY",
}
_LIST_MINOR = ("contract", "holder", "gateway", "network", "store", "iccid")
_BAD_COLUMNS = {"line": "LINE", "reason": "REASON"}


@click.group()
def line() -> None:
    """Lines: SIM cards that can receive."""


line.add_command(attach)
line.add_command(detach)


@line.command("list")
@click.option("--after", type=click.IntRange(0, 2**62), default=0, help="Only ids above this one.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000_000),
    default=100,
    show_default=True,
    help="The most lines to list.",
)
@json_option
def list_lines(output: Output, after: int, limit: int) -> None:
    """List lines in the order of their ids."""
    rows = [asdict(one) for one in read(_lines_after, after, limit)]
    output.rows(rows, _LIST_COLUMNS, "There are no lines.", _LIST_MINOR)


def _lines_after(tx: Tx, after: int, limit: int) -> list[LineRow]:
    found: list[LineRow] = []
    while len(found) < limit:
        page_lines = min(limit - len(found), PAGE_LINES)
        page = browse.list_lines(tx, found[-1].id if found else after, page_lines)
        found += page
        if len(page) < page_lines:
            break
    return found


@line.command()
@click.argument("number")
@json_option
def retire(output: Output, number: str) -> None:
    """Take the line with NUMBER out of use for good; its SIM may be imported again."""
    write(manage_lines.retire_line, number, now_ms())
    output.say(f"Line {number} is retired.", {"number": number, "state": "retired"})


@line.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--all-or-nothing", is_flag=True, help="Add no line unless every row is good.")
@click.option("--gateway", metavar="NAME", help="The gateway that these lines are attached to.")
@json_option
def import_file(output: Output, file: str, all_or_nothing: bool, gateway: str | None) -> None:
    """Import lines from a CSV file; FILE may be - for standard input.

    The first row names the columns, in any order: iccid, number, network, store, holder,
    contract. Cells are separated by commas, and the text is UTF-8. A row that is no line is left
    out, and told with its line in the file; then the exit code is 1. A row whose line is there
    already, the same in every field, is passed over: after an interruption, import the same file
    again.
    """
    with click.open_file(file, "rb") as stream:
        settings = command_settings()
        pause_share = PAUSE_SHARE if settings.database_kind == "sqlite" else 0
        job = _Job(stream, gateway, all_or_nothing, pause_share, quiet=output.json)
        report = with_database(settings, job.run)
    _tell(output, report)
    if report.bad:
        click.get_current_context().exit(REFUSED)


@dataclass(frozen=True, slots=True)
class _Job:
    stream: IO[bytes]
    gateway: str | None
    all_or_nothing: bool
    pause_share: float
    quiet: bool

    async def run(self, db: Database) -> "_Report":
        network_ids = await db.read(_networks_and_gateway, self.gateway)
        with _shown("Reading", None, quiet=self.quiet):
            found = read_line_file(self.stream, network_ids)
        with _shown("Importing", len(found.good), quiet=self.quiet) as progress:
            importing = Importing(db, SystemClock(), self.gateway, self.pause_share, progress)
            try:
                await self._import(importing, found)
            except asyncio.CancelledError:
                raise _interrupted(importing) from None
        bad = sorted(found.bad + importing.bad, key=lambda one: one.row)
        told = [{"line": one.row, "reason": one.reason} for one in bad]
        return _Report(importing.added, importing.already_there, told)

    async def _import(self, importing: Importing, found: LineFile) -> None:
        if not self.all_or_nothing:
            await importing.add(found.good)
        elif found.bad:
            await importing.check(found.good)
        else:
            await importing.add_all_or_none(found.good)


@dataclass(frozen=True, slots=True)
class _Report:
    added: int
    already_there: int
    bad: Sequence[Facts]


def _interrupted(importing: Importing) -> click.Abort:
    # As click does: a terminal has shown ^C.
    click.echo(err=True)
    return click.Abort(
        f"Interrupted; {added_words(importing.added)}. Import the same file again to go on: what "
        "is there already is passed over."
    )


def _networks_and_gateway(tx: Tx, gateway: str | None) -> dict[str, int]:
    """The ids of all networks by name; a wrong name of a gateway is told before any row is."""
    if gateway is not None and browse.find_gateway(tx, gateway) is None:
        raise Refused(GATEWAY_UNKNOWN, name=gateway)
    return manage_lines.network_ids(tx)


@contextmanager
def _shown(what: str, total: int | None, *, quiet: bool) -> Iterator[Progress]:
    """A bar on standard error while some work goes on, where people can see it."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    hidden = quiet or not sys.stderr.isatty()
    with Bar(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def _tell(output: Output, report: _Report) -> None:
    if output.json:
        output.document(asdict(report))
        return
    click.echo(f"{added_words(report.added)}.")
    if report.already_there:
        click.echo(f"{_counted(report.already_there, 'line was', 'lines were')} there already.")
    if report.bad:
        click.echo(f"{_counted(len(report.bad), 'row was', 'rows were')} left out:")
        output.rows(report.bad[:SHOWN_BAD_ROWS], _BAD_COLUMNS, "")
    if len(report.bad) > SHOWN_BAD_ROWS:
        click.echo(f"… and {len(report.bad) - SHOWN_BAD_ROWS} more; --json tells all of them.")


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
