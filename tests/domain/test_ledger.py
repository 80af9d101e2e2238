from collections import Counter
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from simlet.domain import ledger
from simlet.domain.ledger import Posting, PostingKind

AT_MS = 1_700_000_000_000
prices = st.integers(1, 10**9)
ids = st.integers(1, 2**62)


def balances(postings: Iterable[Posting]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for posting in postings:
        sums[posting.source] -= posting.amount_dong
        sums[posting.target] += posting.amount_dong
    return sums


def test_a_credit_comes_from_the_world() -> None:
    posting = ledger.credit(7, 5_000, "bank-1", "a transfer", AT_MS)
    assert (posting.source, posting.target) == ("world", "account:7:available")
    assert (posting.kind, posting.reference) == (PostingKind.CREDIT, "credit:bank-1")
    assert (posting.amount_dong, posting.reason) == (5_000, "a transfer")


def test_a_debit_goes_to_the_world() -> None:
    posting = ledger.debit(7, 5_000, "back-1", "a payout", AT_MS)
    assert (posting.source, posting.target) == ("account:7:available", "world")
    assert (posting.kind, posting.reference) == (PostingKind.DEBIT, "debit:back-1")
    assert (posting.amount_dong, posting.reason) == (5_000, "a payout")


def test_a_hold_sets_aside_what_was_available() -> None:
    posting = ledger.hold(7, 1_000_001, 470, AT_MS)
    assert (posting.source, posting.target) == ("account:7:available", "account:7:held")
    assert (posting.kind, posting.reference) == (PostingKind.HOLD, "hold:1000001")


def test_a_settle_earns_what_was_held() -> None:
    posting = ledger.settle(7, 1_000_001, 470, AT_MS)
    assert (posting.source, posting.target) == ("account:7:held", "house:revenue")
    assert posting.kind is PostingKind.SETTLE


def test_a_release_gives_back_what_was_held() -> None:
    posting = ledger.release(7, 1_000_001, 470, AT_MS)
    assert (posting.source, posting.target) == ("account:7:held", "account:7:available")
    assert posting.kind is PostingKind.RELEASE


@given(account_id=ids, rental_id=ids, price_dong=prices)
def test_settle_and_release_of_a_rental_share_one_reference(
    account_id: int, rental_id: int, price_dong: int
) -> None:
    settled = ledger.settle(account_id, rental_id, price_dong, AT_MS)
    released = ledger.release(account_id, rental_id, price_dong, AT_MS)
    assert settled.reference == released.reference
    assert settled.reference != ledger.hold(account_id, rental_id, price_dong, AT_MS).reference


@given(account_id=ids, first=ids, second=ids)
def test_two_rentals_never_share_a_reference(account_id: int, first: int, second: int) -> None:
    references = {ledger.hold(account_id, one, 1, AT_MS).reference for one in {first, second}}
    references |= {ledger.settle(account_id, one, 1, AT_MS).reference for one in {first, second}}
    assert len(references) == 2 * len({first, second})


@given(text=st.text(max_size=64))
def test_no_credit_can_take_the_reference_of_a_rental(text: str) -> None:
    assert ledger.credit(1, 1, text, "a test", AT_MS).reference.startswith("credit:")
    assert ledger.debit(1, 1, text, "a test", AT_MS).reference.startswith("debit:")


@given(account_id=ids, rental_id=ids, price_dong=prices)
def test_a_hold_and_its_release_leave_everything_as_it_was(
    account_id: int, rental_id: int, price_dong: int
) -> None:
    held = ledger.hold(account_id, rental_id, price_dong, AT_MS)
    sums = balances([held, ledger.release(account_id, rental_id, price_dong, AT_MS)])
    assert set(sums.values()) == {0}


@given(account_id=ids, rental_id=ids, price_dong=prices)
def test_a_hold_and_its_settle_move_the_price_to_the_house(
    account_id: int, rental_id: int, price_dong: int
) -> None:
    held = ledger.hold(account_id, rental_id, price_dong, AT_MS)
    sums = balances([held, ledger.settle(account_id, rental_id, price_dong, AT_MS)])
    assert sums[ledger.available(account_id)] == -price_dong
    assert sums[ledger.held(account_id)] == 0
    assert sums[ledger.REVENUE] == price_dong


@given(account_id=ids, rental_id=ids, price_dong=prices)
def test_every_posting_has_two_sides_and_an_amount(
    account_id: int, rental_id: int, price_dong: int
) -> None:
    for posting in (
        ledger.credit(account_id, price_dong, "r", "a test", AT_MS),
        ledger.debit(account_id, price_dong, "r", "a test", AT_MS),
        ledger.hold(account_id, rental_id, price_dong, AT_MS),
        ledger.settle(account_id, rental_id, price_dong, AT_MS),
        ledger.release(account_id, rental_id, price_dong, AT_MS),
    ):
        assert posting.source != posting.target
        assert posting.amount_dong == price_dong
        assert posting.account_id == account_id
        assert posting.at_ms == AT_MS
