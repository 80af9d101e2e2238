"""Phone numbers of Vietnam: E.164 inside, the dealers' spellings outside.

A number is kept as `+84` and nine digits. The mobile ranges are those of the national numbering
plan of Vietnam (03, 05, 07, 08, 09).
"""

import re
from functools import lru_cache

from simlet.domain.errors import Refused, invalid

_MOBILE = re.compile(r"(?:\+?84|0)?([35789]\d{8})")
NATIONAL_DIGITS = 9
"""How many digits a number has behind the country code."""

_DIGITS = re.compile(r"\+?\d{3,15}", re.ASCII)
_SEPARATORS = str.maketrans("", "", " .-()\u00a0")
_BETWEEN_DIGITS = re.compile(r"[\s.()-]+")
# Dialled with the international prefix, or with the 0 that is dialled at home: +84 (0)912 345 678.
_ABROAD = re.compile(r"(?:\+|00)?840?([35789]\d{8})", re.ASCII)


def parse_number(text: str, name: str = "number") -> str:
    """The E.164 form of a Vietnamese mobile number.

    Args:
        text: `0…`, nine digits, `84…` or `+84…`; blanks, dots and dashes are ignored.
        name: what to call the input in a refusal.

    Raises:
        Refused: INVALID, when it is no such number.
    """
    found = _MOBILE.fullmatch(text.translate(_SEPARATORS)) if text.isascii() else None
    if found is None:
        raise invalid(
            name, "expected a Vietnamese mobile number, for example 0912345678 or +84912345678"
        )
    return "+84" + found[1]


def parse_destination(text: str) -> str:
    """The number that a message came to, as a gateway spells it; with 0084 or +84 (0) too.

    Returns:
        The E.164 form of a Vietnamese mobile number; of any other number its digits as they came
        (with a plus sign where there was one), for the operator to see.

    Raises:
        Refused: INVALID, when it is neither: a number has 3 to 15 digits.
    """
    digits = _BETWEEN_DIGITS.sub("", text)
    found = _ABROAD.fullmatch(digits)
    if found is not None:
        return "+84" + found[1]
    try:
        return parse_number(digits, "to")
    except Refused:
        if _DIGITS.fullmatch(digits) is None:
            raise
        return digits


def bare(number: str) -> str:
    """The nine digits of an E.164 number, without country code or 0."""
    return number.removeprefix("+84")


def national(number: str) -> str:
    """The number as people in Vietnam write it: 0 and nine digits."""
    return "0" + bare(number)


def international(number: str) -> str:
    """The number with its country code and without the plus sign."""
    return number.removeprefix("+")


def prefix_of(number: str) -> str:
    """The first two digits after the 0: the part that operators were given ranges by."""
    return bare(number)[:2]


def masked(number: str) -> str:
    """The number for logs: only its last two digits."""
    return "…" + number[-2:]


@lru_cache(maxsize=4096)
def normalise_sender(sender: str) -> str:
    """The form of a sender by which senders are compared.

    A mobile number becomes E.164, so that `0912…` and `+84912…` are the same sender; a name or
    a short code loses outer blanks and its case. Services keep this form of their senders (see
    `simlet.domain.matching.sender_keys`): another form needs a migration.
    """
    text = sender.strip()
    found = _MOBILE.fullmatch(text.translate(_SEPARATORS)) if text.isascii() else None
    return "+84" + found[1] if found else text.casefold()
