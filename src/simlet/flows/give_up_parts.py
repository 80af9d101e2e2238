"""Give up waiting for the missing parts of long messages: what came is kept as it is."""

from simlet.flows.join import join
from simlet.store import parts
from simlet.store.sql import Tx


def overdue_parts(tx: Tx, now_ms: int, patience_s: float, limit: int) -> list[int]:
    """Up to `limit` messages that have waited for longer, by their ids; a read."""
    return parts.overdue(tx, now_ms - round(patience_s * 1000), limit)


def give_up_parts(tx: Tx, long_message_id: int, now_ms: int) -> bool:
    """Makes a message of the parts that are there; False when it is not waited for any more."""
    found = parts.lock_open(tx, long_message_id)
    if found is None:
        return False
    join(tx, found, parts.parts_of(tx, found.id), now_ms)
    return True
