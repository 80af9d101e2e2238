"""Shared step: lines are looked at, and leave the pool or come back to it."""

from collections.abc import Sequence
from dataclasses import replace

from simlet.domain.allocate import block_of
from simlet.domain.events import Event, EventKind
from simlet.domain.line_health import LineStanding, OutReason, PoolPolicy, look_at
from simlet.store import events, health, pool
from simlet.store.health import LineSnapshot
from simlet.store.sql import Tx

MOST_STOCK_ROWS = 2_000
"""No more rows of the stock change in one transaction, unless it is a single block's."""


def place_lines(tx: Tx, line_ids: Sequence[int], rules: PoolPolicy, now_ms: int) -> int:
    """Looks at lines; how many of them, from the first on.

    The others are left for another transaction: too many rows of the stock would change in this
    one. What comes of a look is told by `simlet.domain.line_health.look_at`.
    """
    lines = {one.id: one for one in health.lines_by_id(tx, line_ids)}
    looks = {one.id: _look_at(one, rules, now_ms) for one in lines.values()}
    moving = {one.id for one in lines.values() if one.standing.out is not looks[one.id].out}
    count = _affordable(tx, line_ids, moving)
    placed = [one for one in line_ids[:count] if one in lines]
    # First the stock, as a renting locks it; what is recorded of the lines comes last.
    moved = pool.set_reasons(tx, {one: looks[one].out for one in placed if one in moving})
    health.set_standings(
        tx, ((one, looks[one]) for one in sorted(placed) if lines[one].known), now_ms
    )
    for line_id in sorted(moved):
        _tell(tx, line_id, lines[line_id].standing.out, looks[line_id].out, now_ms)
    return count


def _look_at(line: LineSnapshot, rules: PoolPolicy, now_ms: int) -> LineStanding:
    if line.retired:
        return replace(line.standing, look_at_ms=None)
    return look_at(line.standing, rules, now_ms)


def _affordable(tx: Tx, line_ids: Sequence[int], moving: set[int]) -> int:
    """How many of the lines, from the first on, can be placed in one transaction."""
    weights = pool.stock_rows(tx, sorted({block_of(one) for one in moving}))
    left = MOST_STOCK_ROWS
    paid: set[int] = set()
    for count, line_id in enumerate(line_ids):
        block_id = block_of(line_id)
        if line_id not in moving or block_id in paid:
            continue
        left -= weights.get(block_id, 0)
        if paid and left < 0:
            return count
        paid.add(block_id)
    return len(line_ids)


def _tell(
    tx: Tx, line_id: int, before: OutReason | None, after: OutReason | None, now_ms: int
) -> None:
    if {before, after} == {None, OutReason.GATEWAY_DOWN}:
        # One event tells of the gateway, and not one of each of its lines.
        return
    kind = EventKind.LINE_RETURNED if after is None else EventKind.LINE_RESTED
    reason = before if after is None else after
    data: dict[str, str | int | bool | None] = {
        "line_id": line_id,
        "reason": None if reason is None else reason.value,
    }
    events.add_event(tx, Event(kind, now_ms, data=data))
