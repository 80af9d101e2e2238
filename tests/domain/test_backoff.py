from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.backoff import (
    CODE_OFFSETS_MS,
    LONGEST_RETRY_AFTER_MS,
    OTHER_OFFSETS_MS,
    next_attempt,
    retry_after_ms,
)

BEGAN_MS = 1_795_000_000_000
FAST_S = [0, 1, 3, 8, 20, 60]
TAIL_S = [300, 1800, 7200, 21600, 86400]


def attempts_s(*, urgent: bool, lasts_s: float | None = None, late_s: float = 0) -> list[float]:
    """When every attempt is made, in seconds from the beginning, when all fail at once."""
    lasts_until_ms = None if lasts_s is None else BEGAN_MS + round(lasts_s * 1000)
    at_ms, step = BEGAN_MS + round(late_s * 1000), 0
    times = [at_ms]
    while following := next_attempt(
        urgent=urgent,
        began_at_ms=BEGAN_MS,
        step=step,
        attempted_at_ms=at_ms,
        lasts_until_ms=lasts_until_ms,
    ):
        step, at_ms = following
        times.append(at_ms)
    return [(one - BEGAN_MS) / 1000 for one in times]


def test_a_code_is_tried_quickly_and_then_for_a_day() -> None:
    assert attempts_s(urgent=True) == FAST_S + TAIL_S
    assert attempts_s(urgent=True, lasts_s=30) == FAST_S + TAIL_S


def test_anything_else_is_tried_slowly_for_a_day() -> None:
    assert attempts_s(urgent=False) == [0, *TAIL_S]
    assert attempts_s(urgent=False, lasts_s=3600) == [0, *TAIL_S]


def test_while_the_rental_s_time_lasts_a_code_is_tried_each_minute() -> None:
    assert attempts_s(urgent=True, lasts_s=200) == [*FAST_S, 120, 180, *TAIL_S]


def test_what_of_the_tail_lies_in_the_rental_s_time_was_tried_each_minute() -> None:
    minutes = [60.0 * one for one in range(2, 21)]
    assert attempts_s(urgent=True, lasts_s=1200) == [*FAST_S, *minutes, *TAIL_S[1:]]


def test_a_rental_of_days_is_tried_to_its_end() -> None:
    times = attempts_s(urgent=True, lasts_s=2 * 86400)
    assert times[-1] == 2 * 86400


@pytest.mark.parametrize("urgent", [True, False])
def test_after_an_outage_attempts_keep_their_distances(urgent: bool) -> None:
    offsets_s = FAST_S + TAIL_S if urgent else [0, *TAIL_S]
    times = attempts_s(urgent=urgent, lasts_s=60, late_s=90_000)
    planned = [after - before for before, after in pairwise(offsets_s)]
    assert [after - before for before, after in pairwise(times)] == planned


def test_a_place_that_there_is_not_is_a_fault_or_the_end() -> None:
    for step in (10, 11, 1000):
        assert (
            next_attempt(
                urgent=True,
                began_at_ms=BEGAN_MS,
                step=step,
                attempted_at_ms=BEGAN_MS,
                lasts_until_ms=None,
            )
            is None
        )
    with pytest.raises(ValueError, match="step"):
        next_attempt(
            urgent=True, began_at_ms=0, step=-1, attempted_at_ms=BEGAN_MS, lasts_until_ms=None
        )


@given(
    urgent=st.booleans(),
    step=st.integers(0, 12),
    late_ms=st.integers(0, 2**42),
    lasts_ms=st.none() | st.integers(0, 2**40),
)
def test_the_next_attempt_comes_later_and_further_down_the_schedule(
    urgent: bool, step: int, late_ms: int, lasts_ms: int | None
) -> None:
    offsets_ms = CODE_OFFSETS_MS if urgent else OTHER_OFFSETS_MS
    if step >= len(offsets_ms):
        return
    attempted_at_ms = BEGAN_MS + offsets_ms[step] + late_ms
    following = next_attempt(
        urgent=urgent,
        began_at_ms=BEGAN_MS,
        step=step,
        attempted_at_ms=attempted_at_ms,
        lasts_until_ms=None if lasts_ms is None else BEGAN_MS + lasts_ms,
    )
    if following is not None:
        assert following[0] > step or (urgent and step == 5)
        assert following[1] > attempted_at_ms


NOW_MS = 1_795_000_000_000
AT = datetime.fromtimestamp(NOW_MS / 1000 + 90, tz=UTC)


@pytest.mark.parametrize(
    ("text", "wait_ms"),
    [
        ("0", 0),
        ("1", 1000),
        (" 120 ", 120_000),
        ("86400", LONGEST_RETRY_AFTER_MS),
        ("86401", LONGEST_RETRY_AFTER_MS),
        ("999999999999999", LONGEST_RETRY_AFTER_MS),
        (format_datetime(AT, usegmt=True), 90_000),
        (AT.strftime("%A, %d-%b-%y %H:%M:%S GMT"), 90_000),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER_MS),
        (None, 0),
        ("", 0),
        ("-1", 0),
        ("1.5", 0),
        ("soon", 0),
        ("٣", 0),
        ("9" * 400, LONGEST_RETRY_AFTER_MS),
        ("Mon, 99 Foo 0000 99:99:99 GMT", 0),
        ("\x00", 0),
    ],
)
def test_a_retry_after_is_read_as_seconds_or_a_date_or_not_at_all(
    text: str | None, wait_ms: int
) -> None:
    assert retry_after_ms(text, NOW_MS) == wait_ms


@pytest.mark.parametrize("digits", [15, 16, 17, 5000])
def test_a_wait_of_many_digits_is_a_day(digits: int) -> None:
    assert retry_after_ms("9" * digits, NOW_MS) == LONGEST_RETRY_AFTER_MS
    assert retry_after_ms("0" * digits + "7", NOW_MS) == 7000


@given(st.text())
def test_any_retry_after_is_a_wait_of_at_most_a_day(text: str) -> None:
    assert 0 <= retry_after_ms(text, NOW_MS) <= LONGEST_RETRY_AFTER_MS
