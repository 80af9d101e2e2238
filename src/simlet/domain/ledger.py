"""The books: double entry, in whole đồng.

Every movement is a posting from one book account to another. `world` is where top-ups come from
and what is taken back goes to, so it is below zero; an account's `available` never is. The
reference of a posting is unique: a rental has one hold, and one close, which is a settle or a
release.
"""

from enum import Enum
from typing import NamedTuple

WORLD = "world"
REVENUE = "house:revenue"


class PostingKind(Enum):
    """Why money moved."""

    CREDIT = "credit"
    DEBIT = "debit"
    HOLD = "hold"
    SETTLE = "settle"
    RELEASE = "release"


class Posting(NamedTuple):
    """One movement; `amount_dong` is above 0 and the two sides differ."""

    reference: str
    kind: PostingKind
    source: str
    target: str
    amount_dong: int
    account_id: int
    rental_id: int | None
    reason: str | None
    at_ms: int


def available(account_id: int) -> str:
    """The book account of what a dealer can spend."""
    return f"account:{account_id}:available"


def held(account_id: int) -> str:
    """The book account of what is set aside for waiting rentals."""
    return f"account:{account_id}:held"


def credit(account_id: int, amount_dong: int, reference: str, reason: str, at_ms: int) -> Posting:
    """Money from outside into an account."""
    return Posting(
        f"credit:{reference}",
        PostingKind.CREDIT,
        WORLD,
        available(account_id),
        amount_dong,
        account_id,
        None,
        reason,
        at_ms,
    )


def debit(account_id: int, amount_dong: int, reference: str, reason: str, at_ms: int) -> Posting:
    """Money of an account back to the outside: a credit that was wrong, or a payout."""
    return Posting(
        f"debit:{reference}",
        PostingKind.DEBIT,
        available(account_id),
        WORLD,
        amount_dong,
        account_id,
        None,
        reason,
        at_ms,
    )


def hold(account_id: int, rental_id: int, price_dong: int, at_ms: int) -> Posting:
    """The price of a rental, set aside."""
    return Posting(
        f"hold:{rental_id}",
        PostingKind.HOLD,
        available(account_id),
        held(account_id),
        price_dong,
        account_id,
        rental_id,
        None,
        at_ms,
    )


def settle(account_id: int, rental_id: int, price_dong: int, at_ms: int) -> Posting:
    """The price of a rental, earned."""
    return Posting(
        f"close:{rental_id}",
        PostingKind.SETTLE,
        held(account_id),
        REVENUE,
        price_dong,
        account_id,
        rental_id,
        None,
        at_ms,
    )


def release(account_id: int, rental_id: int, price_dong: int, at_ms: int) -> Posting:
    """The price of a rental, given back."""
    return Posting(
        f"close:{rental_id}",
        PostingKind.RELEASE,
        held(account_id),
        available(account_id),
        price_dong,
        account_id,
        rental_id,
        None,
        at_ms,
    )
