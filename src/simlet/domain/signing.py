"""Secrets and what is made from them: signatures, references that expire, tokens.

Nothing here draws random bytes or reads a clock; both are handed in. Nothing here is logged.
"""

import base64
import hashlib
import hmac
import re
import zlib

# Enough to draw 30 base62 characters without bias: each byte serves with a chance of 248 in 256,
# so fewer than 30 of 64 never happens in practice.
TOKEN_RANDOM_BYTES = 64
WEBHOOK_RANDOM_BYTES = 32

_ACCOUNT_MARK = "simlet_"
_GATEWAY_MARK = "simlet_gw_"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DRAWN = 30
_CHECKED = 6
_BODY = re.compile(f"[0-9A-Za-z]{{{_DRAWN + _CHECKED}}}")
# The largest multiple of 62 in a byte; bytes from here on would favour the first characters.
_FAIR_BELOW = 256 - 256 % len(_ALPHABET)

_WEBHOOK_MARK = "whsec_"
_WEBHOOK_KEY_BYTES = range(24, 65)
_MESSAGE_ID = re.compile(r"[!-\-/-~]+")

_REFERENCE_KEY_BYTES = 16
_REFERENCE_FIELD_BYTES = 8
_REFERENCE = re.compile(r"[0-9A-Za-z_-]{64}")


def new_webhook_secret(random_bytes: bytes) -> str:
    """A secret in the form of Standard Webhooks 1.0.0: `whsec_` and base64.

    Args:
        random_bytes: the key itself, 24 to 64 bytes (`WEBHOOK_RANDOM_BYTES` is a good number).

    Raises:
        ValueError: the key is shorter or longer than the standard allows.
    """
    if len(random_bytes) not in _WEBHOOK_KEY_BYTES:
        raise ValueError("a webhook key has 24 to 64 bytes")
    return _WEBHOOK_MARK + base64.b64encode(random_bytes).decode("ascii")


def sign_webhook(secret: str, message_id: str, at_s: int, body: bytes) -> str:
    """The value of `webhook-signature`, as in Standard Webhooks 1.0.0.

    Args:
        secret: `whsec_` and base64.
        message_id: printable ASCII without a full stop, which parts the signed fields.
        at_s: when this attempt is made, UTC seconds.
        body: the body exactly as it is sent.

    Returns:
        `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.

    Raises:
        ValueError: the secret or the message id is malformed.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("a message id is printable ASCII without blank and full stop")
    signed = b"%s.%d.%s" % (message_id.encode("ascii"), at_s, body)
    mac = hmac.digest(_webhook_key(secret), signed, "sha256")
    return "v1," + base64.b64encode(mac).decode("ascii")


def webhook_headers(
    secret: str, message_id: str, at_s: int, body: bytes, old_secret: str | None = None
) -> dict[str, str]:
    """The three headers of Standard Webhooks 1.0.0; arguments and errors as `sign_webhook`.

    While a secret is replaced by another, both sign: either verifies. `old_secret` may be several,
    with blanks between.
    """
    secrets = [secret, *(old_secret or "").split()]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(sign_webhook(one, message_id, at_s, body) for one in secrets),
    }


def _webhook_key(secret: str) -> bytes:
    if not secret.startswith(_WEBHOOK_MARK):
        raise ValueError("a webhook secret begins with whsec_")
    try:
        key = base64.b64decode(secret.removeprefix(_WEBHOOK_MARK), validate=True)
    except ValueError:
        # The cause would carry nothing that helps, and nothing of a secret goes any further.
        raise ValueError("a webhook secret is whsec_ and base64") from None
    if not key:
        raise ValueError("a webhook secret is not empty")
    return key


def sign_reference(key: bytes, what: str, number_id: int, expires_s: int) -> str:
    """A reference to one row that can stand in an address: signed, expiring, opaque.

    Args:
        key: the server's key, 16 bytes or more.
        what: the purpose, such as `recording`; a reference for one serves for no other.
        number_id: the row, 0 or more; never a phone number.
        expires_s: the first UTC second at which it no longer serves.

    Returns:
        64 characters of base64url (RFC 4648, section 5).

    Raises:
        ValueError: the key is too short, or a number is negative or does not fit 8 bytes.
    """
    try:
        fields = _packed(number_id) + _packed(expires_s)
    except OverflowError:
        raise ValueError("a reference holds numbers from 0 to 2**64 - 1") from None
    return base64.urlsafe_b64encode(fields + _reference_mac(key, what, fields)).decode("ascii")


def read_reference(key: bytes, what: str, text: str, now_s: int) -> int | None:
    """The row that a reference names, if this server signed it for this purpose.

    Args:
        key: the server's key, 16 bytes or more.
        what: the purpose that it must have been signed for.
        text: anything that came in from outside.
        now_s: the present, UTC seconds.

    Returns:
        The row's number; None when the text is malformed, forged or expired.

    Raises:
        ValueError: the key is too short.
    """
    if not _REFERENCE.fullmatch(text):
        return None
    raw = base64.urlsafe_b64decode(text)
    fields, mac = raw[: 2 * _REFERENCE_FIELD_BYTES], raw[2 * _REFERENCE_FIELD_BYTES :]
    if not hmac.compare_digest(mac, _reference_mac(key, what, fields)):
        return None
    if now_s >= int.from_bytes(fields[_REFERENCE_FIELD_BYTES:], "big"):
        return None
    return int.from_bytes(fields[:_REFERENCE_FIELD_BYTES], "big")


def _packed(number: int) -> bytes:
    return number.to_bytes(_REFERENCE_FIELD_BYTES, "big")


def _reference_mac(key: bytes, what: str, fields: bytes) -> bytes:
    if len(key) < _REFERENCE_KEY_BYTES:
        raise ValueError("the key of references has 16 bytes or more")
    # The fields have a fixed length at the end, so no two purposes can give the same bytes.
    return hmac.digest(key, b"simlet reference 1\0" + what.encode() + b"\0" + fields, "sha256")


def format_token(random_bytes: bytes) -> str:
    """An API token: `simlet_`, 30 base62 characters, 6 of checksum.

    Args:
        random_bytes: `TOKEN_RANDOM_BYTES` fresh random bytes.

    Raises:
        ValueError: too few of the bytes could be used.
    """
    return _checked(_ACCOUNT_MARK, random_bytes)


def format_gateway_secret(random_bytes: bytes) -> str:
    """A gateway's secret: `simlet_gw_`, then as `format_token`."""
    return _checked(_GATEWAY_MARK, random_bytes)


def token_is_well_formed(text: str) -> bool:
    """Whether the text has the form of an API token and its checksum is right.

    A mistyped token is found without the database; a true answer says nothing about its account.
    """
    return _is_checked(_ACCOUNT_MARK, text)


def gateway_secret_is_well_formed(text: str) -> bool:
    """Whether the text has the form of a gateway's secret and its checksum is right."""
    return _is_checked(_GATEWAY_MARK, text)


def hash_secret(text: str) -> bytes:
    """SHA-256 of a token or a gateway's secret: 32 bytes, the only form that is stored.

    A fast hash is enough: what is hashed holds 178 random bits, too many to guess.
    """
    # What comes from outside may hold half a surrogate pair; it is a wrong secret, not a fault.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def secrets_equal(a: bytes, b: bytes) -> bool:
    """Whether two hashes are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(a, b)


def _checked(mark: str, random_bytes: bytes) -> str:
    fair = [byte for byte in random_bytes if byte < _FAIR_BELOW][:_DRAWN]
    if len(fair) < _DRAWN:
        raise ValueError(f"{TOKEN_RANDOM_BYTES} random bytes are needed")
    text = mark + "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in fair)
    return text + _checksum(text)


def _is_checked(mark: str, text: str) -> bool:
    if not text.startswith(mark) or not _BODY.fullmatch(text.removeprefix(mark)):
        return False
    return _checksum(text[:-_CHECKED]) == text[-_CHECKED:]


def _checksum(text: str) -> str:
    left = zlib.crc32(text.encode("ascii"))
    digits = ""
    for _ in range(_CHECKED):
        left, digit = divmod(left, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
