"""HTTP as uvicorn speaks it, but for what is answered whole, and for the first API.

Clients of the first API read only the body, and some write their parameters as they are: raw UTF-8,
blanks, very long lists. uvicorn answers what its parser refuses with 400 and a text, and every
address of more than 65,535 bytes as well. And it waits for the rest of a request for ever.
"""

import asyncio
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from simlet.domain.errors import invalid
from simlet.web.asgi import JSON_HEADERS, Headers, Message
from simlet.web.exchange import Exchange
from simlet.web.first_api.app import is_first_api
from simlet.web.first_api.bodies import encode, rent_error
from simlet.web.first_api.refusals import answer_to
from simlet.web.v1.app import is_v1
from simlet.web.v1.problems import PROBLEM_JSON, headers_problem
from simlet.web.whole import Answer, AnswersWhole, Handler, written

MAX_URL_BYTES = 60_000
"""What is longer is cut: more than any method takes, less than the parser of addresses refuses."""

MAX_HEADER_BYTES = 65_536

MAX_WHOLE_BYTES = 65_536
"""The longest body that is read before the application is asked; uvicorn pauses behind it."""

LOOK_EACH_S = 10.0
MOST_LOOKS = 3
"""A client has so many looks, 30 to 40 s, to begin, for a head, and for each step of a body."""

BODY_STEP_BYTES = 4096

_TARGET_WITHIN_BYTES = 256
_WHOLE_METHODS = {b"GET": "GET", b"POST": "POST"}
# What has to be agreed upon before the body, or leaves open how long it is.
_NEVER_WHOLE = {b"expect", b"transfer-encoding", b"upgrade"}


class Connection(HttpToolsProtocol):
    """A connection. See `HttpToolsProtocol` for what calls these methods."""

    look_each_s = LOOK_EACH_S
    url: bytes = b""
    _latest: bytes = b""
    _header_bytes: int = 0
    _before: RequestResponseCycle | None = None
    _unfinished: RequestResponseCycle | None = None
    _refusal: str | None = None
    _reading: bool = False
    _looking: asyncio.TimerHandle | None = None
    _looks: int = 0
    _came_bytes: int = 0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        app = config.loaded_app
        self._handler_of = app.handler_of if isinstance(app, AnswersWhole) else _no_handler

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there, and owes a request."""
        super().connection_made(transport)
        self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came; behind what is not HTTP nothing can be read."""
        if self._refusal is not None:
            return
        self._latest = data[:_TARGET_WITHIN_BYTES]
        super().data_received(data)
        if self._looking is not None:
            self._came_bytes += len(data)
        # Requests that come in one piece, as nearly all do, need no timer.
        elif self._reading or self.cycle is None or self.cycle.response_complete:
            self._look_later()

    def _look_later(self) -> None:
        self._looking = self.loop.call_later(self.look_each_s, self._look)

    def _look(self) -> None:
        """Hangs up on a client that owes the rest of a request, and does not send it."""
        self._looking = None
        resting = self.timeout_keep_alive_task is not None
        if not self._reading and (resting or self._is_behind_others()):
            return
        came_on = self._unfinished is not None and self._came_bytes >= BODY_STEP_BYTES
        if came_on or self._is_kept_waiting():
            self._looks = self._came_bytes = 0
        elif self._looks >= MOST_LOOKS:
            self.transport.close()
            return
        else:
            self._looks += 1
        self._look_later()

    def _is_kept_waiting(self) -> bool:
        """Whether the client may wait for this side before it sends the rest of its request."""
        latest = self._unfinished
        if self.flow.read_paused or self._is_behind_others():
            return True
        return latest is not None and latest.response_started and not latest.response_complete

    def on_url(self, url: bytes) -> None:
        """A part of the address came; what is too long anyway is not kept."""
        if len(self.url) <= MAX_URL_BYTES:
            super().on_url(url)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._header_bytes = 0
        self._unfinished = None
        self._reading = True
        self._looks = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header came; uvicorn itself would take any number of them.

        Raises:
            ValueError: there are too many; the parser makes a 400 of it.
        """
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES:
            raise ValueError("the headers are too large")
        name = name.lower()
        if name == b"expect":
            super().on_header(name, value)
        else:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is complete, and who answers is chosen."""
        self.url = self.url[:MAX_URL_BYTES]
        whole = self._exchange()
        if whole is None:
            super().on_headers_complete()
            self._suit_version()
        else:
            self._before, self.cycle = self.cycle, whole
        self._unfinished = self.cycle
        self._looks = self._came_bytes = 0

    def _suit_version(self) -> None:
        cycle = self.cycle
        if cycle is not None and self.parser.get_http_version() == "1.0":
            cycle.send = _Unchunked(cycle)  # type: ignore[method-assign, assignment]

    def on_message_complete(self) -> None:
        """The request is complete; in a pipeline it waits for the answer to the one before it."""
        self._unfinished = None
        self._reading = False
        if not isinstance(self.cycle, Exchange):
            super().on_message_complete()
        elif self._before is None or self._before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _exchange(self) -> Exchange | None:
        """The request as one that is answered whole; None where ASGI is to serve it."""
        method = _WHOLE_METHODS.get(self.parser.get_method())
        path, _, query = self.url.partition(b"?")
        # Escapes, fragments and the like are left to the parser of addresses.
        if method is None or not self.url.isascii() or b"%" in path or b"#" in self.url:
            return None
        body_bytes = _announced_bytes(self.headers)
        if body_bytes > MAX_WHOLE_BYTES or self.parser.get_http_version() != "1.1":
            return None
        text = path.decode("ascii")
        handler = self._handler_of(method, text, body_bytes)
        return None if handler is None else Exchange(self, handler, method, text, query)

    def on_response_complete(self) -> None:
        """A request has its answer, and the next one has its turn."""
        was_last = not self.pipeline
        super().on_response_complete()
        if was_last and self._refusal is not None and not self.transport.is_closing():
            self._refuse(self._refusal)

    def send_400_response(self, msg: str) -> None:
        """Answers what is not HTTP, behind all answers to what came before it."""
        if self._is_behind_others():
            if self._is_queued(self._unfinished):
                self.pipeline.popleft()
            self._refusal = msg
            self.flow.pause_reading()
        else:
            self._refuse(msg)

    def _is_behind_others(self) -> bool:
        """Whether what is read now waits for the answers to what came before it."""
        latest = self._unfinished
        if latest is not None and not isinstance(latest, Exchange):
            return self._is_queued(latest)  # else it has its turn, and its body is awaited
        before = self.cycle if latest is None else self._before
        return before is not None and not before.response_complete

    def _is_queued(self, cycle: RequestResponseCycle | None) -> bool:
        return bool(self.pipeline) and self.pipeline[0][0] is cycle

    def _refuse(self, msg: str) -> None:
        """Answers what is not HTTP, and closes the connection."""
        path = self._path()
        if is_v1(path) and self._header_bytes > MAX_HEADER_BYTES:
            problem = Answer(*headers_problem(MAX_HEADER_BYTES), PROBLEM_JSON)
            default = self.server_state.default_headers
            self.transport.write(written(problem, default, keep_alive=False))
            self.transport.close()
            return
        if not is_first_api(path):
            super().send_400_response(msg)
            return
        body = encode(rent_error(*answer_to(invalid("request", "expected HTTP/1.1"))))
        headers = [
            *self.server_state.default_headers,
            *JSON_HEADERS,
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        head = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body)
        self.transport.close()

    def _path(self) -> str:
        """The path that was asked for, even where the method before it is what is wrong."""
        _, _, after_method = self._latest.partition(b" ")
        target = self.url or after_method.partition(b" ")[0]
        return target.partition(b"?")[0].decode("latin-1")


class _Unchunked:
    """Sends to a client of HTTP/1.0, which knows no chunks: what has no length ends with its end.

    uvicorn counts what it sends against the length that was announced; here that is each piece's.
    """

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._send = cycle.send
        self._counted = False

    async def __call__(self, message: Message) -> None:
        cycle = self._cycle
        if message["type"] == "http.response.start":
            named = {name.lower() for name, _ in message.get("headers", [])}
            self._counted = b"content-length" in named
            if not self._counted:
                cycle.chunked_encoding = False
        elif not self._counted:
            cycle.expected_content_length = len(message.get("body", b""))
        await self._send(message)  # type: ignore[arg-type]


def _no_handler(_: str, __: str, ___: int) -> Handler | None:
    return None


def _announced_bytes(headers: Headers) -> int:
    """How long the body is; more than is taken whole where that is open."""
    announced = 0
    for name, value in headers:
        if name == b"content-length":
            announced = int(value)
        elif name in _NEVER_WHOLE:
            return MAX_WHOLE_BYTES + 1
    return announced
