"""Rent the same number for the same service again, after it gave a code."""

from dataclasses import dataclass

from simlet.domain.allocate import block_of
from simlet.domain.errors import NUMBER_NOT_RENTED, OUT_OF_STOCK, Refused
from simlet.domain.extras import NO_EXTRAS, Extras
from simlet.domain.rental import Rental, RentalState
from simlet.domain.service import Service
from simlet.flows.hold import (
    Order,
    Rented,
    hold,
    rentable_service,
    rented_before,
    solvent_account,
)
from simlet.store import lines, rentals, stock
from simlet.store.sql import Tx


@dataclass(frozen=True, slots=True)
class RentAgainRequest:
    """What a dealer asks for: the rental that got its code, its number (E.164), its service.

    Attributes:
        rental_id: None for the newest one of the account that got a code for the service on the
            number.
        max_price_dong: the highest price that is agreed to; None for any.
        extras: what goes with the rental.
    """

    account_id: int
    rental_id: int | None
    number: str
    service_id: int
    store: str | None = None
    order: Order | None = None
    max_price_dong: int | None = None
    extras: Extras = NO_EXTRAS


def rent_again(tx: Tx, request: RentAgainRequest, now_ms: int) -> Rented:
    """Rents the number of an earlier rental again; a repeated order gets what it got first.

    Raises:
        Refused: ORDER_REUSED; then, in this order, SERVICE_UNAVAILABLE, UNAUTHENTICATED,
            WAITING_LIMIT, PRICE_ABOVE_MAX, INSUFFICIENT_FUNDS; OUT_OF_STOCK when the earlier
            rental is not this account's, not of this number and service, or got no code, and when
            the line is not free now; NUMBER_NOT_RENTED when no rental was named and there is none.
    """
    if not tx.alone:
        # A message or an expiry locks rentals before their account. Without this, one that holds
        # the rental that has to step aside would wait for us, and we for it.
        rentals.lock_received_on(tx, request.account_id, request.number, request.service_id)
    earlier = rented_before(tx, request.account_id, request.order)
    if earlier is not None:
        return earlier
    service = rentable_service(tx, request.store, request.service_id)
    account = solvent_account(tx, request.account_id, service, request.max_price_dong)
    first = _first(tx, request)
    _take_line(tx, first, service, now_ms)
    return hold(
        tx,
        account,
        service,
        first.line_id,
        first.number,
        now_ms,
        again=True,
        order=request.order,
        extras=request.extras,
    )


def _first(tx: Tx, request: RentAgainRequest) -> Rental:
    """The rental that got its code."""
    if request.rental_id is None:
        newest = rentals.received_on(tx, request.account_id, request.number, request.service_id)
        if newest is None:
            raise Refused(NUMBER_NOT_RENTED)
        return newest
    first = rentals.rental_of_account(tx, request.account_id, request.rental_id)
    if first is None or not _gave_code(first, request):
        raise Refused(OUT_OF_STOCK)
    return first


def _gave_code(first: Rental, request: RentAgainRequest) -> bool:
    return (
        first.state is RentalState.RECEIVED
        and first.number == request.number
        and first.service_id == request.service_id
    )


def _take_line(tx: Tx, first: Rental, service: Service, now_ms: int) -> None:
    stock.lock_places(tx, service.id, block_of(first.line_id))
    number = lines.lock_line(tx, first.line_id)
    waits = rentals.waits_on(tx, first.line_id, service.id)
    occupied = stock.line_is_occupied(
        tx,
        first.line_id,
        catch_all=service.rules.catch_all,
        account_id=first.account_id,
        now_ms=now_ms,
    )
    if number is None or waits or occupied:
        raise Refused(OUT_OF_STOCK)
    rentals.step_aside(tx, first.line_id, service.id)
