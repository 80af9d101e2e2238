from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.errors import Refused
from simlet.gateways.contract import Result
from simlet.gateways.posted import (
    RFC3339,
    UNIX_MS,
    UNIX_S,
    inbound_sms,
    read_json,
    read_numbers,
    read_time,
    read_zone,
    worst,
)

FIRST, LAST = datetime(2000, 1, 1), datetime(2199, 12, 31)  # noqa: DTZ001 - hypothesis adds it
times = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(at=times, zone=zones)
def test_a_time_is_the_same_in_every_form(at: datetime, zone: timezone) -> None:
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    ms = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    local = at.astimezone(zone)
    naive = local.replace(tzinfo=None)
    assert read_time(local.isoformat(), RFC3339, UTC, "at") == ms
    assert read_time(naive.isoformat(), RFC3339, zone, "at") == ms
    assert read_time(str(ms), UNIX_MS, UTC, "at") == ms
    assert read_time(f"{ms // 1000}.{ms % 1000:03}", UNIX_S, UTC, "at") == ms
    assert read_time(f"{naive:%d.%m.%Y %H:%M:%S}", "%d.%m.%Y %H:%M:%S", zone, "at") == (
        ms // 1000 * 1000
    )


@pytest.mark.parametrize(
    ("told", "ms"),
    [
        ("2016-12-31T23:59:60Z", 1_483_228_799_000),
        ("2016-12-31 23:59:60.25+00:00", 1_483_228_799_250),
        ("2017-01-01t06:59+07:00", 1_483_228_740_000),
        ("2016-12-31T23:59:00.123456789z", 1_483_228_740_123),
    ],
)
def test_a_time_may_be_told_in_any_form_of_rfc3339_and_without_seconds(told: str, ms: int) -> None:
    assert read_time(told, RFC3339, UTC, "at") == ms


@pytest.mark.parametrize("told", ["1999-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "0001-01-01"])
def test_a_time_that_no_message_has_is_refused(told: str) -> None:
    with pytest.raises(Refused):
        read_time(told, RFC3339, read_zone("+14:00", "zone"), "at")


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("+07:00", 420), ("-0330", -210), ("UTC", 0), ("Z", 0), ("+14:00", 840)],
)
def test_a_zone_is_a_distance_from_utc(text: str, minutes: int) -> None:
    assert read_zone(text, "zone") == timezone(timedelta(minutes=minutes))


@pytest.mark.parametrize("text", ["", "7", "+7", "07:00", "+15:00", "+07:60", "Asia/Saigon"])
def test_what_is_no_distance_from_utc_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="zone"):
        read_zone(text, "zone")


def test_numbers_stand_behind_their_ports_however_they_are_parted() -> None:
    text = " 1=0912345678, dev/2=84987654321;x=y=+84901234567\n"
    assert read_numbers(text, "numbers") == {
        "1": "+84912345678",
        "dev/2": "+84987654321",
        "x=y": "+84901234567",
    }


@pytest.mark.parametrize(
    ("results", "one"),
    [
        (
            [Result.KEPT, Result.FAILED, Result.REFUSED],
            Result.FAILED,
        ),
        (
            [Result.DUPLICATE, Result.REFUSED, Result.KEPT],
            Result.REFUSED,
        ),
        ([Result.DUPLICATE, Result.KEPT], Result.KEPT),
        ([Result.DUPLICATE], Result.DUPLICATE),
    ],
)
def test_one_answer_for_several_messages_asks_for_all_while_one_is_missing(
    results: list[Result], one: Result
) -> None:
    assert worst(results) is one


def test_json_has_to_be_utf_8_and_may_begin_with_its_mark() -> None:
    assert read_json(b"\xef\xbb\xbf[1]") == [1]
    with pytest.raises(Refused, match="UTF-8"):
        read_json(b'"\xff"')


@given(to=st.text(max_size=20), sender=st.text(max_size=80), text=st.text(max_size=50))
def test_whatever_is_handed_over_can_be_kept(to: str, sender: str, text: str) -> None:
    try:
        one = inbound_sms(to, sender, text, None, text)
    except Refused:
        return
    for kept in (one.to, one.sender, one.text, one.source_id or ""):
        kept.encode()
        assert "\0" not in kept


@pytest.mark.parametrize("secret", ["486460x", "+84999999999 ", "geheim"])
def test_a_refusal_says_nothing_of_what_came(secret: str) -> None:
    for refuse in (
        lambda: read_time(secret, UNIX_S, UTC, "at"),
        lambda: read_json(secret.encode()),
        lambda: inbound_sms("x" + secret, "", "", None, None),
        lambda: read_numbers(secret, "numbers"),
    ):
        with pytest.raises(Refused) as refused:
            refuse()
        assert secret.strip() not in refused.value.sentence
        assert refused.value.__suppress_context__ or secret not in str(refused.value.__context__)
