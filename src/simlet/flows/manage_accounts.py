"""Manage accounts: add, approve, suspend, resume; issue and revoke tokens; set the callback."""

import re
from dataclasses import replace

from simlet.domain.endpoint import (
    FIRST_API_EVENTS,
    BodyFormat,
    Endpoint,
    EndpointScope,
    EndpointState,
    check_events,
)
from simlet.domain.errors import (
    ACCOUNT_EXISTS,
    ACCOUNT_IS_SUSPENDED,
    ACCOUNT_NOT_APPROVED,
    ACCOUNT_UNKNOWN,
    TIER_WITHOUT_TOKEN,
    Refused,
    invalid,
)
from simlet.domain.events import Event, EventKind
from simlet.domain.principal import Account, AccountState, Tier, check_person
from simlet.store import accounts, callbacks, endpoints, events
from simlet.store.endpoints import CallbackTarget, NewEndpoint
from simlet.store.sql import Tx

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
MAX_WAITING_LIMIT = 1_000_000


def add_account(
    tx: Tx,
    name: str,
    tier: Tier,
    waiting_limit: int,
    callback: CallbackTarget | None,
    now_ms: int,
) -> int:
    """Adds an account, which waits for its approval; its id.

    Raises:
        Refused: INVALID, ACCOUNT_EXISTS.
    """
    if _NAME.fullmatch(name) is None:
        raise invalid("name", "expected up to 64 letters, digits, dots, dashes, underlines, @")
    if not 1 <= waiting_limit <= MAX_WAITING_LIMIT:
        raise invalid("waiting_limit", f"expected a whole number from 1 to {MAX_WAITING_LIMIT}")
    if accounts.account_by_name(tx, name) is not None:
        raise Refused(ACCOUNT_EXISTS, name=name)
    account_id = accounts.add_account(tx, name, tier, waiting_limit, now_ms)
    if callback is not None:
        _add_endpoint(tx, account_id, callback, now_ms)
    _tell(tx, EventKind.ACCOUNT_ADDED, account_id, now_ms, tier=tier.value)
    return account_id


def approve_account(tx: Tx, name: str, approved_by: str, now_ms: int) -> Account:
    """Approves an account, in the name of a person.

    Raises:
        Refused: INVALID, ACCOUNT_UNKNOWN, ACCOUNT_IS_SUSPENDED.
    """
    check_person(approved_by, "the person who approves")
    account = _account(tx, name)
    if account.state is AccountState.SUSPENDED:
        raise Refused(ACCOUNT_IS_SUSPENDED, name=name)
    accounts.approve_account(tx, account.id, approved_by, now_ms)
    _tell(tx, EventKind.ACCOUNT_APPROVED, account.id, now_ms, by=approved_by)
    return account


def suspend_account(tx: Tx, name: str, now_ms: int) -> None:
    """Suspends an account: its tokens are refused; its waiting rentals run to their end.

    Raises:
        Refused: ACCOUNT_UNKNOWN.
    """
    account = _account(tx, name)
    accounts.set_account_state(tx, account.id, AccountState.SUSPENDED)
    _tell(tx, EventKind.ACCOUNT_SUSPENDED, account.id, now_ms)


def resume_account(tx: Tx, name: str, now_ms: int) -> None:
    """Takes a suspension back.

    Raises:
        Refused: ACCOUNT_UNKNOWN; ACCOUNT_NOT_APPROVED when there is no suspension to take back.
    """
    account = _account(tx, name)
    if account.state is not AccountState.SUSPENDED:
        raise Refused(ACCOUNT_NOT_APPROVED, name=name)
    if not accounts.was_approved(tx, account.id):
        accounts.set_account_state(tx, account.id, AccountState.PENDING)
    else:
        accounts.set_account_state(tx, account.id, AccountState.APPROVED)
    _tell(tx, EventKind.ACCOUNT_RESUMED, account.id, now_ms)


def issue_token(tx: Tx, name: str, token_hash: bytes, now_ms: int) -> None:
    """Keeps the hash of a new token of an account.

    Raises:
        Refused: ACCOUNT_UNKNOWN, ACCOUNT_IS_SUSPENDED, ACCOUNT_NOT_APPROVED,
            TIER_WITHOUT_TOKEN.
    """
    account = _account(tx, name)
    if not account.tier.may_hold_token:
        raise Refused(TIER_WITHOUT_TOKEN, name=name)
    if account.state is AccountState.SUSPENDED:
        raise Refused(ACCOUNT_IS_SUSPENDED, name=name)
    if account.state is not AccountState.APPROVED:
        raise Refused(ACCOUNT_NOT_APPROVED, name=name)
    accounts.add_token(tx, account.id, token_hash, now_ms)
    _tell(tx, EventKind.TOKEN_ISSUED, account.id, now_ms)


def revoke_tokens(tx: Tx, name: str, now_ms: int) -> int:
    """Revokes every token of an account; how many there were.

    Raises:
        Refused: ACCOUNT_UNKNOWN.
    """
    account = _account(tx, name)
    count = accounts.revoke_tokens(tx, account.id, now_ms)
    _tell(tx, EventKind.TOKEN_REVOKED, account.id, now_ms, count=count)
    return count


def set_callback(tx: Tx, name: str, callback: CallbackTarget | None, now_ms: int) -> None:
    """Sets where an account's callbacks go; None ends them. The address is checked before.

    Raises:
        Refused: ACCOUNT_UNKNOWN.
    """
    account = _account(tx, name)
    known = endpoints.first_api_endpoint(tx, account.id)
    if known is not None:
        _change_endpoint(tx, known, callback, now_ms)
    elif callback is not None:
        _add_endpoint(tx, account.id, callback, now_ms)
    _tell(tx, EventKind.ACCOUNT_CALLBACK_SET, account.id, now_ms, on=callback is not None)


def _add_endpoint(tx: Tx, account_id: int, callback: CallbackTarget, now_ms: int) -> None:
    told = check_events([one.value for one in FIRST_API_EVENTS], BodyFormat.FIRST_API)
    new = NewEndpoint(
        account_id,
        EndpointScope.ACCOUNT,
        callback.url,
        None,
        told,
        BodyFormat.FIRST_API,
        callback.secret,
    )
    endpoints.add_endpoint(tx, new, now_ms, events.newest_seq(tx))


def _change_endpoint(tx: Tx, known: Endpoint, callback: CallbackTarget | None, now_ms: int) -> None:
    """What is still to be told goes to the new address; without one it is dropped."""
    if callback is None:
        endpoints.change_endpoint(tx, known.removed())
        callbacks.drop_pending(tx, known.id, now_ms)
        return
    changed = replace(
        known,
        url=callback.url,
        secret=callback.secret,
        failover_url=None,
        old_secret=None,
        old_secret_until_ms=None,
        state=EndpointState.ACTIVE,
        disabled_reason=None,
        failing_since_ms=None,
        fails_in_row=0,
        resting_until_ms=None,
    )
    endpoints.change_endpoint(tx, changed)
    endpoints.look_at(tx, [known.id], now_ms)


def _account(tx: Tx, name: str) -> Account:
    account = accounts.account_by_name(tx, name)
    if account is None:
        raise Refused(ACCOUNT_UNKNOWN, name=name)
    return account


def _tell(tx: Tx, kind: EventKind, account_id: int, now_ms: int, **data: str | int | bool) -> None:
    events.add_event(tx, Event(kind, now_ms, account_id=account_id, data=dict(data)))
