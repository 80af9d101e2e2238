"""Shared step: a line is given to whoever asks for one, unless another one's turn comes first."""

from typing import NamedTuple

from simlet.domain.allocate import Chance
from simlet.domain.errors import OUT_OF_STOCK, Refused, invalid
from simlet.domain.extras import NO_EXTRAS, Extras
from simlet.domain.numbering import Filters
from simlet.domain.request import Wanted
from simlet.domain.service import Service
from simlet.flows.find_line import find_line
from simlet.flows.hold import Order, Rented, hold, rentable_service, solvent_account
from simlet.store import networks, requests, stock
from simlet.store.sql import Tx


class RentRequest(NamedTuple):
    """What a dealer asks for.

    Attributes:
        store: the store that the dealer named beside the service; None when it named none.
        networks: names of networks, one of which the line must belong to; empty for any.
        wanted: prefixes without the 0, one of which the number must start with; empty for any.
        unwanted: prefixes without the 0 that the number must not start with.
        max_price_dong: the highest price that is agreed to; None for any.
        extras: what goes with the rental.
    """

    account_id: int
    service_id: int
    store: str | None = None
    networks: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    order: Order | None = None
    max_price_dong: int | None = None
    extras: Extras = NO_EXTRAS

    @property
    def asked(self) -> Wanted:
        """What is asked of the line."""
        return Wanted(self.networks, self.wanted, self.unwanted)


def give_line(
    tx: Tx, request: RentRequest, now_ms: int, chance: Chance, request_id: int | None = None
) -> Rented:
    """Begins a rental of a line that fits.

    Whoever queued before for the same comes first: one that stands in the queue itself
    (`request_id`) waits for those before it, and one that does not for all.

    Raises:
        Refused: in this order, SERVICE_UNAVAILABLE, INVALID (an unknown network), UNAUTHENTICATED,
            WAITING_LIMIT, PRICE_ABOVE_MAX, INSUFFICIENT_FUNDS, OUT_OF_STOCK. Nothing is changed.
    """
    service = rentable_service(tx, request.store, request.service_id)
    filters = _filters(tx, request)
    account = solvent_account(tx, request.account_id, service, request.max_price_dong)
    line_id, number = find_line(tx, service, filters, account.id, now_ms, chance)
    # The number of those who queue came with the service: where there are none, it costs nothing.
    if service.queued_count and _is_claimed(tx, service, request, line_id, request_id, now_ms):
        stock.give_back(tx, service.id, line_id)
        raise Refused(OUT_OF_STOCK)
    return hold(
        tx,
        account,
        service,
        line_id,
        number,
        now_ms,
        again=False,
        order=request.order,
        extras=request.extras,
    )


def _is_claimed(
    tx: Tx,
    service: Service,
    request: RentRequest,
    line_id: int,
    request_id: int | None,
    now_ms: int,
) -> bool:
    queue = requests.queue_of(service.id, request.asked)
    return requests.is_claimed(tx, queue, line_id, request_id, now_ms)


def _filters(tx: Tx, request: RentRequest) -> Filters:
    if not request.networks:
        return Filters((), request.wanted, request.unwanted)
    ids = {name: network_id for network_id, name in networks.all_networks(tx)}
    unknown = [name for name in request.networks if name.upper() not in ids]
    if unknown:
        raise invalid("carries", "expected names of networks")
    wanted = tuple(sorted({ids[name.upper()] for name in request.networks}))
    return Filters(wanted, request.wanted, request.unwanted)
