"""How the objects of `/v1` are made of what flows give, and how they are written."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from simlet.domain.ledger import PostingKind
from simlet.domain.phone import national
from simlet.domain.rental import RentalState
from simlet.domain.request import LineRequest
from simlet.flows.describe_event import EventDetail
from simlet.store.details import MessageDetail, PostingDetail, RentalDetail
from simlet.web.v1.objects import (
    Event,
    Message,
    NewRental,
    NewRequest,
    Posting,
    Rental,
    Request,
)

RecordingUrl = Callable[[int, int], str | None]
"""Gives the address of a message's recording, of its id and the UTC milliseconds when it was kept;
None when it is erased."""

EVENT_PREFIX = "evt_"
_DONG = "_dong"

_SIDES: dict[PostingKind, tuple[Any, Any]] = {
    PostingKind.CREDIT: ("world", "available"),
    PostingKind.DEBIT: ("available", "world"),
    PostingKind.HOLD: ("available", "held"),
    PostingKind.SETTLE: ("held", "revenue"),
    PostingKind.RELEASE: ("held", "available"),
}
_encoder = msgspec.json.Encoder()


def moment(at_ms: int) -> str:
    """A time as `2026-11-23T12:00:00.123Z`."""
    seconds, ms = divmod(at_ms, 1000)
    return f"{_second(seconds)}.{ms:03d}Z"


def moment_or_none(at_ms: int | None) -> str | None:
    """As `moment`; None stays None."""
    return None if at_ms is None else moment(at_ms)


@lru_cache(maxsize=16_384)
def _second(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")


def event_id(seq: int) -> str:
    """How an event's number is written outside."""
    return f"{EVENT_PREFIX}{seq}"


def encode(shape: object) -> bytes:
    """Compact JSON, UTF-8."""
    return _encoder.encode(shape)


def list_bytes(data: Sequence[object], next_cursor: str | None = None) -> bytes:
    """A list of objects, and the cursor behind which it goes on."""
    return _encoder.encode({"object": "list", "data": data, "next_cursor": next_cursor})


def rental_shape(rental: RentalDetail, recording_url_of: RecordingUrl) -> Rental:
    """A rental; the code and what the message said only where it was received."""
    return Rental(**_rental_fields(rental, recording_url_of))


def new_rental_shape(
    rental: RentalDetail, recording_url_of: RecordingUrl, callback_secret: str | None
) -> NewRental:
    """A rental as the call that rented it answers."""
    fields = _rental_fields(rental, recording_url_of)
    return NewRental(**fields, callback_secret=callback_secret)


def _rental_fields(rental: RentalDetail, recording_url_of: RecordingUrl) -> dict[str, Any]:
    received = rental.state is RentalState.RECEIVED
    waiting = rental.state is RentalState.WAITING
    recording_url = None
    if received and rental.has_recording:
        recording_url = _recording(rental.message_id, rental.message_kept_at_ms, recording_url_of)
    return {
        "id": rental.id,
        "state": rental.state.value,
        "service_id": rental.service_id,
        "service_name": rental.service_name,
        "store": rental.store,
        "number": rental.number,
        "national_number": national(rental.number),
        "price_dong": rental.price_dong,
        "code": rental.code if received else None,
        "text": rental.text if received else None,
        "sender": rental.sender if received else None,
        "kind": rental.kind if received else None,
        "recording_url": recording_url,
        "created_at": moment(rental.created_at_ms),
        "deadline_at": moment(rental.deadline_at_ms),
        "cancellable_at": moment(rental.created_at_ms + rental.cancel_after_s * 1000),
        "closed_at": moment_or_none(rental.closed_at_ms),
        "again": rental.again,
        "extensions": rental.extensions,
        "extendable": waiting and rental.extend_s > 0 and rental.extensions < rental.extend_times,
        "metadata": rental.metadata,
        "callback_id": rental.endpoint_id,
        "request_id": rental.request_id,
        "report": rental.report,
    }


def _recording(
    message_id: int | None, kept_at_ms: int | None, recording_url_of: RecordingUrl
) -> str | None:
    if message_id is None or kept_at_ms is None:
        return None
    return recording_url_of(message_id, kept_at_ms)


def request_shape(request: LineRequest, ahead: int | None) -> Request:
    """A request; `ahead` counts the older ones of its filter, None where that is not told."""
    return Request(**_request_fields(request, ahead))


def new_request_shape(
    request: LineRequest, ahead: int | None, callback_secret: str | None
) -> NewRequest:
    """A request as the call that queued it answers."""
    return NewRequest(**_request_fields(request, ahead), callback_secret=callback_secret)


def _request_fields(request: LineRequest, ahead: int | None) -> dict[str, Any]:
    return {
        "id": request.id,
        "state": request.state.value,
        "service_id": request.service_id,
        "networks": list(request.networks),
        "prefixes": list(request.wanted),
        "prefixes_unwanted": list(request.unwanted),
        "max_price_dong": request.max_price_dong,
        "ahead": ahead,
        "created_at": moment(request.created_at_ms),
        "deadline_at": moment(request.deadline_at_ms),
        "closed_at": moment_or_none(request.closed_at_ms),
        "rental_id": request.rental_id,
        "refusal": request.refusal,
        "metadata": request.extras.metadata,
        "callback_id": request.extras.endpoint_id,
    }


def message_shape(message: MessageDetail, recording_url_of: RecordingUrl) -> Message:
    """A message of a rental."""
    recorded = message.has_recording and not message.withheld
    return Message(
        id=message.id,
        rental_id=message.rental_id,
        kind="call" if message.kind == "call" else "sms",
        sender=message.sender,
        text=message.text,
        code=message.code,
        sent_at=moment_or_none(message.sent_at_ms),
        came_at=moment_or_none(message.came_at_ms),
        kept_at=moment(message.kept_at_ms),
        withheld=message.withheld,
        recording_url=recording_url_of(message.id, message.kept_at_ms) if recorded else None,
    )


def posting_shape(posting: PostingDetail) -> Posting:
    """A posting, its sides as the account sees them."""
    source, target = _SIDES[posting.kind]
    return Posting(
        id=posting.id,
        kind=posting.kind.value,
        amount_dong=posting.amount_dong,
        source=source,
        target=target,
        rental_id=posting.rental_id,
        reference=posting.reference,
        reason=posting.reason,
        at=moment(posting.at_ms),
    )


def event_shape(detail: EventDetail, recording_url_of: RecordingUrl) -> Event:
    """An event, with what it tells of."""
    event = detail.event
    amounts = [value for name, value in event.data.items() if name.endswith(_DONG)]
    return Event(
        id=event_id(event.seq),
        type=event.kind.value,
        at=moment(event.at_ms),
        rental=None if detail.rental is None else rental_shape(detail.rental, recording_url_of),
        request=None if detail.request is None else request_shape(detail.request, None),
        message=None if detail.message is None else message_shape(detail.message, recording_url_of),
        amount_dong=amounts[0] if amounts and isinstance(amounts[0], int) else None,
        data=_event_data(event.data),
    )


def _event_data(data: dict[str, str | int | bool | None]) -> dict[str, str | int | bool | None]:
    """The rest of what the log holds: amounts and requests have fields of their own."""
    return {
        name: value
        for name, value in data.items()
        if not name.endswith(_DONG) and name != "request_id"
    }


def event_bytes(detail: EventDetail, recording_url_of: RecordingUrl) -> bytes:
    """An event as streams and callbacks carry it: one line of JSON."""
    return _encoder.encode(event_shape(detail, recording_url_of))
