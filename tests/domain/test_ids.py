import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.ids import (
    MAX_ID,
    format_rental_id,
    format_service_code,
    parse_rental_id,
    parse_service_code,
    parse_store,
)

rental_ids = st.integers(min_value=0, max_value=MAX_ID)
stores = st.from_regex(r"[0-9]{2}", fullmatch=True)
service_ids = st.integers(min_value=0, max_value=999_999_999)


@given(rental_ids, stores)
def test_a_rental_is_read_back_from_what_was_written(rental_id: int, store: str) -> None:
    assert parse_rental_id(format_rental_id(rental_id, store)) == rental_id


@given(rental_ids, st.text("0123456789", max_size=20))
def test_whatever_stands_behind_the_point_the_integer_part_decides(
    rental_id: int, decimals: str
) -> None:
    assert parse_rental_id(str(rental_id)) == rental_id
    assert parse_rental_id(f"{rental_id}.{decimals}") == rental_id


def test_both_digits_of_the_store_are_written() -> None:
    assert format_rental_id(7, "10") == "7.10"
    assert format_rental_id(7, "02") == "7.02"


def test_a_large_number_loses_no_digit_as_a_float_would() -> None:
    assert parse_rental_id("9007199254740993.02") == 9007199254740993


@pytest.mark.parametrize("text", ["1000001", " 1000001.02 ", "01000001", "1000001."])
def test_blanks_zeros_in_front_and_a_bare_point_do_no_harm(text: str) -> None:
    assert parse_rental_id(text) == 1_000_001


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        ".02",
        "abc",
        "-1",
        "+1",
        "1e6",
        "1,02",
        "1.0.2",
        "1.-2",
        "0x10",
        "1_000",
        "NaN",
        "١٢٣",
        "１２",
        "1\x00",
        str(MAX_ID + 1),
        "9" * 401,
    ],
)
def test_what_is_no_rental_is_none(text: str) -> None:
    assert parse_rental_id(text) is None


@given(st.text())
def test_no_text_makes_reading_an_id_fail(text: str) -> None:
    rental_id = parse_rental_id(text)
    assert rental_id is None or 0 <= rental_id <= MAX_ID
    service = parse_service_code(text)
    assert service is None or 0 <= service[1] <= 999_999_999


@given(stores, service_ids)
def test_a_service_is_read_back_from_what_was_written(store: str, service_id: int) -> None:
    assert parse_service_code(format_service_code(store, service_id)) == (store, service_id)


@given(service_ids)
def test_a_bare_service_names_no_store(service_id: int) -> None:
    assert parse_service_code(str(service_id)) == (None, service_id)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("02.97", ("02", 97)),
        ("2.97", ("02", 97)),
        ("10.97", ("10", 97)),
        ("02.0097", ("02", 97)),
        (" 02.97 ", ("02", 97)),
    ],
)
def test_a_service_is_text_with_a_store_of_two_digits(text: str, parsed: tuple[str, int]) -> None:
    assert parse_service_code(text) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "02.",
        ".97",
        "002.97",
        "02.97.1",
        "-97",
        "02.-97",
        "a.97",
        "٩٧",
        "1" * 10,
        "9" * 400,
    ],
)
def test_what_is_no_service_is_none(text: str) -> None:
    assert parse_service_code(text) is None


def test_a_store_is_two_digits() -> None:
    assert parse_store("02") == "02"


@pytest.mark.parametrize("text", ["", "2", "002", "ab", " 2", "02 ", "٠٢", "02\n"])
def test_another_store_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_store(text)
    assert refused.value.refusal is errors.INVALID
    assert refused.value.details["name"] == "store"
