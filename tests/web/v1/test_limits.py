"""The limit of calls: so many at once, so many a second, and what is said of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.web.v1 import limits
from simlet.web.v1.limits import Limits

TOKEN, OTHER = b"one", b"two"


def test_a_burst_is_admitted_and_the_next_call_is_not() -> None:
    many = Limits(10.0, 5)
    verdicts = [many.count(TOKEN, 100.0) for _ in range(6)]
    assert [one.admitted for one in verdicts] == [True] * 5 + [False]
    assert [one.left for one in verdicts] == [4, 3, 2, 1, 0, 0]


def test_a_refused_call_is_admitted_after_the_time_that_it_was_told() -> None:
    many = Limits(10.0, 5)
    for _ in range(5):
        many.count(TOKEN, 100.0)
    refused = many.count(TOKEN, 100.0)
    assert refused.wait_s == pytest.approx(0.1)
    assert many.count(TOKEN, 100.0 + refused.wait_s).admitted


def test_a_refused_call_uses_nothing() -> None:
    many = Limits(10.0, 1)
    many.count(TOKEN, 100.0)
    for _ in range(100):
        assert not many.count(TOKEN, 100.05).admitted
    assert many.count(TOKEN, 100.1).admitted


def test_a_call_may_cost_as_much_as_several_and_no_more_than_a_burst() -> None:
    many = Limits(10.0, 5)
    assert many.count(TOKEN, 100.0, 4).left == 1
    refused = many.count(TOKEN, 100.0, 3)
    assert refused.wait_s == pytest.approx(0.2)
    assert many.count(TOKEN, 100.0).admitted
    assert many.count(OTHER, 100.0, 50).left == 0


def test_tokens_do_not_share_a_limit() -> None:
    many = Limits(10.0, 1)
    many.count(TOKEN, 100.0)
    assert many.count(OTHER, 100.0).admitted


def test_the_headers_tell_the_policy_and_what_is_left() -> None:
    many = Limits(50.0, 100)
    headers = dict(many.headers(many.count(TOKEN, 100.0)))
    assert headers == {
        b"ratelimit-policy": b'"default";q=100;w=2',
        b"ratelimit": b'"default";r=99;t=1',
    }


def test_the_tokens_that_called_longest_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_TOKENS", 2)
    many = Limits(1.0, 1)
    for token in (b"a", b"b", b"c"):
        many.count(token, 100.0)
    assert not many.count(b"c", 100.0).admitted
    assert many.count(b"a", 100.0).admitted


@given(
    rate=st.integers(1, 100),
    burst=st.integers(1, 20),
    pauses=st.lists(st.integers(0, 2000), max_size=80),
)
def test_it_is_a_bucket_that_leaks_at_the_rate(rate: int, burst: int, pauses: list[int]) -> None:
    many = Limits(float(rate), burst)
    # In thousandths of a call, so that the model has no rounding.
    level, now_ms = 0, 0
    for pause in pauses:
        now_ms += pause
        level = max(0, level - pause * rate)
        fits = level + 1000 <= burst * 1000
        level += 1000 if fits else 0
        assert many.count(TOKEN, 5000 + now_ms / 1000).admitted == fits
