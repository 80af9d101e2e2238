"""Rent a number, or queue for one: while no line that fits is free, a request keeps its place.

First come, first served among those who ask the same of the line; the price is set aside when a
line is given, and not before. See `simlet.flows.fill_requests`.
"""

from simlet.domain.allocate import Chance
from simlet.domain.errors import OUT_OF_STOCK, WAITING_LIMIT, Refused
from simlet.domain.events import EventKind
from simlet.domain.request import LineRequest, RequestState, check_wait
from simlet.flows.end_request import describe_request
from simlet.flows.give_line import RentRequest, give_line
from simlet.flows.hold import Rented
from simlet.store import accounts, requests, services
from simlet.store.sql import Tx

__all__ = ["RentRequest", "rent_or_queue"]


def rent_or_queue(
    tx: Tx, request: RentRequest, wait_for_stock_s: int, now_ms: int, chance: Chance
) -> Rented | LineRequest:
    """Rents a number, or out of stock queues for one, for so many seconds; in one transaction.

    It is not for orders of the first API, which a request does not keep.

    Raises:
        Refused: INVALID (a time out of range); what `give_line` refuses but OUT_OF_STOCK;
            WAITING_LIMIT as well when this account has as many requests queued as it may have
            rentals waiting.
    """
    check_wait(wait_for_stock_s)
    if request.order is not None:
        raise ValueError("an order is not queued")
    try:
        return give_line(tx, request, now_ms, chance)
    except Refused as refused:
        if refused.refusal is not OUT_OF_STOCK:
            raise
    return _queue(tx, request, now_ms + wait_for_stock_s * 1000, now_ms)


def _queue(tx: Tx, request: RentRequest, deadline_at_ms: int, now_ms: int) -> LineRequest:
    _check_limit(tx, request.account_id)
    new = requests.NewRequest(
        account_id=request.account_id,
        service_id=request.service_id,
        wanted=request.asked.in_one_order(),
        max_price_dong=request.max_price_dong,
        extras=request.extras,
        created_at_ms=now_ms,
        deadline_at_ms=deadline_at_ms,
    )
    queued = _queued(requests.add_request(tx, new), new)
    describe_request(tx, queued, EventKind.REQUEST_QUEUED, now_ms)
    services.count_queued(tx, request.service_id, 1)
    return queued


def _check_limit(tx: Tx, account_id: int) -> None:
    # Locked already, by the renting that was refused: of two at once the second counts the first.
    account = accounts.lock_account(tx, account_id)
    if account is None:
        raise LookupError("a request without its account")
    if requests.count_queued_of(tx, account_id) >= account.waiting_limit:
        raise Refused(WAITING_LIMIT, limit=account.waiting_limit)


def _queued(request_id: int, new: requests.NewRequest) -> LineRequest:
    return LineRequest(
        id=request_id,
        account_id=new.account_id,
        service_id=new.service_id,
        networks=new.wanted.networks,
        wanted=new.wanted.prefixes,
        unwanted=new.wanted.unwanted,
        max_price_dong=new.max_price_dong,
        extras=new.extras,
        state=RequestState.QUEUED,
        created_at_ms=new.created_at_ms,
        deadline_at_ms=new.deadline_at_ms,
        closed_at_ms=None,
        rental_id=None,
        refusal=None,
    )
