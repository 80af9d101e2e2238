"""HTTP as uvicorn speaks it, but for the first API, whose clients get JSON even when they break it.

Clients of the first API read only the body, and some write their parameters as they are: raw UTF-8,
blanks, very long lists. uvicorn answers what its parser refuses with 400 and a text, and every
address of more than 65,535 bytes as well.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from simlet.domain.errors import invalid
from simlet.web.asgi import JSON_HEADERS
from simlet.web.first_api.app import is_first_api
from simlet.web.first_api.bodies import encode, rent_error
from simlet.web.first_api.refusals import answer_to

MAX_URL_BYTES = 60_000
"""What is longer is cut: more than any method takes, less than the parser of addresses refuses."""

MAX_HEADER_BYTES = 65_536

_TARGET_WITHIN_BYTES = 256


class Connection(HttpToolsProtocol):
    """A connection. See `HttpToolsProtocol` for what calls these methods."""

    url: bytes = b""
    _latest: bytes = b""
    _header_bytes: int = 0

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self._latest = data[:_TARGET_WITHIN_BYTES]
        super().data_received(data)

    def on_url(self, url: bytes) -> None:
        """A part of the address came; what is too long anyway is not kept."""
        if len(self.url) <= MAX_URL_BYTES:
            super().on_url(url)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._header_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header came; uvicorn itself would take any number of them.

        Raises:
            ValueError: there are too many; the parser makes a 400 of it.
        """
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES:
            raise ValueError("the headers are too large")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete, and the application is called."""
        self.url = self.url[:MAX_URL_BYTES]
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answers what is not HTTP, and closes the connection."""
        if not is_first_api(self._path()):
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
