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


def test_an_attempt_that_is_overdue_is_made_now() -> None:
    later_ms = EVENT_AT_MS + 10_000
    assert next_attempt_at_ms(EVENT_AT_MS, 2, later_ms) == later_ms


def test_a_negative_number_of_attempts_is_a_fault() -> None:
    with pytest.raises(ValueError, match="attempts_made"):
        next_attempt_at_ms(EVENT_AT_MS, -1, EVENT_AT_MS)


@given(
    event_at_ms=st.integers(0, 2**42),
    attempts_made=st.integers(0, 10),
    now_ms=st.integers(0, 2**42),
)
def test_no_attempt_is_in_the_past_or_before_its_turn(
    event_at_ms: int, attempts_made: int, now_ms: int
) -> None:
    at_ms = next_attempt_at_ms(event_at_ms, attempts_made, now_ms)
    assert at_ms in {now_ms, event_at_ms + CALLBACK_OFFSETS_MS[attempts_made]}
    assert at_ms is not None
    assert at_ms >= now_ms
    assert at_ms >= event_at_ms + CALLBACK_OFFSETS_MS[attempts_made]
