from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.health import Reception
from simlet.domain.line_health import (
    HealthRecord,
    LineStanding,
    OutReason,
    PoolPolicy,
    day_of,
    is_silent,
    look_after_report,
    look_at,
    must_rest,
)

RULES = PoolPolicy(fails_before_rest=5, rest_s=600, longest_rest_s=3600, grace_s=30)
NOW_MS = 1_700_000_000_000
NOT_READY = [one for one in Reception if one is not Reception.READY]


def test_rests_double_up_to_the_longest() -> None:
    assert [RULES.rest_ms(rests) // 1000 for rests in range(5)] == [600, 1200, 2400, 3600, 3600]


def test_a_longest_rest_below_the_first_one_changes_nothing() -> None:
    rules = replace(RULES, longest_rest_s=60)
    assert [rules.rest_ms(rests) // 1000 for rests in (0, 1, 10_000)] == [600, 600, 600]


def test_a_line_rests_after_so_many_failing_rentals_and_not_before() -> None:
    assert not must_rest(4, 0, RULES)
    assert must_rest(5, 0, RULES)


def test_a_line_that_came_back_from_a_rest_has_one_chance() -> None:
    assert not must_rest(0, 1, RULES)
    assert must_rest(1, 1, RULES)


def test_a_failing_line_leaves_the_pool_and_rests_longer_each_time() -> None:
    first = look_at(LineStanding(fails_in_row=5), RULES, NOW_MS)
    assert (first.out, first.rests, first.look_at_ms) == (OutReason.FAILING, 1, NOW_MS + 600_000)

    back = look_at(first, RULES, NOW_MS + 600_000)
    assert (back.out, back.fails_in_row, back.rests) == (None, 0, 1)
    assert back.look_at_ms is None

    again = look_at(replace(back, fails_in_row=1), RULES, NOW_MS)
    assert (again.out, again.rests, again.look_at_ms) == (OutReason.FAILING, 2, NOW_MS + 1_200_000)


@pytest.mark.parametrize("reception", NOT_READY)
def test_a_rest_does_not_end_in_the_pool_while_the_equipment_says_no(reception: Reception) -> None:
    resting = LineStanding(OutReason.FAILING, reception, fails_in_row=5, rests=1, look_at_ms=NOW_MS)
    looked = look_at(resting, RULES, NOW_MS)
    assert (looked.out, looked.look_at_ms) == (OutReason.UNHEARD, None)


def test_a_message_ends_a_rest_and_the_equipment_has_its_grace_to_agree() -> None:
    heard = LineStanding(OutReason.FAILING, Reception.DENIED, fails_in_row=0, rests=0)
    looked = look_at(heard, RULES, NOW_MS)
    assert (looked.out, looked.look_at_ms) == (None, NOW_MS + 30_000)


@pytest.mark.parametrize("reception", NOT_READY)
def test_a_line_that_cannot_receive_leaves_the_pool(reception: Reception) -> None:
    assert look_at(LineStanding(None, reception), RULES, NOW_MS).out is OutReason.UNHEARD


@pytest.mark.parametrize("out", [OutReason.UNHEARD, OutReason.GATEWAY_DOWN])
def test_a_line_that_can_receive_again_comes_back_without_old_failures(out: OutReason) -> None:
    looked = look_at(LineStanding(out, Reception.READY, fails_in_row=7), RULES, NOW_MS)
    assert (looked.out, looked.fails_in_row) == (None, 0)


def test_a_line_whose_equipment_tells_nothing_can_receive() -> None:
    assert look_at(LineStanding(OutReason.GATEWAY_DOWN), RULES, NOW_MS).out is None


@pytest.mark.parametrize("out", [None, *OutReason])
def test_no_line_comes_back_while_its_gateway_is_out(out: OutReason | None) -> None:
    line = LineStanding(out, Reception.READY, gateway_out=True, look_at_ms=NOW_MS)
    looked = look_at(line, RULES, NOW_MS)
    assert (looked.out, looked.look_at_ms) == (OutReason.GATEWAY_DOWN, None)


standings = st.builds(
    LineStanding,
    st.sampled_from([None, *OutReason]),
    st.sampled_from([None, *Reception]),
    st.integers(0, 20),
    st.integers(0, 20),
    st.booleans(),
    st.none() | st.just(NOW_MS),
)


@given(standings)
def test_looking_comes_to_an_end(line: LineStanding) -> None:
    """Whatever was due, two looks later nothing is due at the same moment any more."""
    for _ in range(2):
        line = look_at(line, RULES, NOW_MS)
    assert line.look_at_ms is None or line.look_at_ms > NOW_MS


@given(standings)
def test_a_line_that_rests_is_looked_at_again(line: LineStanding) -> None:
    looked = look_at(line, RULES, NOW_MS)
    if looked.out is OutReason.FAILING:
        assert looked.look_at_ms is not None


def test_a_line_that_stops_receiving_is_looked_at_after_the_grace() -> None:
    first_ms = look_after_report(LineStanding(), Reception.SEARCHING, RULES, NOW_MS)
    assert first_ms == NOW_MS + 30_000
    line = LineStanding(None, Reception.SEARCHING, look_at_ms=first_ms)
    later_ms = look_after_report(line, Reception.NO_SIM, RULES, NOW_MS + 20_000)
    assert later_ms == first_ms
    assert look_after_report(line, Reception.READY, RULES, NOW_MS + 20_000) is None


def test_only_ready_has_an_unheard_line_looked_at() -> None:
    line = LineStanding(OutReason.UNHEARD, Reception.NO_SIM)
    assert look_after_report(line, Reception.READY, RULES, NOW_MS) == NOW_MS
    assert look_after_report(line, Reception.SEARCHING, RULES, NOW_MS) is None


@pytest.mark.parametrize("reception", list(Reception))
def test_a_report_does_not_shorten_a_rest(reception: Reception) -> None:
    line = LineStanding(OutReason.FAILING, Reception.READY, 5, 1, look_at_ms=NOW_MS + 600_000)
    assert look_after_report(line, reception, RULES, NOW_MS) == NOW_MS + 600_000


def test_a_report_does_not_undo_that_a_failing_line_is_to_be_looked_at() -> None:
    line = LineStanding(None, Reception.READY, fails_in_row=5, look_at_ms=NOW_MS)
    assert look_after_report(line, Reception.READY, RULES, NOW_MS) == NOW_MS


def test_days_begin_at_midnight_in_vietnam() -> None:
    midnight_ms = 1_700_000_000_000 // 86_400_000 * 86_400_000 + 17 * 3_600_000
    assert day_of(midnight_ms) == day_of(midnight_ms - 1) + 1
    assert day_of(midnight_ms) == day_of(midnight_ms + 86_399_999)


def test_messages_of_a_day_are_counted_and_a_new_day_begins_at_none() -> None:
    one = HealthRecord().after_message(NOW_MS).after_message(NOW_MS + 1)
    assert (one.messages_today, one.heard_at_ms) == (2, NOW_MS + 1)
    assert one.after_message(NOW_MS + 86_400_000).messages_today == 1


def test_a_message_of_an_earlier_day_counts_for_no_other_day() -> None:
    one = HealthRecord().after_message(NOW_MS).after_message(NOW_MS - 86_400_000)
    assert (one.messages_today, one.heard_at_ms) == (1, NOW_MS)
    assert one.day == day_of(NOW_MS)


def test_a_message_forgives_what_failed_and_not_what_it_cost() -> None:
    one = HealthRecord(rests=2).after_failure(470).after_failure(30)
    assert (one.fails_in_row, one.released_dong) == (2, 500)
    heard = one.after_message(NOW_MS)
    assert (heard.fails_in_row, heard.rests, heard.released_dong) == (0, 0, 500)


@pytest.mark.parametrize(
    ("fails", "heard_ms", "peers_ms", "silent"),
    [
        (1, 10, 11, True),
        (1, None, 11, True),
        (1, 10, 10, False),  # nobody was heard since
        (1, 10, None, False),
        (1, None, None, False),
        (0, 10, 11, False),  # nobody waited for anything
    ],
)
def test_silence_is_failing_while_peers_are_heard(
    fails: int, heard_ms: int | None, peers_ms: int | None, silent: bool
) -> None:
    assert is_silent(fails, heard_ms, peers_ms) is silent
