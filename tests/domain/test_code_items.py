"""A text is read as a row of items: words with a role, marks, and numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.code_items import read_items
from simlet.domain.code_numbers import DOUBT_OF_HOTLINE, Items
from simlet.domain.code_roles import Role
from simlet.domain.code_text import blank_out, clean, fold


def items_of(text: str) -> Items:
    shown = clean(text)
    return read_items(shown, blank_out(shown, fold(shown)))


def roles_of(text: str) -> list[tuple[Role, str]]:
    return [(role, word) for role, word, _ in items_of(text).rows]


def test_the_longest_phrase_of_the_tables_is_one_item() -> None:
    assert roles_of("Mã xác thực của bạn là") == [
        (Role.CODE, "ma xac thuc"),
        (Role.OWNER, "cua ban"),
        (Role.LINK, "la"),
    ]


def test_a_phrase_that_breaks_off_gives_back_the_words_behind_its_last_full_form() -> None:
    assert roles_of("is no longer valid") == [(Role.OLD, "is no longer valid")]
    assert [word for _, word in roles_of("is no longer so")] == ["is", "no", "longer", "so"]


@pytest.mark.parametrize(("text", "role"), [("mã", Role.WORD), ("má", Role.PLAIN)])
def test_ma_names_a_code_by_its_accent(text: str, role: Role) -> None:
    assert roles_of(text) == [(role, "ma")]
    assert roles_of(f"{text} bánh") == [(role, "ma"), (Role.PLAIN, "banh")]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("G-284913", [(Role.NUMBER, "284913")]),
        ("otp482913", [(Role.CODE, "otp"), (Role.NUMBER, "482913")]),
        ("code-482-913", [(Role.WORD, "code"), (Role.NUMBER, "482-913")]),
        ("shb-7f3k2q", [(Role.NUMBER, "shb-7f3k2q")]),
        ("otp-482913-het", [(Role.CODE, "otp"), (Role.NUMBER, "482913")]),
        ("kh-4829-ab", [(Role.NUMBER, "kh-4829-ab")]),
        ("450k", [(Role.THING, "450k")]),
        ("6 phut", [(Role.THING, "6"), (Role.PLAIN, "phut")]),
    ],
)
def test_letters_and_digits_are_read_by_their_form(text: str, rows: list[tuple[Role, str]]) -> None:
    assert roles_of(text) == rows


@pytest.mark.parametrize(
    "name", ["mã số biên lai", "mã lớp", "mã số lớp", "meeting code", "item no"]
)
def test_the_key_of_a_thing_is_one_name_of_another_number(name: str) -> None:
    assert roles_of(name) == [(Role.OTHER, fold(name))]


def test_a_stop_inside_of_a_reference_ends_no_sentence() -> None:
    assert (Role.END, ".") not in roles_of("cho MBVCB.5829301")
    assert (Role.END, ".") in roles_of("cho MBVCB. 5829301")


@pytest.mark.parametrize("money", ["4829,50р", "482913元", "482913 руб", "482913원"])
def test_a_number_in_front_of_a_currency_of_another_script_is_a_sum(money: str) -> None:
    assert not items_of(money).numbers


def test_a_word_that_starts_like_a_currency_leaves_the_number_in_front_of_it() -> None:
    assert len(items_of("482913원하지 않으면").numbers) == 1


@pytest.mark.parametrize("number", ["1800-0000", "1588-1234"])
def test_a_grouped_hotline_is_doubted_once(number: str) -> None:
    assert [each.doubt for each in items_of(number).numbers.values()] == [DOUBT_OF_HOTLINE]


@given(st.text(st.sampled_from("aăạđmãx019 .,-:/\n零一二код'#")))
def test_items_stand_in_their_order_and_do_not_overlap(text: str) -> None:
    items, behind = items_of(text), 0
    folded = blank_out(clean(text), fold(clean(text)))
    for _, word, start in items.rows:
        assert start >= behind
        assert folded[start : start + len(word)] == word
        behind = start + len(word)


@given(st.text(st.sampled_from("aăạđmãx0194 .,-:/\n零一二код'#")))
def test_the_numbers_are_the_items_with_that_role(text: str) -> None:
    items = items_of(text)
    assert [at for at, row in enumerate(items.rows) if row[0] is Role.NUMBER] == [*items.numbers]
