"""Forget old messages: texts, senders, codes and recordings go; the books keep what they need."""

from simlet.domain.events import Event, EventKind
from simlet.store import events, messages
from simlet.store.sql import Tx


def forget_old(tx: Tx, now_ms: int, keep_hours: int, limit: int) -> int:
    """Erases what up to `limit` messages said that were kept longer ago; how many those were."""
    count = messages.forget_before(tx, now_ms - keep_hours * 3_600_000, now_ms, limit)
    if count:
        events.add_event(tx, Event(EventKind.MESSAGES_FORGOTTEN, now_ms, data={"count": count}))
    return count
