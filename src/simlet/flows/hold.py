"""Shared step: the price is set aside and the rental begins."""

from typing import NamedTuple

from simlet.domain import ledger
from simlet.domain.errors import (
    INSUFFICIENT_FUNDS,
    ORDER_REUSED,
    PRICE_ABOVE_MAX,
    SERVICE_UNAVAILABLE,
    UNAUTHENTICATED,
    WAITING_LIMIT,
    Refused,
)
from simlet.domain.events import Event, EventKind
from simlet.domain.extras import NO_EXTRAS, Extras
from simlet.domain.principal import Account, AccountState
from simlet.domain.rental import Rental, RentalState
from simlet.domain.service import Service
from simlet.store import accounts, books, events, rentals, services
from simlet.store.sql import Tx


class Order(NamedTuple):
    """A dealer's own id of a request, and the hash of what was asked for under it."""

    id: str
    content_hash: bytes


class Rented(NamedTuple):
    """A rental as it began, and the balance of its account; `balance_dong` is what is available."""

    rental: Rental
    service_name: str
    balance_dong: int


def rented_before(tx: Tx, account_id: int, order: Order | None) -> Rented | None:
    """What an order got when it was first placed; None when it is new.

    Raises:
        Refused: ORDER_REUSED, when it asked for something else then.
    """
    if order is None:
        return None
    # Of two requests at the same moment the second waits here until the first has its rental:
    # it must find that, and not be refused for want of a second line or of the price of it.
    account = accounts.lock_account(tx, account_id)
    found = rentals.rental_by_order(tx, account_id, order.id)
    if found is None:
        return None
    rental, content_hash = found
    if content_hash != order.content_hash:
        raise Refused(ORDER_REUSED)
    service = services.service_by_id(tx, rental.service_id)
    if account is None or service is None:
        raise LookupError("a rental without its account or its service")
    return Rented(rental, service.name, account.available_dong)


def rentable_service(tx: Tx, store: str | None, service_id: int) -> Service:
    """A service that may be rented now; the store, when it is named, must be the service's.

    Raises:
        Refused: SERVICE_UNAVAILABLE.
    """
    service = services.service_by_id(tx, service_id)
    if service is None or not service.rentable or store not in {None, service.store}:
        raise Refused(SERVICE_UNAVAILABLE)
    return service


def solvent_account(
    tx: Tx, account_id: int, service: Service, max_price_dong: int | None = None
) -> Account:
    """The account, locked, when it may rent once more, agrees to the price and can pay it.

    Raises:
        Refused: UNAUTHENTICATED, WAITING_LIMIT, PRICE_ABOVE_MAX or INSUFFICIENT_FUNDS.
    """
    account = accounts.lock_account(tx, account_id)
    if account is None or account.state is not AccountState.APPROVED:
        raise Refused(UNAUTHENTICATED)
    if account.waiting_count >= account.waiting_limit:
        raise Refused(WAITING_LIMIT, limit=account.waiting_limit)
    price_dong = service.prices.for_tier(account.tier)
    if max_price_dong is not None and price_dong > max_price_dong:
        raise Refused(PRICE_ABOVE_MAX, price_dong=price_dong)
    if account.available_dong < price_dong:
        raise Refused(INSUFFICIENT_FUNDS)
    return account


def hold(
    tx: Tx,
    account: Account,
    service: Service,
    line_id: int,
    number: str,
    now_ms: int,
    *,
    again: bool,
    order: Order | None,
    extras: Extras = NO_EXTRAS,
) -> Rented:
    """Begins a rental of a line that was found free, and sets its price aside."""
    price_dong = service.prices.for_tier(account.tier)
    new = rentals.NewRental(
        account_id=account.id,
        service_id=service.id,
        store=service.store,
        line_id=line_id,
        number=number,
        price_dong=price_dong,
        created_at_ms=now_ms,
        deadline_at_ms=now_ms + service.waiting_s * 1000,
        catch_all=service.rules.catch_all,
        again=again,
        order_id=order.id if order else None,
        order_hash=order.content_hash if order else None,
    )
    rental_id = rentals.add_rental(tx, new)
    if not extras.empty:
        rentals.add_extras(tx, rental_id, extras)
    accounts.hold_price(tx, account.id, price_dong)
    books.post(tx, ledger.hold(account.id, rental_id, price_dong, now_ms))
    events.add_event(
        tx,
        Event(
            EventKind.RENTAL_WAITING,
            now_ms,
            account_id=account.id,
            rental_id=rental_id,
            data={"held_dong": price_dong},
        ),
    )
    return Rented(_begun(rental_id, new), service.name, account.available_dong - price_dong)


def _begun(rental_id: int, new: rentals.NewRental) -> Rental:
    return Rental(
        id=rental_id,
        account_id=new.account_id,
        service_id=new.service_id,
        store=new.store,
        line_id=new.line_id,
        number=new.number,
        price_dong=new.price_dong,
        state=RentalState.WAITING,
        created_at_ms=new.created_at_ms,
        deadline_at_ms=new.deadline_at_ms,
        closed_at_ms=None,
        again=new.again,
        listening=True,
    )
