"""Follow gateways: where one is down for longer than the grace, its lines leave the pool.

They come back with it. A gateway may have very many lines, so they follow page by page.
"""

from collections.abc import Sequence

from simlet.domain.events import Event, EventKind
from simlet.domain.line_health import PoolPolicy
from simlet.flows.place_lines import place_lines
from simlet.store import events, gateway_health, health
from simlet.store.gateway_health import PoolChange
from simlet.store.sql import Tx


def any_turning(tx: Tx, rules: PoolPolicy, now_ms: int) -> bool:
    """Whether a gateway went down, or came back, and its lines are still to follow."""
    return bool(gateway_health.turning(tx, now_ms - rules.grace_ms))


def turn_gateways(tx: Tx, rules: PoolPolicy, now_ms: int) -> list[PoolChange]:
    """Records which gateways' lines are to leave the pool from now on, or to come back."""
    turns = gateway_health.lock_turning(tx, now_ms - rules.grace_ms)
    for turn in turns:
        gateway_health.set_lines_out(tx, turn)
        kind = EventKind.GATEWAY_DOWN if turn.lines_out else EventKind.GATEWAY_UP
        events.add_event(tx, Event(kind, now_ms, data={"gateway_id": turn.gateway_id}))
    return turns


def turned_gateways(tx: Tx) -> list[PoolChange]:
    """Every gateway that told of itself, and whether its lines are to be out of the pool."""
    return gateway_health.all_lines_out(tx)


def lines_behind(tx: Tx, turn: PoolChange, after: int, limit: int) -> list[int]:
    """Lines that do not follow their gateway yet, in the order of their ids, from behind one."""
    return health.lines_to_follow(
        tx, turn.gateway_id, lines_out=turn.lines_out, after=after, limit=limit
    )


def follow_gateway(tx: Tx, line_ids: Sequence[int], rules: PoolPolicy, now_ms: int) -> int:
    """Lets lines follow their gateway; how many of them, from the first on."""
    return place_lines(tx, line_ids, rules, now_ms)
