import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.rental import Rental, RentalState
from simlet.domain.service import Terms

BEGAN_MS = 1_700_000_000_000
ENDS_MS = BEGAN_MS + 300_000
NOW_MS = ENDS_MS + 60_000
WAITING = Rental(
    id=1_000_001,
    account_id=1,
    service_id=4,
    store="01",
    line_id=256,
    number="+84967000001",
    price_dong=470,
    state=RentalState.WAITING,
    created_at_ms=BEGAN_MS,
    deadline_at_ms=ENDS_MS,
    closed_at_ms=None,
    again=False,
    listening=True,
)
CLOSED_STATES = [state for state in RentalState if state is not RentalState.WAITING]


def test_a_received_rental_listens_on() -> None:
    received = WAITING.receive(BEGAN_MS + 5)
    assert (received.state, received.closed_at_ms) == (RentalState.RECEIVED, BEGAN_MS + 5)
    assert received.listening


def test_an_expired_rental_listens_no_more() -> None:
    expired = WAITING.expire(ENDS_MS + 7)
    assert (expired.state, expired.closed_at_ms) == (RentalState.EXPIRED, ENDS_MS + 7)
    assert not expired.listening


def test_a_cancelled_rental_listens_no_more() -> None:
    cancelled = WAITING.cancel(BEGAN_MS + 7)
    assert (cancelled.state, cancelled.closed_at_ms) == (RentalState.CANCELLED, BEGAN_MS + 7)
    assert not cancelled.listening


@given(st.integers(1, 86_400), st.integers(1, 100))
def test_a_rental_is_extended_so_often_and_by_so_much(extend_s: int, times: int) -> None:
    terms = Terms(0, extend_s, times)
    rental = WAITING
    for one in range(times):
        rental = rental.extend(terms, rental.deadline_at_ms - 1)
        assert rental.extensions == one + 1
    assert rental.deadline_at_ms == ENDS_MS + times * extend_s * 1000
    with pytest.raises(Refused) as refused:
        rental.extend(terms, BEGAN_MS)
    assert refused.value.refusal is errors.NOT_EXTENDABLE


@pytest.mark.parametrize("state", CLOSED_STATES)
def test_a_closed_rental_is_not_extended(state: RentalState) -> None:
    with pytest.raises(Refused) as refused:
        WAITING._replace(state=state).extend(Terms(0, 30, 1), BEGAN_MS)
    assert refused.value.refusal is errors.NOT_EXTENDABLE


@pytest.mark.parametrize("terms", [Terms(0, 0, 0), Terms(0, 30, 0), Terms(0, 0, 1)])
def test_without_terms_for_it_nothing_is_extended(terms: Terms) -> None:
    with pytest.raises(Refused) as refused:
        WAITING.extend(terms, BEGAN_MS)
    assert refused.value.refusal is errors.NOT_EXTENDABLE


def test_a_rental_cancelled_as_it_began_was_never_open() -> None:
    cancelled = WAITING.cancel(BEGAN_MS)
    assert not cancelled.was_open_at(BEGAN_MS - 999, BEGAN_MS, NOW_MS)
    assert not cancelled.was_open_at(BEGAN_MS, BEGAN_MS + 999, NOW_MS)
    assert WAITING.cancel(BEGAN_MS + 1).was_open_at(BEGAN_MS - 999, BEGAN_MS, NOW_MS)


def test_an_end_changes_nothing_but_the_end() -> None:
    received = WAITING.receive(BEGAN_MS + 5)
    assert received._replace(state=RentalState.WAITING, closed_at_ms=None) == WAITING


@pytest.mark.parametrize("state", CLOSED_STATES)
def test_a_closed_rental_is_never_closed_again(state: RentalState) -> None:
    closed = WAITING._replace(state=state, closed_at_ms=BEGAN_MS + 1)
    for end in (closed.receive, closed.expire, closed.cancel):
        with pytest.raises(Refused) as refused:
            end(BEGAN_MS + 2)
        assert refused.value.refusal is errors.RENTAL_CLOSED


@pytest.mark.parametrize(
    ("at_ms", "is_open"),
    [
        (BEGAN_MS - 1, False),
        (BEGAN_MS, True),
        (ENDS_MS - 1, True),
        (ENDS_MS, False),
    ],
)
@pytest.mark.parametrize(
    "state", [RentalState.WAITING, RentalState.RECEIVED, RentalState.EXPIRED], ids=str
)
def test_the_time_includes_the_renting_and_excludes_the_deadline(
    state: RentalState, at_ms: int, is_open: bool
) -> None:
    rental = WAITING._replace(state=state, closed_at_ms=ENDS_MS)
    assert rental.was_open_at(at_ms, at_ms, NOW_MS) is is_open


def test_an_early_end_with_a_code_does_not_shorten_the_time() -> None:
    received = WAITING.receive(BEGAN_MS + 1)
    assert received.was_open_at(ENDS_MS - 1, ENDS_MS - 1, NOW_MS)


def test_a_late_expiry_does_not_lengthen_the_time() -> None:
    expired = WAITING.expire(ENDS_MS + 60_000)
    assert not expired.was_open_at(ENDS_MS, ENDS_MS, NOW_MS)


def test_a_cancel_ends_the_time() -> None:
    cancelled = WAITING._replace(state=RentalState.CANCELLED, closed_at_ms=BEGAN_MS + 10_000)
    assert cancelled.was_open_at(BEGAN_MS + 9_999, BEGAN_MS + 9_999, NOW_MS)
    assert not cancelled.was_open_at(BEGAN_MS + 10_000, BEGAN_MS + 10_000, NOW_MS)
    assert cancelled.end_ms == BEGAN_MS + 10_000


def test_a_rental_that_begins_ahead_of_now_began_before_the_clock_was_set_back() -> None:
    now_ms = BEGAN_MS - 40_000
    assert WAITING.was_open_at(now_ms, now_ms, now_ms)
    assert WAITING.was_open_at(now_ms - 40_000, now_ms - 40_000, now_ms)
    assert not WAITING.was_open_at(now_ms - 40_001, now_ms - 40_001, now_ms)


def test_any_other_end_is_the_deadline() -> None:
    assert WAITING.end_ms == WAITING.receive(BEGAN_MS + 1).end_ms == ENDS_MS
    assert WAITING.expire(ENDS_MS + 700).end_ms == ENDS_MS


@given(
    earliest_ms=st.integers(BEGAN_MS - 2_000, ENDS_MS + 2_000),
    length_ms=st.integers(0, 1_500),
)
def test_a_span_is_in_the_time_when_one_of_its_moments_is(earliest_ms: int, length_ms: int) -> None:
    latest_ms = earliest_ms + length_ms
    touches = any(
        WAITING.was_open_at(moment_ms, moment_ms, NOW_MS)
        for moment_ms in {earliest_ms, latest_ms, BEGAN_MS, ENDS_MS - 1}
        if earliest_ms <= moment_ms <= latest_ms
    )
    assert WAITING.was_open_at(earliest_ms, latest_ms, NOW_MS) is touches
