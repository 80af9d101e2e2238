"""What the server answers with, as values.

Fields that a newer server adds are ignored, and words such as states and kinds are plain texts, so
that a newer server breaks no older program. Money is whole đồng, times are aware `datetime`s in
UTC, numbers are E.164.
"""

from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct, field

T = TypeVar("T")

WAITING = "waiting"
RECEIVED = "received"
QUEUED = "queued"
FILLED = "filled"


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """A part of a list. `next_cursor` asks for the part behind it; None: this was the last."""

    data: list[T]
    next_cursor: str | None = None


class Rental(Struct, frozen=True, kw_only=True, tag_field="object", tag="rental"):
    """One number, held for one service until a code, a cancel or the deadline.

    Attributes:
        state: `waiting`, `received`, `expired` or `cancelled`.
        number: E.164; `national_number` begins with 0.
        code: None until it came, and again when the operator's time of keeping texts is over.
        kind: what brought the answer: `sms` or `call`.
        recording_url: where the recording of a call is heard, for a while.
        again: whether this account had the number before.
        reported: the reason, where the line was reported.
    """

    id: int
    state: str
    service_id: int
    service_name: str
    store: str
    number: str
    national_number: str
    price_dong: int
    created_at: datetime
    deadline_at: datetime
    code: str | None = None
    text: str | None = None
    sender: str | None = None
    kind: str | None = None
    recording_url: str | None = None
    cancellable_at: datetime | None = None
    closed_at: datetime | None = None
    again: bool = False
    extensions: int = 0
    extendable: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    callback_id: int | None = None
    callback_secret: str | None = None
    request_id: int | None = None
    reported: str | None = field(default=None, name="report")


class Request(Struct, frozen=True, kw_only=True, tag_field="object", tag="request"):
    """A place in the queue for stock.

    Attributes:
        state: `queued`, `filled`, `refused`, `expired` or `cancelled`.
        ahead: how many older requests of the same filter still wait.
        rental_id: the rental that it became.
        refusal: the code of the refusal, where it was refused.
    """

    id: int
    state: str
    service_id: int
    created_at: datetime
    deadline_at: datetime
    networks: list[str] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    prefixes_unwanted: list[str] = field(default_factory=list)
    max_price_dong: int | None = None
    ahead: int | None = None
    closed_at: datetime | None = None
    rental_id: int | None = None
    refusal: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    callback_id: int | None = None
    callback_secret: str | None = None


class Message(Struct, frozen=True, kw_only=True, tag_field="object", tag="message"):
    """An SMS or a call that came in on a rental.

    Attributes:
        withheld: it came after the rental had ended without a code; what it says is not told.
    """

    id: int
    rental_id: int | None
    kind: str
    kept_at: datetime
    came_at: datetime | None = None
    sent_at: datetime | None = None
    sender: str | None = None
    text: str | None = None
    code: str | None = None
    withheld: bool = False
    recording_url: str | None = None


class Posting(Struct, frozen=True, kw_only=True, tag_field="object", tag="posting"):
    """One movement of money: `credit`, `debit`, `hold`, `settle` or `release`."""

    id: int
    kind: str
    amount_dong: int
    source: str
    target: str
    at: datetime
    rental_id: int | None = None
    reference: str | None = None
    reason: str | None = None


class Figures(Struct, frozen=True, kw_only=True):
    """How a service did; the figures are None while there are too few samples."""

    samples: int
    delivery_rate: float | None = None
    median_s: float | None = None


class Service(Struct, frozen=True, kw_only=True, tag_field="object", tag="service"):
    """What a code can be for, at this account's price.

    Attributes:
        stock: lines that can receive now and would be given to this account.
    """

    id: int
    name: str
    store: str
    category: str
    price_dong: int
    waiting_s: int
    stock: int
    last_24h: Figures
    last_7d: Figures
    cancellable_after_s: int = 0
    extend_s: int = 0
    extend_times: int = 0


class Network(Struct, frozen=True, kw_only=True, tag_field="object", tag="network"):
    """A mobile operator."""

    id: int
    name: str


class Balance(Struct, frozen=True, kw_only=True, tag_field="object", tag="balance"):
    """What can be spent, and what is set aside for rentals that wait."""

    available_dong: int
    held_dong: int


class RateLimit(Struct, frozen=True, kw_only=True):
    """How many calls the token may make."""

    per_s: float
    burst: int


class Account(Struct, frozen=True, kw_only=True, tag_field="object", tag="account"):
    """Whose token it is, with its limits and what it uses of them."""

    id: int
    name: str
    tier: str
    waiting: int
    waiting_limit: int
    available_dong: int
    held_dong: int
    queued: int = 0
    rate_limit: RateLimit | None = None


class Event(Struct, frozen=True, kw_only=True, tag_field="object", tag="event"):
    """Something that happened: see `type`. The rental in it is as this event left it."""

    id: str
    type: str
    at: datetime
    rental: Rental | None = None
    request: Request | None = None
    message: Message | None = None
    amount_dong: int | None = None
    data: dict[str, Any] = field(default_factory=dict)


class Callback(Struct, frozen=True, kw_only=True, tag_field="object", tag="callback"):
    """An address of the dealer that events are posted to.

    Attributes:
        secret: told once, by the answer that made it.
        old_secret_until: until then deliveries are signed with older secrets, too.
    """

    id: int
    url: str
    events: list[str]
    format: str
    scope: str
    state: str
    created_at: datetime
    failover_url: str | None = None
    disabled_reason: str | None = None
    failing_since: datetime | None = None
    secret: str | None = None
    old_secret_until: datetime | None = None


class Attempt(Struct, frozen=True, kw_only=True, tag_field="object", tag="attempt"):
    """One try to deliver an event, and how it went: `delivered`, `again` or `failed`."""

    id: int
    callback_id: int
    event_id: str
    number: int
    at: datetime
    outcome: str
    duration_ms: float | None = None
    status: int | None = None
    error: str | None = None
    answer: str | None = None
    next_at: datetime | None = None


class Replay(Struct, frozen=True, kw_only=True, tag_field="object", tag="replay"):
    """How many events are posted again."""

    count: int


class TimelineEntry(Struct, frozen=True, kw_only=True, tag_field="object", tag="timeline_entry"):
    """A moment in the life of a rental: what happened, and when."""

    at: datetime
    what: str
    detail: dict[str, Any] = field(default_factory=dict)
