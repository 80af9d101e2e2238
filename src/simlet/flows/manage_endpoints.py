"""Manage endpoints: add, show, change, remove, test; post events again; one for a rental's own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from simlet.domain.endpoint import (
    ALL_EVENTS,
    LONGEST_OLD_SECRET_S,
    MOST_ACTIVE,
    BodyFormat,
    Endpoint,
    EndpointScope,
    EndpointState,
    check_events,
)
from simlet.domain.errors import (
    CALLBACK_IS_DISABLED,
    CALLBACK_LIMIT,
    CALLBACK_UNKNOWN,
    EVENT_UNKNOWN,
    Refused,
    invalid,
)
from simlet.domain.events import DEALER_EVENTS, Event, EventKind
from simlet.flows.describe_event import EventDetail, describe_event
from simlet.flows.find_endpoints import callback_of, find_endpoints
from simlet.store import accounts, callbacks, endpoints, events, past_events
from simlet.store.endpoints import NewEndpoint
from simlet.store.events import LoggedEvent
from simlet.store.sql import Tx
from simlet.store.stretches import EVENTS, near

MOST_REPLAYED = 1000
MOST_SEARCHED = 5000
MOST_READ = 100_000
"""Of those that are near a stretch only the times are looked at."""


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """An endpoint as a dealer wants it; the addresses are checked before."""

    url: str
    events: tuple[str, ...]
    format: BodyFormat
    failover_url: str | None = None


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """What is to change of an endpoint; None leaves it as it is.

    Attributes:
        no_failover: takes the failover address away.
        new_secret: signs from now on.
        keep_old_secret_s: so long the secret before signs as well, and the oldest that still
            does; 0 ends them all.
    """

    url: str | None = None
    events: tuple[str, ...] | None = None
    format: BodyFormat | None = None
    failover_url: str | None = None
    no_failover: bool = False
    active: bool | None = None
    new_secret: str | None = None
    keep_old_secret_s: int = 0


def add_endpoint(tx: Tx, account_id: int, wish: EndpointSpec, secret: str, now_ms: int) -> Endpoint:
    """Adds an endpoint of an account, which is told of what happens from now on.

    Raises:
        Refused: INVALID, CALLBACK_LIMIT.
    """
    told = check_events(wish.events, wish.format)
    # Two at once are counted one after the other.
    accounts.lock_account(tx, account_id)
    _check_room(tx, account_id)
    new = NewEndpoint(
        account_id,
        EndpointScope.ACCOUNT,
        wish.url,
        wish.failover_url,
        told,
        wish.format,
        secret,
    )
    endpoint_id = endpoints.add_endpoint(tx, new, now_ms, events.newest_seq(tx))
    _tell(tx, EventKind.CALLBACK_ADDED, account_id, endpoint_id, now_ms)
    return _endpoint(tx, account_id, endpoint_id)


def _check_room(tx: Tx, account_id: int) -> None:
    if endpoints.count_active(tx, account_id) >= MOST_ACTIVE:
        raise Refused(CALLBACK_LIMIT, limit=MOST_ACTIVE)


def list_endpoints(
    tx: Tx, account_id: int, scope: EndpointScope | None, before_id: int, limit: int
) -> list[Endpoint]:
    """Endpoints of an account with smaller ids, newest first; of one scope, if named."""
    return endpoints.endpoints_of(tx, account_id, scope, before_id, limit)


def show_endpoint(tx: Tx, account_id: int, endpoint_id: int) -> Endpoint:
    """An endpoint of an account.

    Raises:
        Refused: CALLBACK_UNKNOWN.
    """
    found = endpoints.endpoint_of_account(tx, account_id, endpoint_id)
    if found is None:
        raise Refused(CALLBACK_UNKNOWN)
    return found


def _endpoint(tx: Tx, account_id: int, endpoint_id: int) -> Endpoint:
    """The endpoint, locked."""
    endpoints.lock_endpoints(tx, [endpoint_id])
    return show_endpoint(tx, account_id, endpoint_id)


def change_endpoint(
    tx: Tx, account_id: int, endpoint_id: int, change: EndpointChange, now_ms: int
) -> Endpoint:
    """Changes an endpoint; what is still to be told goes by the new state of things.

    One that is disabled drops what it was to be told; active again, it begins with what happens
    then, and whatever it missed can be replayed.

    Raises:
        Refused: INVALID, CALLBACK_UNKNOWN, CALLBACK_LIMIT.
    """
    accounts.lock_account(tx, account_id)
    known = _endpoint(tx, account_id, endpoint_id)
    if change.url is not None and known.scope is EndpointScope.RENTAL and change.url != known.url:
        raise invalid("url", "the address of rentals is what they name; it does not change")
    body_format = change.format or known.format
    told = check_events(known.events if change.events is None else change.events, body_format)
    failover_url = None if change.no_failover else change.failover_url or known.failover_url
    changed = replace(
        known,
        url=change.url or known.url,
        failover_url=failover_url,
        events=told,
        format=body_format,
    )
    if change.new_secret is not None:
        changed = _rotated(changed, change.new_secret, change.keep_old_secret_s, now_ms)
    if change.active is not None:
        changed = _switched(tx, changed, active=change.active, now_ms=now_ms)
    endpoints.change_endpoint(tx, changed)
    _tell(tx, EventKind.CALLBACK_CHANGED, account_id, endpoint_id, now_ms)
    return changed


def _rotated(known: Endpoint, secret: str, keep_s: int, now_ms: int) -> Endpoint:
    if not 0 <= keep_s <= LONGEST_OLD_SECRET_S:
        raise invalid("keep_old_secret_s", f"expected 0 to {LONGEST_OLD_SECRET_S} s")
    if keep_s == 0:
        return replace(known, secret=secret, old_secret=None, old_secret_until_ms=None)
    still = known.old_secret_at(now_ms)
    olds, until_ms = [known.secret], now_ms + keep_s * 1000
    if still is not None and known.old_secret_until_ms is not None:
        # Where the answer to a rotation was lost, the dealer has nothing but the oldest.
        olds.append(still.rpartition(" ")[2])
        until_ms = max(until_ms, known.old_secret_until_ms)
    return replace(known, secret=secret, old_secret=" ".join(olds), old_secret_until_ms=until_ms)


def _switched(tx: Tx, known: Endpoint, *, active: bool, now_ms: int) -> Endpoint:
    if active == (known.state is EndpointState.ACTIVE):
        return known
    if not active:
        callbacks.drop_pending(tx, known.id, now_ms)
        endpoints.set_due(tx, known.id, None)
        return replace(known, state=EndpointState.DISABLED, disabled_reason="asked")
    if known.scope is EndpointScope.ACCOUNT:
        _check_room(tx, known.account_id)
    return _revived(known)


def _revived(known: Endpoint) -> Endpoint:
    return replace(
        known,
        state=EndpointState.ACTIVE,
        disabled_reason=None,
        failing_since_ms=None,
        fails_in_row=0,
        resting_until_ms=None,
    )


def remove_endpoint(tx: Tx, account_id: int, endpoint_id: int, now_ms: int) -> None:
    """Removes an endpoint: erases its address and secrets, drops what it was still to be told.

    Raises:
        Refused: CALLBACK_UNKNOWN.
    """
    known = _endpoint(tx, account_id, endpoint_id)
    endpoints.change_endpoint(tx, known.removed())
    callbacks.drop_pending(tx, endpoint_id, now_ms)
    endpoints.set_due(tx, endpoint_id, None)
    _tell(tx, EventKind.CALLBACK_REMOVED, account_id, endpoint_id, now_ms)


def send_test(tx: Tx, account_id: int, endpoint_id: int, now_ms: int) -> EventDetail:
    """Tells one endpoint alone of an event that means nothing.

    Raises:
        Refused: CALLBACK_UNKNOWN, CALLBACK_IS_DISABLED.
    """
    _active(tx, account_id, endpoint_id)
    _tell(tx, EventKind.CALLBACK_TEST, account_id, endpoint_id, now_ms)
    # Its number is told to who asked; who numbers holds the others up until the commit.
    events.number_events(tx)
    newest = past_events.newest_event(tx, account_id, EventKind.CALLBACK_TEST)
    assert newest is not None  # noqa: S101 - it was just added
    return describe_event(tx, newest)


def _active(tx: Tx, account_id: int, endpoint_id: int) -> Endpoint:
    known = _endpoint(tx, account_id, endpoint_id)
    _check_active(known)
    return known


def _check_active(known: Endpoint) -> None:
    if known.state is not EndpointState.ACTIVE:
        raise Refused(CALLBACK_IS_DISABLED)


def replay_event(tx: Tx, account_id: int, endpoint_id: int, seq: int, now_ms: int) -> int:
    """Posts one event of the account to an endpoint again, or for the first time; how many: 1.

    Raises:
        Refused: INVALID, CALLBACK_UNKNOWN, CALLBACK_IS_DISABLED, EVENT_UNKNOWN.
    """
    endpoint = _active(tx, account_id, endpoint_id)
    event = events.event_by_seq(tx, seq)
    if event is None or event.account_id != account_id or event.kind not in DEALER_EVENTS:
        raise Refused(EVENT_UNKNOWN)
    if event.kind is EventKind.CALLBACK_TEST and event.data.get("callback_id") != endpoint_id:
        raise Refused(EVENT_UNKNOWN)
    if not endpoint.can_tell(event.kind):
        raise invalid("event", "the format of this callback has no words for it")
    _queue_again(tx, endpoint, [event], now_ms)
    return 1


def find_between(
    tx: Tx, account_id: int, endpoint_id: int, from_ms: int, to_ms: int
) -> list[LoggedEvent]:
    """What an endpoint was, or would have been, told of a stretch of time, in order; a read.

    So it holds up nobody who writes; `replay_found` posts it again. `from_ms` is included, `to_ms`
    is not. What a clock wrote down that was set by more than `UNEVEN_MS` may be left out.

    Raises:
        Refused: INVALID (also for more than `MOST_REPLAYED` events, and for a stretch in which more
            than `MOST_SEARCHED`, or near which more than `MOST_READ` happened), CALLBACK_UNKNOWN,
            CALLBACK_IS_DISABLED.
    """
    _check_active(show_endpoint(tx, account_id, endpoint_id))
    if from_ms >= to_ms:
        raise invalid("to", "expected a time after `from`")
    stretch = near(tx, EVENTS, from_ms, to_ms)
    if past_events.count_events(tx, account_id, stretch, MOST_READ + 1) > MOST_READ:
        raise invalid("to", f"expected a range near which at most {MOST_READ} events happened")
    within = past_events.events_between(
        tx, account_id, stretch, from_ms, to_ms, DEALER_EVENTS, MOST_SEARCHED + 1
    )
    if len(within) > MOST_SEARCHED:
        raise invalid("to", f"expected a range in which at most {MOST_SEARCHED} events happened")
    told = find_endpoints(tx, within)
    found = [event for event, all_told in told if any(one.id == endpoint_id for one in all_told)]
    if len(found) > MOST_REPLAYED:
        raise invalid("to", f"expected a range with at most {MOST_REPLAYED} events")
    return found


def replay_found(
    tx: Tx, account_id: int, endpoint_id: int, found: Sequence[LoggedEvent], now_ms: int
) -> int:
    """Posts again what `find_between` found; how many events those are.

    Raises:
        Refused: CALLBACK_UNKNOWN, CALLBACK_IS_DISABLED.
    """
    endpoint = _active(tx, account_id, endpoint_id)
    # Its format may have been changed meanwhile.
    told = [one for one in found if endpoint.can_tell(one.kind)]
    _queue_again(tx, endpoint, told, now_ms)
    return len(told)


def _queue_again(tx: Tx, endpoint: Endpoint, told: Sequence[LoggedEvent], now_ms: int) -> None:
    for event in told:
        callbacks.add_again(tx, callback_of(event, endpoint, now_ms))
    if told:
        endpoints.look_at(tx, [endpoint.id], now_ms)
        data: dict[str, str | int | bool | None] = {
            "callback_id": endpoint.id,
            "replayed": len(told),
        }
        changed = EventKind.CALLBACK_CHANGED
        events.add_event(tx, Event(changed, now_ms, account_id=endpoint.account_id, data=data))


def endpoint_for_url(
    tx: Tx, account_id: int, url: str, new_secret: str, now_ms: int
) -> tuple[int, str | None]:
    """The endpoint that rentals of an account name by an address, made where there is none.

    It is told, in the format of /v1, of all events of the rentals and requests that name it. One
    that was disabled is active again: it is asked for.

    Returns:
        Its id, and its secret when it was made now.
    """
    known = endpoints.endpoint_by_url(tx, account_id, url)
    if known is not None:
        if known.state is not EndpointState.ACTIVE:
            endpoints.change_endpoint(tx, _revived(known))
            _tell(tx, EventKind.CALLBACK_CHANGED, account_id, known.id, now_ms)
        return known.id, None
    new = NewEndpoint(
        account_id, EndpointScope.RENTAL, url, None, (ALL_EVENTS,), BodyFormat.V1, new_secret
    )
    endpoint_id = endpoints.add_endpoint(tx, new, now_ms)
    _tell(tx, EventKind.CALLBACK_ADDED, account_id, endpoint_id, now_ms)
    return endpoint_id, new_secret


def _tell(tx: Tx, kind: EventKind, account_id: int, endpoint_id: int, now_ms: int) -> None:
    data: dict[str, str | int | bool | None] = {"callback_id": endpoint_id}
    events.add_event(tx, Event(kind, now_ms, account_id=account_id, data=data))
