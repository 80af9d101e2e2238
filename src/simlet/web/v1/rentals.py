"""Rentals that there are: shown, listed, cancelled, reported, extended."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from simlet.domain.errors import (
    CANCEL_TOO_EARLY,
    NOT_EXTENDABLE,
    OPEN_LIMIT,
    RENTAL_UNKNOWN,
)
from simlet.domain.rental import RentalState
from simlet.domain.report import MAX_NOTE_CHARS, ReportReason
from simlet.flows.answer_once import GivenAnswer
from simlet.flows.cancel_rental import cancel_rental
from simlet.flows.describe_event import is_read
from simlet.flows.extend_rental import extend_rental
from simlet.flows.report_rental import report_rental
from simlet.flows.show_rental import (
    list_rentals,
    rental_messages,
    rental_postings,
    show_rental,
)
from simlet.flows.show_timeline import TimelineEntry, show_timeline
from simlet.reads import V1
from simlet.runtime import Runtime
from simlet.store.details import RentalDetail, RentalFilter
from simlet.store.slices import read_slices
from simlet.store.sql import Tx
from simlet.store.stretches import FIRST_MS, LAST_MS
from simlet.web.v1 import examples, objects, shapes
from simlet.web.v1.holding import held_open
from simlet.web.v1.objects import Id
from simlet.web.v1.once import answer_of, write_once
from simlet.web.v1.operation import (
    USUAL_PAGE,
    Answer,
    AnswerDoc,
    AnyOperation,
    AtText,
    Call,
    Cursor,
    Limit,
    Nothing,
    Operation,
    WaitS,
)
from simlet.web.v1.pages import at_ms, id_before, page_answer
from simlet.web.v1.shapes import RecordingUrl, moment, rental_shape
from simlet.web.v1.waiting import rental_after_wait

TAG = "rentals"


class OneRental(Struct, forbid_unknown_fields=True):
    """Names a rental."""

    id: Annotated[Id, Meta(description="The id of the rental.")]


class ShownRental(Struct, forbid_unknown_fields=True):
    """Names a rental to wait for."""

    id: Annotated[Id, Meta(description="The id of the rental.")]
    wait_s: WaitS = 0


class ListedRentals(Struct, forbid_unknown_fields=True):
    """Which rentals are listed."""

    state: Literal["waiting", "received", "expired", "cancelled"] | None = None
    service: Annotated[int, Meta(ge=1, le=999_999_999)] | None = None
    created_from: Annotated[AtText | None, Meta(description="Rented then or later.")] = None
    created_to: Annotated[AtText | None, Meta(description="Rented before then.")] = None
    cursor: Cursor | None = None
    limit: Limit = USUAL_PAGE


class Report(Struct, forbid_unknown_fields=True):
    """Says what is wrong with a number."""

    reason: Literal["number_rejected", "number_in_use", "no_message", "line_dead", "other"]
    note: Annotated[
        Annotated[str, Meta(max_length=MAX_NOTE_CHARS)] | None,
        Meta(description="A word to the operator."),
    ] = None


def told(runtime: Runtime, rentals: Iterable[RentalDetail]) -> None:
    """Notes whose codes are told; what was erased is told to nobody."""
    now_ms = runtime.clock.now_ms()
    for one in rentals:
        if is_read(one):
            runtime.reads.note(one.id, V1, now_ms)


async def show(call: Call[ShownRental, Nothing]) -> Answer:
    """A rental, after a wait for its end."""
    wanted = call.parameters
    if wanted.wait_s:
        with held_open(call) as client:
            found = await rental_after_wait(
                call.runtime, call.account.id, wanted.id, wanted.wait_s, client
            )
    else:
        found = await call.runtime.db.quick_read(show_rental, call.account.id, wanted.id)
    told(call.runtime, [found])
    return Answer(200, shapes.encode(rental_shape(found, call.recording_url_of)))


async def list_all(call: Call[ListedRentals, Nothing]) -> Answer:
    """A page of the account's rentals, newest first."""
    wanted = call.parameters
    which = RentalFilter(
        state=RentalState(wanted.state) if wanted.state else None,
        service_id=wanted.service,
        from_ms=at_ms(wanted.created_from, "created_from", FIRST_MS),
        to_ms=at_ms(wanted.created_to, "created_to", LAST_MS),
        before_id=id_before(wanted.cursor),
        limit=wanted.limit + 1,
    )
    async with call.turn() as db:
        found = await read_slices(db.read, which.limit, list_rentals, call.account.id, which)
    told(call.runtime, found[: wanted.limit])
    shape = partial(rental_shape, recording_url_of=call.recording_url_of)
    return page_answer(found, wanted.limit, shape, lambda one: one.id)


async def messages(call: Call[OneRental, Nothing]) -> Answer:
    """The messages of a rental, the oldest first."""
    rental_id = call.parameters.id
    async with call.turn() as db:
        found = await db.read(rental_messages, call.account.id, rental_id)
    if any(is_read(one) for one in found):
        call.runtime.reads.note(rental_id, V1, call.now_ms)
    shown = [shapes.message_shape(one, call.recording_url_of) for one in found]
    return Answer(200, shapes.list_bytes(shown))


async def postings(call: Call[OneRental, Nothing]) -> Answer:
    """The postings of a rental, the oldest first."""
    async with call.turn() as db:
        found = await db.read(rental_postings, call.account.id, call.parameters.id)
    return Answer(200, shapes.list_bytes([shapes.posting_shape(one) for one in found]))


async def timeline(call: Call[OneRental, Nothing]) -> Answer:
    """What happened to a rental, in order."""
    async with call.turn() as db:
        found = await db.read(show_timeline, call.account.id, call.parameters.id)
    return Answer(200, shapes.list_bytes([_entry(one) for one in found]))


def _entry(entry: TimelineEntry) -> objects.TimelineEntry:
    detail = dict(entry.detail)
    last_at_ms = detail.pop("last_at_ms", None)
    if isinstance(last_at_ms, int):
        detail["last_at"] = moment(last_at_ms)
    return objects.TimelineEntry(moment(entry.at_ms), entry.what, detail)


async def cancel(call: Call[OneRental, Nothing]) -> Answer:
    """The rental after it was cancelled, or as it had ended before."""
    return await _changed(call, partial(cancel_rental, now_ms=call.now_ms))


async def report(call: Call[OneRental, Report]) -> Answer:
    """The rental after its number was reported."""
    reason, note = ReportReason(call.body.reason), call.body.note
    flow = partial(report_rental, reason=reason, note=note, now_ms=call.now_ms)
    return await _changed(call, flow)


async def extend(call: Call[OneRental, Nothing]) -> Answer:
    """The rental with its new deadline."""
    return await _changed(call, partial(extend_rental, now_ms=call.now_ms))


async def _changed(call: Call[OneRental, Any], flow: Callable[[Tx, int, int], object]) -> Answer:
    """What a flow makes of a rental.

    An answer is kept for longer than a code may be, so it is kept without what the message said.
    A received rental changes no more: a repeated request reads that again, while it is there.
    """
    run = partial(
        _change,
        flow=flow,
        account_id=call.account.id,
        rental_id=call.parameters.id,
        recording_url_of=call.recording_url_of,
    )
    kept = await write_once(call, run)
    if kept.status == 200 and msgspec.json.decode(kept.body, type=_Ended).state == "received":
        found = await call.runtime.db.quick_read(show_rental, call.account.id, call.parameters.id)
        told(call.runtime, [found])
        body = shapes.encode(rental_shape(found, call.recording_url_of))
        kept = GivenAnswer(200, body, kept.replayed)
    return answer_of(kept)


def _change(
    tx: Tx,
    flow: Callable[[Tx, int, int], object],
    account_id: int,
    rental_id: int,
    recording_url_of: RecordingUrl,
) -> GivenAnswer:
    flow(tx, account_id, rental_id)
    after = show_rental(tx, account_id, rental_id)
    bare = replace(after, code=None, text=None, sender=None)
    return GivenAnswer(200, shapes.encode(rental_shape(bare, recording_url_of)))


class _Ended(Struct):
    """What a kept answer says of how the rental stood."""

    state: str


_RENTAL_ANSWER = AnswerDoc(200, "The rental.", objects.Rental, examples.RENTAL)

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        id="list_rentals",
        method="GET",
        path="/v1/rentals",
        tag=TAG,
        summary="List rentals",
        description="The rentals of this account, newest first, by pages.",
        handler=list_all,
        parameters=ListedRentals,
        answers=(
            AnswerDoc(200, "A page of rentals.", objects.Rental, examples.RENTAL, listed=True),
        ),
    ),
    Operation(
        id="show_rental",
        method="GET",
        path="/v1/rentals/{id}",
        tag=TAG,
        summary="Show a rental, or wait for its code",
        description="With `wait_s` the answer comes the moment the rental ends: with its code, "
        "without one, or cancelled; after that time it comes as the rental is then.",
        handler=show,
        parameters=ShownRental,
        answers=(_RENTAL_ANSWER,),
        refusals=(RENTAL_UNKNOWN, OPEN_LIMIT),
    ),
    Operation(
        id="cancel_rental",
        method="POST",
        path="/v1/rentals/{id}/cancel",
        tag=TAG,
        summary="Cancel a rental",
        description="Ends a waiting rental and gives its price back at once; allowed from "
        "`cancellable_at`. If its code came meanwhile, the answer is the received rental: a code "
        "that was delivered is never given back. One that ended otherwise is answered as it is.",
        handler=cancel,
        parameters=OneRental,
        answers=(_RENTAL_ANSWER,),
        refusals=(RENTAL_UNKNOWN, CANCEL_TOO_EARLY),
    ),
    Operation(
        id="report_rental",
        method="POST",
        path="/v1/rentals/{id}/report",
        tag=TAG,
        summary="Report a number that does not work",
        description="A waiting rental is cancelled and its price given back at once, at any time; "
        "one that has ended stays as it is. It counts against the line, which is not given to "
        "this account for this service again. A second report changes nothing.",
        handler=report,
        parameters=OneRental,
        body=Report,
        examples=(("The service takes no such number", {"reason": "number_rejected"}),),
        answers=(_RENTAL_ANSWER,),
        refusals=(RENTAL_UNKNOWN,),
    ),
    Operation(
        id="extend_rental",
        method="POST",
        path="/v1/rentals/{id}/extend",
        tag=TAG,
        summary="Give a rental more time",
        description="Moves the deadline of a waiting rental by the `extend_s` of its service, at "
        "no price, as often as the service allows.",
        handler=extend,
        parameters=OneRental,
        answers=(_RENTAL_ANSWER,),
        refusals=(RENTAL_UNKNOWN, NOT_EXTENDABLE),
    ),
    Operation(
        id="list_rental_messages",
        method="GET",
        path="/v1/rentals/{id}/messages",
        tag=TAG,
        summary="List the messages of a rental",
        description="Every message that came to the number inside the rental's time and fits its "
        "service, the oldest first.",
        handler=messages,
        parameters=OneRental,
        answers=(AnswerDoc(200, "All of them.", objects.Message, examples.MESSAGE, listed=True),),
        refusals=(RENTAL_UNKNOWN,),
    ),
    Operation(
        id="list_rental_postings",
        method="GET",
        path="/v1/rentals/{id}/ledger",
        tag=TAG,
        summary="List the postings of a rental",
        description="Its hold, then its settle or its release, the oldest first: the refund that "
        "can be verified.",
        handler=postings,
        parameters=OneRental,
        answers=(AnswerDoc(200, "All of them.", objects.Posting, examples.POSTING, listed=True),),
        refusals=(RENTAL_UNKNOWN,),
    ),
    Operation(
        id="show_rental_timeline",
        method="GET",
        path="/v1/rentals/{id}/timeline",
        tag=TAG,
        summary="Show what happened to a rental",
        description="Every step from renting to the last read, in the order of time. No code, "
        "text or number is in it.",
        handler=timeline,
        parameters=OneRental,
        answers=(
            AnswerDoc(
                200, "All steps.", objects.TimelineEntry, examples.TIMELINE_ENTRY, listed=True
            ),
        ),
        refusals=(RENTAL_UNKNOWN,),
    ),
)
