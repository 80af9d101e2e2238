"""`/v1` over ASGI: from a request to the operation that it asks for, and back.

The order is: the address and the method; who asks; how much it asks; what it asks for. Like the
first API it does not pass through a framework: see decision 15.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from math import ceil

from msgspec import Struct

from simlet.domain.errors import (
    ADDRESS_UNKNOWN,
    BODY_TOO_LARGE,
    RATE_LIMITED,
    UNAUTHENTICATED,
    Refused,
    invalid,
)
from simlet.domain.principal import Account
from simlet.flows import browse
from simlet.log import get_log
from simlet.runtime import Runtime
from simlet.web.asgi import (
    BodyTooLarge,
    Disconnected,
    Headers,
    Message,
    Receive,
    Scope,
    Send,
    header,
    read_body,
)
from simlet.web.auth import bearer, token_hash
from simlet.web.lists import Lists
from simlet.web.recordings import recording_urls
from simlet.web.v1.limits import Limits, OpenCalls
from simlet.web.v1.offers import Offers
from simlet.web.v1.openapi import document
from simlet.web.v1.operation import Answer, AnyOperation, Call, Nothing
from simlet.web.v1.parse import BODY_LIMIT_BYTES, read_parameters
from simlet.web.v1.parse import read_body as parse_body
from simlet.web.v1.problems import fault_problem, method_problem, problem_headers, problem_of
from simlet.web.v1.shapes import RecordingUrl
from simlet.web.v1.table import OPERATIONS

PREFIX = "/v1"
DOCUMENT_PATH = "/v1/openapi.json"
_DOCUMENT_KEPT = (b"cache-control", b"no-cache")
_REQUEST_ID = re.compile(r"[!-~]{1,64}")
_KEY = re.compile(r"[ -~]{1,255}")
_REQUEST_ID_BYTES = 12
_BODIES = frozenset({"POST", "PATCH", "PUT"})

_log = get_log("v1")


@dataclass(slots=True)
class _Sender:
    """Sends, and knows whether an answer has begun."""

    send: Send
    begun: bool = False

    async def __call__(self, message: Message) -> None:
        self.begun = True
        await self.send(message)


@dataclass(frozen=True, slots=True)
class _Found:
    """The operation of a request, and what its path says."""

    operation: AnyOperation
    path_values: dict[str, str]


@dataclass(slots=True)
class V1App:
    """The operations of `/v1`."""

    runtime: Runtime
    lists: Lists
    _limits: Limits = field(init=False)
    _held: OpenCalls = field(init=False)
    _routes: "_Routes" = field(init=False)
    _recording_url_of: RecordingUrl = field(init=False)
    _offers: Offers = field(init=False)
    _document: bytes = b""

    def __post_init__(self) -> None:
        settings = self.runtime.settings.v1
        self._limits = Limits(settings.calls_per_s, settings.burst)
        self._held = OpenCalls(settings.open_per_account)
        self._routes = _Routes(OPERATIONS)
        self._recording_url_of = recording_urls(self.runtime)
        self._offers = Offers(self.runtime)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request to `/v1` or below."""
        request_id = _request_id(scope) or f"req_{self._random_id()}"
        headers: Headers = [(b"request-id", request_id.encode())]
        sender = _Sender(send)
        try:
            answer = await self._answer(scope, receive, sender, request_id, headers)
        except Refused as refused:
            answer = _problem(*problem_of(refused))
        except Disconnected:
            return
        except Exception:  # noqa: BLE001 - logged, and the rest goes on
            _log.exception("call_failed", path=_told(scope["path"]), request_id=request_id)
            if sender.begun:
                return
            answer = _problem(*fault_problem())
        if answer is not None:
            await _send(sender, answer, headers, head=scope["method"] == "HEAD")

    def document(self) -> bytes:
        """The OpenAPI document."""
        if not self._document:
            self._document = document(OPERATIONS, self.runtime.settings.v1)
        return self._document

    def _random_id(self) -> str:
        return self.runtime.random_bytes(_REQUEST_ID_BYTES).hex()

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, request_id: str, headers: Headers
    ) -> Answer | None:
        if scope["path"] == DOCUMENT_PATH and scope["method"] in {"GET", "HEAD"}:
            return Answer(200, self.document(), headers=(_DOCUMENT_KEPT,))
        found = self._routes.find(scope["path"], scope["method"])
        if isinstance(found, Answer):
            return found
        hashed, account = await self._admitted(scope, headers)
        operation = found.operation
        parameters = read_parameters(operation.parameters, found.path_values, scope["query_string"])
        call = Call(
            runtime=self.runtime,
            account=account,
            token_hash=hashed,
            parameters=parameters,
            body=await _body(operation, scope, receive),
            recording_url_of=self._recording_url_of,
            offers=self._offers,
            key=_key(scope) if operation.once else None,
            request_id=request_id,
            scope=scope,
            receive=receive,
            send=send,
            headers=headers,
            held=self._held,
            lists=self.lists,
            charge=partial(self._count, hashed, headers),
        )
        return await operation.handler(call)

    async def _admitted(self, scope: Scope, headers: Headers) -> tuple[bytes, Account]:
        """Who asks, when it may ask now; `headers` get what they say of the limit."""
        hashed = token_hash(_token(scope))
        account = await self.runtime.db.quick_read(browse.account_of_token, hashed)
        self._count(hashed, headers, 1)
        return hashed, account

    def _count(self, hashed: bytes, headers: Headers, calls: int) -> None:
        verdict = self._limits.count(hashed, self.runtime.clock.monotonic_s(), calls)
        said = self._limits.headers(verdict)
        headers[:] = [one for one in headers if one[0] not in dict(said)] + said
        if not verdict.admitted:
            raise Refused(RATE_LIMITED, wait_s=ceil(verdict.wait_s))


class _Routes:
    """Finds operations by path and method."""

    def __init__(self, operations: tuple[AnyOperation, ...]) -> None:
        self._by_path: dict[tuple[str, ...], dict[str, AnyOperation]] = {}
        for one in operations:
            segments = tuple("{}" if part[:1] == "{" else part for part in one.path.split("/"))
            self._by_path.setdefault(segments, {})[one.method] = one

    def find(self, path: str, method: str) -> _Found | Answer:
        """The operation; or the answer where the address does not take the method.

        Raises:
            Refused: ADDRESS_UNKNOWN.
        """
        segments = tuple(path.split("/"))
        methods = self._methods(segments)
        if path == DOCUMENT_PATH:
            return _no_method(["GET"])
        if methods is None:
            raise Refused(ADDRESS_UNKNOWN)
        operation = methods.get("GET" if method == "HEAD" else method)
        if operation is None:
            return _no_method(list(methods))
        names = operation.path.split("/")
        values = {
            name[1:-1]: part for name, part in zip(names, segments, strict=True) if name[:1] == "{"
        }
        return _Found(operation, values)

    def _methods(self, segments: tuple[str, ...]) -> dict[str, AnyOperation] | None:
        for one in _readings(segments):
            found = self._by_path.get(one)
            if found is not None:
                return found
        return None


def _readings(segments: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """A path as it stands, and with the id of an object in its third place."""
    yield segments
    if len(segments) > 3 and segments[3]:
        yield (*segments[:3], "{}", *segments[4:])


def is_v1(path: str) -> bool:
    """Whether a path is this API's."""
    return path == PREFIX or path.startswith(PREFIX + "/")


def _token(scope: Scope) -> str:
    token = bearer(header(scope, b"authorization"))
    if not token:
        raise Refused(UNAUTHENTICATED)
    return token


async def _body(operation: AnyOperation, scope: Scope, receive: Receive) -> Struct:
    if scope["method"] not in _BODIES:
        return Nothing()
    try:
        raw = await read_body(scope, receive, BODY_LIMIT_BYTES)
    except BodyTooLarge:
        raise Refused(BODY_TOO_LARGE, limit_bytes=BODY_LIMIT_BYTES) from None
    body: Struct = parse_body(operation.body, header(scope, b"content-type"), raw)
    return body


def _request_id(scope: Scope) -> str | None:
    given = header(scope, b"request-id")
    return given if _REQUEST_ID.fullmatch(given) else None


def _key(scope: Scope) -> str | None:
    """The Idempotency-Key; None where there is none.

    Raises:
        Refused: INVALID.
    """
    given = [value for name, value in scope["headers"] if name == b"idempotency-key"]
    if not given:
        return None
    key: str = given[0].decode("latin-1")
    if len(given) > 1 or not _KEY.fullmatch(key):
        raise invalid("Idempotency-Key", "expected one of 1 to 255 printable ASCII characters")
    return key


def _told(path: str) -> str:
    """A path for the log: the words of this API, and nothing that a client made up."""
    known = {part for one in OPERATIONS for part in one.path.split("/")}
    return "/".join(part if part in known else "…" for part in path.split("/")[:6])


def _problem(status: int, body: bytes) -> Answer:
    content_type, headers = problem_headers(body)
    return Answer(status, body, content_type, headers)


def _no_method(methods: list[str]) -> Answer:
    status, body = method_problem()
    content_type, _ = problem_headers(body)
    allowed = sorted({*methods, "HEAD"} if "GET" in methods else methods)
    return Answer(status, body, content_type, ((b"allow", ", ".join(allowed).encode()),))


async def _send(send: Send, answer: Answer, common: Headers, *, head: bool) -> None:
    headers = [*common, *answer.headers]
    named = {name for name, _ in headers}
    if answer.body:
        headers.append((b"content-type", answer.content_type.encode()))
    if b"cache-control" not in named:
        headers.append((b"cache-control", b"no-store"))
    headers.append((b"x-content-type-options", b"nosniff"))
    if answer.status != 204:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else answer.body})
