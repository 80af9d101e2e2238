"""Accounts and who may act: tiers, states, and the one a token stands for."""

from enum import Enum
from typing import NamedTuple

from simlet.domain.errors import invalid

MAX_PERSON_CHARS = 128


class Tier(Enum):
    """What an account is to the operator; it decides the price and the right to a token."""

    MEMBER = "member"
    DEALER = "dealer"
    DISTRIBUTOR = "distributor"

    @property
    def may_hold_token(self) -> bool:
        """Only approved dealers and distributors get an API token."""
        return self is not Tier.MEMBER


class AccountState(Enum):
    """`pending` until a named person approves; `suspended` until that is taken back."""

    PENDING = "pending"
    APPROVED = "approved"
    SUSPENDED = "suspended"


class Account(NamedTuple):
    """An account as rules see it; amounts in đồng."""

    id: int
    name: str
    tier: Tier
    state: AccountState
    waiting_limit: int
    waiting_count: int
    available_dong: int
    held_dong: int


def check_person(person: str, what_for: str) -> None:
    """Checks the name of the person who answers for something; `what_for` ends the sentence.

    Raises:
        Refused: INVALID.
    """
    if not person.strip() or len(person) > MAX_PERSON_CHARS or not person.isprintable():
        raise invalid(
            "by", f"expected the name, of up to {MAX_PERSON_CHARS} characters, of {what_for}"
        )
