"""Accounts and who may act: tiers, states, and the one a token stands for."""

from dataclasses import dataclass
from enum import Enum


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


@dataclass(frozen=True, slots=True)
class Account:
    """An account as rules see it; amounts in đồng."""

    id: int
    name: str
    tier: Tier
    state: AccountState
    waiting_limit: int
    waiting_count: int
    available_dong: int
    held_dong: int
