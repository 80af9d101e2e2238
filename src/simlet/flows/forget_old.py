"""Forget old messages: texts, senders, codes and recordings go; the books keep what they need.

The notes of dealers' reports go with them: they may repeat what a message said.
So do, after a day, the answers that were kept under idempotency keys: however short a time texts
are kept, a key must not do twice what it was for. No answer is kept with what a message said.
"""

from simlet.domain.events import Event, EventKind
from simlet.store import events, idempotency, messages, parts, reports
from simlet.store.sql import Tx

_KEYS_HOURS = 24


def forget_old(tx: Tx, now_ms: int, keep_hours: int, limit: int) -> int:
    """Erases what up to `limit` messages said that were kept longer ago, notes and old keys alike.

    Returns:
        How many messages, notes or keys those were, whichever were most: `limit` where there may be
        more.
    """
    before_ms = now_ms - keep_hours * 3_600_000
    parts.forget_parts(tx, before_ms, limit)
    notes = reports.forget_notes(tx, before_ms, limit)
    keys = idempotency.erase_keys(tx, now_ms - _KEYS_HOURS * 3_600_000, limit)
    count = messages.forget_before(tx, before_ms, now_ms, limit)
    if count:
        events.add_event(tx, Event(EventKind.MESSAGES_FORGOTTEN, now_ms, data={"count": count}))
    return max(count, notes, keys)
