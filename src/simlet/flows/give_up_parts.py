"""Give up waiting for the missing parts of long messages: what came is kept as it is."""

from simlet.flows.join import join
from simlet.store import parts
from simlet.store.sql import Tx


def give_up_parts(tx: Tx, now_ms: int, patience_s: float, limit: int) -> int:
    """Makes messages of up to `limit` that have waited for longer; how many those were."""
    overdue = parts.overdue(tx, now_ms - round(patience_s * 1000), limit)
    for one in overdue:
        join(tx, one, parts.parts_of(tx, one.id), now_ms)
    return len(overdue)
