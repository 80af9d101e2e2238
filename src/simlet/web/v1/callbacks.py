"""Callbacks: the addresses to which events are posted."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from simlet.domain.endpoint import (
    ALL_EVENTS,
    LONGEST_OLD_SECRET_S,
    BodyFormat,
    Endpoint,
    EndpointScope,
)
from simlet.domain.errors import Refused, invalid
from simlet.domain.events import DEALER_EVENTS
from simlet.domain.signing import WEBHOOK_RANDOM_BYTES, new_webhook_secret
from simlet.flows.answer_once import GivenAnswer
from simlet.flows.manage_endpoints import (
    EndpointChange,
    EndpointSpec,
    add_endpoint,
    change_endpoint,
    find_between,
    list_endpoints,
    remove_endpoint,
    replay_event,
    replay_found,
    send_test,
    show_endpoint,
)
from simlet.flows.show_attempts import show_attempts
from simlet.outbound import URL_CHARACTERS
from simlet.store.attempts import Attempt
from simlet.store.sql import Tx
from simlet.store.stretches import FIRST_MS
from simlet.web.v1 import objects, shapes
from simlet.web.v1.addresses import check_callback_url
from simlet.web.v1.objects import Id
from simlet.web.v1.once import answer_of, write_once
from simlet.web.v1.operation import USUAL_PAGE, Answer, AtText, Call, Cursor, Limit, Nothing
from simlet.web.v1.pages import at_ms, id_before, page_answer
from simlet.web.v1.shapes import RecordingUrl, event_id, moment, moment_or_none

USUAL_OLD_SECRET_S = 86_400
_RANGE_CALLS = 25
"""A range of events takes as long to find and to queue as so many other calls, and longer."""

_EventName = Annotated[
    str,
    Meta(
        max_length=40,
        extra_json_schema={"enum": [ALL_EVENTS, *sorted(one.value for one in DEALER_EVENTS)]},
    ),
]
_Url = Annotated[str, Meta(min_length=1, max_length=URL_CHARACTERS)]
_Events = Annotated[
    list[_EventName],
    Meta(min_length=1, max_length=50, description='The events to post; ["*"] for all.'),
]
_EventId = Annotated[
    str,
    Meta(pattern="^evt_[1-9][0-9]{0,14}$", extra={"expected": "the id of an event, as evt_9"}),
]
_Address = Annotated[_Url, Meta(description="Where events are posted: http or https.")]
_Format = Literal["first_api", "v1"]


class OneCallback(Struct, forbid_unknown_fields=True):
    """Names a callback."""

    id: Annotated[Id, Meta(description="The id of the callback.")]


class ListedCallbacks(Struct, forbid_unknown_fields=True):
    """A page of callbacks."""

    scope: Annotated[
        Literal["account", "rental"] | None,
        Meta(
            description="Only those that you added (`account`), or those that rentals named with "
            "`callback_url` (`rental`)."
        ),
    ] = None
    cursor: Cursor | None = None
    limit: Limit = USUAL_PAGE


class ListedAttempts(Struct, forbid_unknown_fields=True):
    """A page of attempts at a callback."""

    id: Annotated[Id, Meta(description="The id of the callback.")]
    cursor: Cursor | None = None
    limit: Limit = USUAL_PAGE


class NewCallback(Struct, forbid_unknown_fields=True):
    """What is to be posted where."""

    url: _Address
    events: _Events = msgspec.field(default_factory=lambda: [ALL_EVENTS])
    format: Annotated[_Format, Meta(description="What the body looks like.")] = "v1"
    failover_url: Annotated[
        _Url | None, Meta(description="Takes every other attempt after the first.")
    ] = None


class ChangedCallback(Struct, forbid_unknown_fields=True):
    """What is to change; what is left out stays."""

    url: _Address | UnsetType = UNSET
    events: _Events | UnsetType = UNSET
    format: _Format | UnsetType = UNSET
    failover_url: Annotated[_Url | UnsetType | None, Meta(description="null takes it away.")] = (
        UNSET
    )
    state: Annotated[
        Literal["active", "disabled"] | UnsetType,
        Meta(description="A disabled callback is posted nothing, and drops what was to come."),
    ] = UNSET
    rotate_secret: Annotated[
        bool, Meta(description="Makes a new secret; the answer shows it this once.")
    ] = False
    keep_old_secret_s: Annotated[
        Annotated[int, Meta(ge=0, le=LONGEST_OLD_SECRET_S)] | UnsetType,
        Meta(description="With `rotate_secret`: so long the old secret signs as well."),
    ] = UNSET


class _Made(Struct):
    """What a kept answer says of what was made."""

    id: int


class Replayed(Struct, forbid_unknown_fields=True, rename={"from_at": "from", "to_at": "to"}):
    """One event, or all of a stretch of time."""

    event: Annotated[_EventId | None, Meta(description="The id of one event.")] = None
    from_at: Annotated[AtText | None, Meta(description="Of then or later.")] = None
    to_at: Annotated[AtText | None, Meta(description="Before then.")] = None


def callback_shape(endpoint: Endpoint, now_ms: int, secret: str | None = None) -> objects.Callback:
    """An endpoint as its dealer sees it; its secret only where it was made just now."""
    old_secret = endpoint.old_secret_at(now_ms)
    return objects.Callback(
        id=endpoint.id,
        url=endpoint.url,
        failover_url=endpoint.failover_url,
        events=list(endpoint.events),
        format=endpoint.format.value,
        scope=endpoint.scope.value,
        state="active" if endpoint.state.value == "active" else "disabled",
        disabled_reason=endpoint.disabled_reason,
        created_at=moment(endpoint.created_at_ms),
        failing_since=moment_or_none(endpoint.failing_since_ms),
        secret=secret,
        old_secret_until=moment_or_none(endpoint.old_secret_until_ms) if old_secret else None,
    )


def attempt_shape(attempt: Attempt) -> objects.Attempt:
    """An attempt as its dealer sees it."""
    return objects.Attempt(
        id=attempt.id,
        callback_id=attempt.endpoint_id,
        event_id=event_id(attempt.event_seq),
        number=attempt.number,
        at=moment(attempt.at_ms),
        duration_ms=attempt.duration_ms,
        status=attempt.status,
        error=attempt.error,
        answer=attempt.answer,
        outcome=attempt.outcome,  # type: ignore[arg-type]  # the table holds no other
        next_at=moment_or_none(attempt.next_at_ms),
    )


async def add(call: Call[Nothing, NewCallback]) -> Answer:
    """The new callback, with its secret."""
    new = call.body
    check_callback_url(call.runtime.settings.callbacks, new.url, "url")
    if new.failover_url is not None:
        check_callback_url(call.runtime.settings.callbacks, new.failover_url, "failover_url")
    wish = EndpointSpec(new.url, tuple(new.events), BodyFormat(new.format), new.failover_url)
    secret = _new_secret(call)
    run = partial(_add, account_id=call.account.id, wish=wish, secret=secret, now_ms=call.now_ms)
    kept = await write_once(call, run)
    if kept.status >= 400:
        return answer_of(kept)
    made_id = msgspec.json.decode(kept.body, type=_Made).id
    return answer_of(kept, (b"location", f"/v1/callbacks/{made_id}".encode()))


def _add(tx: Tx, account_id: int, wish: EndpointSpec, secret: str, now_ms: int) -> GivenAnswer:
    made = add_endpoint(tx, account_id, wish, secret, now_ms)
    return GivenAnswer(201, shapes.encode(callback_shape(made, now_ms, secret)))


def _new_secret(call: Call[Nothing, NewCallback] | Call[OneCallback, ChangedCallback]) -> str:
    return new_webhook_secret(call.runtime.random_bytes(WEBHOOK_RANDOM_BYTES))


async def list_all(call: Call[ListedCallbacks, Nothing]) -> Answer:
    """A page of the account's callbacks, newest first."""
    wanted = call.parameters
    before_id = id_before(wanted.cursor)
    scope = None if wanted.scope is None else EndpointScope(wanted.scope)
    async with call.turn() as db:
        found = await db.read(list_endpoints, call.account.id, scope, before_id, wanted.limit + 1)
    now_ms = call.now_ms
    return page_answer(
        found, wanted.limit, lambda one: callback_shape(one, now_ms), lambda one: one.id
    )


async def show(call: Call[OneCallback, Nothing]) -> Answer:
    """A callback."""
    found = await call.runtime.db.read(show_endpoint, call.account.id, call.parameters.id)
    return Answer(200, shapes.encode(callback_shape(found, call.now_ms)))


async def change(call: Call[OneCallback, ChangedCallback]) -> Answer:
    """The callback after the change; with its new secret where there is one."""
    wanted, now_ms = call.body, call.now_ms
    for url, name in ((wanted.url, "url"), (wanted.failover_url, "failover_url")):
        if isinstance(url, str):
            check_callback_url(call.runtime.settings.callbacks, url, name)
    if wanted.keep_old_secret_s is not UNSET and not wanted.rotate_secret:
        raise invalid("keep_old_secret_s", "it goes with `rotate_secret`")
    secret = _new_secret(call) if wanted.rotate_secret else None
    changed = await call.runtime.db.write(
        change_endpoint, call.account.id, call.parameters.id, _change(wanted, secret), now_ms
    )
    return Answer(200, shapes.encode(callback_shape(changed, now_ms, secret)))


def _change(wanted: ChangedCallback, secret: str | None) -> EndpointChange:
    keep_s = wanted.keep_old_secret_s
    return EndpointChange(
        url=wanted.url or None,
        events=tuple(wanted.events) if isinstance(wanted.events, list) else None,
        format=BodyFormat(wanted.format) if isinstance(wanted.format, str) else None,
        failover_url=wanted.failover_url or None,
        no_failover=wanted.failover_url is None,
        active=wanted.state == "active" if isinstance(wanted.state, str) else None,
        new_secret=secret,
        keep_old_secret_s=keep_s if isinstance(keep_s, int) else USUAL_OLD_SECRET_S,
    )


async def remove(call: Call[OneCallback, Nothing]) -> Answer:
    """Nothing."""
    await call.runtime.db.write(remove_endpoint, call.account.id, call.parameters.id, call.now_ms)
    return Answer(204, b"")


async def attempts(call: Call[ListedAttempts, Nothing]) -> Answer:
    """A page of the attempts at a callback, newest first."""
    wanted = call.parameters
    before_id = id_before(wanted.cursor)
    async with call.turn() as db:
        found = await db.read(
            show_attempts, call.account.id, wanted.id, before_id, wanted.limit + 1
        )
    return page_answer(found, wanted.limit, attempt_shape, lambda one: one.id)


async def test(call: Call[OneCallback, Nothing]) -> Answer:
    """The event that is posted."""
    run = partial(
        _send_test,
        account_id=call.account.id,
        one_id=call.parameters.id,
        now_ms=call.now_ms,
        recording_url_of=call.recording_url_of,
    )
    return answer_of(await write_once(call, run))


def _send_test(
    tx: Tx, account_id: int, one_id: int, now_ms: int, recording_url_of: RecordingUrl
) -> GivenAnswer:
    told = send_test(tx, account_id, one_id, now_ms)
    return GivenAnswer(202, shapes.encode(shapes.event_shape(told, recording_url_of)))


async def replay(call: Call[OneCallback, Replayed]) -> Answer:
    """How many events are posted again."""
    if call.body.event is None:
        again = await _replaying_stretch(call)
    else:
        again = _replaying_one(call, call.body.event)
    return answer_of(await write_once(call, partial(_replay, again=again)))


def _replay(tx: Tx, again: Callable[[Tx], int]) -> GivenAnswer:
    return GivenAnswer(202, shapes.encode(objects.Replay(again(tx))))


def _replaying_one(call: Call[OneCallback, Replayed], event: str) -> Callable[[Tx], int]:
    """What queues the event that is asked for.

    Raises:
        Refused: INVALID.
    """
    if call.body.from_at is not None or call.body.to_at is not None:
        raise invalid("event", "it goes with no `from` and no `to`")
    return partial(
        replay_event,
        account_id=call.account.id,
        endpoint_id=call.parameters.id,
        seq=int(event.removeprefix("evt_")),
        now_ms=call.now_ms,
    )


async def _replaying_stretch(call: Call[OneCallback, Replayed]) -> Callable[[Tx], int]:
    """What queues the events that are asked for; they are found before, in a read.

    Raises:
        Refused: INVALID, RATE_LIMITED.
    """
    wanted, account_id, one_id = call.body, call.account.id, call.parameters.id
    if wanted.from_at is None:
        raise invalid("event", "expected an event, or `from` and perhaps `to`")
    from_ms = at_ms(wanted.from_at, "from", FIRST_MS)
    to_ms = at_ms(wanted.to_at, "to", call.now_ms)
    call.charge(_RANGE_CALLS)
    try:
        async with call.turn() as db:
            found = await db.read(find_between, account_id, one_id, from_ms, to_ms)
    except Refused as refused:
        # Under a key that has its answer already, that is given first.
        return partial(_refuse, refused=refused)
    return partial(
        replay_found, account_id=account_id, endpoint_id=one_id, found=found, now_ms=call.now_ms
    )


def _refuse(_: Tx, refused: Refused) -> int:
    raise refused
