"""Top up, and take back: money from outside, and to the outside again.

What is taken back is a credit that was wrong, or a payout; what waiting rentals hold stays.
"""

from dataclasses import dataclass

from simlet.domain import ledger
from simlet.domain.errors import (
    ACCOUNT_UNKNOWN,
    BALANCE_TOO_LOW,
    CREDIT_REUSED,
    DEBIT_REUSED,
    Refusal,
    Refused,
    invalid,
)
from simlet.domain.events import Event, EventKind
from simlet.domain.ledger import Posting
from simlet.domain.principal import Account
from simlet.store import accounts, books, events
from simlet.store.sql import Tx

MAX_AMOUNT_DONG = 10**12


@dataclass(frozen=True, slots=True)
class BalanceAfter:
    """The balance after; `repeated` says that the reference had been used before."""

    available_dong: int
    repeated: bool


def top_up(
    tx: Tx, name: str, amount_dong: int, reference: str, reason: str, now_ms: int
) -> BalanceAfter:
    """Credits an account; a reference counts once, however often it comes.

    Raises:
        Refused: INVALID, ACCOUNT_UNKNOWN; CREDIT_REUSED when the reference was credited to
            another account or with another amount.
    """
    account = _locked_account(tx, name, amount_dong, reason)
    posting = ledger.credit(account.id, amount_dong, reference, reason, now_ms)
    if _is_repeated(tx, posting, CREDIT_REUSED):
        return BalanceAfter(account.available_dong, repeated=True)
    _post(tx, posting, amount_dong, EventKind.BALANCE_CREDITED, "credited_dong")
    return BalanceAfter(account.available_dong + amount_dong, repeated=False)


def take_back(
    tx: Tx, name: str, amount_dong: int, reference: str, reason: str, now_ms: int
) -> BalanceAfter:
    """Debits an account, never below 0; a reference counts once, however often it comes.

    Raises:
        Refused: INVALID, ACCOUNT_UNKNOWN; DEBIT_REUSED when the reference was debited from
            another account or with another amount; BALANCE_TOO_LOW.
    """
    account = _locked_account(tx, name, amount_dong, reason)
    posting = ledger.debit(account.id, amount_dong, reference, reason, now_ms)
    if _is_repeated(tx, posting, DEBIT_REUSED):
        return BalanceAfter(account.available_dong, repeated=True)
    if account.available_dong < amount_dong:
        raise Refused(BALANCE_TOO_LOW)
    _post(tx, posting, -amount_dong, EventKind.BALANCE_DEBITED, "debited_dong")
    return BalanceAfter(account.available_dong - amount_dong, repeated=False)


def _locked_account(tx: Tx, name: str, amount_dong: int, reason: str) -> Account:
    if not 0 < amount_dong <= MAX_AMOUNT_DONG:
        raise invalid("amount", f"expected whole đồng from 1 to {MAX_AMOUNT_DONG}")
    if not reason.strip():
        raise invalid("reason", "expected a text that says why")
    found = accounts.account_by_name(tx, name)
    account = accounts.lock_account(tx, found.id) if found else None
    if account is None:
        raise Refused(ACCOUNT_UNKNOWN, name=name)
    return account


def _is_repeated(tx: Tx, posting: Posting, reused: Refusal) -> bool:
    before = books.posting_by_reference(tx, posting.reference)
    if before is not None and before != (posting.account_id, posting.amount_dong):
        raise Refused(reused)
    return before is not None


def _post(tx: Tx, posting: Posting, change_dong: int, kind: EventKind, said_as: str) -> None:
    accounts.change_available(tx, posting.account_id, change_dong)
    books.post(tx, posting)
    event = Event(
        kind, posting.at_ms, account_id=posting.account_id, data={said_as: posting.amount_dong}
    )
    events.add_event(tx, event)
