import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.inbound import (
    Inbound,
    MessageKind,
    dedupe_key,
    own_id,
    sent_between,
    storable,
)

NOW_MS = 1_700_000_123_456
SENT_MS = 1_700_000_100_000
MESSAGE = Inbound(MessageKind.SMS, "+84967000001", "Yahoo", "Your code is 123456", SENT_MS)
IDENTIFIED = MESSAGE._replace(source_id="17")
OTHERWISE = [
    {"kind": MessageKind.CALL},
    {"to": "+84967000002"},
    {"sender": "Zalo"},
    {"text": "Your code is 123457"},
]


def test_a_message_without_a_stamp_was_sent_now() -> None:
    assert sent_between(None, NOW_MS) == (NOW_MS, NOW_MS)


def test_a_stamp_ahead_of_our_clock_counts_as_now() -> None:
    assert sent_between(NOW_MS + 3_600_000, NOW_MS) == (NOW_MS, NOW_MS)


def test_a_stamp_in_whole_seconds_stands_for_all_of_its_second() -> None:
    assert sent_between(SENT_MS, NOW_MS) == (SENT_MS, SENT_MS + 999)


def test_the_second_of_a_stamp_lasts_no_longer_than_now() -> None:
    now_ms = SENT_MS + 400
    assert sent_between(SENT_MS, now_ms) == (SENT_MS, now_ms)


def test_a_stamp_with_a_fraction_is_exact() -> None:
    assert sent_between(SENT_MS + 1, NOW_MS) == (SENT_MS + 1, SENT_MS + 1)


@given(
    sent_at_ms=st.none() | st.integers(NOW_MS - 10_000, NOW_MS + 10_000),
    now_ms=st.integers(NOW_MS - 1_000, NOW_MS + 1_000),
)
def test_a_message_was_sent_by_now_and_within_one_second(
    sent_at_ms: int | None, now_ms: int
) -> None:
    earliest_ms, latest_ms = sent_between(sent_at_ms, now_ms)
    assert earliest_ms <= latest_ms <= now_ms
    assert latest_ms - earliest_ms < 1_000
    if sent_at_ms is not None:
        assert earliest_ms == min(sent_at_ms, now_ms)


def test_the_same_id_with_the_same_content_is_the_same_message() -> None:
    assert dedupe_key(IDENTIFIED) == dedupe_key(IDENTIFIED._replace())


def test_an_id_counts_whatever_the_stamp_and_the_recording_say() -> None:
    again = IDENTIFIED._replace(sent_at_ms=SENT_MS + 5_000, recording=b"RIFF")
    assert dedupe_key(again) == dedupe_key(IDENTIFIED)


@pytest.mark.parametrize("other", OTHERWISE, ids=lambda other: next(iter(other)))
@pytest.mark.parametrize("message", [MESSAGE, IDENTIFIED], ids=["stamp", "id"])
def test_the_same_stamp_or_id_with_other_content_is_another_message(
    message: Inbound, other: dict[str, str]
) -> None:
    assert dedupe_key(message._replace(**other)) != dedupe_key(message)  # type: ignore[arg-type]


def test_the_same_content_under_two_ids_is_two_messages() -> None:
    assert dedupe_key(IDENTIFIED._replace(source_id="18")) != dedupe_key(IDENTIFIED)


def test_the_same_content_with_two_stamps_is_two_messages() -> None:
    later = MESSAGE._replace(sent_at_ms=SENT_MS + 1_000)
    assert dedupe_key(later) != dedupe_key(MESSAGE)


def test_keys_of_own_ids_stand_in_the_order_in_which_their_messages_came() -> None:
    ids = [own_id(NOW_MS + ahead_ms, bytes([9 - ahead_ms]) * 16) for ahead_ms in range(9)]
    keys = [str(dedupe_key(MESSAGE._replace(source_id=one))) for one in ids]
    assert keys == sorted(set(keys))


def test_own_ids_of_one_moment_are_two_messages() -> None:
    first, second = (own_id(NOW_MS, bytes([byte]) * 16) for byte in (1, 2))
    keys = {dedupe_key(MESSAGE._replace(source_id=one)) for one in (first, second)}
    assert len(keys) == 2


def test_what_a_gateway_names_like_an_own_id_counts_with_its_content() -> None:
    named = MESSAGE._replace(source_id=own_id(NOW_MS, bytes(16)))
    assert dedupe_key(named._replace(text="another")) != dedupe_key(named)


def test_without_an_id_and_a_stamp_nothing_can_tell() -> None:
    assert dedupe_key(MESSAGE._replace(sent_at_ms=None)) is None


def test_an_id_is_never_taken_for_a_stamp() -> None:
    named = MESSAGE._replace(source_id=str(SENT_MS), sent_at_ms=None)
    assert dedupe_key(named) != dedupe_key(MESSAGE)


def test_an_empty_id_is_an_id() -> None:
    assert dedupe_key(MESSAGE._replace(source_id="")) != dedupe_key(MESSAGE)


@given(first=st.tuples(st.text(), st.text()), second=st.tuples(st.text(), st.text()))
def test_where_a_sender_ends_and_a_text_begins_makes_a_difference(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    keys = {
        dedupe_key(MESSAGE._replace(sender=sender, text=text)) for sender, text in (first, second)
    }
    assert len(keys) == len({first, second})


def test_a_blank_moved_from_text_to_sender_makes_another_message() -> None:
    one = MESSAGE._replace(sender="A1:", text="B")
    other = MESSAGE._replace(sender="A", text="1:B")
    assert dedupe_key(one) != dedupe_key(other)


@given(text=st.text(alphabet=st.characters(exclude_categories=())))
def test_a_storable_text_can_be_written_by_every_database(text: str) -> None:
    stored = storable(text)
    stored.encode()
    assert "\x00" not in stored
    assert len(stored) == len(text)


@given(text=st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00")))
def test_a_text_of_real_characters_is_stored_as_it_is(text: str) -> None:
    assert storable(text) == text


@given(text=st.text(alphabet=st.characters(exclude_categories=())))
def test_a_key_is_short_and_holds_nothing_of_the_message(text: str) -> None:
    key = dedupe_key(IDENTIFIED._replace(text=text))
    assert key is not None
    assert len(key) <= 80
    assert set(key.removeprefix("id:")) <= set("0123456789abcdef")
