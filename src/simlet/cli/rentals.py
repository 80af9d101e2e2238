"""`simlet rentals`: the rentals of all accounts, for the operator."""

from dataclasses import asdict

import click

from simlet.cli.database import read
from simlet.cli.output import Output, json_option
from simlet.domain.ids import format_rental_id, format_service_code
from simlet.domain.rental import RentalState
from simlet.flows import browse
from simlet.store.rental_views import RentalRow

_COLUMNS = {
    "code": "RENTAL",
    "account": "ACCOUNT",
    "service_code": "SERVICE",
    "service": "NAME",
    "number": "NUMBER",
    "state": "STATE",
    "price_dong": "PRICE (đồng)",
    "created_at_ms": "CREATED",
    "deadline_at_ms": "DEADLINE",
    "closed_at_ms": "CLOSED",
    "report": "REPORT",
    "note": "NOTE",
}
_MINOR = (
    *("closed_at_ms", "deadline_at_ms", "service", "price_dong", "created_at_ms", "note"),
    *("report", "service_code", "account"),
)


@click.command()
@click.option("--account", default="", metavar="NAME", help="Only those of one account.")
@click.option(
    "--state",
    type=click.Choice([one.value for one in RentalState]),
    help="Only those in one state.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=50,
    show_default=True,
    help="The most rentals to list.",
)
@json_option
def rentals(output: Output, account: str, state: str | None, limit: int) -> None:
    """List rentals, the newest first."""
    rows = [_facts(one) for one in read(browse.list_rentals, account, state or "", limit)]
    output.rows(rows, _COLUMNS, "There are no such rentals.", _MINOR)


def _facts(one: RentalRow) -> dict[str, object]:
    return asdict(one) | {
        "code": format_rental_id(one.id, one.store),
        "service_code": format_service_code(one.store, one.service_id),
    }
