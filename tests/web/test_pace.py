from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.web import pace as pace_module
from simlet.web.pace import Pace

INTERVAL_S = 5.0


def passes(pace: Pace, account_id: int, monotonic_s: float) -> bool:
    try:
        pace.step(account_id, monotonic_s)
    except Refused:
        return False
    return True


def wait_told(pace: Pace, account_id: int, monotonic_s: float) -> int:
    with pytest.raises(Refused) as refused:
        pace.step(account_id, monotonic_s)
    assert refused.value.refusal is errors.TOO_SOON
    return int(refused.value.details["wait_s"])


def test_the_first_call_passes_even_when_the_clock_stands_at_zero() -> None:
    assert passes(Pace(INTERVAL_S), 1, 0.0)


def test_a_call_passes_again_after_just_the_interval() -> None:
    pace = Pace(INTERVAL_S)
    pace.step(1, 100.0)

    assert not passes(pace, 1, 104.999)
    assert passes(pace, 1, 105.0)


def test_a_refused_call_does_not_count() -> None:
    pace = Pace(INTERVAL_S)
    pace.step(1, 100.0)
    for second in (101.0, 102.0, 103.0, 104.0):
        assert not passes(pace, 1, second)

    assert passes(pace, 1, 105.0)


@pytest.mark.parametrize(("after_s", "wait_s"), [(0.0, 5), (0.5, 5), (1.0, 4), (4.0, 1), (4.9, 1)])
def test_the_whole_seconds_to_wait_are_told(after_s: float, wait_s: int) -> None:
    pace = Pace(INTERVAL_S)
    pace.step(1, 100.0)

    assert wait_told(pace, 1, 100.0 + after_s) == wait_s


def test_accounts_do_not_slow_each_other() -> None:
    pace = Pace(INTERVAL_S)
    pace.step(1, 100.0)

    assert passes(pace, 2, 100.0)


def test_only_so_many_accounts_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace_module, "MAX_REMEMBERED", 2)
    pace = Pace(INTERVAL_S)
    for account_id in (1, 2, 3):
        pace.step(account_id, 100.0)

    assert not passes(pace, 3, 100.0)
    assert not passes(pace, 2, 100.0)
    assert passes(pace, 1, 100.0)


# Eighths of a second: such floats are added without rounding.
pauses_s = st.integers(0, 160).map(lambda eighths: eighths / 8)
calls = st.lists(st.tuples(st.integers(1, 3), pauses_s), min_size=1, max_size=40)


@given(calls)
def test_calls_of_an_account_that_pass_are_never_closer_than_the_interval(
    steps: list[tuple[int, float]],
) -> None:
    pace = Pace(INTERVAL_S)
    now_s = 0.0
    passed: dict[int, list[float]] = {}
    for account_id, later_s in steps:
        now_s += later_s
        if passes(pace, account_id, now_s):
            passed.setdefault(account_id, []).append(now_s)
    for times in passed.values():
        assert all(b - a >= INTERVAL_S for a, b in pairwise(times))


@given(calls)
def test_whoever_waits_as_long_as_told_passes(steps: list[tuple[int, float]]) -> None:
    pace = Pace(INTERVAL_S)
    now_s = 0.0
    for account_id, later_s in steps:
        now_s += later_s
        try:
            pace.step(account_id, now_s)
        except Refused as refused:
            wait_s = int(refused.details["wait_s"])
            assert 1 <= wait_s <= INTERVAL_S
            now_s += wait_s
            assert passes(pace, account_id, now_s)
