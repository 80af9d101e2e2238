"""What could be a code in a text, and how much its looks speak against that."""

import re
from dataclasses import dataclass, field

from simlet.domain.code_roles import Role
from simlet.domain.code_tables import pattern_of

MIN_DIGITS = 4  # the fewest that make a code
USUAL_DIGITS = 8
MAX_DIGITS = 10  # nine and ten only right behind a word for codes
PHONE_DIGITS = 9
DOUBT_OF_HOTLINE = 3
NEVER = 10  # a doubt that nothing outweighs
TELLING_STARTS = ("18", "19", "20")  # of hotlines, years and days

_PHONE = re.compile("0[1-9][0-9]{8}")
_HOTLINE = re.compile("1[89]00[0-9]{4,6}")
_YEAR_OR_DAY = re.compile("(?:19|20)[0-9]{2}(?:(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01]))?")
# How vouchers, and the keys of customers, orders and contracts, start.
_KEY_STARTS = """
giam giamgia uudai qua tang banmoi tet noel xmas sale off deal flash mega free freeship ship hot
vip new newbie hello welcome save promo voucher kh hd dh gd sv nv hs pe inv ord
"""
_KEY_START = re.compile(pattern_of(_KEY_STARTS.split()))
_KEY = re.compile("([a-z]{2,})[0-9]+k?")
_NAME_WITH_NUMBER = re.compile(r"[A-Z][a-z]{1,9}[0-9]")


@dataclass(slots=True)
class Number:
    """What could be a code."""

    value: str  # the code that it would be
    doubt: int  # how unlike a code it looks
    mixed: bool = False  # holds letters


# One item: its role, what it says in the folded text, where it starts in the clean text. It is a
# plain tuple, since an object of its own takes longer to make than to weigh.
Item = tuple[Role, str, int]


@dataclass(slots=True)
class Items:
    """A text as a row of items."""

    rows: list[Item] = field(default_factory=list)
    numbers: dict[int, Number] = field(default_factory=dict)  # place in the row → number

    def add_number(self, number: Number, word: str, start: int) -> None:
        """Appends one item that could be a code."""
        self.numbers[len(self.rows)] = number
        self.rows.append((Role.NUMBER, word, start))


def doubt_of(value: str) -> int:
    """How unlike a code this number looks: 0 is a usual code, from NEVER on it is none."""
    size = len(value)
    if size < 3 or size > MAX_DIGITS or (size > PHONE_DIGITS and _PHONE.fullmatch(value)):
        return NEVER
    if size == 3 or size > USUAL_DIGITS:
        return 4
    if not value.startswith(TELLING_STARTS):
        return 0
    if _HOTLINE.fullmatch(value):
        return DOUBT_OF_HOTLINE
    return 2 if _YEAR_OR_DAY.fullmatch(value) else 0


def doubt_of_key(value: str) -> int:
    """How much letters and digits look like a voucher or a key: GIAM50K, LAZADA50, KH00412."""
    match = _KEY.fullmatch(value.lower())
    if _NAME_WITH_NUMBER.fullmatch(value):
        return 3
    if match is None:
        return 0
    return NEVER if _KEY_START.fullmatch(match.group(1)) else 1


def said_once(value: str) -> str:
    """A voice says a code twice or three times in a row; this is one of them."""
    for size in range(MIN_DIGITS, len(value) // 2 + 1):
        if value == value[:size] * (len(value) // size):
            return value[:size]
    return value
