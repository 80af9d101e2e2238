"""Callbacks on the dealer's side: is it the server's, and what does it tell."""

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Mapping

import msgspec

from simlet.client.answers import Event
from simlet.client.problems import BadSignature, SimletError

TOLERANCE_S = 300
_MARK = "whsec_"
_SECONDS = re.compile(r"[0-9]{1,12}")


def verify_callback(
    headers: Mapping[str, str],
    body: bytes | str,
    secret: str,
    *,
    now_s: float | None = None,
    tolerance_s: float = TOLERANCE_S,
) -> Event:
    """The event in a callback of the format `v1`, once it is sure that the server sent it.

    Keep the ids of events that were handled: a callback may come twice.

    Args:
        headers: of the request, in any spelling of their names.
        body: of the request, exactly as it came.
        secret: `whsec_…`, as the server told it when the callback was added.
        now_s: the present, UTC seconds; without it the clock of this machine.
        tolerance_s: how far the time of sending may be from now, either way.

    Raises:
        BadSignature: a header is missing, no signature fits, or it was sent too long ago.
        SimletError: it is signed and is no event of the format `v1`.
        ValueError: the secret is malformed.
    """
    raw = body.encode("utf-8") if isinstance(body, str) else body
    verify_signature(headers, raw, secret, now_s=now_s, tolerance_s=tolerance_s)
    try:
        return msgspec.json.decode(raw, type=Event)
    except msgspec.DecodeError:
        raise SimletError("The callback is signed, and is no event of the format v1.") from None


def verify_signature(
    headers: Mapping[str, str],
    body: bytes,
    secret: str,
    *,
    now_s: float | None = None,
    tolerance_s: float = TOLERANCE_S,
) -> None:
    """Makes sure that the server signed a callback, whatever its format is.

    As Standard Webhooks 1.0.0 says: one of several signatures must fit, the time is signed too.

    Raises:
        BadSignature: a header is missing, no signature fits, or it was sent too long ago.
        ValueError: the secret is malformed.
    """
    key = _key(secret)
    named = {name.lower(): value for name, value in headers.items()}
    message_id, at, given = (
        named.get(f"webhook-{one}", "") for one in ("id", "timestamp", "signature")
    )
    if not (message_id and at and given):
        raise BadSignature("A header of the signature is missing.")
    if not _SECONDS.fullmatch(at):
        raise BadSignature("The time of sending is not in UTC seconds.")
    # The text of the header is signed, not the number in it.
    signed = f"{message_id}.{at}.".encode("utf-8", "surrogateescape") + body
    right = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode("ascii")
    if not _one_fits(given, right):
        raise BadSignature("No signature fits.")
    now = time.time() if now_s is None else now_s
    if abs(now - int(at)) > tolerance_s:
        raise BadSignature("It was signed too long ago, or this clock is wrong.")


def _one_fits(given: str, right: str) -> bool:
    expected = f"v1,{right}".encode()
    # Each is compared, in a time that does not tell where it differs.
    fits = [hmac.compare_digest(one.encode("utf-8", "replace"), expected) for one in given.split()]
    return any(fits)


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_MARK), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("the secret of a callback is whsec_ and base64")
    return key
