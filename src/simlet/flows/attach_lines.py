"""Attach lines: the operator gives them to a gateway, or takes them from theirs.

A line of a gateway takes messages from no other one; a line of none takes them from any. Rentals
that are open on a line stay as they are, and what comes through its gateway from now on is for
them.
"""

from collections.abc import Mapping, Sequence

from simlet.domain.errors import GATEWAY_UNKNOWN, Refused, invalid
from simlet.domain.events import Event, EventKind
from simlet.domain.phone import parse_number
from simlet.store import events, gateways, health, lines
from simlet.store.sql import Tx


def attach_lines(tx: Tx, numbers: Sequence[str], gateway: str | None, now_ms: int) -> int:
    """Gives the lines with these numbers to a gateway, or with None to no one.

    Returns:
        How many of them were not its own before.

    Raises:
        Refused: INVALID (a number that no line in use has), GATEWAY_UNKNOWN.
    """
    to_id = _lock_gateway(tx, gateway)
    line_ids = [_line_of(tx, *one) for one in enumerate(numbers, 1)]
    return _move(tx, lines.lock_in_use(tx, line_ids), to_id, now_ms)


def attach_lines_of(tx: Tx, before: str, gateway: str | None, limit: int, now_ms: int) -> int:
    """Gives lines of a gateway to another one, or with None to no one.

    Args:
        tx: the transaction.
        before: whose lines; of a removed gateway what it is called since then.
        gateway: who gets them.
        limit: the most lines that move in this transaction.
        now_ms: the time.

    Returns:
        How many these were; 0 when it has no more.

    Raises:
        Refused: GATEWAY_UNKNOWN; INVALID where both are the same.
    """
    to_id = _lock_gateway(tx, gateway)
    from_id = gateways.id_of_any(tx, before)
    if from_id is None:
        raise Refused(GATEWAY_UNKNOWN, name=before)
    if from_id == to_id:
        raise invalid("from", "expected another gateway than the one that gets the lines")
    return _move(tx, lines.lock_of_gateway(tx, from_id, limit), to_id, now_ms)


def _lock_gateway(tx: Tx, name: str | None) -> int | None:
    """Nobody removes it meanwhile."""
    if name is None:
        return None
    found = gateways.lock_gateway(tx, name)
    if found is None:
        raise Refused(GATEWAY_UNKNOWN, name=name)
    return found.id


def _line_of(tx: Tx, place: int, number: str) -> int:
    line_id = lines.line_by_number(tx, parse_number(number))
    if line_id is None:
        raise invalid(f"number {place}", "no line in use has it")
    return line_id


def _move(tx: Tx, before: Mapping[int, int | None], to_id: int | None, now_ms: int) -> int:
    moving = [line_id for line_id, from_id in before.items() if from_id != to_id]
    health.attach(tx, moving, to_id)
    health.look_anew(tx, moving, now_ms)
    for line_id in moving:
        data = {"line_id": line_id, "from_gateway_id": before[line_id], "gateway_id": to_id}
        events.add_event(tx, Event(EventKind.LINE_MOVED, now_ms, data=data))
    return len(moving)
