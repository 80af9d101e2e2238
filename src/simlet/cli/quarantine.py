"""`simlet quarantine`: the messages that no rental owns, for the operator alone."""

from dataclasses import asdict

import click

from simlet.cli.database import read
from simlet.cli.output import Output, json_option
from simlet.domain.inbound import Quarantine
from simlet.flows import browse
from simlet.store.messages import QuarantinedRow

_COLUMNS = {
    "id": "ID",
    "kept_at_ms": "KEPT",
    "gateway": "GATEWAY",
    "to": "TO",
    "reason": "REASON",
}
_SAID = {"sender": "FROM", "text": "TEXT"}


@click.command()
@click.option(
    "--reason",
    type=click.Choice([one.value for one in Quarantine]),
    help="Only those with one reason.",
)
@click.option("--gateway", default="", metavar="NAME", help="Only those of one gateway.")
@click.option("--texts", is_flag=True, help="Show senders and texts, too.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=50,
    show_default=True,
    help="The most messages to list.",
)
@json_option
def quarantine(output: Output, reason: str | None, gateway: str, texts: bool, limit: int) -> None:
    """List messages that no rental owns, the newest first.

    Texts are erased after the operator's hours, as all others are.
    """
    found = read(browse.list_quarantined, reason or "", gateway, limit)
    columns = _COLUMNS | (_SAID if texts else {})
    rows = [_facts(one, columns) for one in found]
    output.rows(rows, columns, "There are no such messages.")


def _facts(one: QuarantinedRow, columns: dict[str, str]) -> dict[str, object]:
    return {name: value for name, value in asdict(one).items() if name in columns}
