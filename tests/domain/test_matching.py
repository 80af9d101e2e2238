from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.matching import (
    NO_FIT,
    Candidate,
    choose_owner,
    narrowness,
    sender_key,
    sender_keys,
)
from simlet.domain.rental import Rental, RentalState
from simlet.domain.service import MatchRules

RENTAL = Rental(
    id=1,
    account_id=1,
    service_id=4,
    store="01",
    line_id=256,
    number="+84967000001",
    price_dong=470,
    state=RentalState.WAITING,
    created_at_ms=0,
    deadline_at_ms=300_000,
    closed_at_ms=None,
    again=False,
    listening=True,
)
BY_BOTH = MatchRules(senders=("Yahoo",), texts=("code",))
BY_SENDER = MatchRules(senders=("Yahoo",))
BY_TEXT = MatchRules(texts=("code",))
BY_NOTHING = MatchRules(catch_all=True)
STRANGE = MatchRules(senders=("Zalo",), texts=("Zalo",))
SENDER, TEXT = "Yahoo", "Your code is 123456"


def candidate(
    rental_id: int, rules: MatchRules = BY_SENDER, state: RentalState = RentalState.WAITING
) -> Candidate:
    return Candidate(RENTAL._replace(id=rental_id, state=state), rules)


def owner_id(*candidates: Candidate) -> int | None:
    owner = choose_owner(candidates, SENDER, TEXT)
    return owner.rental.id if owner else None


def test_the_narrower_the_rule_the_higher_it_counts() -> None:
    order = [STRANGE, BY_NOTHING, BY_TEXT, BY_SENDER, BY_BOTH]
    ranks = [narrowness(rules, SENDER, TEXT) for rules in order]
    assert ranks[0] == NO_FIT
    assert ranks == sorted(set(ranks))


@pytest.mark.parametrize("turn", list(permutations([BY_NOTHING, BY_TEXT, BY_SENDER, BY_BOTH], 2)))
def test_the_narrowest_rule_wins_whatever_the_order_of_the_rentals(
    turn: tuple[MatchRules, MatchRules],
) -> None:
    narrower = max(turn, key=lambda rules: narrowness(rules, SENDER, TEXT))
    for ids in ((1, 2), (2, 1)):
        owner = choose_owner(
            [candidate(one, rules) for one, rules in zip(ids, turn, strict=True)], SENDER, TEXT
        )
        assert owner is not None
        assert owner.rules == narrower


def test_a_narrow_rule_wins_even_with_its_code_already_there() -> None:
    received = candidate(1, BY_SENDER, RentalState.RECEIVED)
    assert owner_id(candidate(2, BY_NOTHING), received) == 1


def test_a_catch_all_that_also_fits_by_sender_counts_as_narrow() -> None:
    both = MatchRules(senders=("Yahoo",), catch_all=True)
    assert narrowness(both, SENDER, TEXT) == narrowness(BY_SENDER, SENDER, TEXT)
    assert narrowness(both, "Zalo", TEXT) == narrowness(BY_NOTHING, "Zalo", TEXT)


def test_one_of_several_senders_or_texts_is_enough() -> None:
    rules = MatchRules(senders=("Zalo", "Yahoo"), texts=("nothing", "code"))
    assert narrowness(rules, SENDER, TEXT) == narrowness(BY_BOTH, SENDER, TEXT)


def test_a_rule_of_sender_and_text_fits_by_either() -> None:
    assert narrowness(BY_BOTH, SENDER, "hello") == narrowness(BY_SENDER, SENDER, "hello")
    assert narrowness(BY_BOTH, "Zalo", TEXT) == narrowness(BY_TEXT, "Zalo", TEXT)
    assert narrowness(BY_BOTH, "Zalo", "hello") == NO_FIT


@pytest.mark.parametrize("spelled", ["yahoo", "YAHOO", " Yahoo "])
def test_a_sender_is_known_in_any_case_and_without_outer_blanks(spelled: str) -> None:
    assert narrowness(BY_SENDER, spelled, TEXT) == narrowness(BY_SENDER, SENDER, TEXT)


@pytest.mark.parametrize("spelled", ["0912345678", "84912345678", "+84912345678", "0912 345 678"])
def test_a_sender_that_is_a_number_is_known_in_any_spelling(spelled: str) -> None:
    assert narrowness(MatchRules(senders=("+84912345678",)), spelled, TEXT) != NO_FIT


@pytest.mark.parametrize("other", ["Yahoo2", "Yah", "", "ahoo"])
def test_a_sender_that_is_only_like_it_does_not_fit(other: str) -> None:
    assert narrowness(BY_SENDER, other, TEXT) == NO_FIT


def test_a_text_pattern_is_found_anywhere_and_in_any_case() -> None:
    assert narrowness(MatchRules(texts=(r"CODE IS \d+",)), "x", TEXT) != NO_FIT


def test_one_that_waits_comes_before_one_that_has_its_code() -> None:
    received = candidate(1, state=RentalState.RECEIVED)
    assert owner_id(received, candidate(2)) == 2
    assert owner_id(candidate(1), candidate(2, state=RentalState.RECEIVED)) == 1


def test_of_those_that_wait_the_oldest_comes_first() -> None:
    assert owner_id(candidate(3), candidate(1), candidate(2)) == 1


@pytest.mark.parametrize("state", [RentalState.RECEIVED, RentalState.EXPIRED], ids=str)
def test_of_those_that_are_closed_the_newest_comes_first(state: RentalState) -> None:
    closed = [candidate(one, state=state) for one in (2, 3, 1)]
    assert owner_id(*closed) == 3


def test_without_a_fit_there_is_no_owner() -> None:
    assert owner_id(candidate(1, STRANGE)) is None
    assert owner_id() is None


rules = st.sampled_from([BY_BOTH, BY_SENDER, BY_TEXT, BY_NOTHING, STRANGE])
rentals = st.lists(st.tuples(rules, st.sampled_from(RentalState)), max_size=6).map(
    lambda drawn: [candidate(one, *pair) for one, pair in enumerate(drawn, 1)]
)


@given(candidates=rentals, data=st.data())
def test_the_owner_does_not_depend_on_the_order_of_the_candidates(
    candidates: list[Candidate], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(candidates))
    assert choose_owner(shuffled, SENDER, TEXT) == choose_owner(candidates, SENDER, TEXT)


@given(candidates=rentals)
def test_nobody_has_a_better_claim_than_the_owner(candidates: list[Candidate]) -> None:
    owner = choose_owner(candidates, SENDER, TEXT)
    fitting = [one for one in candidates if narrowness(one.rules, SENDER, TEXT) != NO_FIT]
    assert (owner is None) == (not fitting)
    for other in fitting:
        assert owner is not None
        assert not _before(other, owner)


def _before(one: Candidate, other: Candidate) -> bool:
    """Whether one has the better claim, as the rule is written."""
    width = narrowness(one.rules, SENDER, TEXT), narrowness(other.rules, SENDER, TEXT)
    if width[0] != width[1]:
        return width[0] > width[1]
    waits = (
        one.rental.state is RentalState.WAITING,
        other.rental.state is RentalState.WAITING,
    )
    if waits[0] != waits[1]:
        return waits[0]
    return one.rental.id < other.rental.id if waits[0] else one.rental.id > other.rental.id


# -------------------------------------------------------------- a stamp that two tenants share


def tenant(
    rental_id: int,
    account_id: int,
    began_ms: int,
    ends_ms: int,
    rules: MatchRules = BY_SENDER,
    state: RentalState = RentalState.WAITING,
) -> Candidate:
    rental = RENTAL._replace(
        id=rental_id,
        account_id=account_id,
        service_id=rental_id,
        created_at_ms=began_ms,
        deadline_at_ms=ends_ms,
        state=state,
    )
    return Candidate(rental, rules)


def test_what_may_be_the_earlier_tenants_is_not_the_next_ones() -> None:
    earlier = tenant(1, 1, 0, 60_500, state=RentalState.EXPIRED)
    assert owner_id(earlier, tenant(2, 2, 60_700, 120_000)) == 1


def test_not_even_when_the_next_ones_rule_is_narrower() -> None:
    earlier = tenant(1, 1, 0, 60_500, BY_NOTHING, RentalState.RECEIVED)
    assert owner_id(earlier, tenant(2, 2, 60_700, 120_000, BY_BOTH)) == 1


def test_an_earlier_tenant_whom_it_does_not_fit_has_no_claim() -> None:
    earlier = tenant(1, 1, 0, 60_500, STRANGE, RentalState.EXPIRED)
    assert owner_id(earlier, tenant(2, 2, 60_700, 120_000)) == 2


def test_an_accounts_own_next_rental_gets_its_message() -> None:
    earlier = tenant(1, 1, 0, 60_500, state=RentalState.EXPIRED)
    assert owner_id(earlier, tenant(2, 1, 60_700, 120_000)) == 2


def test_of_two_tenants_at_one_time_the_narrower_rule_still_wins() -> None:
    at_one_time = tenant(1, 1, 0, 60_500, BY_TEXT), tenant(2, 2, 60_499, 120_000, BY_SENDER)
    assert owner_id(*at_one_time) == 2


# --------------------------------------------------------------------------- what need not be read

NAMES = st.text(st.sampled_from('aAbB"\\ \x00Đđ\ud800+84 0912345678'), max_size=12)


@given(st.lists(NAMES, max_size=4), NAMES)
def test_a_key_is_among_the_keys_just_where_its_sender_is_among_the_senders(
    senders: list[str], sender: str
) -> None:
    fits = narrowness(MatchRules(senders=tuple(senders)), sender, "") != NO_FIT
    assert (sender_key(sender) in sender_keys(senders)) is fits


def test_keys_are_ascii_and_hold_no_nul() -> None:
    keys = sender_keys(["Đạt\x00", "\ud800"])
    assert keys.isascii()
    assert "\x00" not in keys


def test_two_spellings_of_one_number_have_one_key() -> None:
    assert sender_key("0912 345 678") == sender_key("+84912345678")
    assert sender_key(" SHOPEE") == sender_key("Shopee ")
