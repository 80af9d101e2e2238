"""Browse: what is only read, for dealers and for the operator."""

from dataclasses import dataclass

from simlet.domain.errors import RENTAL_UNKNOWN, UNAUTHENTICATED, Refused
from simlet.domain.events import EventKind
from simlet.domain.principal import Account, AccountState, Tier
from simlet.domain.rental import RentalState
from simlet.domain.service import Service
from simlet.store import (
    accounts,
    events,
    gateways,
    keys,
    lines,
    messages,
    networks,
    rental_views,
    services,
)
from simlet.store.gateways import ExpectedRow, Gateway
from simlet.store.lines import LineRow
from simlet.store.messages import QuarantinedRow
from simlet.store.rental_views import RentalRow, RentalView
from simlet.store.slices import Slice, newest_slice, rentals_of
from simlet.store.sql import Tx
from simlet.store.stretches import Stretch


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which rentals: `from_ms` included, `to_ms` excluded; `states` empty for all."""

    service_id: int | None
    states: tuple[RentalState, ...]
    from_ms: int
    to_ms: int
    limit: int


@dataclass(frozen=True, slots=True)
class ExpectedPage:
    """What is waited for: how far the event log was read, and whether there may be more."""

    seq: int
    expected: tuple[ExpectedRow, ...]
    full: bool


def account_of_token(tx: Tx, token_hash: bytes) -> Account:
    """The approved account that a token stands for.

    Raises:
        Refused: UNAUTHENTICATED.
    """
    account = accounts.account_by_token(tx, token_hash)
    if account is None or not _may_call(account.state, account.tier):
        raise Refused(UNAUTHENTICATED)
    return account


def _may_call(state: AccountState, tier: Tier) -> bool:
    return state is AccountState.APPROVED and tier.may_hold_token


def rental_with_code(tx: Tx, token_hash: bytes, rental_id: int | None) -> RentalView:
    """A rental of the account that a token stands for, as its dealer reads it.

    Raises:
        Refused: UNAUTHENTICATED; RENTAL_UNKNOWN when it is another account's, or there is none.
    """
    sight = rental_views.view_by_token(tx, token_hash, rental_id)
    if sight is None or not _may_call(sight.account_state, sight.tier):
        raise Refused(UNAUTHENTICATED)
    if sight.rental is None:
        raise Refused(RENTAL_UNKNOWN)
    return sight.rental


def history(
    tx: Tx, within: Stretch | None, token_hash: bytes, wanted: HistoryFilter
) -> Slice[RentalView]:
    """Rentals of the account that a token stands for, newest first: a slice of them.

    It is the first one without `within`.

    Raises:
        Refused: UNAUTHENTICATED.
    """
    account = account_of_token(tx, token_hash)
    only_waiting = wanted.states == (RentalState.WAITING,)
    if within is None:
        within = rentals_of(tx, account.id, wanted.from_ms, wanted.to_ms, only_waiting=only_waiting)
    rest = None
    if not only_waiting and (wanted.states or wanted.service_id is not None):
        within, rest = newest_slice(tx, account.id, within)
    found = rental_views.history(
        tx,
        account.id,
        within,
        service_id=wanted.service_id,
        states=wanted.states,
        from_ms=wanted.from_ms,
        to_ms=wanted.to_ms,
        limit=wanted.limit,
    )
    return Slice(found, rest)


def rentable_services(tx: Tx, token_hash: bytes) -> tuple[Account, list[Service]]:
    """The services that the account of a token may rent now.

    Raises:
        Refused: UNAUTHENTICATED.
    """
    account = account_of_token(tx, token_hash)
    return account, [one for one in services.all_services(tx) if one.rentable]


def networks_for(tx: Tx, token_hash: bytes) -> list[tuple[int, str]]:
    """Ids and names of all networks.

    Raises:
        Refused: UNAUTHENTICATED.
    """
    account_of_token(tx, token_hash)
    return networks.all_networks(tx)


def recording(tx: Tx, message_id: int) -> bytes | None:
    """The WAV file of a call; None when there is none, or none any more."""
    return messages.recording(tx, message_id)


def list_accounts(tx: Tx) -> list[Account]:
    """All accounts, by name."""
    return accounts.all_accounts(tx)


def list_services(tx: Tx) -> list[Service]:
    """All services, in the order they were added."""
    return services.all_services(tx)


def list_gateways(tx: Tx) -> list[Gateway]:
    """All gateways, by name."""
    return gateways.all_gateways(tx)


def find_gateway(tx: Tx, name: str) -> Gateway | None:
    """A gateway by its name."""
    return gateways.gateway_by_name(tx, name)


def list_lines(tx: Tx, after: int, limit: int) -> list[LineRow]:
    """Lines in the order of their ids, from behind one."""
    return lines.lines_after(tx, after, limit)


def list_networks(tx: Tx) -> list[tuple[int, str]]:
    """Ids and names of all networks."""
    return networks.all_networks(tx)


def list_rentals(tx: Tx, account: str, state: str, limit: int) -> list[RentalRow]:
    """Rentals of all accounts, newest first; empty texts mean all."""
    return rental_views.recent_rentals(tx, account=account, state=state, limit=limit)


def list_quarantined(tx: Tx, reason: str, gateway: str, limit: int) -> list[QuarantinedRow]:
    """Messages that no rental owns, newest first; empty texts mean all."""
    return messages.quarantined(tx, reason=reason, gateway=gateway, limit=limit)


def last_event(tx: Tx) -> int:
    """The number of the newest event."""
    return events.last_seq(tx)


def expected_since(tx: Tx, gateway_id: int, after: int, limit: int) -> ExpectedPage:
    """The rentals that began on a gateway's own lines, from a page of the event log."""
    page = events.events_after(tx, after, limit)
    begun = (one.rental_id for one in page if one.kind is EventKind.RENTAL_WAITING)
    found = (gateways.expected_on(tx, gateway_id, one) for one in begun if one is not None)
    return ExpectedPage(
        seq=page[-1].seq if page else after,
        expected=tuple(one for one in found if one is not None),
        full=len(page) == limit,
    )


def signing_key(tx: Tx, name: str, new: bytes) -> bytes:
    """The key of a name, which this installation made for itself; made now if there is none."""
    return keys.key_or_new(tx, name, new)
