"""Patterns of operators: what is found, and what is refused when it is set."""

import re
import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.errors import PATTERN_REFUSED, Refused
from simlet.domain.patterns import MAX_PATTERN_CHARS, compile_code_pattern, compile_pattern


def reason_of(refused: pytest.ExceptionInfo[Refused]) -> str:
    assert refused.value.refusal is PATTERN_REFUSED
    return str(refused.value.details["reason"])


def test_a_text_rule_fits_anywhere_in_the_text_and_in_any_case() -> None:
    rule = compile_pattern("mã xác thực .*tiki")

    assert rule.matches("TIKI: MÃ XÁC THỰC của TIKI là 1234")
    assert not rule.matches("Mã giảm giá của Tiki")


def test_a_text_rule_can_keep_capitals_apart() -> None:
    rule = compile_pattern("Grab", any_case=False)

    assert rule.matches("Grab: 1234")
    assert not rule.matches("GRAB: 1234")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_composed_and_decomposed_accents_are_the_same_text(form: Literal["NFC", "NFD"]) -> None:
    rule = compile_pattern(unicodedata.normalize(form, "mã xác thực"))

    assert rule.matches(unicodedata.normalize("NFC", "Mã xác thực"))
    assert rule.matches(unicodedata.normalize("NFD", "Mã xác thực"))


def test_the_code_is_the_group_in_front_of_which_letters_take_several_bytes() -> None:
    pattern = compile_code_pattern(r"mã đăng nhập là (\d{4}[A-ZĐ]{2})")

    assert pattern.find("Ứng dụng: mã đăng nhập là 4821KĐ nhé") == "4821KĐ"


def test_the_code_is_the_whole_match_where_there_is_no_group() -> None:
    assert compile_code_pattern(r"[0-9]{3}-[0-9]{3}").find("Code 482-913.") == "482-913"


def test_groups_that_do_not_capture_do_not_count() -> None:
    assert compile_code_pattern(r"(?:OTP|PIN) (\d+)").find("PIN 4821") == "4821"


def test_a_code_pattern_keeps_capitals_apart_unless_it_says_otherwise() -> None:
    assert compile_code_pattern(r"OTP (\w+)").find("otp 4821") is None
    assert compile_code_pattern(r"(?i)OTP (\w+)").find("otp 4821") == "4821"


def test_nothing_is_found_where_nothing_matches_or_the_group_stayed_empty() -> None:
    assert compile_code_pattern(r"OTP (\d+)").find("no code") is None
    assert compile_code_pattern(r"OTP(\d*)").find("OTP later") is None
    assert compile_code_pattern(r"OTP(?: (\d+))?").find("OTP later") is None


def test_a_text_with_half_a_character_is_searched_all_the_same() -> None:
    assert compile_pattern("mã").matches("\ud83d mã 4821")
    assert compile_code_pattern(r"\d+").find("\udc00 4821") == "4821"


@pytest.mark.parametrize("source", ["", "   ", "\n"])
def test_an_empty_pattern_is_refused(source: str) -> None:
    with pytest.raises(Refused) as refused:
        compile_pattern(source)
    assert reason_of(refused) == "it is empty"


def test_a_pattern_may_have_300_characters_and_no_more() -> None:
    assert compile_pattern("a" * MAX_PATTERN_CHARS).matches("a" * MAX_PATTERN_CHARS)
    with pytest.raises(Refused) as refused:
        compile_pattern("a" * (MAX_PATTERN_CHARS + 1))
    assert "300" in reason_of(refused)


@pytest.mark.parametrize("source", ["(", "[a", "a**", r"\p{Nothing}", "(?P<a>x", "\\"])
def test_a_pattern_that_cannot_be_read_is_refused(source: str) -> None:
    with pytest.raises(Refused) as refused:
        compile_pattern(source)
    assert reason_of(refused)


@pytest.mark.parametrize("source", [r"(?=\d)x", r"(?<=OTP )\d+", r"\d+(?!đ)", r"(?>a)"])
def test_look_around_is_refused_by_its_name(source: str) -> None:
    with pytest.raises(Refused) as refused:
        compile_pattern(source)
    assert "look-around" in reason_of(refused)


def test_a_back_reference_is_refused_by_its_name() -> None:
    with pytest.raises(Refused) as refused:
        compile_pattern(r"(\d)\1")
    assert "back-references" in reason_of(refused)


@pytest.mark.parametrize(
    "source", ["(a{1000}){1000}", "((a{100}){100}){100}", r"\pL{200}", ".{900}"]
)
def test_a_pattern_that_would_be_large_is_refused(source: str) -> None:
    with pytest.raises(Refused) as refused:
        compile_pattern(source)
    assert "repetitions" in reason_of(refused)


def test_half_a_character_in_a_pattern_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        compile_pattern("a\ud83d")
    assert reason_of(refused) == "it holds half of a character"


def test_a_refused_pattern_writes_nothing_to_the_error_stream(
    capfd: pytest.CaptureFixture[str],
) -> None:
    for source in ["(", "(?=a)", "(a{1000}){1000}", r"\pL{200}"]:
        with pytest.raises(Refused):
            compile_pattern(source)

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("source", [r"\d*", "a?", "x|", r"\b", "^", "$", "(?:)", r"(\d*)"])
def test_a_code_pattern_that_matches_nothing_at_all_is_refused(source: str) -> None:
    with pytest.raises(Refused) as refused:
        compile_code_pattern(source)
    assert "nothing" in reason_of(refused)


def test_a_text_rule_may_match_everything() -> None:
    assert compile_pattern(".*").matches("")


def test_a_code_pattern_with_two_groups_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        compile_code_pattern(r"(\d{3}) (\d{3})")
    assert "(?:" in reason_of(refused)


def test_the_refusal_reads_as_a_sentence() -> None:
    with pytest.raises(Refused) as refused:
        compile_pattern("(?=a){2}")
    assert refused.value.sentence.startswith("The pattern is not usable: ")


def test_a_pattern_is_compiled_once() -> None:
    assert compile_pattern("OTP [0-9]") is compile_pattern("OTP [0-9]")
    assert compile_code_pattern("OTP [0-9]") is compile_code_pattern("OTP [0-9]")


def test_patterns_of_the_same_source_and_case_are_equal() -> None:
    assert compile_pattern("a", any_case=False) == compile_code_pattern("a")
    assert compile_pattern("a", any_case=True) != compile_pattern("a", any_case=False)


def test_a_pattern_that_makes_others_backtrack_is_searched_in_one_pass() -> None:
    assert not compile_pattern("(a|aa)+$").matches("a" * 40_000 + "b")
    assert not compile_pattern(r"(\w+\s?)*!").matches("ab " * 13_000)


@given(st.text(max_size=40), st.text(max_size=80))
def test_any_source_is_either_usable_or_refused(source: str, text: str) -> None:
    refusal = None
    try:
        pattern = compile_code_pattern(source)
        assert pattern.matches(text) or pattern.find(text) is None
    except Refused as refused:
        refusal = refused.refusal
    assert refusal in {None, PATTERN_REFUSED}


@given(st.text(max_size=60))
def test_a_quoted_text_fits_itself(text: str) -> None:
    whole = text.encode("utf-8", "ignore").decode("utf-8")
    quoted = re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", whole)
    if whole.strip():
        assert compile_pattern(quoted).matches(f"before {whole} behind")
