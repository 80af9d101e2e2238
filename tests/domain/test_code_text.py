"""The short ways of cleaning, folding and blanking out give what the long ones give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.code_text import BLANK, blank_out, clean, fold

# One letter that is not Latin makes the whole text go the long way.
OTHER_SCRIPT = "中"
LATIN = [chr(code) for block in (range(0x20, 0x250), range(0x1E00, 0x1F00)) for code in block]
# Looks like the start of an address and is none, so that addresses are looked for.
SIGN_OF_ADDRESS = " ://"
PIECES = [
    *"0123459.,-:/hgx*+$@( ",
    "2026",
    "1.250.000",
    "10:15",
    "05-03-2026",
    "+84 912 345 678",
    "****1234",
    "..1234",
    "(028)3822 1234",
    "203.0.113.25",
    "rm50",
    "vnd1.2",
    "simlet.vn",
    "https://a.b",
    "ma",
]


def test_a_latin_letter_is_cleaned_and_folded_alike_beside_another_script() -> None:
    for letter in LATIN:
        shown = clean(letter)
        assert clean(letter + OTHER_SCRIPT) == shown + OTHER_SCRIPT
        assert fold(shown + OTHER_SCRIPT) == fold(shown) + OTHER_SCRIPT


@given(st.text(st.sampled_from(LATIN)))
def test_each_letter_keeps_its_place_when_it_is_folded(text: str) -> None:
    shown = clean(text)
    assert fold(shown) == "".join(map(fold, shown))


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_what_is_blanked_out_does_not_hang_on_a_sign_of_an_address(text: str) -> None:
    beside = blank_out("", text + SIGN_OF_ADDRESS)
    assert blank_out("", text) == beside.removesuffix(SIGN_OF_ADDRESS)


@pytest.mark.parametrize(
    "shape",
    [
        "10:15:09",
        "8h30",
        "05/03/2026",
        "05-03-2026",
        "2026-03-05",
        "0987***321",
        "203.0.113.25",
        "1.250.000",
        "12.34",
        "@simlet.vn",
        "$ 1,200.50",
        "+84 912 345 678",
        "(028) 3822 1234",
        "(028) 38221234",
        "(84-28) 38221234",
        "(495) 123-45-67",
        "8 800 555-55-55",
        "05-mar-26",
        "10h15p",
        "*101#",
        "****1234",
        "x123",
        "..1234",
        "rm50",
        "https://simlet.vn/a?b=1",
        "simlet.vn/482913",
        "a.b@simlet.vn",
        "hd_2026_0391.pdf",
        "hop-dong.2026.docx",
        "0391_2026.jpg",
    ],
)
def test_what_has_a_shape_of_its_own_is_blanked_out_in_full(shape: str) -> None:
    text = f"ma {shape} la"
    assert blank_out(text, text) == f"ma {BLANK * len(shape)} la"


@pytest.mark.parametrize(
    "number",
    [
        *("482913", "482-913", "2.9.4.0.1.6", "123.456"),
        *("a482913", "7h2-9kq", "482913/5p", "482913.zip"),
    ],
)
def test_a_number_that_could_be_a_code_is_left(number: str) -> None:
    text = f"ma {number} la"
    assert blank_out(text, text) == text


def test_a_long_dash_parts_a_number_from_words_and_joins_groups_of_digits() -> None:
    assert clean("hoạt\u2013482913\u2014hết") == "hoạt - 482913 - hết"
    assert clean("482\u2013913") == "482-913"
    assert clean("G\u2013482913") == "G-482913"


@pytest.mark.parametrize(
    "mark", ["\uff0c", "\u3001", "\u3002", "\u060c", "\u061b", "\u0964", "\u06d4"]
)
def test_a_stop_or_a_comma_of_another_script_parts_numbers_without_a_blank(mark: str) -> None:
    assert clean(f"482 913{mark}10") in {"482 913, 10", "482 913. 10"}


def test_a_comma_of_full_width_parts_the_words_of_a_latin_text() -> None:
    assert clean("OTP 482 913\uff0c10 ph\u00fat") == "OTP 482 913, 10 ph\u00fat"
