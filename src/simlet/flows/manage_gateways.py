"""Manage gateways: add, change and remove one, and the one that every installation has."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from simlet.domain.errors import GATEWAY_EXISTS, GATEWAY_UNKNOWN, Refused, invalid
from simlet.domain.events import Event, EventKind
from simlet.store import events, gateway_health, gateways, lines
from simlet.store.gateway_health import Connection
from simlet.store.gateways import Gateway, Settings
from simlet.store.sql import Tx

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
CONSOLE = "console"


def add_gateway(
    tx: Tx, name: str, kind: str, settings: Settings, secret_hash: bytes | None, now_ms: int
) -> int:
    """Adds a gateway; its id. Its settings were checked by its driver.

    Raises:
        Refused: INVALID, GATEWAY_EXISTS.
    """
    if _NAME.fullmatch(name) is None:
        raise invalid("name", "expected up to 64 letters, digits, dots, dashes and underlines")
    if gateways.gateway_by_name(tx, name) is not None:
        raise Refused(GATEWAY_EXISTS, name=name)
    gateway_id = gateways.add_gateway(tx, name, kind, settings, secret_hash, now_ms)
    data: dict[str, str | int | bool | None] = {"gateway_id": gateway_id, "kind": kind}
    events.add_event(tx, Event(EventKind.GATEWAY_ADDED, now_ms, data=data))
    return gateway_id


def change_gateway(
    tx: Tx, name: str, change: Callable[[Gateway], Settings], now_ms: int
) -> Gateway:
    """Gives a gateway other settings; its driver starts again with them. The gateway after it.

    Args:
        tx: the transaction.
        name: the gateway.
        change: gives its settings anew, checked by its driver; it may refuse.
        now_ms: the time.

    Raises:
        Refused: GATEWAY_UNKNOWN, and what `change` refuses with.
    """
    found = _gateway(tx, name)
    settings = change(found)
    if settings != found.settings:
        gateways.set_settings(tx, found.id, settings)
        _tell(tx, EventKind.GATEWAY_CHANGED, found.id, now_ms, what="settings")
    return _gateway(tx, name)


def rotate_secret(tx: Tx, name: str, secret_hash: bytes, now_ms: int) -> None:
    """Gives a gateway another secret; the one before is worth nothing from then on.

    Raises:
        Refused: GATEWAY_UNKNOWN; INVALID for one that has no secret.
    """
    found = _gateway(tx, name)
    if found.secret_hash is None:
        raise invalid("name", f"expected a gateway with a secret: {found.kind} has none")
    gateways.set_secret(tx, found.id, secret_hash)
    _tell(tx, EventKind.GATEWAY_CHANGED, found.id, now_ms, what="secret")


@dataclass(frozen=True, slots=True)
class Removed:
    """A gateway that was removed: what it is called from now on, and how many lines it leaves."""

    name: str
    lines: int


def remove_gateway(tx: Tx, name: str, now_ms: int) -> Removed:
    """Removes a gateway; its lines leave the pool as those of one that is down.

    They come back when another gateway sees their SIMs, or is given them. What it had brought in
    stays as it is.

    Raises:
        Refused: GATEWAY_UNKNOWN.
    """
    found = _gateway(tx, name)
    name_now = gateways.remove_gateway(tx, found, now_ms)
    down = Connection(up=False, changed_at_ms=now_ms)
    gateway_health.set_connection(tx, found.id, down, "it was removed", now_ms)
    _tell(tx, EventKind.GATEWAY_REMOVED, found.id, now_ms)
    return Removed(name_now, lines.count_of_gateway(tx, found.id))


def _gateway(tx: Tx, name: str) -> Gateway:
    """The gateway of a name, locked; the console is nobody's to change."""
    found = gateways.lock_gateway(tx, name)
    if found is None or found.kind == CONSOLE:
        raise Refused(GATEWAY_UNKNOWN, name=name)
    return found


def _tell(tx: Tx, kind: EventKind, gateway_id: int, now_ms: int, **more: str) -> None:
    events.add_event(tx, Event(kind, now_ms, data={"gateway_id": gateway_id, **more}))


def console_gateway(tx: Tx, now_ms: int) -> Gateway:
    """The gateway that pretend messages put in by hand come through; added when first asked for."""
    found = gateways.gateway_by_name(tx, CONSOLE)
    if found is not None:
        return found
    add_gateway(tx, CONSOLE, CONSOLE, {}, None, now_ms)
    added = gateways.gateway_by_name(tx, CONSOLE)
    if added is None:
        raise LookupError("the gateway just added is not there")
    return added
