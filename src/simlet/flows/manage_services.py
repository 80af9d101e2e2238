"""Manage services: add, change, pause, resume; open one of a closed category.

Why it was opened is recorded.
"""

from dataclasses import dataclass, replace
from typing import TypeVar

from simlet.domain.errors import SERVICE_EXISTS, SERVICE_UNKNOWN, Refused, invalid
from simlet.domain.events import Event, EventKind
from simlet.domain.ids import parse_store
from simlet.domain.patterns import compile_code_pattern, compile_pattern
from simlet.domain.principal import check_person
from simlet.domain.service import MatchRules, Prices, Service, Terms
from simlet.store import events, services, stock
from simlet.store.sql import Tx

T = TypeVar("T")

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


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """What is to be changed of a service; None leaves a part as it is.

    Attributes:
        code_pattern: an empty text takes the service's own pattern away.
    """

    name: str | None = None
    price_member_dong: int | None = None
    price_dealer_dong: int | None = None
    price_distributor_dong: int | None = None
    waiting_s: int | None = None
    senders: tuple[str, ...] | None = None
    texts: tuple[str, ...] | None = None
    code_pattern: str | None = None
    cancel_after_s: int | None = None
    extend_s: int | None = None
    extend_times: int | None = None

    def made_to(self, service: Service) -> Service:
        """The service as it will be."""
        prices, rules, terms = service.prices, service.rules, service.terms
        pattern = _or(self.code_pattern, rules.code_pattern)
        return replace(
            service,
            name=_or(self.name, service.name),
            prices=Prices(
                _or(self.price_member_dong, prices.member_dong),
                _or(self.price_dealer_dong, prices.dealer_dong),
                _or(self.price_distributor_dong, prices.distributor_dong),
            ),
            waiting_s=_or(self.waiting_s, service.waiting_s),
            rules=MatchRules(
                _or(self.senders, rules.senders),
                _or(self.texts, rules.texts),
                rules.catch_all,
                pattern or None,
            ),
            terms=Terms(
                _or(self.cancel_after_s, terms.cancel_after_s),
                _or(self.extend_s, terms.extend_s),
                _or(self.extend_times, terms.extend_times),
            ),
        )


def _or(new: T | None, before: T) -> T:
    return before if new is None else new


def change_service(tx: Tx, service_id: int, change: ServiceChange, now_ms: int) -> Service:
    """Changes a service; gives it as it is then.

    A new price and a new waiting time are those of later rentals. Rules and terms hold at once, for
    rentals that wait as well.

    Raises:
        Refused: INVALID, PATTERN_REFUSED, SERVICE_UNKNOWN.
    """
    before = _service(tx, service_id)
    changed = change.made_to(before)
    _check(changed)
    services.change_service(tx, changed)
    facts = _facts(before)
    data = {name: value for name, value in _facts(changed).items() if value != facts[name]}
    if changed.rules != before.rules:
        data["rules_changed"] = True
    _tell(tx, EventKind.SERVICE_CHANGED, service_id, now_ms, **data)
    return changed


def _facts(service: Service) -> dict[str, str | int]:
    """What an event tells of a service that was changed."""
    return {
        "name": service.name,
        "price_member_dong": service.prices.member_dong,
        "price_dealer_dong": service.prices.dealer_dong,
        "price_distributor_dong": service.prices.distributor_dong,
        "waiting_s": service.waiting_s,
        "cancel_after_s": service.terms.cancel_after_s,
        "extend_s": service.terms.extend_s,
        "extend_times": service.terms.extend_times,
    }


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
