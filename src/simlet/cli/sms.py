"""`simlet sms`: a pretend message, put in by hand while the server runs."""

from datetime import UTC, datetime
from typing import Annotated

import click
import msgspec

from simlet.cli.database import now_ms, write
from simlet.cli.output import Output, json_option
from simlet.domain.inbound import Inbound, MessageKind, storable
from simlet.domain.phone import parse_number
from simlet.flows.manage_gateways import console_gateway
from simlet.flows.receive_message import Receipt, receive_message
from simlet.store.sql import Tx

MAX_SENDER_CHARS = 64
_When = Annotated[datetime, msgspec.Meta(tz=True)]
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_QUARANTINED = {
    "unknown_number": "no line has this number",
    "no_rental": "no rental is open on its line",
    "no_rule_fits": "no open rental of its line takes such a sender or text",
}


@click.command()
@click.argument("number")
@click.option("--from", "sender", required=True, metavar="NAME", help="Its sender.")
@click.option("--text", required=True, help="Its text.")
@click.option(
    "--sent-at", metavar="TIME", help="When it was sent, for example 2026-01-31T08:00:00+07:00."
)
@json_option
def sms(output: Output, number: str, sender: str, text: str, sent_at: str | None) -> None:
    """Put a pretend SMS to NUMBER into the database of the running server."""
    if len(sender) > MAX_SENDER_CHARS:
        raise click.BadParameter(
            f"expected at most {MAX_SENDER_CHARS} characters.", param_hint="--from"
        )
    inbound = Inbound(
        MessageKind.SMS,
        parse_number(number),
        storable(sender),
        storable(text),
        None if sent_at is None else _milliseconds(sent_at),
    )
    receipt = write(_receive, inbound, now_ms())
    facts = {
        "message": receipt.message_id,
        "duplicate": receipt.duplicate,
        "rental": receipt.rental_id,
        "quarantine": receipt.quarantine.value if receipt.quarantine else None,
    }
    output.say(_words(receipt), facts)


def _receive(tx: Tx, inbound: Inbound, now_ms: int) -> Receipt:
    gateway = console_gateway(tx, now_ms)
    return receive_message(tx, gateway.id, inbound, now_ms, any_line=True)


def _words(receipt: Receipt) -> str:
    if receipt.duplicate:
        return f"The message was kept before, as message {receipt.message_id}."
    if receipt.quarantine is not None:
        reason = receipt.quarantine.value
        return f"The message is in quarantine ({reason}): {_QUARANTINED[reason]}."
    return f"The message belongs to rental {receipt.rental_id}."


def _milliseconds(text: str) -> int:
    try:
        at = msgspec.convert(text, _When)
    except msgspec.ValidationError:
        at = None
    if at is None or not _EARLIEST <= at < _LATEST:
        raise click.BadParameter(
            "expected a time with its zone (RFC 3339), for example 2026-01-31T08:00:00+07:00, "
            "between 2000 and 2200.",
            param_hint="--sent-at",
        )
    return int(at.timestamp()) * 1000 + at.microsecond // 1000
