"""Manage gateways: add one, and the two that every installation needs."""

import re

from simlet.domain.errors import GATEWAY_EXISTS, Refused, invalid
from simlet.domain.events import Event, EventKind
from simlet.store import events, gateways
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
