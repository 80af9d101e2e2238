"""How services and rentals are written outside: `SV.ID` and `N.SV`.

A rental's number N and a service's ID are unique over all stores; the store's two digits beside
them are for people. Neither is ever a float: clients lose closing zeros, and a store `10` must
not become `1`.
"""

import re

from simlet.domain.errors import invalid

MAX_ID = 2**63 - 1
_RENTAL = re.compile(r"\s*(\d{1,19})(?:\.\d*)?\s*", re.ASCII)
_SERVICE = re.compile(r"\s*(?:(\d{1,2})\.)?(\d{1,9})\s*", re.ASCII)
_STORE = re.compile(r"\d{2}", re.ASCII)


def parse_rental_id(text: str) -> int | None:
    """The number of a rental written `N`, `N.SV` or `N.S`; None when it is no such thing."""
    found = _RENTAL.fullmatch(text)
    if found is None:
        return None
    number = int(found[1])
    return number if number <= MAX_ID else None


def format_rental_id(rental_id: int, store: str) -> str:
    """`N.SV`, with both digits of the store."""
    return f"{rental_id}.{store}"


def parse_service_code(text: str) -> tuple[str | None, int] | None:
    """The store (None when it is not named) and the id of a service; None when malformed."""
    found = _SERVICE.fullmatch(text)
    if found is None:
        return None
    store = found[1].zfill(2) if found[1] else None
    return store, int(found[2])


def format_service_code(store: str, service_id: int) -> str:
    """`SV.ID`."""
    return f"{store}.{service_id}"


def parse_store(text: str) -> str:
    """A store's two digits.

    Raises:
        Refused: INVALID.
    """
    if _STORE.fullmatch(text) is None:
        raise invalid("store", "expected two digits, for example 02")
    return text
