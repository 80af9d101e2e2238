"""Rent a number for a service: one of the lines that fit, chosen at random."""

from simlet.domain.allocate import Chance
from simlet.flows.give_line import RentRequest, give_line
from simlet.flows.hold import Rented, rented_before
from simlet.store.sql import Tx

__all__ = ["RentRequest", "rent_number"]


def rent_number(tx: Tx, request: RentRequest, now_ms: int, chance: Chance) -> Rented:
    """Rents a number; a repeated order gets the rental it made first.

    Raises:
        Refused: ORDER_REUSED; then, in this order, SERVICE_UNAVAILABLE, INVALID (an unknown
            network), UNAUTHENTICATED, WAITING_LIMIT, PRICE_ABOVE_MAX, INSUFFICIENT_FUNDS,
            OUT_OF_STOCK.
    """
    earlier = rented_before(tx, request.account_id, request.order)
    if earlier is not None:
        return earlier
    return give_line(tx, request, now_ms, chance)
