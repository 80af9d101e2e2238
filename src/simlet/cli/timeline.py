"""`simlet timeline`: what happened to a rental or to a message, for the operator."""

from collections.abc import Mapping
from dataclasses import asdict

import click

from simlet.cli.database import read
from simlet.cli.output import Output, json_option, moment_text, time_text
from simlet.domain.ids import parse_rental_id
from simlet.flows.show_timeline import TimelineEntry, message_timeline, show_timeline

_COLUMNS = {"time": "TIME", "what": "WHAT", "detail": "DETAIL"}


@click.command()
@click.argument("rental", required=False)
@click.option("--message", type=click.IntRange(1), metavar="ID", help="Of a message instead.")
@json_option
def timeline(output: Output, rental: str | None, message: int | None) -> None:
    """Show what happened to RENTAL (1000001, or 1000001.02), in the order of time.

    With --message it is what happened to a message, also to one that no rental owns; `simlet
    quarantine` lists those.
    """
    entries = _entries(rental, message)
    if output.json:
        output.document([asdict(one) for one in entries])
    else:
        output.rows([_row(one) for one in entries], _COLUMNS, "Nothing happened.")


def _entries(rental: str | None, message: int | None) -> list[TimelineEntry]:
    if (rental is None) == (message is None):
        raise click.UsageError("Name a RENTAL, or a message with --message.")
    if message is not None:
        return read(message_timeline, message)
    rental_id = parse_rental_id(rental or "")
    if rental_id is None:
        raise click.UsageError(f"Expected the id of a rental, for example 1000001, not {rental!r}.")
    return read(show_timeline, None, rental_id)


def _row(entry: TimelineEntry) -> Mapping[str, object]:
    said = {name: value for name, value in entry.detail.items() if value is not None}
    for name in [one for one in said if one.endswith("_at_ms")]:
        said[name.removesuffix("_ms")] = time_text(said.pop(name))
    return {"time": moment_text(entry.at_ms), "what": entry.what, "detail": said}
