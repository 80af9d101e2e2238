"""Pages of lists, and the times that filters name."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeVar

from simlet.domain.errors import invalid
from simlet.web.v1.operation import Answer
from simlet.web.v1.shapes import list_bytes

LAST_ID = 2**53
"""Behind every id that there will be."""

T = TypeVar("T")

_CURSOR = re.compile(rb"before:([1-9][0-9]{0,15})")
_AT = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?"
    r"(?:[Zz]|([+ -])(\d{2}):(\d{2}))",
    re.ASCII,
)
_LEAP_SECOND = 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def cursor_before(one_id: int) -> str:
    """What leads to the page of smaller ids."""
    return urlsafe_b64encode(f"before:{one_id}".encode()).decode().rstrip("=")


def id_before(cursor: str | None) -> int:
    """The id that a page ends before; that of the first page without a cursor.

    Raises:
        Refused: INVALID, when it is none of ours.
    """
    if cursor is None:
        return LAST_ID
    try:
        text = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except ValueError:
        text = b""
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise invalid("cursor", "expected the `next_cursor` of another page")
    return min(int(found[1]), LAST_ID)


def page_answer(
    found: Sequence[T], limit: int, shape: Callable[[T], object], id_of: Callable[[T], int]
) -> Answer:
    """A page of what was read.

    Args:
        found: newest first, with one more than `limit` where the list goes on.
        limit: the most objects of a page.
        shape: makes the object that is shown.
        id_of: gives what the cursor leads on from.
    """
    shown = found[:limit]
    cursor = cursor_before(id_of(shown[-1])) if len(found) > limit else None
    return Answer(200, list_bytes([shape(one) for one in shown], cursor))


def at_ms(text: str | None, name: str, absent_ms: int) -> int:
    """UTC milliseconds of a time as RFC 3339 writes it; of no text `absent_ms`.

    A blank stands for the plus sign that a client forgot to encode.

    Raises:
        Refused: INVALID, naming the input.
    """
    if text is None:
        return absent_ms
    found = _AT.fullmatch(text)
    if found is None:
        raise invalid(name, "expected a time with its zone, for example 2026-11-23T12:00:00Z")
    year, month, day, hour, minute, second = (int(one) for one in found.groups()[:6])
    leap_s = 1 if second == _LEAP_SECOND else 0
    try:
        at = datetime(year, month, day, hour, minute, second - leap_s, tzinfo=_zone(found))
        since = at - _EPOCH
    except (ValueError, OverflowError):
        raise invalid(name, "expected a time of the calendar") from None
    ms = int((found[7] or "0")[:3].ljust(3, "0"))
    return max(0, (since // timedelta(seconds=1) + leap_s) * 1000 + ms)


def _zone(found: re.Match[str]) -> timezone:
    if found[8] is None:
        return UTC
    minutes = int(found[9]) * 60 + int(found[10])
    return timezone(timedelta(minutes=-minutes if found[8] == "-" else minutes))
