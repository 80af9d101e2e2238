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


def next_attempt_at_ms(event_at_ms: int, attempts_made: int, attempted_at_ms: int) -> int | None:
    """The moment of the next attempt, counted from the event.

    It keeps the schedule's distance from the last attempt as well, so that attempts which are
    overdue after a long outage do not come one upon another.

    Args:
        event_at_ms: when the event happened, UTC milliseconds.
        attempts_made: how many attempts were made so far, 0 or more.
        attempted_at_ms: when the last of them began, UTC milliseconds; where there was none it
            counts for nothing.

    Returns:
        UTC milliseconds, which may have passed; None when every attempt of the schedule was made.

    Raises:
        ValueError: the number of attempts is negative.
    """
    if attempts_made < 0:
        raise ValueError("attempts_made is 0 or more")
    if attempts_made >= len(CALLBACK_OFFSETS_MS):
        return None
    planned_ms = event_at_ms + CALLBACK_OFFSETS_MS[attempts_made]
    if attempts_made == 0:
        return planned_ms
    gap_ms = CALLBACK_OFFSETS_MS[attempts_made] - CALLBACK_OFFSETS_MS[attempts_made - 1]
    return max(planned_ms, attempted_at_ms + gap_ms)
