"""Digits that a text spells out are one number."""

import pytest

from simlet.domain.code_items import read_items
from simlet.domain.code_numbers import Items
from simlet.domain.code_text import blank_out, clean, fold


def items_of(text: str) -> Items:
    shown = clean(text)
    return read_items(shown, blank_out(shown, fold(shown)))


def values_of(text: str) -> list[str]:
    return [number.value for number in items_of(text).numbers.values()]


def test_digits_spelled_over_several_lines_are_one_number() -> None:
    items = items_of("two.\nzero.\nnine.\none.")
    assert [number.value for number in items.numbers.values()] == ["2091"]


def test_spelled_digits_are_one_number_and_numbers_behind_them_keep_their_place() -> None:
    items = items_of("là không, năm, chín, tám. Gọi 482913")
    found = [(number.value, items.rows[at][1]) for at, number in items.numbers.items()]
    assert found == [("0598", "khong, nam, chin, tam"), ("482913", "482913")]


def test_a_digit_that_a_voice_doubles_or_triples_stands_twice_or_three_times() -> None:
    assert values_of("your code is four double seven triple one") == ["477111"]


def test_a_row_that_a_voice_repeats_is_said_once() -> None:
    assert values_of("one two three four. one two three four.") == ["1234"]


def test_two_spelled_digits_are_no_number() -> None:
    assert values_of("one or two days") == []


def test_three_spelled_digits_are_too_few() -> None:
    assert values_of("one two three days") == []


@pytest.mark.parametrize(
    "again", ["một lần nữa", "one more time", "una vez más", "mais uma vez", "bir kez daha"]
)
def test_words_for_once_more_say_no_digit(again: str) -> None:
    assert values_of(f"bốn tám hai một {again}") == ["4821"]


@pytest.mark.parametrize("unit", ["phút", "giây", "lần", "minutes", "times", "минут"])
def test_a_spelled_digit_that_counts_something_is_none_of_the_code(unit: str) -> None:
    assert values_of(f"bốn tám hai một, năm {unit}") == ["4821"]


@pytest.mark.parametrize(
    "spoken",
    [
        "bốn tám ờ hai một",
        "bốn ừm tám ừm hai một",
        "four eight uh two one",
        "four um eight um two one",
        "er four er eight er two er one er",
    ],
)
def test_sounds_of_hesitation_say_no_digit_and_part_none(spoken: str) -> None:
    assert values_of(spoken) == ["4821"]


def test_a_sound_of_one_language_is_a_digit_among_those_of_another() -> None:
    assert values_of("four o two one") == ["4021"]
    assert values_of("quatro um dois tres") == ["4123"]


def test_sau_without_its_accent_is_six_only_in_a_text_without_accents() -> None:
    assert values_of("bốn tám hai một sau tiếng bíp") == ["4821"]
    assert values_of("bốn tám hai một sáu") == ["48216"]
    assert values_of("bon tam hai mot sau") == ["48216"]
