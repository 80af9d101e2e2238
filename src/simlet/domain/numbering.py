"""Networks of Vietnam, and the number prefixes that dealers filter by.

The network of a line is the one its SIM belongs to: numbers are ported, so a prefix says nothing
certain about the network, and is only a filter on the number's digits.
"""

import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from simlet.domain.errors import invalid
from simlet.domain.phone import NATIONAL_DIGITS

FIRST_NETWORKS: tuple[tuple[int, str], ...] = (
    (1, "MOBIFONE"),
    (2, "VINAPHONE"),
    (3, "VIETTEL"),
    (4, "VIETNAMOBILE"),
    (5, "ITELECOM"),
)
"""The networks every installation starts with; the ids are part of the first API."""

CELL_DIGITS = 2
_DIGITS = "0123456789"
_PREFIX = re.compile(r"0?([1-9]\d{0,8})")
_NETWORK_NAME = re.compile(r"[A-Z0-9][A-Z0-9 ._-]{0,31}")


class Filters(NamedTuple):
    """What a dealer asks of the line: all of it must fit.

    Attributes:
        networks: ids of the networks wanted; empty for any.
        wanted: prefixes without the 0, one of which the number must start with; empty for any.
        unwanted: prefixes without the 0 that the number must not start with.
    """

    networks: tuple[int, ...] = ()
    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()

    @property
    def any_line(self) -> bool:
        """Whether every line fits."""
        return not (self.networks or self.wanted or self.unwanted)

    @property
    def wanted_cells(self) -> tuple[str, ...]:
        """The two-digit prefixes among which a number that fits must be; empty for any."""
        return tuple(sorted({cell for one in self.wanted for cell in _cells(one)}))

    @property
    def unwanted_cells(self) -> tuple[str, ...]:
        """The two-digit prefixes of which no number fits, named whole or piece by piece."""
        short = (one for one in _put_together(self.unwanted) if len(one) <= CELL_DIGITS)
        return tuple(sorted({cell for one in short for cell in _cells(one)}))

    @property
    def needs_numbers(self) -> bool:
        """Whether a prefix is longer than a cell's, so that each number must be looked at."""
        prefixes = self.wanted + self.unwanted
        return bool(prefixes) and any(len(one) > CELL_DIGITS for one in prefixes)

    @property
    def wanted_numbers(self) -> tuple[str, ...]:
        """The wanted prefixes, when all of them are longer than a cell's; else empty."""
        long = all(len(one) > CELL_DIGITS for one in self.wanted)
        return self.wanted if long else ()

    def number_test(self) -> Callable[[str], bool]:
        """Tells of numbers, as their nine digits, whether they fit the prefixes."""
        is_wanted, is_unwanted = _starts_with(self.wanted), _starts_with(self.unwanted)
        if not self.wanted:
            return lambda digits: not is_unwanted(digits)
        return lambda digits: is_wanted(digits) and not is_unwanted(digits)

    def fits_number(self, digits: str) -> bool:
        """Whether a number, as its nine digits, fits the prefixes."""
        return self.number_test()(digits)


def _cells(prefix: str) -> tuple[str, ...]:
    if len(prefix) >= CELL_DIGITS:
        return (prefix[:CELL_DIGITS],)
    return tuple(prefix + digit for digit in _DIGITS)


def _put_together(prefixes: tuple[str, ...]) -> set[str]:
    """The prefixes, and those of which each further digit is among them."""
    whole = set(prefixes)
    for digits in range(NATIONAL_DIGITS, CELL_DIGITS, -1):
        found = Counter(one[:-1] for one in whole if len(one) == digits)
        whole |= {one for one, count in found.items() if count == len(_DIGITS)}
    return whole


def _starts_with(prefixes: tuple[str, ...]) -> Callable[[str], bool]:
    """Tells whether digits start with one of the prefixes: as fast for thousands as for ten."""
    by_length: dict[int, set[str]] = {}
    for one in prefixes:
        by_length.setdefault(len(one), set()).add(one)
    sets = tuple(by_length.items())
    return lambda digits: any(digits[:length] in some for length, some in sets)


def parse_prefix(text: str, name: str) -> str:
    """A prefix as dealers write it, without its leading 0.

    Raises:
        Refused: INVALID, naming the input.
    """
    found = _PREFIX.fullmatch(text)
    if found is None or not text.isascii():
        raise invalid(name, "expected the first digits of a number, for example 96")
    return found[1]


def parse_network_name(text: str) -> str:
    """The name of a network in its one form: upper case.

    Raises:
        Refused: INVALID.
    """
    name = text.strip().upper()
    if _NETWORK_NAME.fullmatch(name) is None:
        raise invalid("network", "expected a name of up to 32 letters, digits and blanks")
    return name
