"""What HTTP gateways post to us: read, checked, and made such that it can be kept.

Nothing here knows any gateway; each driver knows its own names and forms of things. What is said
about a mistake never repeats what came, as it may be a text, a code or a secret.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec

from simlet.domain.errors import Refused, invalid
from simlet.domain.inbound import Inbound, MessageKind, Part, storable
from simlet.domain.phone import parse_destination
from simlet.domain.signing import hash_secret, secrets_equal
from simlet.gateways.contract import HttpAnswer, HttpRequest, Result
from simlet.log import get_log

_log = get_log("gateways")

MAX_TEXT_CHARS = 40_000
MAX_SENDER_CHARS = 64
MAX_ID_CHARS = 200
MAX_MESSAGES = 1000
STATUS_OF = {
    Result.KEPT: 200,
    Result.DUPLICATE: 200,
    Result.FAILED: 503,
    Result.REFUSED: 403,
}
NOT_KEPT = "it could not be kept now; send it again"
NOT_ITS_LINE = "its line is another gateway's; do not send it again"
RFC3339, UNIX_S, UNIX_MS = "rfc3339", "unix_s", "unix_ms"

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIX = re.compile(r"(\d{1,15})(?:\.(\d{1,9}))?", re.ASCII)
_ZONE = re.compile(r"(?:UTC|Z|([+-])(\d{2}):?(\d{2}))", re.ASCII)
_LEAP_SECOND = re.compile(r"([T ]\d{2}:\d{2}:)60", re.ASCII)
_NO_SECRET = bytes(32)
_A_TIME = datetime(2026, 11, 23, 21, 34, 56, tzinfo=UTC)


def inbound_sms(
    to: str,
    sender: str,
    text: str,
    sent_at_ms: int | None,
    source_id: str | None,
    *,
    part: Part | None = None,
    iccid: str | None = None,
    damaged: bool = False,
) -> Inbound:
    """A text message as it is handed over, its fields as those of `Inbound`.

    `to` is the line's number as the gateway spells it, and empty where it does not know it;
    `source_id` may be empty too. What no character is becomes U+FFFD; in a part of a message
    halves of a surrogate pair are left, as the other half may stand in another part.

    Raises:
        Refused: INVALID, for a number that is none, and for what is too long.
    """
    if len(text) > MAX_TEXT_CHARS:
        raise invalid("text", f"expected at most {MAX_TEXT_CHARS} characters")
    if len(sender) > MAX_SENDER_CHARS:
        raise invalid("from", f"expected at most {MAX_SENDER_CHARS} characters")
    if source_id is not None and len(source_id) > MAX_ID_CHARS:
        raise invalid("id", f"expected at most {MAX_ID_CHARS} characters")
    return Inbound(
        MessageKind.SMS,
        parse_destination(to) if to else "",
        storable(sender),
        storable(text) if part is None else text.replace("\0", "\ufffd"),
        sent_at_ms,
        storable(source_id) if source_id else None,
        part=part,
        iccid=iccid,
        damaged=damaged,
    )


def read_json(body: bytes) -> Any:
    """What a body of JSON holds.

    Halves of a surrogate pair in escapes are taken: gateways cut long texts in two, and the
    message must not be lost for it.

    Raises:
        Refused: INVALID, when it is no JSON, or none in UTF-8.
    """
    try:
        return json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        # Without its cause: that one holds the body.
        raise invalid("body", "expected UTF-8") from None
    except (ValueError, RecursionError):
        raise invalid("body", "expected JSON") from None


def read_numbers(text: str, name: str) -> dict[str, str]:
    """Which number is behind which port, from `PORT=NUMBER,PORT=NUMBER`; numbers in E.164.

    Raises:
        Refused: INVALID.
    """
    numbers: dict[str, str] = {}
    for pair in filter(None, (one.strip() for one in re.split(r"[,;\s]", text))):
        port, given, number = pair.rpartition("=")
        if not given or not port:
            raise invalid(name, "expected PORT=NUMBER,PORT=NUMBER")
        if port in numbers:
            raise invalid(name, "expected each port once")
        try:
            numbers[port] = parse_destination(number)
        except Refused as refused:
            raise invalid(name, "expected a phone number behind each port") from refused
    return numbers


def read_zone(text: str, name: str) -> timezone:
    """A distance from UTC, as `+07:00`, or `UTC`.

    Raises:
        Refused: INVALID.
    """
    found = _ZONE.fullmatch(text)
    if found is None or int(found[2] or 0) > 14 or int(found[3] or 0) > 59:
        raise invalid(name, "expected a distance from UTC, for example +07:00")
    distance = timedelta(hours=int(found[2] or 0), minutes=int(found[3] or 0))
    return timezone(-distance if found[1] == "-" else distance)


def check_time_form(form: str, name: str) -> None:
    """Checks a form of times for `read_time`.

    Raises:
        Refused: INVALID, when it is a pattern that could not be read back.
    """
    if form in {RFC3339, UNIX_S, UNIX_MS}:
        return
    try:
        read = datetime.strptime(_A_TIME.strftime(form), form)  # noqa: DTZ007 - a pattern may have no zone
        whole = read.replace(second=_A_TIME.second, tzinfo=UTC) == _A_TIME
    except (ValueError, re.error):
        whole = False
    if not whole:
        raise invalid(
            name, f"expected {RFC3339}, {UNIX_S}, {UNIX_MS} or a pattern as %Y-%m-%d %H:%M:%S"
        )


def read_time(text: str, form: str, zone: timezone, name: str) -> int | None:
    """A time in UTC milliseconds; None for nothing, and for 0, which clocks not set yet give.

    Args:
        text: as it came.
        form: RFC3339, UNIX_S, UNIX_MS, or a pattern of `strptime`.
        zone: where a time without a zone of its own was told.
        name: what to call it in a refusal.

    Raises:
        Refused: INVALID, for what is no such time, or none between 2000 and 2200.
    """
    text = text.strip()
    if text in {"", "0"}:
        return None
    try:
        at = _unix(text, form) if form in {UNIX_S, UNIX_MS} else _calendar(text, form, zone)
        if _EARLIEST <= at < _LATEST:
            return (at - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        # Without its cause: that one holds what came.
        raise invalid(name, f"expected a time as {form}") from None
    raise invalid(name, "expected a time between 2000 and 2200")


def read_stamp(found: object, form: str, zone: timezone, name: str, gateway: str) -> int | None:
    """`read_time` for a message that is to be kept whatever its stamp is.

    A stamp that cannot be read is as good as none, and is told in the log: a network or a phone
    whose clock is wrong must not cost the message.
    """
    try:
        text = (
            found.decode("utf-8", "replace") if isinstance(found, bytes) else text_of(found, name)
        )
        return read_time(text or "", form, zone, name)
    except Refused as refused:
        # The sentence names the field and what was expected, and not what was given.
        _log.warning("time_stamp_not_read", gateway=gateway, reason=refused.sentence)
        return None


def _unix(text: str, form: str) -> datetime:
    found = _UNIX.fullmatch(text)
    if found is None:
        raise ValueError("no such number")
    count = int(found[1])
    if form == UNIX_MS:
        return _EPOCH + timedelta(milliseconds=count)
    return _EPOCH + timedelta(seconds=count, milliseconds=int((found[2] or "")[:3].ljust(3, "0")))


def _calendar(text: str, form: str, zone: timezone) -> datetime:
    # The zone is put in where it is missing.
    if form == RFC3339:
        at = datetime.fromisoformat(_LEAP_SECOND.sub(r"\g<1>59", text.upper()))
    else:
        at = datetime.strptime(text, form)  # noqa: DTZ007
    return at if at.tzinfo else at.replace(tzinfo=zone)


def text_of(value: object, name: str) -> str | None:
    """A field of JSON as a text; None when it is not there.

    Raises:
        Refused: INVALID, for anything but a text or a number.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise invalid(name, "expected a text")


def is_secret(shown: str, secret_hash: bytes | None) -> bool:
    """Whether it is the gateway's secret, in a time that tells nothing; none is, where it has none.

    `secret_hash` is that of the gateway's `DriverContext`.
    """
    equal = secrets_equal(hash_secret(shown), secret_hash or _NO_SECRET)
    return equal and secret_hash is not None


def bearer_of(request: HttpRequest) -> str:
    """The secret that a request shows as `Authorization: Bearer SECRET`; empty for none."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def error_answer(status: int, sentence: str) -> HttpAnswer:
    """An answer that says in JSON what is wrong; the sentence repeats nothing of what came."""
    return HttpAnswer(status, msgspec.json.encode({"error": sentence}), reason=sentence)


def worst(results: Sequence[Result]) -> Result:
    """What one answer says of several messages: as long as one is to come again, all are."""
    for result in (Result.FAILED, Result.REFUSED, Result.KEPT):
        if result in results:
            return result
    return Result.DUPLICATE


def required(fields: Mapping[str, str | None], *names: str) -> None:
    """Raises Refused (INVALID), naming all fields that are missing."""
    missing = [name for name in names if fields.get(name) is None]
    if missing:
        raise invalid(", ".join(missing), "expected a value, and there is none")
