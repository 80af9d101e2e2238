"""Show an account its statement, and how it stands."""

from dataclasses import dataclass

from simlet.domain.errors import UNAUTHENTICATED, Refused
from simlet.domain.principal import Account
from simlet.store import accounts, details, requests
from simlet.store.details import PostingDetail
from simlet.store.sql import Tx


@dataclass(frozen=True, slots=True)
class AccountDetail:
    """An account as its owner sees it.

    Attributes:
        account: what it is, what it may, and its balances in đồng.
        queued: how many of its requests wait for a line.
    """

    account: Account
    queued: int


@dataclass(frozen=True, slots=True)
class StatementFilter:
    """Which postings: `from_ms` included, `to_ms` and `before_id` excluded."""

    from_ms: int
    to_ms: int
    before_id: int
    limit: int


def show_statement(tx: Tx, account_id: int, wanted: StatementFilter) -> list[PostingDetail]:
    """Postings of an account, newest first."""
    return details.statement(
        tx,
        account_id,
        before_id=wanted.before_id,
        from_ms=wanted.from_ms,
        to_ms=wanted.to_ms,
        limit=wanted.limit,
    )


def show_account(tx: Tx, account_id: int) -> AccountDetail:
    """An account as it stands.

    Raises:
        Refused: UNAUTHENTICATED, when there is no such account.
    """
    account = accounts.account_by_id(tx, account_id)
    if account is None:
        raise Refused(UNAUTHENTICATED)
    return AccountDetail(account, requests.count_queued_of(tx, account_id))
