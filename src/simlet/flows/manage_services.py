"""Manage services: add, change, pause, resume; open one of a closed category.

Why it was opened is recorded.
"""

from simlet.domain.errors import SERVICE_EXISTS, SERVICE_UNKNOWN, Refused, invalid
from simlet.domain.events import Event, EventKind
from simlet.domain.ids import parse_store
from simlet.domain.patterns import compile_code_pattern, compile_pattern
from simlet.domain.principal import check_person
from simlet.domain.service import Service, Terms
from simlet.store import events, services, stock
from simlet.store.sql import Tx

MAX_SERVICE_ID = 999_999_999
MAX_PRICE_DONG = 10**9
MAX_WAITING_S = 86_400
MAX_EXTENSIONS = 100


def add_service(tx: Tx, service: Service, now_ms: int) -> None:
    """Adds a service, with all lines of its store in its stock.

    Raises:
        Refused: INVALID, PATTERN_REFUSED, SERVICE_EXISTS.
    """
    _check(service)
    if services.service_by_id(tx, service.id) is not None:
        raise Refused(SERVICE_EXISTS, service=service.id)
    stock.lock_catalogue(tx)
    services.add_service(tx, service, now_ms)
    stock.stock_service(tx, service.id, service.store)
    _tell(tx, EventKind.SERVICE_ADDED, service.id, now_ms, category=service.category.value)


def _check(service: Service) -> None:
    parse_store(service.store)
    if not 1 <= service.id <= MAX_SERVICE_ID:
        raise invalid("id", f"expected a whole number from 1 to {MAX_SERVICE_ID}")
    if not 1 <= len(service.name.strip()) <= 128 or not service.name.isprintable():
        raise invalid("name", "expected a text of 1 to 128 characters")
    prices = service.prices
    for price in (prices.member_dong, prices.dealer_dong, prices.distributor_dong):
        if not 1 <= price <= MAX_PRICE_DONG:
            raise invalid("price", f"expected whole đồng from 1 to {MAX_PRICE_DONG}")
    if not 1 <= service.waiting_s <= MAX_WAITING_S:
        raise invalid("seconds", f"expected whole seconds from 1 to {MAX_WAITING_S}")
    _check_terms(service.terms)
    _check_rules(service)


def _check_terms(terms: Terms) -> None:
    if not 0 <= terms.cancel_after_s <= MAX_WAITING_S:
        raise invalid("cancel-after", f"expected whole seconds from 0 to {MAX_WAITING_S}")
    if not 0 <= terms.extend_s <= MAX_WAITING_S:
        raise invalid("extend-by", f"expected whole seconds from 0 to {MAX_WAITING_S}")
    if not 0 <= terms.extend_times <= MAX_EXTENSIONS:
        raise invalid("extend-times", f"expected a whole number from 0 to {MAX_EXTENSIONS}")
    if bool(terms.extend_s) != bool(terms.extend_times):
        raise invalid("extend-by", "expected together with extend-times, or both 0")


def _check_rules(service: Service) -> None:
    rules = service.rules
    if not (rules.catch_all or rules.senders or rules.texts):
        raise invalid("rules", "expected a sender, a text pattern, or catch-all")
    if any(not sender.strip() or len(sender) > 64 for sender in rules.senders):
        raise invalid("sender", "expected a name or number of 1 to 64 characters")
    for pattern in rules.texts:
        compile_pattern(pattern)
    if rules.code_pattern is not None:
        compile_code_pattern(rules.code_pattern)


def change_terms(
    tx: Tx,
    service_id: int,
    now_ms: int,
    *,
    cancel_after_s: int | None = None,
    extend_s: int | None = None,
    extend_times: int | None = None,
) -> Terms:
    """Changes what dealers may do with rentals of a service; None leaves a part as it is.

    It holds at once, for rentals that wait as well.

    Raises:
        Refused: INVALID, SERVICE_UNKNOWN.
    """
    before = _service(tx, service_id).terms
    terms = Terms(
        before.cancel_after_s if cancel_after_s is None else cancel_after_s,
        before.extend_s if extend_s is None else extend_s,
        before.extend_times if extend_times is None else extend_times,
    )
    _check_terms(terms)
    services.set_terms(tx, service_id, terms)
    _tell(
        tx,
        EventKind.SERVICE_CHANGED,
        service_id,
        now_ms,
        cancel_after_s=terms.cancel_after_s,
        extend_s=terms.extend_s,
        extend_times=terms.extend_times,
    )
    return terms


def pause_service(tx: Tx, service_id: int, *, paused: bool, now_ms: int) -> None:
    """Pauses a service, or resumes it; rentals that wait run to their end.

    Raises:
        Refused: SERVICE_UNKNOWN.
    """
    _service(tx, service_id)
    services.set_paused(tx, service_id, paused=paused)
    kind = EventKind.SERVICE_PAUSED if paused else EventKind.SERVICE_RESUMED
    _tell(tx, kind, service_id, now_ms)


def open_service(tx: Tx, service_id: int, opened_by: str, reason: str, now_ms: int) -> None:
    """Lets a service of a closed category be rented; who did it and why is recorded.

    Raises:
        Refused: INVALID, SERVICE_UNKNOWN.
    """
    check_person(opened_by, "the person who opens it")
    if not reason.strip():
        raise invalid("reason", "expected a text that says why")
    service = _service(tx, service_id)
    if not service.category.closed:
        raise invalid("service", "expected one of a closed category; this one needs no opening")
    services.set_opened(tx, service_id, opened_by, reason, now_ms)
    _tell(tx, EventKind.SERVICE_OPENED, service_id, now_ms, by=opened_by, reason=reason)


def close_service(tx: Tx, service_id: int, now_ms: int) -> None:
    """Takes an opening back.

    Raises:
        Refused: SERVICE_UNKNOWN.
    """
    _service(tx, service_id)
    services.set_opened(tx, service_id, None, None, None)
    _tell(tx, EventKind.SERVICE_CLOSED, service_id, now_ms)


def _service(tx: Tx, service_id: int) -> Service:
    service = services.service_by_id(tx, service_id)
    if service is None:
        raise Refused(SERVICE_UNKNOWN, service=service_id)
    return service


def _tell(tx: Tx, kind: EventKind, service_id: int, now_ms: int, **data: str | int) -> None:
    events.add_event(tx, Event(kind, now_ms, data={"service_id": service_id, **data}))
