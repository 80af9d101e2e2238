"""Top up: money from outside becomes an account's available balance."""

from dataclasses import dataclass

from simlet.domain import ledger
from simlet.domain.errors import ACCOUNT_UNKNOWN, CREDIT_REUSED, Refused, invalid
from simlet.domain.events import Event, EventKind
from simlet.store import accounts, books, events
from simlet.store.sql import Tx

MAX_AMOUNT_DONG = 10**12


@dataclass(frozen=True, slots=True)
class ToppedUp:
    """The balance after; `repeated` says that the reference had been credited before."""

    available_dong: int
    repeated: bool


def top_up(
    tx: Tx, name: str, amount_dong: int, reference: str, reason: str, now_ms: int
) -> ToppedUp:
    """Credits an account; a reference counts once, however often it comes.

    Raises:
        Refused: INVALID, ACCOUNT_UNKNOWN; CREDIT_REUSED when the reference was credited to
            another account or with another amount.
    """
    if not 0 < amount_dong <= MAX_AMOUNT_DONG:
        raise invalid("amount", f"expected whole đồng from 1 to {MAX_AMOUNT_DONG}")
    if not reason.strip():
        raise invalid("reason", "expected a text that says why")
    found = accounts.account_by_name(tx, name)
    account = accounts.lock_account(tx, found.id) if found else None
    if account is None:
        raise Refused(ACCOUNT_UNKNOWN, name=name)
    posting = ledger.credit(account.id, amount_dong, reference, reason, now_ms)
    before = books.posting_by_reference(tx, posting.reference)
    if before is not None:
        if before != (account.id, amount_dong):
            raise Refused(CREDIT_REUSED)
        return ToppedUp(account.available_dong, repeated=True)
    accounts.credit_amount(tx, account.id, amount_dong)
    books.post(tx, posting)
    events.add_event(
        tx,
        Event(
            EventKind.BALANCE_CREDITED,
            now_ms,
            account_id=account.id,
            data={"credited_dong": amount_dong},
        ),
    )
    return ToppedUp(account.available_dong + amount_dong, repeated=False)
