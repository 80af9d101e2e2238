"""Forget old callbacks: what was answered goes with the texts, the rest some days later."""

from simlet.store import attempts, callbacks
from simlet.store.sql import Tx

_DAY_MS, _HOUR_MS = 86_400_000, 3_600_000


def forget_callbacks(tx: Tx, now_ms: int, keep_days: int, texts_hours: int, limit: int) -> int:
    """Erases callbacks that ended longer ago, with their attempts, and old answers.

    Returns:
        How many callbacks, or answers, whichever were more: `limit` where there may be more.
    """
    # An answer may repeat what it answers, codes too.
    answers = attempts.forget_answers(tx, now_ms - texts_hours * _HOUR_MS, limit)
    ended = callbacks.ended_before(tx, now_ms - keep_days * _DAY_MS, limit)
    if ended:
        attempts.erase_attempts(tx, ended)
        callbacks.erase_callbacks(tx, ended)
    return max(answers, len(ended))
