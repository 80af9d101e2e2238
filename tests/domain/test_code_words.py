"""The words around numbers are found by their tables, and others by how they start or end."""

import pytest

from simlet.domain.code_roles import Role
from simlet.domain.code_words import SCRIPT_PHRASE, SCRIPT_ROLE, role_by_form, role_of


@pytest.mark.parametrize("phrase", sorted(SCRIPT_ROLE))
def test_every_phrase_of_another_script_is_found_in_full(phrase: str) -> None:
    found = SCRIPT_PHRASE.search(f"1 {phrase} 1")
    assert found is not None
    assert found[0] == phrase


def test_the_longest_of_the_phrases_that_start_alike_is_found() -> None:
    found = SCRIPT_PHRASE.match("код подтверждения входа")
    assert found is not None
    assert found[0] == "код подтверждения"


@pytest.mark.parametrize(
    ("word", "role"),
    [
        ("otp", Role.CODE),
        ("zotp", Role.CODE),
        ("smsotp", Role.CODE),
        ("appotpcode", Role.CODE),
        ("kodunuzu", Role.WORD),
        ("sifreniz", Role.WORD),
        ("parolanizi", Role.WORD),
        ("salasanasi", Role.WORD),
        ("prufcode", Role.WORD),
        ("prufcodes", Role.WORD),
        ("engangskoden", Role.WORD),
        ("vahvistuskoodisi", Role.WORD),
        ("zugangspasswort", Role.WORD),
        ("engangspassord", Role.WORD),
        ("kody", Role.PLAIN),
        ("kod", Role.PLAIN),
        ("garden", Role.PLAIN),
        ("kodak", Role.PLAIN),
        ("a", Role.PLAIN),
    ],
)
def test_a_word_that_no_table_holds_has_a_role_by_how_it_starts_or_ends(
    word: str, role: Role
) -> None:
    assert role_by_form(word) is role


def test_a_word_that_only_starts_phrases_has_no_role_by_itself() -> None:
    assert role_of("hotline") is Role.CONTACT
    assert role_of("hot") is None
    assert role_of("thuc") is None
