"""Patterns that an operator sets: a service's text rule, or its own pattern for the code.

They are written in the syntax of RE2 (https://github.com/google/re2/wiki/Syntax), which knows no
back-tracking: the time of a search grows in step with the text, whatever the pattern. What RE2
cannot do for that reason (look-around, back-references) is refused when the pattern is set, and so
is a pattern that would be large in memory.
"""

import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import re2

from simlet.domain.errors import PATTERN_REFUSED, Refused

MAX_PATTERN_CHARS = 300
# A search costs at most this many steps for each character of a text, and this much memory.
_MAX_PROGRAM_STEPS = 2_000
_MAX_PROGRAM_BYTES = 1 << 20
_KEPT_PATTERNS = 512

# A pattern that finds nothing in one of these finds it everywhere.
_PROBES = ("", "a", "0", "a 0")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that passed the checks, compiled. Two of the same source and case are equal."""

    source: str
    any_case: bool
    _program: Any = field(repr=False, compare=False)

    def matches(self, text: str) -> bool:
        """Whether the pattern is found anywhere in the text."""
        # In bytes, since RE2 would be asked where each character of a match stands in them.
        return self._program.search(_searchable(text).encode()) is not None

    def find(self, text: str) -> str | None:
        """The first group of the first match, as it stands in the text (in Unicode's form NFC).

        Without a group it is the whole match. None where nothing matches, or where the group
        stayed empty.
        """
        match = self._program.search(_searchable(text))
        if match is None:
            return None
        found: str | None = match.group(1 if self._program.groups else 0)
        return found or None


def compile_pattern(source: str, *, any_case: bool = True) -> Pattern:
    """A text rule: `matches` says whether a text fits it.

    Args:
        source: the pattern, in RE2's syntax, up to 300 characters.
        any_case: capitals and small letters are the same.

    Raises:
        Refused: PATTERN_REFUSED with the reason, where the pattern cannot be used.
    """
    return _compile(source, any_case)


def compile_code_pattern(source: str) -> Pattern:
    """A service's own pattern for its code: `find` gives the code.

    The code is the pattern's one group, or the whole match where there is no group. Capitals and
    small letters differ, unless the pattern starts with `(?i)`.

    Raises:
        Refused: PATTERN_REFUSED with the reason: whatever `compile_pattern` refuses, more than one
            group, or a pattern that would find nothing and call it a code.
    """
    return _compile_for_code(source)


@lru_cache(maxsize=_KEPT_PATTERNS)
def _compile(source: str, any_case: bool) -> Pattern:
    if not source.strip():
        raise _refused("it is empty")
    if len(source) > MAX_PATTERN_CHARS:
        raise _refused(f"it has more than {MAX_PATTERN_CHARS} characters")
    try:
        program = re2.compile(unicodedata.normalize("NFC", source), _options(any_case))
    except UnicodeEncodeError:
        raise _refused("it holds half of a character") from None
    except re2.error as error:
        raise _refused(_reason(error)) from None
    if program.programsize > _MAX_PROGRAM_STEPS:
        raise _refused("it is too large; use fewer or smaller repetitions")
    return Pattern(source, any_case, program)


@lru_cache(maxsize=_KEPT_PATTERNS)
def _compile_for_code(source: str) -> Pattern:
    pattern = _compile(source, any_case=False)
    program = pattern._program  # noqa: SLF001 - the two are one concept
    if program.groups > 1:
        raise _refused("it has more than one group; write (?:…) for those that are not the code")
    matches = [program.search(probe) for probe in _PROBES]
    if any(match is not None and not match.group() for match in matches):
        raise _refused("it matches where there is nothing")
    return pattern


def _options(any_case: bool) -> Any:
    options = re2.Options()
    options.case_sensitive = not any_case
    options.max_mem = _MAX_PROGRAM_BYTES
    options.log_errors = False  # the reason goes to the operator, not to the error stream
    return options


def _reason(error: Exception) -> str:
    raw = error.args[0] if error.args else ""
    said = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
    if said.startswith("invalid perl operator"):
        return f"{said}; look-around and other extensions of Perl are not available"
    if said.startswith("invalid escape sequence") and said[-1:].isdigit():
        return f"{said}; back-references are not available"
    if said.startswith(("pattern too large", "invalid repetition size")):
        return f"{said}; use fewer or smaller repetitions"
    return said


def _refused(reason: str) -> Refused:
    return Refused(PATTERN_REFUSED, reason=reason)


def _searchable(text: str) -> str:
    """The text in one Unicode form, with a mark for each half character that no bytes can hold."""
    if text.isascii():
        return text
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return unicodedata.normalize("NFC", whole)
