"""A text read as a row of items: words with a role, marks, and numbers.

A number is whatever could be a code by its looks (see `code_numbers`). What stands around it does
not matter here: see `code_judge`.
"""

import re
from collections.abc import Iterator

from simlet.domain.code_numbers import (
    DOUBT_OF_HOTLINE,
    MAX_DIGITS,
    MIN_DIGITS,
    NEVER,
    PHONE_DIGITS,
    USUAL_DIGITS,
    Items,
    Number,
    doubt_of,
    doubt_of_key,
    said_once,
)
from simlet.domain.code_roles import LABELS, Role
from simlet.domain.code_spelled import join_spelled
from simlet.domain.code_text import BLANK
from simlet.domain.code_units import DIGIT_OF, QUANTITY, SUM_BEHIND, UNIT_BEHIND
from simlet.domain.code_words import (
    ABBREVIATION_CHARS,
    PHRASES,
    SCRIPT_PHRASE,
    SCRIPT_ROLE,
    Phrase,
    role_by_form,
    role_of,
)

_COUNT_DIGITS = 4
_MIXED_SIZES = range(4, 11)
_DOUBT_OF_SUM = 4
_SHORT_CHARS = 2
_MA = "ma"  # a code, where it stands for mã, and not for mà, má, mạ
_MA_AS_SHOWN = {"ma", "mã"}
_NO_WORD = ""  # behind the last word: no phrase goes on with it
_SHORT_FORMS = {"tp", "tx", "p", "q", "mr", "mrs", "ms", "dr", "st"}
_NUMBER_STARTS = frozenset("0123456789\0")

_GLUED_ROLES = {Role.CODE, Role.WORD, Role.LINK}

_GROUPED_HOTLINE = re.compile("1[568][0-9]{2}-[0-9]{4}")  # of Korea
_SAME = re.compile("[0-9]+|[a-z]+")
_GLUED = re.compile("([a-z]{2,})?[0-9]{4,8}([a-z]{2,})?")
# Letters and digits that go on beyond a sign are part of something else: Qx7#mK29.
_INSIDE_BEFORE = re.compile(r"[0-9a-z\0][!#$%&+@^_~]")
_INSIDE_BEHIND = re.compile(r"[!#$%&+@^_~][0-9a-z\0]")
_DIGITS = re.compile("[0-9]+")
_BESIDE_DIGITS = re.compile("[a-z]+(?:-[a-z]+)*(?:-[0-9]+)+|[0-9]+(?:-[0-9]+)*(?:-[a-z]+)+")
_BETWEEN_LETTERS = re.compile("([a-z]+)-[0-9]{4,8}-([a-z]+)")
# Words of other scripts; Chinese and Korean digits are also written without blanks.
_PIECE = re.compile(
    r"([零〇一幺二两三四五六七八九]{4,16}|[공영일이삼사오육륙칠팔구]{4,16}(?!\S))"
    r"|[^\s零〇一幺二两三四五六七八九]+|\S"
)

# Plain words come first, and the blanks behind a token belong to its match: so most matches start
# where the last one ended, and are done with the first thing tried.
_TOKEN = re.compile(
    r"""
    (
      [a-z]++(?![0-9-])
    | \0+
    | [0-9](?:[ ,.-]{1,3}[0-9](?![0-9a-z])){3,}                          # 2.9.4.0.1.6
    | [0-9]{2,4}(?:([ ]?-[ ]?|[ ]{1,2}|[.,])[0-9]{2,4}(?![0-9a-z]))
      (?:\2[0-9]{2,4}(?![0-9a-z]))*                                      # 123 456
    | (?=[a-z-]{0,20}[0-9])[0-9a-z]+(?:-[0-9a-z]+)+                      # shb-7f3k2q
    | [0-9a-z]+
    | [^\x00-\x7f]+(?:[ ][^\x00-\x7f]+)*
    | \.{2,}
    | (?<![a-z])- | -(?![a-z])                                           # not that of one-time
    | [^\s0-9a-z'-]
    | \n
    )[ ]*
    """,
    re.VERBOSE,
)

_MARKS = {
    ":": Role.COLON, "=": Role.COLON, ">": Role.COLON, "-": Role.COLON,
    ",": Role.COMMA, ";": Role.COMMA, "|": Role.COMMA, "/": Role.COMMA,
    ".": Role.END, "!": Role.END, "?": Role.END, "\n": Role.LINE,
}  # fmt: skip


def read_items(shown: str, folded: str) -> Items:
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
        self.items = Items()
        self.rows = self.items.rows

    def read(self) -> Items:
        tokens = list(_TOKEN.finditer(self.folded))
        words = [match[1] for match in tokens]
        starts = [match.start() for match in tokens]
        known_words = [PHRASES.get(word) for word in words]
        words.append(_NO_WORD)
        add = self.rows.append
        taken = 0  # the tokens in front of this one belong to a phrase already
        for at, known in enumerate(known_words):
            word, start = words[at], starts[at]
            if at < taken:
                continue
            # Most words go one of the two short ways, without the cost of a call.
            if known is None and word.isalpha() and word.isascii():
                add((role_by_form(word), word, start))
            elif known is None:
                self._token(word, start)
            elif known.role and words[at + 1] not in known.longer and word != _MA:
                add((known.role, word, start))
            else:
                taken = at + self._phrase(known, words, starts, at)
        return join_spelled(self.items, self.shown, self.folded)

    def _phrase(self, known: Phrase, words: list[str], starts: list[int], at: int) -> int:
        """Takes the longest phrase that starts with a known word; how many words it took."""
        role, size = _longest(known, words, at)
        word, start = words[at], starts[at]
        if size > 1:
            last = at + size - 1
            word = self.folded[start : starts[last] + len(words[last])]
        elif word == _MA and self.shown[start : start + len(_MA)].lower() not in _MA_AS_SHOWN:
            role = None
        if role:
            self.rows.append((role, word, start))
        else:
            self._token(word, start)
        return size

    def _token(self, word: str, start: int) -> None:
        first = word[0]
        if first > "\x7f":
            self._script(word, start)
        elif word.isalpha():
            self.rows.append((role_by_form(word), word, start))
        elif word in _MARKS:
            mark = first == "." and self._abbreviates(start)
            self.rows.append((Role.MARK if mark else _MARKS[word], word, start))
        elif first == BLANK:
            self.rows.append((Role.THING, word, start))
        elif not first.isalnum():
            self.rows.append((Role.MARK, word, start))
        elif not word.islower():
            self._digits(start, start + len(word))
        else:
            self._letters_and_digits(word, start, start + len(word))

    def _abbreviates(self, stop: int) -> bool:
        """Whether a full stop ends a short form and no sentence: Ref. 882193, TP.HCM."""
        if not self.rows:
            return False
        role, word, start = self.rows[-1]
        if start + len(word) != stop:
            return False
        behind = self.folded[stop + 1 : stop + 2]
        if role is Role.PLAIN and behind.isdecimal():
            return True  # MBVCB.5829301
        if len(word) > ABBREVIATION_CHARS:
            return False
        if role is Role.PLAIN:
            glued = len(word) <= _SHORT_CHARS and behind.isalpha()
            return glued or word in _SHORT_FORMS
        follows = self.folded[stop + 1 : stop + 4].strip(" ")[:1]
        return role in LABELS and follows in _NUMBER_STARTS

    def _script(self, stretch: str, start: int) -> None:
        """Words of a script other than Latin; some scripts set no blanks between words."""
        at = 0
        for match in SCRIPT_PHRASE.finditer(stretch):
            first, end = match.span()
            before = stretch[first - 1] if first else " "
            if before < "\u0590" and before.isalpha():
                continue  # inside of a Greek or Cyrillic word
            if at < first:
                self._pieces(start + at, start + first)
            self.rows.append((SCRIPT_ROLE[match[0]], match[0], start + first))
            at = end
        if at < len(stretch):
            self._pieces(start + at, start + len(stretch))

    def _pieces(self, start: int, end: int) -> None:
        for match in _PIECE.finditer(self.folded, start, end):
            if match[1]:
                value = said_once("".join(DIGIT_OF[each] for each in match[1]))
                self.items.add_number(Number(value, doubt_of(value)), match[0], match.start())
            else:
                self.rows.append((Role.PLAIN, match[0], match.start()))

    def _letters_and_digits(self, word: str, start: int, end: int) -> None:
        if QUANTITY.fullmatch(word):
            self.rows.append((Role.THING, word, start))
            return
        if _BESIDE_DIGITS.fullmatch(word) or _is_between_words(word) or _glued(word):
            self._beside_digits(start, end)
        elif len(word) - word.count("-") in _MIXED_SIZES and not (
            _INSIDE_BEFORE.match(self.folded, max(0, start - 2))
            or _INSIDE_BEHIND.match(self.folded, end)
        ):
            value = self.shown[start:end]
            self.items.add_number(Number(value, doubt_of_key(value), mixed=True), word, start)
        else:
            self.rows.append((Role.THING, word, start))

    def _beside_digits(self, start: int, end: int) -> None:
        """Digits behind the letters of a brand (G-284913), or in front of a word (6-digit)."""
        pieces = list(_SAME.finditer(self.folded, start, end))
        digits = [piece for piece in pieces if piece[0].isdecimal()]
        for piece in pieces:
            role = role_of(piece[0])
            if piece is digits[0]:
                self._digits(piece.start(), digits[-1].end())
            elif role and piece not in digits:
                self.rows.append((role, piece[0], piece.start()))

    def _digits(self, start: int, end: int) -> None:
        """One number, or several that stand in a row."""
        word = self.folded[start:end]
        if SUM_BEHIND.match(self.folded, end):
            self._thing(start, end)
            return
        if word.isdecimal():
            self._one(start, end, word)
            return
        groups = [match.span() for match in _DIGITS.finditer(self.folded, start, end)]
        if len(groups) > 1 and UNIT_BEHIND.match(self.folded, end):
            self._groups(groups[:-1])
            self._thing(*groups[-1])
            return
        self._groups(groups)

    def _groups(self, groups: list[tuple[int, int]]) -> None:
        sizes = [end - start for start, end in groups]
        start, end = groups[0][0], groups[-1][1]
        joined = "".join(self.folded[first:last] for first, last in groups)
        if len(groups) == 1:
            self._one(start, end, joined)
            return
        value = said_once(joined)
        between = self.folded[groups[0][1]]
        if len(value) < len(joined) or _reads_as_one(sizes):
            like_a_sum = between in ".," and min(sizes) > 1
            like_a_hotline = _GROUPED_HOTLINE.fullmatch(self.folded, start, end)
            doubt = _DOUBT_OF_SUM if like_a_sum else 0
            if like_a_hotline and not doubt_of(value):  # which no number is twice
                doubt = DOUBT_OF_HOTLINE
            self._one(start, end, value, doubt)
        elif between == " " and len(joined) < PHONE_DIGITS and len(set(sizes)) > 1:
            for each in _rows(groups):
                self._groups(each)
        else:
            self._thing(start, end)

    def _one(self, start: int, end: int, value: str, doubt_of_form: int = 0) -> None:
        doubt = doubt_of(value)
        if doubt < NEVER:
            doubt += self._doubt_around(start, end, len(value)) + doubt_of_form
        if doubt < NEVER:
            self.items.add_number(Number(value, doubt), self.folded[start:end], start)
        else:
            self._thing(start, end)

    def _doubt_around(self, start: int, end: int, digits: int) -> int:
        """How much what touches a number speaks against a code: a unit, a slash."""
        slash = self.folded[end : end + 1] == "/" or self.folded[start - 1 : start] == "/"
        doubt = 3 if slash else 0
        if digits <= _COUNT_DIGITS and UNIT_BEHIND.match(self.folded, end):
            doubt += 4 if digits == _COUNT_DIGITS else NEVER
        return doubt

    def _thing(self, start: int, end: int) -> None:
        self.rows.append((Role.THING, self.folded[start:end], start))


def _longest(known: Phrase, words: list[str], at: int) -> tuple[Role | None, int]:
    """The longest phrase from a known word on: its role, and how many words it has.

    The role is None, and the size 1, where the words only start phrases.
    """
    role, size, end = known.role, 1, at + 1
    while longer := known.longer.get(words[end]):
        known, end = longer, end + 1
        if known.role:
            role, size = known.role, end - at
    return role, size


def _glued(word: str) -> bool:
    """Whether known words and digits are written as one: otp482913, 482913la."""
    match = _GLUED.fullmatch(word)
    return match is not None and all(
        role_of(word) in _GLUED_ROLES for word in match.groups() if word
    )


def _is_between_words(word: str) -> bool:
    """Whether digits stand between words (otp-482913-het han), and not in a key (SHB-4829-KQ)."""
    match = _BETWEEN_LETTERS.fullmatch(word)
    return match is not None and any(side in PHRASES for side in match.groups())


def _reads_as_one(sizes: list[int]) -> bool:
    """Whether groups of these sizes are one code: 123 456, 00-4471, 4 8 1 5 0 9."""
    total = sum(sizes)
    even = len(set(sizes)) == 1
    if even:
        return MIN_DIGITS <= total <= MAX_DIGITS
    return MIN_DIGITS <= total <= USUAL_DIGITS and min(sizes) > 1 and len(sizes) <= 3


def _rows(groups: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Neighbours of the same size together: 123 456 7 → 123 456, then 7."""
    row: list[tuple[int, int]] = []
    for group in groups:
        if row and group[1] - group[0] != row[0][1] - row[0][0]:
            yield row
            row = []
        row.append(group)
    yield row
