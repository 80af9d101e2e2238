import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.inbound import Part
from simlet.wire.user_data import (
    MalformedHeader,
    UserData,
    binary_text,
    fill_bits,
    split_header,
    utf16_text,
)


def split(header: str, body: bytes = b"body") -> UserData:
    elements = bytes.fromhex(header)
    return split_header(bytes([len(elements)]) + elements + body)


def test_a_reference_of_one_octet_numbers_the_part() -> None:
    assert split("00 03 A7 04 02") == UserData(Part(0xA7, 4, 2), 0, 0, b"body", 6)


def test_a_reference_of_two_octets_numbers_the_part() -> None:
    assert split("08 04 BE EF FF FF") == UserData(Part(0xBEEF, 255, 255), 0, 0, b"body", 7)


def test_the_national_languages_are_told() -> None:
    assert split("24 01 02 25 01 03") == UserData(None, 2, 3, b"body", 7)


def test_an_empty_header_is_taken_off() -> None:
    assert split("") == UserData(None, 0, 0, b"body", 1)


@pytest.mark.parametrize(
    "stranger",
    ["04 02 0B 84", "05 04 0B 84 23 F0", "01 02 80 01", "70 00", "7F 01 00", "22 03 01 02 03"],
)
def test_what_else_stands_in_a_header_is_passed_over(stranger: str) -> None:
    part = "00 03 05 02 01"
    assert split(f"{stranger} {part}").part == Part(5, 2, 1)
    assert split(f"{part} {stranger}").part == Part(5, 2, 1)


@pytest.mark.parametrize(
    "impossible",
    ["00 03 05 00 01", "00 03 05 02 00", "00 03 05 02 03", "08 04 00 05 00 00", "00 03 05 01 01"],
)
def test_a_number_that_is_no_part_of_a_long_message_makes_none(impossible: str) -> None:
    assert split(impossible).part is None


@pytest.mark.parametrize(
    "wrong", ["00 02 05 02", "00 04 05 02 01 00", "08 03 05 02 01", "08 05 00 05 02 01 00", "24 00"]
)
def test_an_element_of_a_wrong_length_is_passed_over(wrong: str) -> None:
    octets = 1 + len(bytes.fromhex(wrong))
    assert split(wrong) == UserData(None, 0, 0, b"body", octets)


def test_of_two_numbers_the_last_one_counts() -> None:
    assert split("00 03 05 02 01 08 04 12 34 03 02").part == Part(0x1234, 3, 2)


def test_an_impossible_number_does_not_cover_a_good_one() -> None:
    assert split("00 03 05 02 01 00 03 05 02 09").part == Part(5, 2, 1)


@pytest.mark.parametrize(
    "data",
    [
        "",  # not even a length
        "05 00 03 A7 04",  # longer than the data
        "06 00 03 A7 04 02",  # by one octet, behind elements that are whole
        "FF",
        "01 00",  # an element without a length
        "04 00 03 A7 04",  # an element that ends behind the header
        "02 FF FF 10 16 03",
        "06 00 03 A7 04 02 00",  # a second element without a length
    ],
)
def test_a_header_that_lies_about_its_length_is_refused(data: str) -> None:
    with pytest.raises(MalformedHeader):
        split_header(bytes.fromhex(data))


@given(st.binary())
def test_any_octets_are_split_or_refused(data: bytes) -> None:
    try:
        user_data = split_header(data)
    except MalformedHeader:
        return
    assert data[user_data.header_octets :] == user_data.body
    part = user_data.part
    assert part is None or (part.total >= 2 and 1 <= part.number <= part.total)


@pytest.mark.parametrize(("octets", "bits"), [(0, 0), (1, 6), (6, 1), (7, 0), (8, 6), (9, 5)])
def test_septets_behind_a_header_begin_at_the_next_seventh_bit(octets: int, bits: int) -> None:
    assert fill_bits(octets) == bits


def test_ucs2_begins_with_the_most_significant_octet() -> None:
    assert utf16_text(bytes.fromhex("004D00E3")) == "Mã"


def test_a_pair_of_surrogates_is_one_letter_and_half_a_pair_stays_half() -> None:
    assert utf16_text(bytes.fromhex("D83DDD10D83D")) == "\U0001f510\ud83d"


def test_an_odd_number_of_octets_is_no_ucs2() -> None:
    with pytest.raises(ValueError, match="odd"):
        utf16_text(b"abc")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", ""),
        (b"Code 123456\r\n", "Code 123456\r\n"),
        ("Mã 123456".encode(), "Mã 123456"),
        ("Código 123456".encode("latin-1"), "Código 123456"),
        (b"\x00\x01AB", "00014142"),
        (b"\x80\x81", "8081"),
    ],
)
def test_binary_data_is_text_where_all_of_it_can_be_shown_and_hex_elsewhere(
    body: bytes, text: str
) -> None:
    assert binary_text(body) == text


@given(st.binary())
def test_the_text_of_binary_data_has_lost_nothing(body: bytes) -> None:
    text = binary_text(body)
    ways = {text.encode("utf-8"), text.encode("latin-1", "replace")}
    assert body in ways or bytes.fromhex(text) == body
