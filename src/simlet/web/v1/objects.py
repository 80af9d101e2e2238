"""The objects of `/v1`, as its documentation tells them.

Money is whole đồng, times are RFC 3339 in UTC with milliseconds, numbers are E.164. What is unset
is null and never left out.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from simlet.domain.events import DEALER_EVENTS

EVENT_TYPES: tuple[str, ...] = tuple(sorted(kind.value for kind in DEALER_EVENTS))


At = Annotated[
    str, Meta(description="RFC 3339, UTC, milliseconds.", extra_json_schema={"format": "date-time"})
]
Dong = Annotated[int, Meta(description="Whole đồng.")]
Id = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Number = Annotated[str, Meta(description="A phone number in E.164.")]
# No closed choice: more types may come within `/v1`, and generated clients refuse what is none.
EventType = Annotated[
    str,
    Meta(description="More types may come.", extra_json_schema={"examples": list(EVENT_TYPES)}),
]
Metadata = Annotated[dict[str, str], Meta(description="Your own notes, given back as they came.")]
MessageSort = Literal["sms", "call"]


class Rental(Struct, tag_field="object", tag="rental", frozen=True):
    """A number rented for one service: `waiting`, then `received`, `expired` or `cancelled`."""

    id: Id
    state: Literal["waiting", "received", "expired", "cancelled"]
    service_id: int
    service_name: str
    store: Annotated[str, Meta(description="The two digits of the warehouse.")]
    number: Number
    national_number: Annotated[str, Meta(description="The number as written in Vietnam.")]
    price_dong: Dong
    code: Annotated[str | None, Meta(description="The code; null unless received.")]
    text: Annotated[str | None, Meta(description="What the message said.")]
    sender: str | None
    kind: MessageSort | None
    recording_url: Annotated[str | None, Meta(description="The call's recording, while kept.")]
    created_at: At
    deadline_at: At
    cancellable_at: At
    closed_at: At | None
    again: Annotated[bool, Meta(description="It was rented by naming an earlier number.")]
    extensions: Annotated[int, Meta(description="How often it was extended.")]
    extendable: Annotated[bool, Meta(description="It may be extended now.")]
    metadata: Metadata
    callback_id: Id | None
    request_id: Id | None
    report: Annotated[str | None, Meta(description="The reason of your report.")]


class NewRental(Rental, tag_field="object", tag="rental", frozen=True):
    """A rental as the call that rented it answers."""

    callback_secret: Annotated[
        str | None,
        Meta(description="The secret of `callback_url`, in the answer that made it; else null."),
    ]


class Request(Struct, tag_field="object", tag="request", frozen=True):
    """A place in the queue for a line, while none that fits is free."""

    id: Id
    state: Literal["queued", "filled", "refused", "expired", "cancelled"]
    service_id: int
    networks: list[str]
    prefixes: list[str]
    prefixes_unwanted: list[str]
    max_price_dong: Dong | None
    ahead: Annotated[
        int | None, Meta(description="Older requests of the same filter; null unless queued.")
    ]
    created_at: At
    deadline_at: At
    closed_at: At | None
    rental_id: Annotated[Id | None, Meta(description="The rental that it became.")]
    refusal: Annotated[str | None, Meta(description="The code of what refused it.")]
    metadata: Metadata
    callback_id: Id | None


class NewRequest(Request, tag_field="object", tag="request", frozen=True):
    """A request as the call that queued it answers."""

    callback_secret: Annotated[
        str | None,
        Meta(description="The secret of `callback_url`, in the answer that made it; else null."),
    ]


class Message(Struct, tag_field="object", tag="message", frozen=True):
    """A message that came to a rental's number inside its time."""

    id: Id
    rental_id: Id
    kind: MessageSort
    sender: str | None
    text: str | None
    code: str | None
    sent_at: Annotated[At | None, Meta(description="When the network says it was sent.")]
    came_at: Annotated[At | None, Meta(description="When the gateway had it.")]
    kept_at: At
    withheld: Annotated[
        bool, Meta(description="It came after the rental had ended unpaid, so it is not told.")
    ]
    recording_url: str | None


class Posting(Struct, tag_field="object", tag="posting", frozen=True):
    """A movement of money in the books of the account."""

    id: Id
    kind: Literal["credit", "debit", "hold", "settle", "release"]
    amount_dong: Dong
    source: Literal["world", "available", "held"]
    target: Literal["available", "held", "revenue", "world"]
    rental_id: Id | None
    reference: str
    reason: str | None
    at: At


class Figures(Struct, frozen=True):
    """How a service did; null where there are too few samples to tell."""

    samples: int
    delivery_rate: Annotated[float | None, Meta(description="0 to 1.")]
    median_s: Annotated[float | None, Meta(description="Seconds from renting to the code.")]


class Service(Struct, tag_field="object", tag="service", frozen=True):
    """What numbers can be rented for, at the price of this account."""

    id: int
    name: str
    store: str
    category: str
    price_dong: Dong
    waiting_s: int
    cancellable_after_s: int
    extend_s: Annotated[int, Meta(description="Seconds an extension gives; 0: there is none.")]
    extend_times: int
    stock: Annotated[int, Meta(description="Lines that would be given to this account now.")]
    last_24h: Figures
    last_7d: Figures


class Network(Struct, tag_field="object", tag="network", frozen=True):
    """A mobile operator."""

    id: int
    name: str


class Balance(Struct, tag_field="object", tag="balance", frozen=True):
    """What can be spent, and what is set aside for waiting rentals."""

    available_dong: Dong
    held_dong: Dong


class RateLimit(Struct, frozen=True):
    """How many calls a token may make: so many a second, and so many at once."""

    per_s: float
    burst: int


class Account(Struct, tag_field="object", tag="account", frozen=True):
    """The account of the token: its limits and what it uses of them."""

    id: Id
    name: str
    tier: Literal["member", "dealer", "distributor"]
    waiting: int
    waiting_limit: int
    queued: int
    available_dong: Dong
    held_dong: Dong
    rate_limit: RateLimit


class Event(Struct, tag_field="object", tag="event", frozen=True):
    """Something that happened, told as it was then."""

    id: Annotated[str, Meta(pattern="^evt_[0-9]{1,16}$")]
    type: EventType
    at: At
    rental: Rental | None
    request: Request | None
    message: Message | None
    amount_dong: Dong | None
    data: dict[str, str | int | bool | None]


class Callback(Struct, tag_field="object", tag="callback", frozen=True):
    """An address to which events are posted."""

    id: Id
    url: str
    failover_url: str | None
    events: list[str]
    format: Literal["first_api", "v1"]
    scope: Literal["account", "rental"]
    state: Literal["active", "disabled"]
    disabled_reason: str | None
    created_at: At
    failing_since: At | None
    secret: Annotated[str | None, Meta(description="Only in the answer that made it.")]
    old_secret_until: At | None


class Attempt(Struct, tag_field="object", tag="attempt", frozen=True):
    """One try to post an event to a callback."""

    id: Id
    callback_id: Id
    event_id: str
    number: int
    at: At
    duration_ms: int
    status: int | None
    error: str | None
    answer: Annotated[str, Meta(max_length=500)]
    outcome: Literal["delivered", "again", "failed"]
    next_at: At | None


class Replay(Struct, tag_field="object", tag="replay", frozen=True):
    """How many events are posted again."""

    count: int


class TimelineEntry(Struct, tag_field="object", tag="timeline_entry", frozen=True):
    """A step in the life of a rental."""

    at: At
    what: str
    detail: dict[str, str | int | bool | None]
