import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.phone import (
    bare,
    international,
    masked,
    national,
    normalise_sender,
    parse_number,
    prefix_of,
)

nine_digits = st.from_regex(r"[35789][0-9]{8}", fullmatch=True)
spellings = st.sampled_from(["{}", "0{}", "84{}", "+84{}"])


@given(nine_digits, spellings)
def test_every_spelling_becomes_the_same_number(digits: str, spelling: str) -> None:
    assert parse_number(spelling.format(digits)) == "+84" + digits


@given(nine_digits)
def test_every_written_form_is_read_again(digits: str) -> None:
    number = "+84" + digits
    for written in (number, bare(number), national(number), international(number)):
        assert parse_number(written) == number


def test_each_form_is_written_as_the_contract_has_it() -> None:
    number = "+84852222127"

    assert bare(number) == "852222127"
    assert national(number) == "0852222127"
    assert international(number) == "84852222127"
    assert prefix_of(number) == "85"


def test_a_number_of_the_range_084_is_not_taken_for_a_country_code() -> None:
    assert parse_number("841234567") == "+84841234567"
    assert parse_number("0841234567") == "+84841234567"
    assert parse_number("84841234567") == "+84841234567"


@given(nine_digits, st.data())
def test_blanks_dots_and_dashes_are_ignored(digits: str, data: st.DataObject) -> None:
    between = data.draw(st.lists(st.sampled_from(["", " ", ".", "-"]), min_size=9, max_size=9))
    spelled = "0" + "".join(
        digit + separator for digit, separator in zip(digits, between, strict=True)
    )
    assert parse_number(spelled) == "+84" + digits


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "096700000",
        "09670000011",
        "0167000001",
        "0267000001",
        "0467000001",
        "0667000001",
        "+85967000001",
        "0084967000001",
        "+0967000001",
        "++84967000001",
        "84+967000001",
        "abc",
        "０９６７０００００１",
        "٠٩٦٧٠٠٠٠٠١",
        "096700000１",
        "+8496700000٠",
        "0967000001\x00",
        "0967000001\n",
        "9" * 400,
    ],
)
def test_what_is_no_mobile_number_of_vietnam_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_number(text, "phone")
    assert refused.value.refusal is errors.INVALID
    assert refused.value.details["name"] == "phone"


@given(st.text())
def test_every_text_is_a_number_or_is_refused(text: str) -> None:
    try:
        number = parse_number(text)
    except Refused:
        return
    assert number.startswith("+84")
    assert len(number) == 12


@given(nine_digits)
def test_a_refusal_or_a_log_never_tells_the_number(digits: str) -> None:
    assert masked("+84" + digits) == "…" + digits[-2:]
    with pytest.raises(Refused) as refused:
        parse_number(digits + "0")
    assert digits not in refused.value.sentence


@given(nine_digits, spellings)
def test_a_sender_with_a_mobile_number_is_compared_by_it(digits: str, spelling: str) -> None:
    assert normalise_sender(spelling.format(digits)) == "+84" + digits


@given(st.text())
def test_normalising_a_sender_twice_changes_nothing_more(sender: str) -> None:
    assert normalise_sender(normalise_sender(sender)) == normalise_sender(sender)


def test_names_of_senders_are_compared_without_case_and_outer_blanks() -> None:
    assert normalise_sender(" YAHOO ") == normalise_sender("Yahoo")
    assert normalise_sender("ĐIỆN LỰC") == normalise_sender("điện lực")


def test_a_sender_in_digits_of_another_script_is_a_name() -> None:
    assert normalise_sender("096700000１") == "096700000１"


def test_a_short_code_stays_as_it_is() -> None:
    assert normalise_sender("19001234") == "19001234"
    assert normalise_sender("8049") == "8049"
