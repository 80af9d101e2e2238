"""When a callback is tried: schedules written down as data."""

import re
from email.utils import parsedate_to_datetime

_SECOND_MS = 1_000
_MINUTE_MS = 60 * _SECOND_MS
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS

_TAIL_MS = (5 * _MINUTE_MS, 30 * _MINUTE_MS, 2 * _HOUR_MS, 6 * _HOUR_MS, _DAY_MS)
_FAST_MS = (0, _SECOND_MS, 3 * _SECOND_MS, 8 * _SECOND_MS, 20 * _SECOND_MS, _MINUTE_MS)

CODE_OFFSETS_MS: tuple[int, ...] = (*_FAST_MS, *_TAIL_MS)
"""A dealer's client waits seconds for a code, so the first tries come close together; the later
ones are for an address that is down for the night. The last fast one is made again each minute
while the rental's time lasts."""

OTHER_OFFSETS_MS: tuple[int, ...] = (0, *_TAIL_MS)
"""Nobody waits for anything else."""

LONGEST_RETRY_AFTER_MS = _DAY_MS
_EACH_MINUTE = len(_FAST_MS) - 1
_DIGITS = re.compile(r"0*([0-9]+)")
_FEW_DIGITS = 15


def next_attempt(
    *, urgent: bool, began_at_ms: int, step: int, attempted_at_ms: int, lasts_until_ms: int | None
) -> tuple[int, int] | None:
    """The next attempt after one that failed, counted from the beginning of the schedule.

    It keeps the schedule's distance from the last attempt as well, so that attempts which are
    overdue after a long outage do not come one upon another.

    Args:
        urgent: a code is told.
        began_at_ms: when the schedule began, UTC milliseconds.
        step: the place in the schedule of the attempt that failed, 0 for the first.
        attempted_at_ms: when that attempt began, UTC milliseconds.
        lasts_until_ms: when the time of the rental is over, where there is one.

    Returns:
        Its place in the schedule, and UTC milliseconds which may have passed; None when every
        attempt of the schedule was made.

    Raises:
        ValueError: the place is negative.
    """
    if step < 0:
        raise ValueError("step is 0 or more")
    offsets_ms = CODE_OFFSETS_MS if urgent else OTHER_OFFSETS_MS
    covered_ms = offsets_ms[step] if step < len(offsets_ms) else 0
    following = step + 1
    over_ms = lasts_until_ms if lasts_until_ms is not None else began_at_ms
    if urgent and step == _EACH_MINUTE and attempted_at_ms <= over_ms:
        if attempted_at_ms + _MINUTE_MS <= over_ms:
            return step, attempted_at_ms + _MINUTE_MS
        # What of the tail lies in the time of the rental was tried each minute.
        covered_ms = max(covered_ms, over_ms - began_at_ms)
        while following < len(offsets_ms) and offsets_ms[following] <= covered_ms:
            following += 1
    if following >= len(offsets_ms):
        return None
    gap_ms = offsets_ms[following] - covered_ms
    return following, max(began_at_ms + offsets_ms[following], attempted_at_ms + gap_ms)


def retry_after_ms(text: str | None, now_ms: int) -> int:
    """How long a `Retry-After` header asks to wait, at most a day; 0 where it says nothing usable.

    Args:
        text: seconds or a date (RFC 9110, section 10.2.3), as it came.
        now_ms: UTC milliseconds.
    """
    if text is None:
        return 0
    text = text.strip()
    if seconds := _DIGITS.fullmatch(text):
        if len(seconds[1]) > _FEW_DIGITS:
            return LONGEST_RETRY_AFTER_MS
        return min(int(seconds[1]) * _SECOND_MS, LONGEST_RETRY_AFTER_MS)
    try:
        at_ms = round(parsedate_to_datetime(text).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError):
        return 0
    return min(max(0, at_ms - now_ms), LONGEST_RETRY_AFTER_MS)
