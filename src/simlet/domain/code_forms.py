"""Texts that differ in nothing but their code: the search goes through one of them alone.

A service sends everybody the same words around another code. The *form* of a text is the text
without its one ordinary number, and the search reads each ordinary number as it reads any other of
as many digits. So what it said of a form holds for each text of that form: the ordinary number is
the code, or there is none.

Kept are digests, so that no text stays in memory when its message is deleted.
"""

import re
from hashlib import blake2b
from typing import NamedTuple

from simlet.domain.code_numbers import MIN_DIGITS, TELLING_STARTS, Items

_MAX_DIGITS = 8
_RUN = re.compile(f"[0-9]{{{MIN_DIGITS},}}+")
_KEY_BYTES = 16
_KEPT_FORMS = 16_384

_brings_code: dict[bytes, bool] = {}


class Form(NamedTuple):
    """A text as its one ordinary number, and a digest of where that stands in which words."""

    key: bytes
    number: str
    start: int


def form_of(text: str) -> Form | None:
    """The form of a text as it came; None where it holds no ordinary number, or several."""
    runs = [run for run in _RUN.finditer(text) if _is_ordinary(run[0])]
    if len(runs) != 1:
        return None
    start, end = runs[0].span()
    rest = f"{start} {end} {text[:start]}{text[end:]}".encode("utf-8", "surrogatepass")
    return Form(blake2b(rest, digest_size=_KEY_BYTES).digest(), runs[0][0], start)


def brings_code(form: Form) -> bool | None:
    """Whether the ordinary number of such texts is their code; None where that is not known."""
    return _brings_code.get(form.key)


def keep_form(form: Form, text: str, shown: str, items: Items, code: str | None) -> None:
    """Keeps what the search said of a text, where it holds for all texts of its form.

    Args:
        form: the text's form.
        text: the text as it came.
        shown: the same text, cleaned.
        items: what was read in it.
        code: what the search said.
    """
    if code not in (None, form.number):
        return
    clean_form = form if shown == text else _clean_form(text, shown)
    if clean_form and _stands_for_itself(clean_form, items):
        if len(_brings_code) >= _KEPT_FORMS:
            _brings_code.clear()
        _brings_code[form.key] = code is not None


def _clean_form(text: str, shown: str) -> Form | None:
    """The form of the cleaned text; None where cleaning made other numbers of the digits."""
    return form_of(shown) if _RUN.findall(shown) == _RUN.findall(text) else None


def _stands_for_itself(form: Form, items: Items) -> bool:
    """Whether the ordinary number was read as one number, and can be equal to no other one."""
    own, size = (form.number, form.start), len(form.number)
    others = [number.value for at, number in items.numbers.items() if items.rows[at][1:] != own]
    if len(others) == len(items.numbers):
        return False
    return not any(len(value) == size and _is_ordinary(value) for value in others)


def _is_ordinary(digits: str) -> bool:
    return len(digits) <= _MAX_DIGITS and not digits.startswith(TELLING_STARTS)
