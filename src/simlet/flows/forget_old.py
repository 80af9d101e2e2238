"""Forget old messages: texts, senders, codes and recordings go; the books keep what they need."""

from simlet.domain.events import Event, EventKind
from simlet.store import events, messages, parts
from simlet.store.sql import Tx


def forget_old(tx: Tx, now_ms: int, keep_hours: int, limit: int) -> int:
    """Erases what up to `limit` messages said that were kept longer ago; how many those were."""
    before_ms = now_ms - keep_hours * 3_600_000
    parts.forget_parts(tx, before_ms, limit)
    count = messages.forget_before(tx, before_ms, now_ms, limit)
    if count:
        events.add_event(tx, Event(EventKind.MESSAGES_FORGOTTEN, now_ms, data={"count": count}))
    return count
