"""The kinds of events: every change of a rental, a message, money or an account is one."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple


class EventKind(Enum):
    """What happened."""

    ACCOUNT_ADDED = "account.added"
    ACCOUNT_APPROVED = "account.approved"
    ACCOUNT_SUSPENDED = "account.suspended"
    ACCOUNT_RESUMED = "account.resumed"
    ACCOUNT_CALLBACK_SET = "account.callback_set"
    TOKEN_ISSUED = "token.issued"  # noqa: S105 - a kind, not a secret
    TOKEN_REVOKED = "token.revoked"  # noqa: S105
    BALANCE_CREDITED = "balance.credited"
    BALANCE_DEBITED = "balance.debited"
    RENTAL_WAITING = "rental.waiting"
    RENTAL_RECEIVED = "rental.received"
    RENTAL_EXPIRED = "rental.expired"
    RENTAL_CANCELLED = "rental.cancelled"
    RENTAL_REPORTED = "rental.reported"
    RENTAL_EXTENDED = "rental.extended"
    REQUEST_QUEUED = "request.queued"
    REQUEST_FILLED = "request.filled"
    REQUEST_REFUSED = "request.refused"
    REQUEST_EXPIRED = "request.expired"
    REQUEST_CANCELLED = "request.cancelled"
    CALLBACK_ADDED = "callback.added"
    CALLBACK_CHANGED = "callback.changed"
    CALLBACK_REMOVED = "callback.removed"
    CALLBACK_DISABLED = "callback.disabled"
    CALLBACK_TEST = "callback.test"
    MESSAGE_KEPT = "message.kept"
    MESSAGE_QUARANTINED = "message.quarantined"
    MESSAGE_COMPLETED = "message.completed"
    PART_KEPT = "part.kept"
    MESSAGES_FORGOTTEN = "messages.forgotten"
    SERVICE_ADDED = "service.added"
    SERVICE_CHANGED = "service.changed"
    SERVICE_PAUSED = "service.paused"
    SERVICE_RESUMED = "service.resumed"
    SERVICE_OPENED = "service.opened"
    SERVICE_CLOSED = "service.closed"
    LINES_IMPORTED = "lines.imported"
    LINE_RETIRED = "line.retired"
    LINE_RESTED = "line.rested"
    LINE_RETURNED = "line.returned"
    LINE_MOVED = "line.moved"
    GATEWAY_ADDED = "gateway.added"
    GATEWAY_CHANGED = "gateway.changed"
    GATEWAY_REMOVED = "gateway.removed"
    GATEWAY_DOWN = "gateway.down"
    GATEWAY_UP = "gateway.up"


class Event(NamedTuple):
    """One line of the event log. `data` never holds a secret, a code, a text or a number."""

    kind: EventKind
    at_ms: int
    account_id: int | None = None
    rental_id: int | None = None
    message_id: int | None = None
    data: Mapping[str, str | int | bool | None] = MappingProxyType({})


DEALER_EVENTS: frozenset[EventKind] = frozenset(
    {
        EventKind.RENTAL_WAITING,
        EventKind.RENTAL_RECEIVED,
        EventKind.RENTAL_EXPIRED,
        EventKind.RENTAL_CANCELLED,
        EventKind.RENTAL_REPORTED,
        EventKind.RENTAL_EXTENDED,
        EventKind.MESSAGE_KEPT,
        EventKind.BALANCE_CREDITED,
        EventKind.BALANCE_DEBITED,
        EventKind.REQUEST_QUEUED,
        EventKind.REQUEST_FILLED,
        EventKind.REQUEST_REFUSED,
        EventKind.REQUEST_EXPIRED,
        EventKind.REQUEST_CANCELLED,
        EventKind.CALLBACK_DISABLED,
        EventKind.CALLBACK_TEST,
    }
)
"""What a dealer is told of its own account, by streams and callbacks."""
