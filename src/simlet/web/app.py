"""The server's addresses: both APIs, the reference, gateways, recordings, health and figures."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from simlet import __version__
from simlet.gateways.contract import HttpAnswer, HttpRequest
from simlet.gateways.supervisor import Supervisor
from simlet.log import get_log
from simlet.runtime import Runtime
from simlet.web import recordings
from simlet.web.asgi import (
    BodyTooLarge,
    Disconnected,
    Receive,
    Scope,
    Send,
    answer_json,
    answer_with,
    header,
    read_body,
)
from simlet.web.docs import Docs, is_docs
from simlet.web.first_api.app import FirstApi, is_first_api
from simlet.web.forms import FORM_OVERHEAD_BYTES, MalformedForm, is_form, read_form
from simlet.web.lists import Lists
from simlet.web.metrics import CONTENT_TYPE as METRICS_TYPE
from simlet.web.metrics import PATH as METRICS_PATH
from simlet.web.metrics import Metrics
from simlet.web.v1.app import V1App, is_v1
from simlet.web.whole import Answer, Request
from simlet.web.whole import Handler as WholeHandler

_log = get_log("web")

_GATEWAYS = "/gateways/"

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(slots=True)
class App:
    """The ASGI application."""

    runtime: Runtime
    supervisor: Supervisor
    _first_api: FirstApi = field(init=False)
    _v1: V1App = field(init=False)
    _docs: Docs = field(init=False)
    _metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        lists = Lists(self.runtime.db)
        self._first_api = FirstApi(self.runtime, lists)
        self._v1 = V1App(self.runtime, lists)
        self._docs = Docs(self._v1.document)
        self._metrics = Metrics(self.runtime, self.supervisor.spool)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        path = scope["path"]
        if is_first_api(path):
            await self._first_api(scope, receive, send)
            return
        if is_v1(path):
            await self._v1(scope, receive, send)
            return
        try:
            await self._handler(path)(scope, receive, send)
        except Disconnected:
            return
        except BodyTooLarge:
            await _answer_error(send, 413, "the body is too large")
        except Exception:  # noqa: BLE001 - logged, and the rest goes on
            fault = _fault(path)
            await answer_json(send, fault.status, fault.body)

    def handler_of(self, method: str, path: str, body_bytes: int) -> WholeHandler | None:
        """Who answers such a request as a whole; None where ASGI serves it."""
        if method == "GET" and body_bytes == 0 and is_first_api(path):
            return self._first_api.answer
        if method == "POST" and path.startswith(_GATEWAYS):
            small = body_bytes <= self.runtime.settings.web.body_limit_bytes
            return self._gateway_answer if small else None
        return None

    def dismiss(self) -> None:
        """Lets waits and streams end at once: the server stops."""
        self.runtime.feed.dismiss()

    def _handler(self, path: str) -> Handler:
        if path.startswith(_GATEWAYS):
            return self._gateway
        if path.startswith(recordings.PATH):
            return self._recording
        if is_docs(path):
            return self._docs
        if path in {"/", "/health"}:
            return self._health
        if path == METRICS_PATH and self._metrics.offered:
            return self._figures
        return _not_found

    async def _gateway(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = self.runtime.settings.web.body_limit_bytes
        if is_form(header(scope, b"content-type")):
            limit += FORM_OVERHEAD_BYTES
        method, path, query = scope["method"], scope["path"], scope["query_string"]
        try:
            body = await read_body(scope, receive, limit)
        except BodyTooLarge:
            answer = self._refused(path, 413, "the body is too large")
        else:
            request = Request(method, path, query, scope["headers"], body)
            answer = await self._gateway_answer(request)
        await answer_with(send, answer.status, answer.body, answer.content_type)

    async def _gateway_answer(self, request: Request) -> Answer:
        try:
            name, route = _gateway_of(request.path)
            posted = _gateway_request(request, route)
            answer = await self.supervisor.answer(name, posted)
        except MalformedForm as malformed:
            return self._refused(request.path, 400, f"form: {malformed}")
        except Exception:  # noqa: BLE001 - logged, and the rest goes on
            return _fault(request.path)
        if answer is None:
            return _error(404, "there is no such gateway")
        return Answer(answer.status, answer.body, answer.content_type)

    def _refused(self, path: str, status: int, sentence: str) -> Answer:
        """The answer to what no driver can read; the operator is told as of drivers' refusals."""
        name, _ = _gateway_of(path)
        self.supervisor.note_refusal(name, HttpAnswer(status, b"", reason=sentence))
        return _error(status, sentence)

    async def _recording(self, scope: Scope, _: Receive, send: Send) -> None:
        wav = await recordings.recording_at(self.runtime, scope["path"])
        if wav is None:
            await _answer_error(send, 404, "there is no such recording, or not any more")
            return
        headers = [
            (b"content-type", b"audio/wav"),
            (b"content-length", str(len(wav)).encode()),
            (b"cache-control", b"private, no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else wav
        await send({"type": "http.response.body", "body": body})

    async def _health(self, _: Scope, __: Receive, send: Send) -> None:
        body = {"name": "simlet", "version": __version__, "status": "up"}
        await answer_json(send, 200, msgspec.json.encode(body))

    async def _figures(self, scope: Scope, _: Receive, send: Send) -> None:
        if not self._metrics.admits(header(scope, b"authorization")):
            await _answer_error(send, 401, "the token of /metrics is expected as a bearer")
            return
        await answer_with(send, 200, await self._metrics.text(), METRICS_TYPE)


async def _not_found(_: Scope, __: Receive, send: Send) -> None:
    await _answer_error(send, 404, "there is no such address")


def _gateway_of(path: str) -> tuple[str, str]:
    """The gateway that a path names, and the address there."""
    name, _, route = path.removeprefix(_GATEWAYS).partition("/")
    return name, route.rstrip("/")


def _gateway_request(request: Request, route: str) -> HttpRequest:
    """The request as drivers read it.

    Raises:
        MalformedForm: it says that it is a form with files, and is no whole one.
    """
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
    content_type = headers.get("content-type", "")
    query = request.query.decode("latin-1")
    if not is_form(content_type):
        return HttpRequest(request.method, route, headers, request.body, query=query)
    form = read_form(content_type, request.body)
    return HttpRequest(request.method, route, headers, b"", form.fields, form.files, query)


async def _answer_error(send: Send, status: int, sentence: str) -> None:
    error = _error(status, sentence)
    await answer_json(send, error.status, error.body)


def _error(status: int, sentence: str) -> Answer:
    return Answer(status, msgspec.json.encode({"error": sentence}))


def _fault(path: str) -> Answer:
    """The answer where something failed, which is logged without what may be in the address."""
    _log.exception("request_failed", path=path.split("/")[1][:64])
    return _error(503, "it could not be done now; try again")
