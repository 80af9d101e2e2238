"""A table of words is read into phrases, and into a pattern that finds the longest of them."""

import re

from simlet.domain.code_tables import pattern_of, phrases_of


def test_the_phrases_of_a_table_are_folded_and_without_their_language() -> None:
    assert [*phrases_of("\nvi  mã Đỏ | OTP\nen  Code\n")] == ["ma do", "otp", "code"]


def test_a_pattern_matches_the_longest_of_its_words_and_no_other() -> None:
    pattern = re.compile(pattern_of(["so", "so the", "a.b", "so thu"]))
    assert [found[0] for found in pattern.finditer("so thu so the so tha a.b acb")] == [
        *("so thu", "so the", "so", "a.b"),
    ]
