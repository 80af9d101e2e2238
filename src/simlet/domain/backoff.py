"""When a callback is tried: a schedule written down as data."""

_SECOND_MS = 1_000
_MINUTE_MS = 60 * _SECOND_MS
_HOUR_MS = 60 * _MINUTE_MS

# A dealer's client waits seconds for a code, so the first tries come close together; the later
# ones are for an address that is down for the night.
CALLBACK_OFFSETS_MS: tuple[int, ...] = (
    0,
    1 * _SECOND_MS,
    3 * _SECOND_MS,
    8 * _SECOND_MS,
    20 * _SECOND_MS,
    60 * _SECOND_MS,
    5 * _MINUTE_MS,
    30 * _MINUTE_MS,
    2 * _HOUR_MS,
    6 * _HOUR_MS,
    24 * _HOUR_MS,
)


def next_attempt_at_ms(event_at_ms: int, attempts_made: int, now_ms: int) -> int | None:
    """The moment of the next attempt, counted from the event and never before now.

    Args:
        event_at_ms: when the event happened, UTC milliseconds.
        attempts_made: how many attempts were made so far, 0 or more.
        now_ms: the present, UTC milliseconds.

    Returns:
        UTC milliseconds, or None when every attempt of the schedule was made.

    Raises:
        ValueError: the number of attempts is negative.
    """
    if attempts_made < 0:
        raise ValueError("attempts_made is 0 or more")
    if attempts_made >= len(CALLBACK_OFFSETS_MS):
        return None
    return max(event_at_ms + CALLBACK_OFFSETS_MS[attempts_made], now_ms)
