"""How unlike a code a number looks."""

import pytest

from simlet.domain.code_numbers import NEVER, doubt_of, doubt_of_key, said_once


@pytest.mark.parametrize("value", ["4829", "04829", "482913", "48291304"])
def test_four_to_eight_digits_are_a_usual_code(value: str) -> None:
    assert doubt_of(value) == 0


@pytest.mark.parametrize("value", ["48", "48291304567", "0912345678"])
def test_too_few_too_many_and_a_phone_number_are_none(value: str) -> None:
    assert doubt_of(value) >= NEVER


@pytest.mark.parametrize("value", ["19001234", "18001091", "2026", "20261124", "482", "482913045"])
def test_hotlines_years_days_and_odd_sizes_are_doubtful(value: str) -> None:
    assert 0 < doubt_of(value) < NEVER


@pytest.mark.parametrize("value", ["20264829", "1812"])
def test_what_only_starts_like_a_day_or_a_hotline_is_a_usual_code(value: str) -> None:
    assert doubt_of(value) == 0


def test_a_voucher_is_no_code() -> None:
    assert doubt_of_key("GIAM50K") >= NEVER
    assert 0 < doubt_of_key("LAZADA50") < NEVER
    assert doubt_of_key("7F3K2Q") == 0


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("48294829", "4829"),
        ("482913482913482913", "482913"),
        ("482913", "482913"),
        ("4848", "4848"),
    ],
)
def test_a_code_that_is_said_again_is_one(said: str, value: str) -> None:
    assert said_once(said) == value
