"""Digits that a text spells out, as a voice does, read as one number."""

from simlet.domain.code_numbers import MIN_DIGITS, Items, Number, doubt_of, said_once
from simlet.domain.code_words import DIGIT_OF, REPEATS, Role

_SPELLED_WORDS = 3
_BETWEEN_SPELLED = {Role.COMMA, Role.END, Role.LINE, Role.COLON, Role.MARK}


def join_spelled(items: Items, folded: str) -> Items:
    """Turns four or more digits that are spelled out (không năm chín …) into one number.

    Args:
        items: of the whole text.
        folded: the text that they were read from.

    Returns:
        The items with such numbers; the same ones where there are none.
    """
    if sum(word in DIGIT_OF for _, word, _ in items.rows) < _SPELLED_WORDS:
        return items
    joined = Items()
    run: list[int] = []  # places of the digits, and of the marks between them
    for at, (role, word, _) in enumerate(items.rows):
        if _spelled(word) or (run and role in _BETWEEN_SPELLED):
            run.append(at)
            continue
        _add_spoken(joined, items, run, folded)
        run = []
        _add_same(joined, items, [at])
    _add_spoken(joined, items, run, folded)
    return joined


def _spelled(word: str) -> str:
    """The digits that an item says, or nothing."""
    if word.isdecimal() and len(word) <= 2:
        return word
    return DIGIT_OF.get(word, "") or ("?" if word in REPEATS else "")


def _add_same(joined: Items, items: Items, places: list[int]) -> None:
    for at in places:
        if at in items.numbers:
            joined.numbers[len(joined.rows)] = items.numbers[at]
        joined.rows.append(items.rows[at])


def _add_spoken(joined: Items, items: Items, run: list[int], folded: str) -> None:
    """Adds a row of spelled digits and marks: as one number, if there are enough of them."""
    words = [items.rows[at][1] for at in run]
    said = [_spelled(word) for word in words]
    both = list(zip(words, said, strict=True))
    in_words = sum(not word[0].isdecimal() for word, digits in both if digits)
    if in_words < _SPELLED_WORDS or sum(map(bool, said)) < MIN_DIGITS:
        _add_same(joined, items, run)
        return
    value, times = "", 1
    for word, digits in both:
        value += digits * times if digits.isdecimal() else ""
        times = REPEATS.get(word, 1)
    last = max(at for at, digits in enumerate(said) if digits)
    value = said_once(value)
    _, last_word, last_start = items.rows[run[last]]
    start = items.rows[run[0]][2]
    spoken = folded[start : last_start + len(last_word)]
    joined.add_number(Number(value, doubt_of(value)), spoken, start)
    _add_same(joined, items, run[last + 1 :])
