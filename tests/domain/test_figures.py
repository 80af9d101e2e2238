import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.figures import FEWEST_SAMPLES, NO_FIGURES, Figures, Tally, hour_of


def tally(seconds: list[int], expired: int) -> Tally:
    made = Tally(expired)
    for one in seconds:
        made.receive(one * 1000)
    return made


def test_of_too_few_samples_nothing_but_their_number_is_told() -> None:
    assert tally([7] * (FEWEST_SAMPLES - 2), 1).figures() == Figures(19, None, None)
    assert tally([7] * (FEWEST_SAMPLES - 1), 1).figures() == Figures(20, 0.95, 7.0)


def test_where_no_code_came_there_is_a_rate_and_no_median() -> None:
    assert tally([], 20).figures() == Figures(20, 0.0, None)


def test_nothing_counted_is_no_samples() -> None:
    assert Tally().figures() == NO_FIGURES


@given(
    st.lists(st.integers(0, 300), min_size=FEWEST_SAMPLES, max_size=60),
    st.integers(0, 30),
    st.integers(0, 59),
)
def test_figures_are_those_of_all_that_was_counted_wherever_it_was_counted(
    seconds: list[int], expired: int, cut: int
) -> None:
    made = tally(seconds[:cut], expired)
    rest = tally(seconds[cut:], 3)
    made.add(rest.expired, rest.seconds)

    told = made.figures()

    assert told.samples == len(seconds) + expired + 3
    assert told.delivery_rate == pytest.approx(len(seconds) / told.samples)
    assert told.median_s == statistics.median(seconds)


@pytest.mark.parametrize(
    ("waited_ms", "second"), [(0, 0), (499, 0), (500, 1), (1499, 1), (1500, 2), (-5, 0)]
)
def test_times_are_rounded_to_the_nearest_second(waited_ms: int, second: int) -> None:
    made = Tally()
    made.receive(waited_ms)
    assert made.seconds == {second: 1}


def test_an_hour_is_that_since_1970() -> None:
    assert (hour_of(0), hour_of(3_599_999), hour_of(3_600_000)) == (0, 0, 1)
