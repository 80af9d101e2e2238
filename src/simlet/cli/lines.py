"""`simlet lines`: how each line does."""

from collections.abc import Sequence
from dataclasses import asdict

import click

from simlet.cli.database import now_ms
from simlet.cli.live import show, watch_option
from simlet.cli.output import Facts, Output, json_option
from simlet.domain.ids import parse_store
from simlet.flows.show_health import LINE_STATES, LineFilter, show_lines
from simlet.store.database import Database

_COLUMNS = {
    "id": "ID",
    "number": "NUMBER",
    "network": "NETWORK",
    "store": "STORE",
    "gateway": "GATEWAY",
    "port": "PORT",
    "state": "STATE",
    "reception": "RECEPTION",
    "signal_dbm": "DBM",
    "seen": "SEEN",
    "heard": "MESSAGE",
    "messages_today": "TODAY",
    "fails_in_row": "FAILS",
    "released_dong": "REFUNDED",
    "silent": "SILENT",
    "back": "BACK",
}
_MINOR = (
    *("released_dong", "silent", "signal_dbm", "store", "messages_today", "network", "port"),
    *("fails_in_row", "back", "gateway", "heard", "seen", "reception"),
)


@click.command()
@click.option("--gateway", metavar="NAME", help="Only lines of this gateway.")
@click.option("--store", metavar="SV", help="Only lines of this store.")
@click.option("--state", type=click.Choice(LINE_STATES), help="Only lines in this state.")
@click.option("--after", type=click.IntRange(0, 2**62), default=0, help="Only ids above this one.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=100,
    show_default=True,
    help="The most lines to show.",
)
@watch_option
@json_option
def lines(
    output: Output,
    gateway: str | None,
    store: str | None,
    state: str | None,
    after: int,
    limit: int,
    watch: bool,
) -> None:
    """Show how lines do: reception, messages, rentals that failed, and why they are out.

    SILENT says yes where rentals failed since the last message, and the line's peers were heard
    since.
    """
    wanted = LineFilter(gateway, None if store is None else parse_store(store), state)

    async def read(db: Database) -> Sequence[Facts]:
        shown = await db.read(show_lines, wanted, now_ms(), after, limit)
        return [asdict(one) for one in shown]

    show(output, read, _COLUMNS, "There are no such lines.", _MINOR, watch=watch)
