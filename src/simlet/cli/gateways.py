"""`simlet gateways`: how each gateway does."""

from collections.abc import Sequence
from dataclasses import asdict

import click

from simlet.cli.database import now_ms
from simlet.cli.live import show, watch_option
from simlet.cli.output import Facts, Output, json_option
from simlet.flows.show_health import show_gateways
from simlet.store.database import Database

_STATES = ("up", "down", "unknown")
_COLUMNS = {
    "name": "NAME",
    "kind": "KIND",
    "state": "STATE",
    "changed": "FOR",
    "lines": "LINES",
    "lines_out": "OUT",
    "seen": "SEEN",
    "heard": "MESSAGE",
    "messages_today": "TODAY",
    "fails_in_row": "FAILS",
    "released_dong": "REFUNDED",
    "silent": "SILENT",
    "detail": "DETAIL",
}
_MINOR = (
    *("released_dong", "silent", "messages_today", "fails_in_row", "seen", "changed", "heard"),
    *("lines_out", "lines", "kind"),
)


@click.command()
@click.option("--gateway", metavar="NAME", help="Only this gateway.")
@click.option("--state", type=click.Choice(_STATES), help="Only gateways in this state.")
@watch_option
@json_option
def gateways(output: Output, gateway: str | None, state: str | None, watch: bool) -> None:
    """Show how gateways do: connected or not, messages, and rentals that failed.

    A gateway whose kind tells nothing of itself is unknown. SILENT says yes where rentals failed
    since the last message, and other gateways were heard since.
    """

    async def read(db: Database) -> Sequence[Facts]:
        shown = await db.read(show_gateways, now_ms())
        return [
            asdict(one)
            for one in shown
            if gateway in {None, one.name} and state in {None, one.state}
        ]

    show(output, read, _COLUMNS, "There are no such gateways.", _MINOR, watch=watch)
