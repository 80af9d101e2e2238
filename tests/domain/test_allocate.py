from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.allocate import (
    BLOCK_LINES,
    block_of,
    line_at,
    pick_place,
    pick_weighted,
    place_of,
    places_from_bytes,
    places_to_bytes,
)

some_places = st.sets(st.integers(0, BLOCK_LINES - 1), min_size=1).map(
    lambda places: sum(1 << place for place in places)
)


class Rolled:
    """Chance that gives what it is told, and notes what it was asked."""

    def __init__(self, outcome: int) -> None:
        self.outcome = outcome
        self.asked: list[int] = []

    def __call__(self, sides: int) -> int:
        self.asked.append(sides)
        return self.outcome


@given(block_id=st.integers(1, 2**50), place=st.integers(0, BLOCK_LINES - 1))
def test_a_line_id_is_its_block_and_its_place(block_id: int, place: int) -> None:
    line_id = line_at(block_id, place)
    assert (block_of(line_id), place_of(line_id)) == (block_id, place)


@given(places=st.integers(0, 2**BLOCK_LINES - 1))
def test_a_set_of_places_is_stored_in_32_bytes(places: int) -> None:
    stored = places_to_bytes(places)
    assert len(stored) == 32
    assert places_from_bytes(stored) == places


def test_the_lowest_place_is_the_first_bit_of_the_first_byte() -> None:
    assert places_to_bytes(0b1).startswith(b"\x01\x00")


@given(places=some_places)
def test_each_place_is_picked_by_just_one_outcome_of_chance(places: int) -> None:
    count = places.bit_count()
    picked = [pick_place(places, Rolled(outcome)) for outcome in range(count)]
    assert picked == [place for place in range(BLOCK_LINES) if places >> place & 1]


@given(places=some_places)
def test_chance_is_asked_once_for_one_of_so_many_places(places: int) -> None:
    chance = Rolled(0)
    pick_place(places, chance)
    assert chance.asked == [places.bit_count()]


@given(weights=st.lists(st.integers(0, 300), min_size=1, max_size=40).filter(any))
def test_a_weight_is_picked_as_often_as_it_weighs(weights: list[int]) -> None:
    picked = Counter(pick_weighted(weights, Rolled(outcome)) for outcome in range(sum(weights)))
    assert [picked[index] for index in range(len(weights))] == weights


@given(blocks=st.lists(some_places, min_size=1, max_size=6))
def test_weighing_blocks_by_what_they_have_left_makes_every_line_as_likely(
    blocks: list[int],
) -> None:
    weights = [block.bit_count() for block in blocks]
    outcomes = Counter(pick_weighted(weights, Rolled(outcome)) for outcome in range(sum(weights)))
    for index, block in enumerate(blocks):
        of_one_line = Fraction(outcomes[index], sum(weights)) / block.bit_count()
        assert of_one_line == Fraction(1, sum(weights))


def test_weights_below_zero_are_a_fault() -> None:
    with pytest.raises(ValueError, match="negative"):
        pick_weighted([5, -3], Rolled(9))
