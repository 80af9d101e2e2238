"""Statements for services."""

from functools import lru_cache
from typing import Any

import msgspec

from simlet.domain.matching import sender_keys
from simlet.domain.service import Category, MatchRules, Prices, Service, Terms
from simlet.store.sql import Row, Sql, Tx, texts_array

FIELDS = (
    "s.id, s.store, s.name, s.price_member_dong, s.price_dealer_dong, s.price_distributor_dong, "
    "s.waiting_s, s.senders, s.texts, s.catch_all, s.code_pattern, s.category, s.paused, "
    "s.opened_at_ms, s.cancel_after_s, s.extend_s, s.extend_times, s.queued_count"
)
_BY_ID = Sql(f"SELECT {FIELDS} FROM services s WHERE s.id = :id")
_ALL = Sql(f"SELECT {FIELDS} FROM services s ORDER BY s.position")
_ADD = Sql(
    "INSERT INTO services (id, position, store, name, price_member_dong, price_dealer_dong, "
    "price_distributor_dong, waiting_s, catch_all, senders, sender_keys, texts, code_pattern, "
    "category, paused, created_at_ms, cancel_after_s, extend_s, extend_times) "
    "VALUES (:id, (SELECT coalesce(max(position), 0) + 1 FROM services), :store, "
    ":name, :price_member_dong, :price_dealer_dong, :price_distributor_dong, :waiting_s, "
    ":catch_all, :senders, :sender_keys, :texts, :code_pattern, :category, :paused, :now_ms, "
    ":cancel_after_s, :extend_s, :extend_times)"
)
_CHANGE = Sql(
    "UPDATE services SET name = :name, price_member_dong = :price_member_dong, "
    "price_dealer_dong = :price_dealer_dong, price_distributor_dong = :price_distributor_dong, "
    "waiting_s = :waiting_s, senders = :senders, sender_keys = :sender_keys, texts = :texts, "
    "code_pattern = :code_pattern, cancel_after_s = :cancel_after_s, extend_s = :extend_s, "
    "extend_times = :extend_times WHERE id = :id"
)
_COUNT_QUEUED = Sql("UPDATE services SET queued_count = queued_count + :added WHERE id = :id")
_PAUSE = Sql("UPDATE services SET paused = :paused WHERE id = :id")
_OPEN = Sql(
    "UPDATE services SET opened_by = :opened_by, opened_reason = :reason, opened_at_ms = :now_ms "
    "WHERE id = :id"
)
_texts = msgspec.json.Decoder(tuple[str, ...])


@lru_cache(maxsize=4096)
def rules_from(senders: str, texts: str, catch_all: object, code_pattern: str | None) -> MatchRules:
    """The rules of a service from its columns."""
    return MatchRules(_texts.decode(senders), _texts.decode(texts), bool(catch_all), code_pattern)


def _service(row: Row) -> Service:
    return _service_from(tuple(row))


@lru_cache(maxsize=4096)
def _service_from(row: tuple[Any, ...]) -> Service:
    """The service that a row tells; the rows of one service seldom differ."""
    return Service(
        id=row[0],
        store=row[1],
        name=row[2],
        prices=Prices(row[3], row[4], row[5]),
        waiting_s=row[6],
        rules=rules_from(row[7], row[8], row[9], row[10]),
        category=Category(row[11]),
        paused=bool(row[12]),
        opened=row[13] is not None,
        terms=Terms(row[14], row[15], row[16]),
        queued_count=row[17],
    )


def service_by_id(tx: Tx, service_id: int) -> Service | None:
    """A service by its id."""
    row = tx.row(_BY_ID, id=service_id)
    return None if row is None else _service(row)


def all_services(tx: Tx) -> list[Service]:
    """All services, in the order they were added."""
    return [_service(row) for row in tx.rows(_ALL)]


def add_service(tx: Tx, service: Service, now_ms: int) -> None:
    """Adds a service, not opened."""
    tx.run(
        _ADD,
        store=service.store,
        catch_all=service.rules.catch_all,
        category=service.category.value,
        paused=service.paused,
        now_ms=now_ms,
        **_changeable(service),
    )


def change_service(tx: Tx, service: Service) -> None:
    """Changes all of a service that may change but its state."""
    tx.run(_CHANGE, **_changeable(service))


def _changeable(service: Service) -> dict[str, Any]:
    rules, terms = service.rules, service.terms
    return {
        "id": service.id,
        "name": service.name,
        "price_member_dong": service.prices.member_dong,
        "price_dealer_dong": service.prices.dealer_dong,
        "price_distributor_dong": service.prices.distributor_dong,
        "waiting_s": service.waiting_s,
        "senders": texts_array(rules.senders),
        "sender_keys": sender_keys(rules.senders),
        "texts": texts_array(rules.texts),
        "code_pattern": rules.code_pattern,
        "cancel_after_s": terms.cancel_after_s,
        "extend_s": terms.extend_s,
        "extend_times": terms.extend_times,
    }


def count_queued(tx: Tx, service_id: int, added: int) -> None:
    """Counts requests that were queued for a service, or with a number below 0 left its queue.

    The row of the service stays locked: it is the last thing that a flow locks.
    """
    tx.run(_COUNT_QUEUED, id=service_id, added=added)


def set_paused(tx: Tx, service_id: int, *, paused: bool) -> None:
    """Pauses a service, or resumes it."""
    tx.run(_PAUSE, id=service_id, paused=paused)


def set_opened(
    tx: Tx, service_id: int, opened_by: str | None, reason: str | None, now_ms: int | None
) -> None:
    """Records that a closed category's service was opened, by whom and why; or closed again."""
    tx.run(_OPEN, id=service_id, opened_by=opened_by, reason=reason, now_ms=now_ms)
