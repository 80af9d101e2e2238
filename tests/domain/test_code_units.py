"""What counts something is known behind a number, and digits by their words."""

import pytest

from simlet.domain.code_units import DIGIT_OF, QUANTITY, SUM_BEHIND, UNIT_BEHIND


@pytest.mark.parametrize(
    "money", ["vnd", " dong", " usd.", "$", "%", "k", "руб", " р", "元", "บาท"]
)
def test_a_currency_behind_a_number_makes_it_a_sum(money: str) -> None:
    assert SUM_BEHIND.match(money)


@pytest.mark.parametrize("word", ["", " dongho", " kho", " регион", "원하지", "$5", "%s", "  vnd"])
def test_another_word_makes_no_sum(word: str) -> None:
    assert not SUM_BEHIND.match(word)


def test_a_time_behind_a_number_is_a_unit_and_no_sum() -> None:
    assert UNIT_BEHIND.match(" phut")
    assert UNIT_BEHIND.match("分钟")
    assert not SUM_BEHIND.match(" phut")


def test_a_number_and_its_unit_are_written_as_one_word() -> None:
    assert all(QUANTITY.fullmatch(word) for word in ("90s", "450k", "1tr2", "500000vnd"))
    assert not QUANTITY.fullmatch("482913s")


def test_digits_are_known_by_their_words_without_accents() -> None:
    assert [DIGIT_OF[word] for word in ("khong", "nine", "tres", "шесть")] == ["0", "9", "3", "6"]
    assert "-" not in DIGIT_OF
