"""How a table of words is read: one language a line, its phrases parted by strokes."""

import re
from collections.abc import Iterable, Iterator

from simlet.domain.code_text import clean, fold


def phrases_of(table: str) -> Iterator[str]:
    """The phrases of a table, cleaned and folded as a text is."""
    for line in table.strip().splitlines():
        yield from (fold(clean(phrase)).strip() for phrase in line[4:].split("|"))


def pattern_of(words: Iterable[str]) -> str:
    """A pattern that matches the longest of some words.

    Words that start with the same character share it: of a plain row of alternatives, each one
    is tried at each place.
    """
    endings: dict[str, set[str]] = {}
    for word in words:
        endings.setdefault(word[:1], set()).add(word[1:])
    return "|".join(
        re.escape(first) + (f"(?:{pattern_of(rest)})" if any(rest) else "")
        for first, rest in sorted(endings.items(), reverse=True)  # nothing more to match: last
    )
