"""Digits that a text spells out, as a voice does, read as one number."""

from simlet.domain.code_numbers import MIN_DIGITS, Items, Number, doubt_of, said_once
from simlet.domain.code_roles import Role
from simlet.domain.code_units import DIGIT_OF, REPEATS

_SPELLED_WORDS = 3
_BETWEEN_SPELLED = {Role.COMMA, Role.END, Role.LINE, Role.COLON, Role.MARK}
# Behind a digit: it counts these, and is none of the code.
_COUNTED = frozenset({
    *("phut", "giay", "lan", "minute", "minutes", "second", "seconds", "hour", "hours", "times"),
    *("minuten", "sekunden", "minutos", "segundos", "menit", "detik", "dakika", "saniye"),
    *("минут", "минуты"),
})  # fmt: skip
# What a voice says while it thinks.
_HESITATIONS = frozenset({"uh", "er", "erm", "hm", "hmm"})
# These are digits among digits of their language, and sounds like ờ and ừm elsewhere.
_DIGIT_AMONG = {
    "o": {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine"},
    "um": {"dois", "duas", "tres", "quatro", "cinco", "seis", "sete", "oito", "nove"},
}
_AFTER = "sau"


def join_spelled(items: Items, shown: str, folded: str) -> Items:
    """Turns four or more digits that are spelled out (không năm chín …) into one number.

    Args:
        items: of the whole text.
        shown: the clean text.
        folded: the text that they were read from, of the same length.

    Returns:
        The items with such numbers; the same ones where there are none.
    """
    if sum(word in DIGIT_OF for _, word, _ in items.rows) < _SPELLED_WORDS:
        return items
    joined = Items()
    sounds = _sounds_of(items)
    run: list[int] = []  # places of the digits, and of what may stand between them
    after = _places_of_after(items, shown)
    for at, (role, word, _) in enumerate(items.rows):
        between = role in _BETWEEN_SPELLED or word in sounds
        if (run and between) or (_spelled(word) and not between and at not in after):
            run.append(at)
            continue
        counting = [run.pop()] if run and word in _COUNTED else []
        _add_spoken(joined, items, run, folded, sounds)
        run = []
        _add_same(joined, items, [*counting, at])
    _add_spoken(joined, items, run, folded, sounds)
    return joined


def _sounds_of(items: Items) -> set[str]:
    """The words that say nothing in a text."""
    words = {word for _, word, _ in items.rows}
    among = (word for word, digits in _DIGIT_AMONG.items() if words.isdisjoint(digits))
    return {*_HESITATIONS, *among}


def _places_of_after(items: Items, shown: str) -> set[int]:
    """Where a text with accents says sau (after), which folds to what sáu (six) folds to."""
    plain, accented = set(), False
    for at, (_, word, start) in enumerate(items.rows):
        if word in DIGIT_OF:
            as_written = shown[start : start + len(word)].lower() == word
            accented = accented or not as_written
            if word == _AFTER and as_written:
                plain.add(at)
    return plain if accented else set()


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


def _add_spoken(joined: Items, items: Items, run: list[int], folded: str, sounds: set[str]) -> None:
    """Adds a row of spelled digits and marks: as one number, if there are enough of them."""
    words = [items.rows[at][1] for at in run]
    said = ["" if word in sounds else _spelled(word) for word in words]
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
