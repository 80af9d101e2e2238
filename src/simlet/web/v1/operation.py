"""What an operation of `/v1` is: from one entry come its route, its parsing and its documentation.

A handler is an async function of one `Call`. It gives an `Answer`; one that streams sends what it
has to say itself and gives None. What it refuses with becomes a problem.

Example:
    ```python
    class WaitParameters(Struct, forbid_unknown_fields=True):
        id: Id
        wait_s: Annotated[int, Meta(ge=0, le=60, description="Seconds to wait.")] = 0


    async def show(call: Call[WaitParameters, Nothing]) -> Answer: ...


    SHOW = Operation(
        id="show_rental",
        method="GET",
        path="/v1/rentals/{id}",
        tag="rentals",
        summary="Show a rental",
        description="…",
        handler=show,
        parameters=WaitParameters,
        answers=(AnswerDoc(200, "The rental.", objects.Rental, RENTAL_EXAMPLE),),
        refusals=(RENTAL_UNKNOWN,),
    )
    ```
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from msgspec import Meta, Struct

from simlet.domain.errors import Refusal
from simlet.domain.principal import Account
from simlet.runtime import Runtime
from simlet.store.database import Database
from simlet.web.asgi import Headers, Receive, Scope, Send, watched
from simlet.web.lists import Lists
from simlet.web.v1.limits import OpenCalls
from simlet.web.v1.offers import Offers
from simlet.web.v1.shapes import RecordingUrl

JSON = "application/json"
MAX_WAIT_S = 60
MAX_PAGE, USUAL_PAGE = 100, 20
MAX_CURSOR_CHARS = 64

WaitS = Annotated[
    int,
    Meta(ge=0, le=MAX_WAIT_S, description="Hold the answer for so many seconds, or until it ends."),
]
Limit = Annotated[int, Meta(ge=1, le=MAX_PAGE, description="The most objects of one page.")]
Cursor = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_CURSOR_CHARS,
        description="The `next_cursor` of the page before; without it the first page.",
    ),
]
AtText = Annotated[
    str,
    Meta(
        max_length=40,
        description="RFC 3339 with a zone, for example 2026-11-23T12:00:00Z.",
        extra_json_schema={"format": "date-time"},
    ),
]


class Nothing(Struct, forbid_unknown_fields=True):
    """No parameters, or no body."""


P = TypeVar("P", bound=Struct)
B = TypeVar("B", bound=Struct)


@dataclass(frozen=True, slots=True)
class Call(Generic[P, B]):
    """One call, admitted and parsed.

    Attributes:
        account: of the token.
        token_hash: for those who look at times whether the token still holds.
        parameters: of the path and the query.
        body: with its defaults where there was none.
        scope, receive, send: of ASGI, for handlers that stream; the body is read already.
        headers: what every answer carries; streams send them as well.
        held: the answers that this process holds open.
        lists: the way of lists to the database, see `turn`.
        charge: counts it as so many calls more; refuses with RATE_LIMITED.
    """

    runtime: Runtime
    account: Account
    token_hash: bytes
    parameters: P
    body: B
    recording_url_of: RecordingUrl
    offers: Offers
    key: str | None
    request_id: str
    scope: Scope
    receive: Receive
    send: Send
    headers: Headers
    held: OpenCalls
    lists: Lists
    charge: Callable[[int], None]

    @property
    def now_ms(self) -> int:
        """UTC milliseconds."""
        return self.runtime.clock.now_ms()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Database]:
        """The database, when it is the account's turn to read a list: every list is read so.

        Raises:
            Refused: RATE_LIMITED, when too many of the account wait.
            Disconnected: the client went away.
        """
        with watched(self.receive) as is_gone:
            async with self.lists.turn(self.account.id, is_gone) as db:
                yield db


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


Handler = Callable[[Call[P, B]], Awaitable[Answer | None]]


@dataclass(frozen=True, slots=True)
class AnswerDoc:
    """An answer as the documentation tells it.

    Attributes:
        shape: the type of the object; None where there is no body.
        example: what is encoded as the example.
        listed: the object is a list of `shape`.
        headers: names of headers of this answer, and what they say.
    """

    status: int
    description: str
    shape: Any
    example: Any = None
    listed: bool = False
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Operation(Generic[P, B]):
    """One operation.

    Attributes:
        id: its name for generated clients.
        path: as OpenAPI writes it; a name in braces is a field of `parameters`.
        refusals: what it may refuse with, beside what every operation may.
        examples: bodies to try, by what they show.
    """

    id: str
    method: str
    path: str
    tag: str
    summary: str
    description: str
    handler: Handler[P, B]
    answers: tuple[AnswerDoc, ...]
    parameters: type[P] = Nothing  # type: ignore[assignment]  # the bound's own default
    body: type[B] = Nothing  # type: ignore[assignment]
    refusals: tuple[Refusal, ...] = ()
    examples: tuple[tuple[str, dict[str, Any]], ...] = ()

    @property
    def once(self) -> bool:
        """Whether it takes an Idempotency-Key."""
        return self.method == "POST"

    @property
    def takes_body(self) -> bool:
        """Whether a body says anything to it."""
        return self.body is not Nothing


AnyOperation = Operation[Any, Any]
