"""Whatever a text says, the search for its code comes to an end and fails on nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.extract import find_code

PIECES = [
    "1",
    "2",
    "12",
    "123",
    "4821",
    " ",
    ".",
    "-",
    ",",
    ":",
    "phut",
    "ma",
    "OTP",
    "d",
    "일",
    "\n",
]


@pytest.mark.parametrize(
    "text",
    [
        "Ma OTP 1 2 3 5 phut",
        "dial 1 2 3 4 phút",
        "1 2 3 4 minutes",
        "1 2 3 4일",
        "12 34 56 phut",
    ],
)
def test_single_digits_before_a_unit_come_to_an_end(text: str) -> None:
    assert find_code(text) != text


def test_a_code_before_such_digits_is_found() -> None:
    assert find_code("Ma OTP 482913 co hieu luc trong 1 2 3 5 phut") == "482913"


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_no_row_of_digits_marks_and_words_makes_it_fail(text: str) -> None:
    found = find_code(text)
    assert found is None or found


def test_a_name_with_a_number_is_not_taken_for_the_code_behind_it() -> None:
    assert find_code("Ma xac thuc Svc3 cua ban la 493021") == "493021"
