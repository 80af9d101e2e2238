"""What was found in one text holds for the others of its form, and for no more than those."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain import code_forms
from simlet.domain.code_forms import brings_code, form_of
from simlet.domain.extract import find_code

HERE = Path(__file__).parent
CASES = [
    json.loads(line)["text"]
    for line in (HERE / "extract_cases.jsonl").read_text(encoding="utf-8").splitlines()
]
PIECES = [
    *"0123456789 .,-:/\n$+*x'",
    "482913",
    "4829",
    "48 29 13",
    "12341234",
    "1900",
    "2024",
    "４８２９",
    "\u200b",
    "ma",
    "mà",
    " otp ",
    " là ",
    " code ",
    "don hang ",
    "ma cu ",
    " phut",
    "k",
    "vnd",
    "bốn tám hai chín",
    "#",
    "@a.vn #",
    "[call]",
]
NUMBERS = st.text("0123456789", min_size=4, max_size=8)


def is_known(text: str) -> bool:
    form = form_of(text)
    return form is not None and brings_code(form) is not None


def find_afresh(text: str) -> str | None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code_forms, "_brings_code", {})
        return find_code(text)


@pytest.mark.parametrize("text", ["", "ma otp", "otp 123", "otp 123456789", "4829 hay 5173"])
def test_a_text_without_one_ordinary_number_has_no_form(text: str) -> None:
    assert form_of(text) is None


@pytest.mark.parametrize("number", ["1800", "19001234", "2024", "20240131"])
def test_a_number_that_may_be_a_year_or_a_hotline_is_no_ordinary_one(number: str) -> None:
    assert form_of(f"ma {number}") is None
    assert form_of(f"ma 482913, goi {number}") is not None


def test_the_form_is_the_words_and_the_place_and_size_of_the_number() -> None:
    texts = ["ma 482913 la", "ma 482913 is", "ma la 482913", "ma 48291 la"]
    keys = {form.key for form in map(form_of, texts) if form}
    assert len(keys) == len(texts)
    assert {form.key for form in map(form_of, ["ma 482913 la", "ma 517306 la"]) if form} <= keys


def test_a_form_is_known_from_its_first_text_on() -> None:
    assert not is_known("Ma cua nguoi dau tien la 482913")
    assert find_code("Ma cua nguoi dau tien la 482913") == "482913"
    assert is_known("Ma cua nguoi dau tien la 517306")
    assert find_code("Ma cua nguoi dau tien la 517306") == "517306"


def test_a_form_whose_number_is_no_code_is_known_too() -> None:
    assert find_code("Don hang so 482913 dang tren duong toi") is None
    assert is_known("Don hang so 517306 dang tren duong toi")
    assert find_code("Don hang so 517306 dang tren duong toi") is None


def test_nothing_is_kept_where_another_number_may_be_equal_to_the_ordinary_one() -> None:
    find_code("Ma la 482913, doc la 48 29 13")
    assert not is_known("Ma la 517306, doc la 48 29 13")


def test_no_text_is_kept() -> None:
    find_code("Xin chao Nguyen Van A, ma la 482913")
    assert all(isinstance(key, bytes) and len(key) == 16 for key in code_forms._brings_code)


def test_not_more_forms_are_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[bytes, bool] = {}
    monkeypatch.setattr(code_forms, "_brings_code", kept)
    monkeypatch.setattr(code_forms, "_KEPT_FORMS", 3)
    sizes = []
    for word in "abcdefgh":
        find_code(f"Ma {word} la 482913")
        sizes.append(len(kept))
    assert max(sizes) == 3


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.integers(0, 8), NUMBERS, NUMBERS)
def test_a_text_says_the_same_whatever_was_read_before(
    pieces: list[str], at: int, first: str, second: str
) -> None:
    head, tail = "".join(pieces[:at]), "".join(pieces[at:])
    find_code(f"{head}{first}{tail}")
    text = f"{head}{second}{tail}"
    assert find_code(text) == find_afresh(text)


@given(st.sampled_from(CASES), NUMBERS)
def test_a_case_with_another_number_says_what_it_says_afresh(case: str, number: str) -> None:
    find_code(case)
    form = form_of(case)
    if form:
        text = case[: form.start] + number + case[form.start + len(form.number) :]
        assert find_code(text) == find_afresh(text)
