"""`GET /v1/events`: the events of an account, as pages of JSON or as a stream.

Source: the HTML standard, "Server-sent events".
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from simlet import feed
from simlet.domain.errors import OPEN_LIMIT, Refused, invalid
from simlet.domain.events import DEALER_EVENTS, EventKind
from simlet.feed import Follower
from simlet.flows.describe_event import EventDetail
from simlet.flows.show_events import events_page, latest_event
from simlet.reads import STREAM, V1
from simlet.web.asgi import header
from simlet.web.v1 import examples, objects, shapes
from simlet.web.v1.holding import Client, held_open
from simlet.web.v1.objects import EVENT_TYPES
from simlet.web.v1.operation import (
    MAX_PAGE,
    USUAL_PAGE,
    Answer,
    AnswerDoc,
    AnyOperation,
    Call,
    Limit,
    Nothing,
    Operation,
)
from simlet.web.v1.shapes import EVENT_PREFIX, RecordingUrl, event_id

EVENT_STREAM = "text/event-stream"
RETRY_MS = 1000
_HEARTBEAT = b": still here\n\n"
_ID_PATTERN = "^(evt_)?[0-9]{1,16}$"
_ID = re.compile(r"(?:evt_)?([0-9]{1,16})")
_BEHIND_ALL = 2**63 - 1
_NONE_OF_IT = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*")
_TYPE = "(" + "|".join(one.replace(".", "[.]") for one in EVENT_TYPES) + ")"
_TYPES_PATTERN = f"^{_TYPE}(,{_TYPE})*$"
_MAX_TYPES_CHARS = 1000
_ID_EXPECTED = "the id of an event, as evt_9"
_TYPES_EXPECTED = "types of events with commas between, out of " + ", ".join(EVENT_TYPES)
_STREAM_EXAMPLE = (
    f"id: evt_9\nevent: {examples.EVENT.type}\ndata: {shapes.encode(examples.EVENT).decode()}\n\n"
)
_STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    # For proxies that gather an answer before they pass it on.
    (b"x-accel-buffering", b"no"),
]


class EventParameters(Struct, forbid_unknown_fields=True):
    """Which events."""

    after: Annotated[
        Annotated[str, Meta(pattern=_ID_PATTERN, extra={"expected": _ID_EXPECTED})] | None,
        Meta(description="The id of an event, `evt_9` or `9`: those behind it are told."),
    ] = None
    types: Annotated[
        Annotated[
            str,
            Meta(
                pattern=_TYPES_PATTERN,
                max_length=_MAX_TYPES_CHARS,
                extra={"expected": _TYPES_EXPECTED},
            ),
        ]
        | None,
        Meta(description="Types with commas between; without it all."),
    ] = None
    limit: Limit = USUAL_PAGE


@dataclass(frozen=True, slots=True)
class Frames:
    """Renders events for streams; those of one server are equal, so each is rendered once."""

    recording_url_of: RecordingUrl

    def __call__(self, detail: EventDetail) -> bytes:
        """The frame of an event."""
        body = shapes.event_bytes(detail, self.recording_url_of)
        seq, kind = detail.event.seq, detail.event.kind.value
        return b"id: evt_%d\nevent: %b\ndata: %b\n\n" % (seq, kind.encode(), body)


async def show_events(call: Call[EventParameters, Nothing]) -> Answer | None:
    """A page, or a stream where that is what the client accepts."""
    after = _after(call.parameters.after, "after")
    kinds = _kinds(call.parameters.types)
    if call.scope["method"] == "GET" and _wants_stream(header(call.scope, b"accept")):
        last = _after(header(call.scope, b"last-event-id") or None, "Last-Event-ID")
        with held_open(call) as client:
            await _Stream(call, client, kinds, after if last is None else last).run()
        return None
    return await _page(call, after or 0, kinds)


async def _page(
    call: Call[EventParameters, Nothing], after: int, kinds: frozenset[EventKind]
) -> Answer:
    found, looked_to = await _found(call, after, kinds)
    for detail in found:
        if detail.code_of is not None:
            call.runtime.reads.note(detail.code_of, V1, call.now_ms)
    last = looked_to if looked_to > after else await _within(call, after)
    body = {
        "object": "list",
        "data": [msgspec.Raw(shapes.event_bytes(one, call.recording_url_of)) for one in found],
        "next_cursor": event_id(last),
    }
    return Answer(200, msgspec.json.encode(body))


async def _found(
    call: Call[EventParameters, Nothing], after: int, kinds: frozenset[EventKind]
) -> tuple[list[EventDetail], int]:
    """The events of a page, and the number up to which the log was looked through for them."""
    limit = call.parameters.limit
    found: list[EventDetail] = []
    more_after: int | None = after
    async with call.turn() as db:
        while more_after is not None and len(found) < limit:
            after = more_after
            page = await db.read(events_page, call.account.id, after, limit - len(found), kinds)
            found += page.events
            more_after = page.more_after
    return found, max(after, found[-1].event.seq) if found else after


async def _within(call: Call[EventParameters, Nothing], after: int) -> int:
    """A number that is asked for, or the newest where there is none so high.

    Whoever asks for more than there is had it from another database.
    """
    return min(after, await call.runtime.db.read(latest_event))


@dataclass(slots=True)
class _Stream:
    """One open stream."""

    call: Call[EventParameters, Nothing]
    client: Client
    kinds: frozenset[EventKind]
    after: int | None
    frames: Frames = field(init=False)

    def __post_init__(self) -> None:
        self.frames = Frames(self.call.recording_url_of)

    async def run(self) -> None:
        """Sends until the client goes, the server stops or the token holds no longer."""
        call = self.call
        with call.runtime.feed.follower(call.account.id, self.kinds, self.frames) as follower:
            sent = await _within(call, _BEHIND_ALL if self.after is None else self.after)
            headers = [*call.headers, *_STREAM_HEADERS]
            await call.send({"type": "http.response.start", "status": 200, "headers": headers})
            # An id without an event: a client that is cut off before the first one goes on here.
            await self._send(b"retry: %d\nid: evt_%d\n\n" % (RETRY_MS, sent))
            with self.client.ends(follower):
                await self._follow(follower, sent)
        await call.send({"type": "http.response.body", "body": b""})

    async def _follow(self, follower: Follower, sent: int) -> None:
        heartbeat_s = self.call.runtime.settings.v1.heartbeat_s
        while not follower.ended:
            if follower.standing_changed and not await self._still_admitted(follower):
                return
            if follower.behind:
                sent = await self._read_on(follower, sent)
            sent = await self._tell(follower.take(), sent)
            if not await follower.wait(heartbeat_s):
                await self._send(_HEARTBEAT)

    async def _read_on(self, follower: Follower, sent: int) -> int:
        """Tells what the database has behind what was sent; what was told last."""
        follower.catch_up()
        after: int | None = sent
        while after is not None and not follower.ended:
            page, after = await self._page(follower, after)
            sent = await self._tell(page, sent)
        return sent

    async def _page(
        self, follower: Follower, after: int
    ) -> tuple[list[feed.StreamedEvent], int | None]:
        runtime, account_id = self.call.runtime, self.call.account.id
        async with runtime.feed.turns.taken(account_id), runtime.feed.reading:
            if follower.ended:
                return [], None
            page = await runtime.db.read(events_page, account_id, after, MAX_PAGE, self.kinds)
            return [feed.told(one, self.frames) for one in page.events], page.more_after

    async def _tell(self, events: Iterable[feed.StreamedEvent], sent: int) -> int:
        new = [one for one in events if one.seq > sent]
        if not new:
            return sent
        await self._send(b"".join(one.frame for one in new))
        for one in new:
            if one.code_of is not None:
                self.call.runtime.reads.note(one.code_of, STREAM, self.call.now_ms)
        return new[-1].seq

    async def _still_admitted(self, follower: Follower) -> bool:
        follower.standing_changed = False
        try:
            await self.client.admit()
        except Refused:
            return False
        return True

    async def _send(self, frames: bytes) -> None:
        await self.call.send({"type": "http.response.body", "body": frames, "more_body": True})


def _wants_stream(accept: str) -> bool:
    ranges = (one.lower().split(";") for one in accept.split(","))
    return any(
        kind.strip() == EVENT_STREAM and not any(map(_NONE_OF_IT.fullmatch, parameters))
        for kind, *parameters in ranges
    )


def _after(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    found = _ID.fullmatch(text)
    if found is None:
        raise invalid(name, f"expected the id of an event, for example {EVENT_PREFIX}9")
    return int(found[1])


def _kinds(text: str | None) -> frozenset[EventKind]:
    if text is None:
        return DEALER_EVENTS
    return frozenset(EventKind(one) for one in text.strip().split(","))


EVENTS = Operation(
    id="list_events",
    method="GET",
    path="/v1/events",
    tag="events",
    summary="List events, or follow them",
    description=(
        "What happened to the account's rentals, requests, money and callbacks, the oldest first. "
        "`next_cursor` is the `after` of the page that follows, also of one that is empty. Where "
        "`after` lies beyond the newest event of the server (which was restored from a backup), "
        "both a page and a stream begin with what happens from now on, and say so: the page by a "
        "`next_cursor` below `after`, the stream by its first `id`.\n\n"
        "With `Accept: text/event-stream` it is a stream of server-sent events that stays open: "
        "each has the event's id as `id`, its type as `event`, and the event as `data`. It begins "
        "behind the header `Last-Event-ID`, else behind `after`, else with what happens from now "
        "on. No event is left out and none is told twice, also when the connection was lost or "
        "the server restarted in between. In silence it sends a comment every 15 seconds. It ends "
        "when the server stops, or the token holds no longer."
    ),
    handler=show_events,
    parameters=EventParameters,
    answers=(
        AnswerDoc(200, "A page of events.", objects.Event, examples.EVENT, listed=True),
        AnswerDoc(200, "Or the stream.", None, _STREAM_EXAMPLE, content_type=EVENT_STREAM),
    ),
    refusals=(OPEN_LIMIT,),
)
OPERATIONS: tuple[AnyOperation, ...] = (EVENTS,)
