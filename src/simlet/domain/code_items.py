"""A text read as a row of items: words with a role, marks, and numbers.

A number is whatever could be a code by its looks, with how much its looks speak against that (its
doubt). What stands around it does not matter here: see `extract`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from simlet.domain.code_text import BLANK
from simlet.domain.code_words import (
    ABBREVIATION_CHARS,
    DIGIT_OF,
    KEY_START,
    LABELS,
    PHRASES_FROM,
    QUANTITY,
    REPEATS,
    SCRIPT_PHRASE,
    SCRIPT_ROLE,
    SUM_BEHIND,
    UNIT_BEHIND,
    Role,
    role_by_form,
    role_of,
)

# The fewest digits that make a code.
MIN_DIGITS = 4
_USUAL_DIGITS = 8
_MAX_DIGITS = 10  # nine and ten only right behind a word for codes
_PHONE_DIGITS = 9
_COUNT_DIGITS = 4
_MIXED_SIZES = range(4, 11)
_SPELLED_WORDS = 3
_NEVER = 10  # a doubt that nothing outweighs
_SHORT_CHARS = 2
_SHORT_FORMS = {"tp", "tx", "p", "q", "mr", "mrs", "ms", "dr", "st"}
_NUMBER_STARTS = frozenset("0123456789\0")

_GLUED_ROLES = {Role.CODE, Role.WORD, Role.LINK}
_BETWEEN_SPELLED = {Role.COMMA, Role.END, Role.COLON, Role.MARK}

_PHONE = re.compile("0[1-9][0-9]{8}")
_HOTLINE = re.compile("1[89]00[0-9]{4,6}")
_YEAR_OR_DAY = re.compile("(?:19|20)[0-9]{2}(?:(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01]))?")
_SAME = re.compile("[0-9]+|[a-z]+")
_KEY = re.compile("([a-z]{2,})[0-9]+k?")
_GLUED = re.compile("([a-z]{2,})?[0-9]{4,8}([a-z]{2,})?")
# Letters and digits that go on beyond a sign are part of something else: Qx7#mK29.
_INSIDE_BEFORE = re.compile(r"[0-9a-z\0][!#$%&+@^_~]")
_INSIDE_BEHIND = re.compile(r"[!#$%&+@^_~][0-9a-z\0]")
_DIGITS = re.compile("[0-9]+")
_PART = re.compile("[0-9a-z]+")
# Words of other scripts; Chinese and Korean digits are also written without blanks.
_PIECE = re.compile(
    r"([零〇一幺二两三四五六七八九]{4,16}|[공영일이삼사오육륙칠팔구]{4,16}(?!\S))"
    r"|[^\s零〇一幺二两三四五六七八九]+|\S"
)

_TOKEN = re.compile(
    r"""
      \0+
    | [0-9](?:[ ,.-]{1,3}[0-9](?![0-9a-z])){3,}                          # 2.9.4.0.1.6
    | [0-9]{2,4}(?:([ ]?-[ ]?|[ ]{1,2}|[.,])[0-9]{2,4}(?![0-9a-z]))
      (?:\1[0-9]{2,4}(?![0-9a-z]))*                                      # 123 456
    | (?=[a-z-]{0,20}[0-9])[0-9a-z]+(?:-[0-9a-z]+)+                      # shb-7f3k2q
    | [0-9a-z]+
    | [^\x00-\x7f]+(?:[ ][^\x00-\x7f]+)*
    | \.{2,}
    | (?<![a-z])- | -(?![a-z])                                           # not that of one-time
    | [^\s0-9a-z'-]
    | \n
    """,
    re.VERBOSE,
)

_MARKS = {
    ":": Role.COLON, "=": Role.COLON, ">": Role.COLON, "-": Role.COLON,
    ",": Role.COMMA, ";": Role.COMMA, "|": Role.COMMA, "/": Role.COMMA,
    ".": Role.END, "!": Role.END, "?": Role.END, "\n": Role.LINE,
}  # fmt: skip


@dataclass(slots=True)
class Item:
    """One item of a text: its role, and where it starts and ends in the clean text."""

    role: Role
    start: int
    end: int
    value: str = ""  # of a number: the code that it would be
    doubt: int = 0  # of a number: how unlike a code it looks
    mixed: bool = False  # of a number: holds letters


def read_items(shown: str, folded: str) -> list[Item]:
    """The items of a text, from its start to its end.

    Args:
        shown: the clean text.
        folded: the same text folded and blanked out (see `blank_out`), of the same length.

    Returns:
        The items in their order; they do not overlap. Digits that are spelled out are one number.
    """
    return _Reader(shown, folded).read()


class _Reader:
    """Reads a blanked text into items, from its start to its end."""

    def __init__(self, shown: str, folded: str) -> None:
        self.shown = shown
        self.folded = folded
        self.items: list[Item] = []

    def read(self) -> list[Item]:
        tokens = [match.span() for match in _TOKEN.finditer(self.folded)]
        words = [self.folded[start:end] for start, end in tokens]
        at = 0
        while at < len(tokens):
            at += self._phrase(words, tokens, at) or self._token(words[at], *tokens[at])
        spelled = sum(self.folded[item.start : item.end] in DIGIT_OF for item in self.items)
        if spelled >= _SPELLED_WORDS:
            return list(_join_spelled(self.items, self.folded))
        return self.items

    def _add(self, role: Role, start: int, end: int) -> None:
        self.items.append(Item(role, start, end))

    def _phrase(self, words: list[str], tokens: list[tuple[int, int]], at: int) -> int:
        """Takes the longest known phrase; how many tokens it took."""
        for phrase, role in PHRASES_FROM.get(words[at], ()):
            size = len(phrase)
            if size == 1 or tuple(words[at : at + size]) == phrase:
                start, end = tokens[at][0], tokens[at + size - 1][1]
                if phrase == ("ma",) and self.shown[start:end].lower() not in {"ma", "mã"}:
                    return 0  # mà, má, mạ
                self._add(role, start, end)
                return size
        return 0

    def _token(self, word: str, start: int, end: int) -> int:
        first = word[0]
        if first in _MARKS and len(word) == 1:
            mark = first == "." and self._abbreviates(start)
            self._add(Role.MARK if mark else _MARKS[first], start, end)
        elif first == BLANK:
            self._add(Role.THING, start, end)
        elif first > "\x7f":
            self._script(word, start)
        elif word.isalpha():
            self._add(role_by_form(word), start, end)
        elif not first.isalnum():
            self._add(Role.MARK, start, end)
        elif word.upper() == word.lower():
            self._digits(start, end)
        else:
            self._letters_and_digits(word, start, end)
        return 1

    def _abbreviates(self, stop: int) -> bool:
        """Whether a full stop ends a short form and no sentence: Ref. 882193, TP.HCM."""
        before = self.items[-1] if self.items else None
        if before is None or before.end != stop:
            return False
        size = before.end - before.start
        if before.role is Role.PLAIN:
            glued = size <= _SHORT_CHARS and self.folded[stop + 1 : stop + 2].isalpha()
            return glued or self.folded[before.start : stop] in _SHORT_FORMS
        follows = self.folded[stop + 1 : stop + 4].strip(" ")[:1]
        return before.role in LABELS and size <= ABBREVIATION_CHARS and follows in _NUMBER_STARTS

    def _script(self, stretch: str, start: int) -> None:
        """Words of a script other than Latin; some scripts set no blanks between words."""
        at = 0
        for match in SCRIPT_PHRASE.finditer(stretch):
            before = stretch[match.start() - 1] if match.start() else " "
            if before < "\u0590" and before.isalpha():
                continue  # inside of a Greek or Cyrillic word
            self._pieces(start + at, start + match.start())
            self._add(SCRIPT_ROLE[match.group()], start + match.start(), start + match.end())
            at = match.end()
        self._pieces(start + at, start + len(stretch))

    def _pieces(self, start: int, end: int) -> None:
        for match in _PIECE.finditer(self.folded, start, end):
            if match.group(1):
                value = _once("".join(DIGIT_OF[each] for each in match.group(1)))
                self.items.append(Item(Role.NUMBER, *match.span(), value, _doubt(value)))
            else:
                self._add(Role.PLAIN, *match.span())

    def _letters_and_digits(self, word: str, start: int, end: int) -> None:
        if QUANTITY.fullmatch(word):
            self._add(Role.THING, start, end)
            return
        glued = _GLUED.fullmatch(word)
        known = glued and all(role_of(word) in _GLUED_ROLES for word in glued.groups() if word)
        pieces = [
            match.span() for match in (_SAME if known else _PART).finditer(self.folded, start, end)
        ]
        kinds = [_kind(self.folded[first:last]) for first, last in pieces]
        runs = "".join(kind for at, kind in enumerate(kinds) if not at or kind != kinds[at - 1])
        if runs in {"ad", "da"} or known:
            self._beside_digits(pieces, kinds)
        elif sum(last - first for first, last in pieces) in _MIXED_SIZES and not (
            _INSIDE_BEFORE.match(self.folded, max(0, start - 2))
            or _INSIDE_BEHIND.match(self.folded, end)
        ):
            value = self.shown[start:end]
            self.items.append(Item(Role.NUMBER, start, end, value, _key_doubt(value), mixed=True))
        else:
            self._add(Role.THING, start, end)

    def _beside_digits(self, pieces: list[tuple[int, int]], kinds: list[str]) -> None:
        """Digits behind the letters of a brand (G-284913), or in front of a word (6-digit)."""
        digits = [piece for piece, kind in zip(pieces, kinds, strict=True) if kind == "d"]
        for (start, end), kind in zip(pieces, kinds, strict=True):
            role = role_of(self.folded[start:end])
            if kind == "a" and role:
                self._add(role, start, end)
            elif (start, end) == digits[0]:
                self._digits(start, digits[-1][1])

    def _digits(self, start: int, end: int) -> None:
        """One number, or several that stand in a row."""
        groups = [match.span() for match in _DIGITS.finditer(self.folded, start, end)]
        if SUM_BEHIND.match(self.folded, end):
            self._add(Role.THING, start, end)
            return
        if len(groups) > 1 and UNIT_BEHIND.match(self.folded, end):
            self._groups(groups[:-1])
            self._add(Role.THING, *groups[-1])
            return
        self._groups(groups)

    def _groups(self, groups: list[tuple[int, int]]) -> None:
        sizes = [end - start for start, end in groups]
        start, end = groups[0][0], groups[-1][1]
        joined = "".join(self.folded[first:last] for first, last in groups)
        if len(groups) == 1:
            self._one(start, end, joined)
            return
        value = _once(joined)
        between = self.folded[groups[0][1]]
        if len(value) < len(joined) or _reads_as_one(sizes):
            self._one(start, end, value, like_a_sum=between in ".," and min(sizes) > 1)
        elif between == " " and len(joined) < _PHONE_DIGITS and len(set(sizes)) > 1:
            for each in _rows(groups):
                self._groups(each)
        else:
            self._add(Role.THING, start, end)

    def _one(self, start: int, end: int, value: str, *, like_a_sum: bool = False) -> None:
        doubt = _doubt(value) + (4 if like_a_sum else 0)
        if UNIT_BEHIND.match(self.folded, end) and len(value) <= _COUNT_DIGITS:
            doubt += 4 if len(value) == _COUNT_DIGITS else _NEVER
        if "/" in (self.folded[start - 1 : start], self.folded[end : end + 1]):
            doubt += 3
        role = Role.NUMBER if doubt < _NEVER else Role.THING
        self.items.append(Item(role, start, end, value, doubt))


def _kind(piece: str) -> str:
    """What a piece is made of: d for digits, a for letters, m for a mixture."""
    if piece.isdecimal():
        return "d"
    return "a" if piece.isalpha() else "m"


def _once(value: str) -> str:
    """A voice says a code twice or three times in a row; this is one of them."""
    for size in range(MIN_DIGITS, len(value) // 2 + 1):
        if value == value[:size] * (len(value) // size):
            return value[:size]
    return value


def _reads_as_one(sizes: list[int]) -> bool:
    """Whether groups of these sizes are one code: 123 456, 00-4471, 4 8 1 5 0 9."""
    total = sum(sizes)
    even = len(set(sizes)) == 1
    if even:
        return MIN_DIGITS <= total <= _MAX_DIGITS
    return MIN_DIGITS <= total <= _USUAL_DIGITS and min(sizes) > 1 and len(sizes) <= 3


def _rows(groups: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Neighbours of the same size together: 123 456 7 → 123 456, then 7."""
    row: list[tuple[int, int]] = []
    for group in groups:
        if row and group[1] - group[0] != row[0][1] - row[0][0]:
            yield row
            row = []
        row.append(group)
    yield row


def _doubt(value: str) -> int:
    """How unlike a code this number looks: 0 is a usual code, from _NEVER on it is none."""
    size = len(value)
    if size < 3 or size > _MAX_DIGITS or _PHONE.fullmatch(value):
        return _NEVER
    if size == 3 or size > _USUAL_DIGITS:
        return 4
    if _HOTLINE.fullmatch(value):
        return 3
    return 2 if _YEAR_OR_DAY.fullmatch(value) else 0


_NAME_WITH_NUMBER = re.compile(r"[A-Z][a-z]{1,9}[0-9]")


def _key_doubt(value: str) -> int:
    """How much letters and digits look like a voucher or a key: GIAM50K, LAZADA50, KH00412."""
    match = _KEY.fullmatch(value.lower())
    if _NAME_WITH_NUMBER.fullmatch(value):
        return 3
    if match is None:
        return 0
    return _NEVER if KEY_START.fullmatch(match.group(1)) else 1


def _join_spelled(items: list[Item], folded: str) -> Iterator[Item]:
    """Turns four or more digits that are spelled out (không năm chín …) into one number."""
    run: list[Item] = []  # the digits, and the marks between them
    for item in items:
        if _spelled(item, folded) or (run and item.role in _BETWEEN_SPELLED):
            run.append(item)
            continue
        yield from _spoken(run, folded)
        run = []
        yield item
    yield from _spoken(run, folded)


def _spelled(item: Item, folded: str) -> str:
    """The digits that an item says, or nothing."""
    word = folded[item.start : item.end]
    if word.isdecimal() and len(word) <= 2:
        return word
    return DIGIT_OF.get(word, "") or ("?" if word in REPEATS else "")


def _spoken(run: list[Item], folded: str) -> Iterator[Item]:
    said = [_spelled(item, folded) for item in run]
    both = list(zip(run, said, strict=True))
    in_words = sum(not folded[item.start].isdecimal() for item, digits in both if digits)
    if in_words < _SPELLED_WORDS or sum(map(bool, said)) < MIN_DIGITS:
        yield from run
        return
    value, times = "", 1
    for item, digits in both:
        value += digits * times if digits.isdecimal() else ""
        times = REPEATS.get(folded[item.start : item.end], 1)
    last = max(at for at, digits in enumerate(said) if digits)
    value = _once(value)
    yield Item(Role.NUMBER, run[0].start, run[last].end, value, _doubt(value))
    yield from run[last + 1 :]
