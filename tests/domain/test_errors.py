import pickle

import pytest

from simlet.domain.errors import CATALOGUE, INVALID, Kind, Refusal, Refused, invalid


@pytest.mark.parametrize("refusal", CATALOGUE, ids=lambda one: one.code)
def test_a_refusal_that_travels_is_of_the_very_entry_of_the_catalogue(refusal: Refusal) -> None:
    arrived = pickle.loads(pickle.dumps(Refused(refusal, name="x", wait_s=7)))
    assert type(arrived) is Refused
    assert arrived.refusal is refusal
    assert arrived.details == {"name": "x", "wait_s": 7}


def test_a_refusal_that_travels_says_the_same() -> None:
    refused = invalid("số điện thoại", "expected digits")
    arrived = pickle.loads(pickle.dumps(refused))
    assert arrived.refusal is INVALID
    assert str(arrived) == str(refused)
    assert arrived.args == refused.args


def test_a_refusal_of_no_entry_of_the_catalogue_does_not_travel() -> None:
    unknown = Refusal("unknown_to_all", Kind.CONFLICT, "A sentence.", "A remedy.")
    with pytest.raises(KeyError):
        pickle.dumps(Refused(unknown))


def test_codes_are_told_apart() -> None:
    assert len({refusal.code for refusal in CATALOGUE}) == len(CATALOGUE)
