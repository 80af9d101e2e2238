from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.backoff import CALLBACK_OFFSETS_MS, next_attempt_at_ms

EVENT_AT_MS = 1_795_000_000_000
OFFSETS_S = [0, 1, 3, 8, 20, 60, 300, 1800, 7200, 21600, 86400]


@pytest.mark.parametrize(("attempts_made", "offset_s"), list(enumerate(OFFSETS_S)))
def test_each_attempt_is_counted_from_the_event(attempts_made: int, offset_s: int) -> None:
    at_ms = next_attempt_at_ms(EVENT_AT_MS, attempts_made, EVENT_AT_MS)
    assert at_ms == EVENT_AT_MS + offset_s * 1000


def test_after_the_last_attempt_there_is_none() -> None:
    assert next_attempt_at_ms(EVENT_AT_MS, 10, EVENT_AT_MS) is not None
    assert next_attempt_at_ms(EVENT_AT_MS, 11, EVENT_AT_MS) is None
    assert next_attempt_at_ms(EVENT_AT_MS, 12, EVENT_AT_MS) is None


def test_the_first_attempt_waits_for_nothing() -> None:
    assert next_attempt_at_ms(EVENT_AT_MS, 0, EVENT_AT_MS + 3_600_000) == EVENT_AT_MS


def test_after_an_outage_attempts_keep_their_distances() -> None:
    at_ms = EVENT_AT_MS + 90_000_000  # a day and an hour late
    gaps_s = []
    for attempts_made in range(1, len(OFFSETS_S)):
        next_at_ms = next_attempt_at_ms(EVENT_AT_MS, attempts_made, at_ms)
        assert next_at_ms is not None
        gaps_s.append((next_at_ms - at_ms) // 1000)
        at_ms = next_at_ms
    assert gaps_s == [after - before for before, after in pairwise(OFFSETS_S)]


def test_a_negative_number_of_attempts_is_a_fault() -> None:
    with pytest.raises(ValueError, match="attempts_made"):
        next_attempt_at_ms(EVENT_AT_MS, -1, EVENT_AT_MS)


@given(
    event_at_ms=st.integers(0, 2**42),
    attempts_made=st.integers(1, 10),
    late_ms=st.integers(0, 2**42),
)
def test_no_attempt_comes_before_its_turn_or_too_close_to_the_last(
    event_at_ms: int, attempts_made: int, late_ms: int
) -> None:
    before_ms, offset_ms = CALLBACK_OFFSETS_MS[attempts_made - 1 : attempts_made + 1]
    attempted_at_ms = event_at_ms + before_ms + late_ms

    at_ms = next_attempt_at_ms(event_at_ms, attempts_made, attempted_at_ms)

    assert at_ms == event_at_ms + offset_ms + late_ms
