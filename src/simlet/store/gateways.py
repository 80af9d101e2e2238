"""Statements for gateways."""

from dataclasses import dataclass

import msgspec

from simlet.store.sql import Row, Sql, Tx

_FIELDS = "g.id, g.name, g.kind, g.settings, g.secret_hash"
_NAMED = f"SELECT {_FIELDS} FROM gateways g WHERE g.name = :name AND g.removed_at_ms IS NULL"
_BY_NAME = Sql(_NAMED)
_LOCK = Sql(f"{_NAMED} {{for_update}}")
_ALL = Sql(f"SELECT {_FIELDS} FROM gateways g WHERE g.removed_at_ms IS NULL ORDER BY g.name")
_ADD = Sql(
    "INSERT INTO gateways (name, kind, settings, secret_hash, created_at_ms) "
    "VALUES (:name, :kind, :settings, :secret_hash, :now_ms) {returning_id}"
)
_SET_SETTINGS = Sql("UPDATE gateways SET settings = :settings WHERE id = :id")
_SET_SECRET = Sql("UPDATE gateways SET secret_hash = :secret_hash WHERE id = :id")
_REMOVE = Sql(
    "UPDATE gateways SET name = :name, secret_hash = NULL, settings = :settings, "
    "removed_at_ms = :now_ms WHERE id = :id"
)
_REMOVED = Sql("SELECT id FROM gateways WHERE removed_at_ms IS NOT NULL")
_ID_OF_ANY = Sql("SELECT id FROM gateways WHERE name = :name")
_EXPECTED = Sql(
    "SELECT r.number, s.name, s.senders FROM rentals r "
    "JOIN lines l ON l.id = r.line_id JOIN services s ON s.id = r.service_id "
    "WHERE r.id = :rental_id AND l.gateway_id = :gateway_id"
)

_senders = msgspec.json.Decoder(tuple[str, ...])

_NAME_STAYS = 44

Settings = dict[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class Gateway:
    """Configured equipment, or an agreement with someone who has it."""

    id: int
    name: str
    kind: str
    settings: Settings
    secret_hash: bytes | None


@dataclass(frozen=True, slots=True)
class ExpectedRow:
    """A number that somebody waits on, and for which service."""

    number: str
    service: str
    senders: tuple[str, ...]


def _gateway(row: Row) -> Gateway:
    secret_hash = None if row[4] is None else bytes(row[4])
    return Gateway(row[0], row[1], row[2], msgspec.json.decode(row[3]), secret_hash)


def gateway_by_name(tx: Tx, name: str) -> Gateway | None:
    """A gateway by its name; None when there is none, or none any more."""
    row = tx.row(_BY_NAME, name=name)
    return None if row is None else _gateway(row)


def id_of_any(tx: Tx, name: str) -> int | None:
    """The id of a gateway by its name, or of a removed one by what its name is now."""
    row = tx.row(_ID_OF_ANY, name=name)
    return None if row is None else row[0]


def lock_gateway(tx: Tx, name: str) -> Gateway | None:
    """As `gateway_by_name`; no other transaction changes it until this one ends."""
    row = tx.row(_LOCK, name=name)
    return None if row is None else _gateway(row)


def all_gateways(tx: Tx) -> list[Gateway]:
    """All gateways that were not removed, by name."""
    return [_gateway(row) for row in tx.rows(_ALL)]


def add_gateway(
    tx: Tx, name: str, kind: str, settings: Settings, secret_hash: bytes | None, now_ms: int
) -> int:
    """Adds a gateway; its id."""
    return tx.add(
        _ADD,
        name=name,
        kind=kind,
        settings=msgspec.json.encode(settings).decode(),
        secret_hash=secret_hash,
        now_ms=now_ms,
    )


def set_settings(tx: Tx, gateway_id: int, settings: Settings) -> None:
    """Puts other settings in place."""
    tx.run(_SET_SETTINGS, id=gateway_id, settings=msgspec.json.encode(settings).decode())


def set_secret(tx: Tx, gateway_id: int, secret_hash: bytes) -> None:
    """Puts the hash of another secret in place."""
    tx.run(_SET_SECRET, id=gateway_id, secret_hash=secret_hash)


def remove_gateway(tx: Tx, gateway: Gateway, now_ms: int) -> str:
    """Removes a gateway: messages still tell that they came through it, and no more is left.

    Its name becomes one that no gateway can be given, so that it is free for another; that name.
    """
    name = f"{gateway.name[:_NAME_STAYS]}~{gateway.id}"
    tx.run(_REMOVE, id=gateway.id, name=name, settings="{}", now_ms=now_ms)
    return name


def removed_gateways(tx: Tx) -> set[int]:
    """The ids of gateways that were removed."""
    return {row[0] for row in tx.rows(_REMOVED)}


def expected_on(tx: Tx, gateway_id: int, rental_id: int) -> ExpectedRow | None:
    """What a rental waits for, when its line is one of a gateway's own."""
    row = tx.row(_EXPECTED, rental_id=rental_id, gateway_id=gateway_id)
    return None if row is None else ExpectedRow(row[0], row[1], _senders.decode(row[2]))
