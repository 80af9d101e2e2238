"""Cursors and times of lists."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.errors import Refused
from simlet.web.v1.pages import LAST_ID, at_ms, cursor_before, id_before
from simlet.web.v1.shapes import moment

NOON_MS = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()) * 1000


def refused_or(read: Callable[[], int]) -> int:
    """What was read; 1 where it was refused, and with no fault."""
    try:
        return read()
    except Refused:
        return 1


@given(st.integers(1, LAST_ID))
def test_a_cursor_leads_behind_the_object_it_was_made_of(one_id: int) -> None:
    assert id_before(cursor_before(one_id)) == one_id


def test_without_a_cursor_a_list_begins_at_its_newest() -> None:
    assert id_before(None) == LAST_ID


@given(st.text(max_size=64))
def test_no_text_for_a_cursor_makes_a_fault(text: str) -> None:
    assert refused_or(lambda: id_before(text)) > 0


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("2026-11-23T12:00:00Z", NOON_MS),
        ("2026-11-23t12:00:00z", NOON_MS),
        ("2026-11-23T12:00:00.123Z", NOON_MS + 123),
        ("2026-11-23T12:00:00.1Z", NOON_MS + 100),
        ("2026-11-23T12:00:00.123999999Z", NOON_MS + 123),
        ("2026-11-23T19:00:00+07:00", NOON_MS),
        ("2026-11-23T19:00:00 07:00", NOON_MS),
        ("2026-11-23T08:30:00-03:30", NOON_MS),
        ("2026-11-23T11:59:60Z", NOON_MS),
        ("0001-01-01T00:00:00Z", 0),
    ],
)
def test_a_time_is_read_as_rfc_3339_writes_it(text: str, expected_ms: int) -> None:
    assert at_ms(text, "from", 5) == expected_ms


def test_a_time_that_is_not_given_is_the_one_for_that() -> None:
    assert at_ms(None, "from", 5) == 5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-11-23",
        "2026-11-23T12:00:00",
        "2026-11-23T12:00Z",
        "2026-11-31T12:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T12:00:00+24:00",
        "2026-11-23T12:00:00+0700",
        "0000-01-01T00:00:00Z",
        "20261123T120000Z",
        "٢٠٢٦-11-23T12:00:00Z",
        "1700000000",
    ],
)
def test_what_is_no_time_with_its_zone_is_refused_by_name(text: str) -> None:
    with pytest.raises(Refused) as raised:
        at_ms(text, "from", 0)
    assert raised.value.details["name"] == "from"


@given(st.integers(0, 253_402_300_799_999))
def test_a_time_that_was_told_is_read_as_the_same(ms: int) -> None:
    assert at_ms(moment(ms), "at", 0) == ms


@given(st.text(max_size=40))
def test_no_text_for_a_time_makes_a_fault(text: str) -> None:
    assert refused_or(lambda: at_ms(text, "from", 0)) >= 0
