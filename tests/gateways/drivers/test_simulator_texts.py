"""In the simulator's texts the code is found, and none where there is none."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.drivers.pretend_lines import SERVICES, TEXTS
from simlet.domain.extract import find_code

WORDINGS: list[tuple[str, Sequence[str], list[int]]] = [
    (text, wording.get("names", SERVICES), wording["digits"])
    for wording in [*TEXTS["generic"], *TEXTS["known"]]
    for text in wording["texts"]
]


@pytest.mark.parametrize(("text", "services", "lengths"), WORDINGS)
@given(chance=st.randoms(use_true_random=True))
def test_the_code_of_each_text_is_found(
    text: str, services: Sequence[str], lengths: list[int], chance: Random
) -> None:
    digits = chance.choice(lengths)
    code = f"{chance.randrange(10**digits):0{digits}}"
    service = chance.choice(services)

    assert find_code(text.format(service=service, code=code)) == code


@pytest.mark.parametrize(("text", "services", "lengths"), WORDINGS)
@pytest.mark.parametrize("shape", ["00000000", "20261123", "23112026", "19001234", "09123456"])
def test_a_code_is_found_when_it_looks_like_something_else(
    text: str, services: Sequence[str], lengths: list[int], shape: str
) -> None:
    for service in services:
        for code in {shape[:digits] for digits in lengths}:
            assert find_code(text.format(service=service, code=code)) == code


@pytest.mark.parametrize("text", [text for _, text in TEXTS["notices"]])
def test_no_code_is_found_in_what_is_unrelated(text: str) -> None:
    assert find_code(text) is None
