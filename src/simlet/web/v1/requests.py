"""Requests: places in the queue for a line."""

from functools import partial
from typing import Annotated

from msgspec import Meta, Struct

from simlet.domain.errors import OPEN_LIMIT, REQUEST_UNKNOWN
from simlet.domain.request import LineRequest, RequestState
from simlet.flows.answer_once import GivenAnswer
from simlet.flows.cancel_request import cancel_request
from simlet.flows.show_requests import list_requests, requests_ahead, show_request
from simlet.store.sql import Tx
from simlet.web.v1 import examples, objects, shapes
from simlet.web.v1.holding import held_open
from simlet.web.v1.objects import Id
from simlet.web.v1.once import answer_of, write_once
from simlet.web.v1.operation import (
    USUAL_PAGE,
    Answer,
    AnswerDoc,
    AnyOperation,
    Call,
    Cursor,
    Limit,
    Nothing,
    Operation,
    WaitS,
)
from simlet.web.v1.pages import id_before, page_answer
from simlet.web.v1.shapes import request_shape
from simlet.web.v1.waiting import request_after_wait

TAG = "requests"


class OneRequest(Struct, forbid_unknown_fields=True):
    """Names a request."""

    id: Annotated[Id, Meta(description="The id of the request.")]


class ShownRequest(Struct, forbid_unknown_fields=True):
    """Names a request to wait for."""

    id: Annotated[Id, Meta(description="The id of the request.")]
    wait_s: WaitS = 0


class ListedRequests(Struct, forbid_unknown_fields=True):
    """Which requests are listed."""

    cursor: Cursor | None = None
    limit: Limit = USUAL_PAGE


async def show(call: Call[ShownRequest, Nothing]) -> Answer:
    """A request, after a wait for its end."""
    wanted, db = call.parameters, call.runtime.db
    if wanted.wait_s:
        with held_open(call) as client:
            await request_after_wait(
                call.runtime, call.account.id, wanted.id, wanted.wait_s, client
            )
    found, ahead = await db.read(_with_place, call.account.id, wanted.id)
    return Answer(200, shapes.encode(request_shape(found, ahead)))


async def list_all(call: Call[ListedRequests, Nothing]) -> Answer:
    """A page of the account's requests, newest first."""
    wanted = call.parameters
    before_id = id_before(wanted.cursor)
    async with call.turn() as db:
        found = await db.read(_page, call.account.id, before_id, wanted.limit + 1)
    return page_answer(found, wanted.limit, lambda one: request_shape(*one), lambda one: one[0].id)


async def cancel(call: Call[OneRequest, Nothing]) -> Answer:
    """The request after it was cancelled, or as it had ended before."""
    run = partial(
        _cancel,
        account_id=call.account.id,
        request_id=call.parameters.id,
        now_ms=call.now_ms,
    )
    return answer_of(await write_once(call, run))


def _cancel(tx: Tx, account_id: int, request_id: int, now_ms: int) -> GivenAnswer:
    cancel_request(tx, account_id, request_id, now_ms)
    found, ahead = _with_place(tx, account_id, request_id)
    return GivenAnswer(200, shapes.encode(request_shape(found, ahead)))


def _with_place(tx: Tx, account_id: int, request_id: int) -> tuple[LineRequest, int | None]:
    found = show_request(tx, account_id, request_id)
    return found, _ahead(tx, found)


def _page(
    tx: Tx, account_id: int, before_id: int, limit: int
) -> list[tuple[LineRequest, int | None]]:
    found = list_requests(tx, account_id, before_id, limit)
    return [(one, _ahead(tx, one)) for one in found]


def _ahead(tx: Tx, request: LineRequest) -> int | None:
    return requests_ahead(tx, request) if request.state is RequestState.QUEUED else None


_REQUEST_ANSWER = AnswerDoc(200, "The request.", objects.Request, examples.REQUEST)

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        id="list_requests",
        method="GET",
        path="/v1/requests",
        tag=TAG,
        summary="List requests",
        description="The requests of this account, newest first, by pages.",
        handler=list_all,
        parameters=ListedRequests,
        answers=(
            AnswerDoc(200, "A page of requests.", objects.Request, examples.REQUEST, listed=True),
        ),
    ),
    Operation(
        id="show_request",
        method="GET",
        path="/v1/requests/{id}",
        tag=TAG,
        summary="Show a request, or wait for its line",
        description="With `wait_s` the answer comes the moment the request ends: filled, with the "
        "id of its rental, or without one; after that time it comes as the request is then.",
        handler=show,
        parameters=ShownRequest,
        answers=(_REQUEST_ANSWER,),
        refusals=(REQUEST_UNKNOWN, OPEN_LIMIT),
    ),
    Operation(
        id="cancel_request",
        method="POST",
        path="/v1/requests/{id}/cancel",
        tag=TAG,
        summary="Leave the queue",
        description="Ends a queued request; one that has ended is answered as it is: a filled one "
        "has a rental, which can be cancelled by itself.",
        handler=cancel,
        parameters=OneRequest,
        answers=(_REQUEST_ANSWER,),
        refusals=(REQUEST_UNKNOWN,),
    ),
)
