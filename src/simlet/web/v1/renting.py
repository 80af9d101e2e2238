"""Renting: a number for a service, at once or from the queue."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from simlet.domain.allocate import Chance
from simlet.domain.errors import (
    INSUFFICIENT_FUNDS,
    INVALID,
    NUMBER_NOT_RENTED,
    OPEN_LIMIT,
    OUT_OF_STOCK,
    PRICE_ABOVE_MAX,
    SERVICE_UNAVAILABLE,
    WAITING_LIMIT,
    Refused,
    invalid,
)
from simlet.domain.extras import (
    MAX_METADATA,
    MAX_NAME_CHARS,
    MAX_VALUE_CHARS,
    Extras,
    check_metadata,
)
from simlet.domain.numbering import parse_prefix
from simlet.domain.phone import parse_number
from simlet.domain.request import LineRequest, RequestState
from simlet.domain.signing import new_webhook_secret
from simlet.flows.answer_once import GivenAnswer
from simlet.flows.hold import Rented
from simlet.flows.manage_endpoints import endpoint_for_url
from simlet.flows.queue_request import rent_or_queue
from simlet.flows.rent_again import RentAgainRequest, rent_again
from simlet.flows.rent_number import RentRequest, rent_number
from simlet.flows.show_rental import show_rental
from simlet.flows.show_requests import ended_in_vain, requests_ahead
from simlet.outbound import URL_CHARACTERS
from simlet.store.sql import DatabaseFault, Tx
from simlet.web.v1 import examples, objects, shapes
from simlet.web.v1.addresses import check_callback_url
from simlet.web.v1.holding import Client, held_open
from simlet.web.v1.once import PASSING_CODES, answer_of, write_once
from simlet.web.v1.operation import (
    Answer,
    AnswerDoc,
    AnyOperation,
    Call,
    Nothing,
    Operation,
    WaitS,
)
from simlet.web.v1.rentals import TAG, told
from simlet.web.v1.shapes import new_rental_shape, new_request_shape
from simlet.web.v1.waiting import rental_after_wait, request_after_wait

MAX_LIST = 50
MAX_STOCK_WAIT_S = 3600
_SECRET_BYTES = 32
RENTED, QUEUED = 201, 202

_NetworkName = Annotated[str, Meta(min_length=1, max_length=32)]
_Prefix = Annotated[
    str,
    Meta(
        pattern="^0?[1-9][0-9]{0,8}$",
        extra={"expected": "the first digits of a number, for example 96 or 096"},
    ),
]
_Prefixes = Annotated[list[_Prefix], Meta(max_length=MAX_LIST)]
_Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME_CHARS)]
_Value = Annotated[str, Meta(max_length=MAX_VALUE_CHARS)]


class NumberSpec(Struct, forbid_unknown_fields=True):
    """What number is wanted, for what."""

    service: Annotated[int, Meta(ge=1, le=999_999_999, description="The id of the service.")]
    networks: Annotated[
        list[_NetworkName],
        Meta(max_length=MAX_LIST, description="Names of networks; empty for any."),
    ] = []
    prefixes: Annotated[
        _Prefixes, Meta(description="First digits wanted, for example 96 or 096; empty for any.")
    ] = []
    prefixes_unwanted: Annotated[_Prefixes, Meta(description="First digits not wanted.")] = []
    number: Annotated[
        Annotated[str, Meta(min_length=9, max_length=20)] | None,
        Meta(description="A number that gave this account a code for this service."),
    ] = None
    max_price_dong: Annotated[
        Annotated[int, Meta(ge=0, le=10**12)] | None,
        Meta(description="Rent at no higher price."),
    ] = None
    metadata: Annotated[
        dict[_Name, _Value],
        Meta(max_length=MAX_METADATA, description="Your own notes, given back as they came."),
    ] = {}
    callback_url: Annotated[
        Annotated[str, Meta(min_length=1, max_length=URL_CHARACTERS)] | None,
        Meta(description="Where the events of this rental are posted."),
    ] = None
    wait_s: WaitS = 0
    wait_for_stock_s: Annotated[
        int,
        Meta(
            ge=0,
            le=MAX_STOCK_WAIT_S,
            description="Queue for so many seconds where no line is free. 0: do not.",
        ),
    ] = 0


@dataclass(frozen=True, slots=True)
class _Order:
    """A wish, checked."""

    account_id: int
    wish: NumberSpec
    number: str | None
    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]
    new_secret: str

    def request(self, extras: Extras) -> RentRequest:
        """The wish for any line that fits."""
        return RentRequest(
            account_id=self.account_id,
            service_id=self.wish.service,
            networks=tuple(sorted({one.upper() for one in self.wish.networks})),
            wanted=self.wanted,
            unwanted=self.unwanted,
            max_price_dong=self.wish.max_price_dong,
            extras=extras,
        )

    def request_again(self, number: str, extras: Extras) -> RentAgainRequest:
        """The wish for the line of one number."""
        return RentAgainRequest(
            account_id=self.account_id,
            rental_id=None,
            number=number,
            service_id=self.wish.service,
            max_price_dong=self.wish.max_price_dong,
            extras=extras,
        )


def _ordered(call: Call[Nothing, NumberSpec]) -> _Order:
    """A wish whose parts go together.

    Raises:
        Refused: INVALID.
    """
    wish = call.body
    check_metadata(wish.metadata)
    if wish.callback_url is not None:
        check_callback_url(call.runtime.settings.callbacks, wish.callback_url, "callback_url")
    return _Order(
        account_id=call.account.id,
        wish=wish,
        number=_number(wish),
        wanted=_prefixes(wish.prefixes, "prefixes"),
        unwanted=_prefixes(wish.prefixes_unwanted, "prefixes_unwanted"),
        new_secret=new_webhook_secret(call.runtime.random_bytes(_SECRET_BYTES)),
    )


def _number(wish: NumberSpec) -> str | None:
    if wish.number is None:
        return None
    if wish.networks or wish.prefixes or wish.prefixes_unwanted:
        raise invalid("number", "it goes with no networks and no prefixes")
    if wish.wait_for_stock_s:
        raise invalid("wait_for_stock_s", "one number cannot be queued for")
    return parse_number(wish.number)


def _prefixes(texts: list[str], name: str) -> tuple[str, ...]:
    return tuple(sorted({parse_prefix(one, name) for one in texts}))


async def rent(call: Call[Nothing, NumberSpec]) -> Answer:
    """The rental, or the place in the queue, as it is after a wait."""
    order = _ordered(call)

    run = partial(_rent, order=order, now_ms=call.now_ms, chance=call.runtime.chance)
    if not call.body.wait_s:
        return _answer(await write_once(call, run, _lapsed))
    # Who may not wait is told before anything is rented.
    with held_open(call) as client:
        kept = await write_once(call, run, _lapsed)
        if kept.status < 400:
            # What was rented is told, whatever becomes of the wait.
            with suppress(DatabaseFault):
                kept = await _waited(call, kept, client)
    return _answer(kept)


def _answer(kept: GivenAnswer) -> Answer:
    return answer_of(kept) if kept.status >= 400 else answer_of(kept, _location(kept))


def _rent(tx: Tx, order: _Order, now_ms: int, chance: Chance) -> GivenAnswer:
    endpoint_id, secret = None, None
    if order.wish.callback_url is not None:
        endpoint_id, secret = endpoint_for_url(
            tx, order.account_id, order.wish.callback_url, order.new_secret, now_ms
        )
    extras = Extras(order.wish.metadata, endpoint_id)
    with _names_of_v1():
        made = _rented(tx, order, extras, now_ms, chance)
    if isinstance(made, LineRequest):
        ahead = requests_ahead(tx, made)
        return GivenAnswer(QUEUED, shapes.encode(new_request_shape(made, ahead, secret)))
    rental = show_rental(tx, order.account_id, made.rental.id)
    return GivenAnswer(RENTED, shapes.encode(new_rental_shape(rental, _no_recording, secret)))


def _rented(
    tx: Tx, order: _Order, extras: Extras, now_ms: int, chance: Chance
) -> Rented | LineRequest:
    if order.number is not None:
        return rent_again(tx, order.request_again(order.number, extras), now_ms)
    request, wait_s = order.request(extras), order.wish.wait_for_stock_s
    if not wait_s:
        return rent_number(tx, request, now_ms, chance)
    return rent_or_queue(tx, request, wait_s, now_ms, chance)


def _no_recording(_message_id: int, _kept_at_ms: int) -> None:
    """A rental that just began has no message."""


@contextmanager
def _names_of_v1() -> Iterator[None]:
    """Flows name inputs as the first API does."""
    try:
        yield
    except Refused as refused:
        if refused.refusal is INVALID and refused.details["name"] == "carries":
            raise invalid("networks", str(refused.details["reason"])) from None
        raise


class _Made(Struct):
    """What a kept answer says of what was made."""

    id: int
    callback_secret: str | None


def _lapsed(tx: Tx, kept: GivenAnswer) -> bool:
    """Whether a place in the queue was answered that ended as a refusal which is not kept."""
    if kept.status != QUEUED:
        return False
    made = msgspec.json.decode(kept.body, type=_Made)
    return ended_in_vain(tx, made.id, PASSING_CODES)


async def _waited(
    call: Call[Nothing, NumberSpec], kept: GivenAnswer, client: Client
) -> GivenAnswer:
    """The answer as it is when the line, then the code, has come, or the time is over."""
    made = msgspec.json.decode(kept.body, type=_Made)
    rental_id, wait_s = made.id, float(call.body.wait_s)
    if kept.status == QUEUED:
        began_s = call.runtime.clock.monotonic_s()
        request = await request_after_wait(call.runtime, call.account.id, made.id, wait_s, client)
        if request.state is not RequestState.FILLED or request.rental_id is None:
            return await _still_queued(call, kept, request, made.callback_secret)
        rental_id = request.rental_id
        wait_s = max(0.0, wait_s - (call.runtime.clock.monotonic_s() - began_s))
    rental = await rental_after_wait(call.runtime, call.account.id, rental_id, wait_s, client)
    told(call.runtime, [rental])
    shape = new_rental_shape(rental, call.recording_url_of, made.callback_secret)
    return GivenAnswer(RENTED, shapes.encode(shape), kept.replayed)


async def _still_queued(
    call: Call[Nothing, NumberSpec], kept: GivenAnswer, request: LineRequest, secret: str | None
) -> GivenAnswer:
    queued = request.state is RequestState.QUEUED
    ahead = await call.runtime.db.read(requests_ahead, request) if queued else None
    return GivenAnswer(
        QUEUED, shapes.encode(new_request_shape(request, ahead, secret)), kept.replayed
    )


def _location(kept: GivenAnswer) -> tuple[bytes, bytes]:
    what = "rentals" if kept.status == RENTED else "requests"
    made = msgspec.json.decode(kept.body, type=_Made)
    return b"location", f"/v1/{what}/{made.id}".encode()


_LOCATION = (("Location", "The address of what was made."),)

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        id="rent_number",
        method="POST",
        path="/v1/rentals",
        tag=TAG,
        summary="Rent a number",
        description="Sets the price aside and gives a number for one service. With `wait_s` the "
        "answer comes the moment the code is there, or after that time with the rental as it is "
        "then. With `wait_for_stock_s` a wish that no free line fits now is put into a queue, "
        "first come first served, and answered 202; its price is set aside when a line is given.",
        handler=rent,
        body=NumberSpec,
        examples=(
            ("A number for a service; the code in the answer", {"service": 1, "wait_s": 60}),
            (
                "A network, a highest price, a place in the queue, a callback",
                {
                    "service": 1,
                    "networks": ["VIETTEL"],
                    "max_price_dong": 500,
                    "metadata": {"order": "A-17"},
                    "callback_url": "https://dealer.example/simlet",
                    "wait_for_stock_s": 600,
                },
            ),
        ),
        answers=(
            AnswerDoc(201, "The rental.", objects.NewRental, examples.WAITING, headers=_LOCATION),
            AnswerDoc(
                202,
                "The place in the queue.",
                objects.NewRequest,
                examples.NEW_REQUEST,
                headers=_LOCATION,
            ),
        ),
        refusals=(
            SERVICE_UNAVAILABLE,
            NUMBER_NOT_RENTED,
            PRICE_ABOVE_MAX,
            WAITING_LIMIT,
            OPEN_LIMIT,
            INSUFFICIENT_FUNDS,
            OUT_OF_STOCK,
        ),
    ),
)
