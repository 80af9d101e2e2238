"""Figures of a service: how many of its rentals got their code, and how soon.

A sample is a rental that got its code, or whose time ended without one. A cancelled rental is
none: its dealer gave it up, or reported its line, before the time was over, and whether the code
would have come nobody knows; counting it either way would let those who cancel move the figures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

FEWEST_SAMPLES = 20
HOUR_MS = 3_600_000
DAY_HOURS = 24
WEEK_HOURS = 7 * DAY_HOURS
KEPT_HOURS = 8 * DAY_HOURS


@dataclass(frozen=True, slots=True)
class Figures:
    """What is told of a service over some time.

    Attributes:
        samples: how many rentals it is reckoned from.
        delivery_rate: the share of them that got their code, 0 to 1; None of too few.
        median_s: the median time from renting to the code, in seconds; None of too few, and
            where no code came.
    """

    samples: int
    delivery_rate: float | None
    median_s: float | None


NO_FIGURES = Figures(0, None, None)


@dataclass(slots=True)
class Tally:
    """What came of the rentals of some time.

    Attributes:
        expired: how many got no code.
        seconds: how many got it after so many whole seconds, by the seconds.
    """

    expired: int = 0
    seconds: dict[int, int] = field(default_factory=dict)

    @property
    def received(self) -> int:
        """How many got their code."""
        return sum(self.seconds.values())

    def receive(self, waited_ms: int) -> None:
        """Counts a rental that got its code so long after it began, rounded to whole seconds."""
        second = max(0, (waited_ms + 500) // 1000)
        self.seconds[second] = self.seconds.get(second, 0) + 1

    def add(self, expired: int, seconds: Mapping[int, int]) -> None:
        """Adds what was counted elsewhere."""
        self.expired += expired
        for second, count in seconds.items():
            self.seconds[second] = self.seconds.get(second, 0) + count

    def figures(self) -> Figures:
        """What is told of it: nothing but the number of samples, where those are too few."""
        received = self.received
        samples = received + self.expired
        if samples < FEWEST_SAMPLES:
            return Figures(samples, None, None)
        return Figures(samples, received / samples, _median_s(self.seconds, received))


def _median_s(seconds: Mapping[int, int], count: int) -> float | None:
    if not count:
        return None
    ordered = sorted(seconds.items())
    return (_at_rank(ordered, (count - 1) // 2) + _at_rank(ordered, count // 2)) / 2


def _at_rank(ordered: list[tuple[int, int]], rank: int) -> int:
    for second, count in ordered:
        if rank < count:
            return second
        rank -= count
    raise ValueError("there are fewer samples than the rank")


def hour_of(at_ms: int) -> int:
    """The hour since 1970, UTC, that a time is in."""
    return at_ms // HOUR_MS
