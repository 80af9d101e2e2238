"""Choosing a line.

Lines stand in blocks of 256 that share store, network and two-digit prefix; a line's id is its
block's id times 256 plus its place in the block. What is known of a block's lines are sets of
places, held as integers of 256 bits: which can be rented at all, which a service used up, which
are kept by a rental now. So the lines that fit are found by three operations on integers, however
many lines there are and however many of them are used.
"""

from collections.abc import Callable, Sequence

BLOCK_LINES = 256
ALL_PLACES = (1 << BLOCK_LINES) - 1
_BLOCK_BYTES = BLOCK_LINES // 8

Chance = Callable[[int], int]
"""`chance(n)` gives a whole number from 0 to n - 1, each as likely as the others."""


def block_of(line_id: int) -> int:
    """The block a line stands in."""
    return line_id // BLOCK_LINES


def place_of(line_id: int) -> int:
    """A line's place in its block, 0 to 255."""
    return line_id % BLOCK_LINES


def line_at(block_id: int, place: int) -> int:
    """The id of the line at a place of a block."""
    return block_id * BLOCK_LINES + place


def places_to_bytes(places: int) -> bytes:
    """A set of places as it is stored: 32 bytes, lowest place first."""
    return places.to_bytes(_BLOCK_BYTES, "little")


def places_from_bytes(stored: bytes) -> int:
    """A set of places as it is reckoned with."""
    return int.from_bytes(stored, "little")


def pick_weighted(weights: Sequence[int], chance: Chance) -> int:
    """The index of one weight, chosen in proportion to it; the weights' sum is above 0."""
    left = chance(sum(weights))
    for index, weight in enumerate(weights):
        if left < weight:
            return index
        left -= weight
    raise ValueError("the weights must not be negative")


def pick_place(places: int, chance: Chance) -> int:
    """One place of a set that is not empty, each as likely as the others."""
    before = chance(places.bit_count())
    place, width = 0, BLOCK_LINES
    # Halving: the place lies in the lower half unless that holds no more than come before it.
    while width > 1:
        width //= 2
        lower = places & ((1 << width) - 1)
        count = lower.bit_count()
        if before < count:
            places = lower
        else:
            before -= count
            places >>= width
            place += width
    return place
