"""Every operation of `/v1`, described once: both clients run these descriptions.

A function here gives the call and does nothing. Parameters that are left out are not sent; what
they may be is told by the server's own reference at `/docs`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from msgspec import UNSET, UnsetType

from simlet.client.answers import (
    Account,
    Attempt,
    Balance,
    Callback,
    Event,
    Message,
    Network,
    Page,
    Posting,
    Rental,
    Replay,
    Request,
    Service,
    TimelineEntry,
)
from simlet.client.problems import INVALID, Fault, Invalid

T = TypeVar("T")

CALLBACK_EVENTS = ("*",)
_KEY = re.compile(r"[ -~]{1,255}")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call of the API.

    Attributes:
        answer: what its body is decoded as; `str` takes it as text, None takes nothing.
        query: the parameters in the address, as texts.
        body: what is sent as JSON; None sends nothing.
        wait_s: how long the server may hold the answer back.
        key: the Idempotency-Key; None lets the client make one.
    """

    method: str
    path: str
    answer: Any
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    wait_s: float = 0
    key: str | None = None


def _given(**values: Any) -> dict[str, Any]:
    """What is not None, with lists as JSON has them."""
    return {name: value for name, value in values.items() if value is not None}


def _query(**values: object) -> dict[str, str]:
    """What is not None, as texts; a closing underscore keeps a name apart from Python's words."""
    return {name.rstrip("_"): _text(value) for name, value in values.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time needs its zone, as in datetime.now(UTC)")
        moment = value.astimezone(UTC).isoformat(timespec="milliseconds")
        return moment.replace("+00:00", "Z")
    return f"{value:g}" if isinstance(value, float) else str(value)


def _listed(texts: Sequence[str]) -> list[str] | None:
    """A list of texts, or None where it is empty; one text alone counts as a list of one."""
    return [texts] if isinstance(texts, str) else list(texts) or None


def _check_key(key: str | None) -> None:
    """Refuses a key that cannot be sent as it is.

    Raises:
        Invalid: see there.
    """
    if key is None or (_KEY.fullmatch(key) and key == key.strip()):
        return
    reason = "expected 1 to 255 printable ASCII characters, no blank first or last"
    raise Invalid(
        INVALID, detail=f"idempotency_key: {reason}.", errors=(Fault("idempotency_key", reason),)
    )


def rent(
    service: int | str,
    *,
    networks: Sequence[str] = (),
    prefixes: Sequence[str] = (),
    prefixes_unwanted: Sequence[str] = (),
    number: str | None = None,
    max_price_dong: int | None = None,
    metadata: Mapping[str, str] | None = None,
    callback_url: str | None = None,
    wait_s: int = 0,
    wait_for_stock_s: int = 0,
    idempotency_key: str | None = None,
) -> Call[Rental | Request]:
    """Rents a number.

    Args:
        service: its id (97, or as text "97" or "02.97"), or its name as the list of services
            shows it. A text that may be an id and is another service's name is refused.
        networks: only lines of these networks.
        prefixes: only numbers that begin so, as `090`.
        prefixes_unwanted: no numbers that begin so.
        number: the number to rent again, one that gave this account a code for this service.
        max_price_dong: refuse a higher price.
        metadata: texts of your own, told again with the rental.
        callback_url: an address that events of this rental are posted to.
        wait_s: hold the answer back until the code is there, so long at most (0 to 60).
        wait_for_stock_s: wait in the queue for a free line, so long at most (0 to 3600).
        idempotency_key: repeat with the same key and the number is not rented twice, whatever
            happened in between; without it each call is a rental of its own.

    Raises:
        OutOfStock: no line is free, or none became free in time.
        InsufficientFunds: the balance is below the price.
        NotFound: there is no such service, or several are meant.
        Invalid: an input is not usable, as a key of characters that no header takes.
        Problem: another refusal.
        Unreachable: the server did not answer.
    """
    _check_key(idempotency_key)
    body = _given(
        service=service,
        networks=_listed(networks),
        prefixes=_listed(prefixes),
        prefixes_unwanted=_listed(prefixes_unwanted),
        number=number,
        max_price_dong=max_price_dong,
        metadata=dict(metadata) if metadata else None,
        callback_url=callback_url,
        wait_s=wait_s or None,
        wait_for_stock_s=wait_for_stock_s or None,
    )
    # The queue and then the code may both be waited for before the answer comes.
    return Call(
        "POST", "/v1/rentals", Rental | Request, {}, body, wait_s=2 * wait_s, key=idempotency_key
    )


def rental(rental_id: int, *, wait_s: int = 0) -> Call[Rental]:
    """A rental as it is now; with `wait_s` (0 to 60) as it is when its code came, or then."""
    query = _query(wait_s=wait_s or None)
    return Call("GET", f"/v1/rentals/{rental_id:d}", Rental, query, wait_s=wait_s)


def rentals(
    *,
    state: str | None = None,
    service: int | None = None,
    created_from: datetime | None = None,
    created_to: datetime | None = None,
    limit: int = 100,
) -> Call[Page[Rental]]:
    """All rentals, newest first; `limit` is how many are fetched at a time."""
    query = _query(
        state=state,
        service=service,
        created_from=created_from,
        created_to=created_to,
        limit=limit,
    )
    return Call("GET", "/v1/rentals", Page[Rental], query)


def cancel(rental_id: int) -> Call[Rental]:
    """Ends a rental and gives the price back; one whose code came meanwhile is given with it.

    Raises:
        Conflict: it is too early; see `retry_after_s`.
    """
    return Call("POST", f"/v1/rentals/{rental_id:d}/cancel", Rental)


def report(rental_id: int, reason: str, *, note: str | None = None) -> Call[Rental]:
    """Says that the line does not work; the price of one that still waits comes back.

    Args:
        rental_id: which one.
        reason: `number_rejected`, `number_in_use`, `no_message`, `line_dead` or `other`.
        note: up to 500 characters for the operator.
    """
    body = _given(reason=reason, note=note)
    return Call("POST", f"/v1/rentals/{rental_id:d}/report", Rental, {}, body)


def extend(rental_id: int) -> Call[Rental]:
    """Gives a rental more time, where its service allows it.

    Raises:
        Conflict: it cannot be extended.
    """
    return Call("POST", f"/v1/rentals/{rental_id:d}/extend", Rental)


def messages(rental_id: int) -> Call[Page[Message]]:
    """All that came in on a rental."""
    return Call("GET", f"/v1/rentals/{rental_id:d}/messages", Page[Message])


def ledger(rental_id: int) -> Call[Page[Posting]]:
    """The money of a rental, oldest first: its hold, then what settled or released it."""
    return Call("GET", f"/v1/rentals/{rental_id:d}/ledger", Page[Posting])


def timeline(rental_id: int) -> Call[Page[TimelineEntry]]:
    """What happened to a rental, in order."""
    return Call("GET", f"/v1/rentals/{rental_id:d}/timeline", Page[TimelineEntry])


def requests(*, limit: int = 100) -> Call[Page[Request]]:
    """All places in queues for stock, newest first; `limit` is how many are fetched at a time."""
    return Call("GET", "/v1/requests", Page[Request], _query(limit=limit))


def request(request_id: int, *, wait_s: int = 0) -> Call[Request]:
    """A place in a queue; with `wait_s` (0 to 60) as it is when it ended, or then."""
    query = _query(wait_s=wait_s or None)
    return Call("GET", f"/v1/requests/{request_id:d}", Request, query, wait_s=wait_s)


def cancel_request(request_id: int) -> Call[Request]:
    """Leaves the queue; one that was filled meanwhile is given with its rental."""
    return Call("POST", f"/v1/requests/{request_id:d}/cancel", Request)


def services() -> Call[Page[Service]]:
    """What codes can be for: prices, live stock, and how each did lately."""
    return Call("GET", "/v1/services", Page[Service])


def networks() -> Call[Page[Network]]:
    """The mobile operators."""
    return Call("GET", "/v1/networks", Page[Network])


def balance() -> Call[Balance]:
    """What can be spent, and what is set aside."""
    return Call("GET", "/v1/balance", Balance)


def account() -> Call[Account]:
    """Whose token it is, with limits and use."""
    return Call("GET", "/v1/account", Account)


def statement(
    *, begin: datetime | None = None, end: datetime | None = None, limit: int = 100
) -> Call[Page[Posting]]:
    """All movements of money, newest first; `limit` is how many are fetched at a time."""
    return Call("GET", "/v1/ledger", Page[Posting], _query(from_=begin, to=end, limit=limit))


def statement_csv(
    *, begin: datetime | None = None, end: datetime | None = None, limit: int = 100
) -> Call[str]:
    """The whole statement as one CSV file; `limit` is how many rows are fetched at a time."""
    query = _query(from_=begin, to=end, format="csv", limit=limit)
    return Call("GET", "/v1/ledger", str, query)


def event_page(
    *, after: str | None = None, types: Sequence[str] = (), limit: int = 100
) -> Call[Page[Event]]:
    """Events behind `after` (as `evt_9`), oldest first, as they are now; see also `events`."""
    names = _listed(types)
    query = _query(after=after, types=",".join(names) if names else None, limit=limit)
    return Call("GET", "/v1/events", Page[Event], query)


def callbacks(*, scope: str | None = None) -> Call[Page[Callback]]:
    """The addresses that events are posted to; `scope`: only of the `account`, or of a `rental`."""
    return Call("GET", "/v1/callbacks", Page[Callback], _query(scope=scope))


def callback(callback_id: int) -> Call[Callback]:
    """One of these addresses."""
    return Call("GET", f"/v1/callbacks/{callback_id:d}", Callback)


def add_callback(
    url: str,
    *,
    events: Sequence[str] = CALLBACK_EVENTS,
    format: str = "v1",  # noqa: A002 - the API's name
    failover_url: str | None = None,
) -> Call[Callback]:
    """Adds an address that events are posted to; only this answer tells its secret."""
    body = _given(url=url, events=_listed(events), format=format, failover_url=failover_url)
    return Call("POST", "/v1/callbacks", Callback, {}, body)


def change_callback(
    callback_id: int,
    *,
    url: str | UnsetType = UNSET,
    events: Sequence[str] | UnsetType = UNSET,
    format: str | UnsetType = UNSET,  # noqa: A002 - the API's name
    failover_url: str | UnsetType | None = UNSET,
    state: str | UnsetType = UNSET,
    rotate_secret: bool = False,
    keep_old_secret_s: int | UnsetType = UNSET,
) -> Call[Callback]:
    """Changes what is named; `failover_url=None` takes it away.

    With `rotate_secret` the answer tells a new secret, and the old one signs beside it for
    `keep_old_secret_s`. Where the answer was lost, rotate again: the one in use still signs.
    """
    named = {
        "url": url,
        "events": events if isinstance(events, UnsetType) else _listed(events),
        "format": format,
        "failover_url": failover_url,
        "state": state,
        "rotate_secret": True if rotate_secret else UNSET,
        "keep_old_secret_s": keep_old_secret_s,
    }
    body = {name: value for name, value in named.items() if value is not UNSET}
    return Call("PATCH", f"/v1/callbacks/{callback_id:d}", Callback, {}, body)


def remove_callback(callback_id: int) -> Call[None]:
    """Takes an address away; nothing more is posted to it."""
    return Call("DELETE", f"/v1/callbacks/{callback_id:d}", None)


def attempts(callback_id: int, *, limit: int = 100) -> Call[Page[Attempt]]:
    """The tries to deliver to an address, newest first."""
    path = f"/v1/callbacks/{callback_id:d}/attempts"
    return Call("GET", path, Page[Attempt], _query(limit=limit))


def test_callback(callback_id: int) -> Call[Event]:
    """Posts an event of the type `callback.test` to an address."""
    return Call("POST", f"/v1/callbacks/{callback_id:d}/test", Event)


def replay(
    callback_id: int,
    *,
    event: str | None = None,
    begin: datetime | None = None,
    end: datetime | None = None,
) -> Call[Replay]:
    """Posts an event, or all events of a time, to an address once more."""
    body = _given(event=event, **_query(from_=begin, to=end))
    return Call("POST", f"/v1/callbacks/{callback_id:d}/replay", Replay, {}, body)
