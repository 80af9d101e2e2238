"""Requests that are read whole and answered whole: the hot addresses, without ASGI between.

An ASGI application is handed a request in pieces and gives its answer in pieces. Where both fit
into one piece that costs more than the answer itself, and each piece is a packet of its own.
"""

from collections.abc import Awaitable, Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Protocol, runtime_checkable

from msgspec import Struct

from simlet.web.asgi import JSON_HEADERS, JSON_TYPE, WITHOUT_CONTENT, WITHOUT_LENGTH, Headers


def stays() -> bool:
    """Of a client of which nothing is known."""
    return False


class Request(Struct, frozen=True):
    """A request with its whole body.

    Attributes:
        method: in capital letters, as it came.
        path: without escapes.
        query: what stands behind the question mark, as it came.
        headers: names in small letters.
        is_gone: whether the client has gone, so that nobody would read the answer.
    """

    method: str
    path: str
    query: bytes
    headers: Headers
    body: bytes = b""
    is_gone: Callable[[], bool] = stays

    def header(self, name: bytes) -> str:
        """The first header of a name (in small letters); empty when there is none."""
        for one, value in self.headers:
            if one == name:
                return value.decode("latin-1")
        return ""


class Answer(Struct, frozen=True):
    """A whole answer; no cache may keep it."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE


Handler = Callable[[Request], Awaitable[Answer]]
"""Answers a request whatever happens: it raises only when it is cancelled."""


@runtime_checkable
class AnswersWhole(Protocol):
    """An application that has such addresses, beside what it is over ASGI."""

    def handler_of(self, method: str, path: str, body_bytes: int) -> Handler | None:
        """Who answers such a request as a whole; None where ASGI serves it."""
        ...


def written(answer: Answer, headers: Headers, *, keep_alive: bool) -> bytes:
    """An answer in HTTP/1.1, with further headers; without its body where the status forbids it."""
    status = answer.status
    body = b"" if status in WITHOUT_CONTENT else answer.body
    return b"%b%b%b%b\r\n%b" % (
        _first_lines(status, answer.content_type),
        b"".join([b"%b: %b\r\n" % one for one in headers]),
        b"" if status in WITHOUT_LENGTH else b"content-length: %d\r\n" % len(body),
        b"" if keep_alive else b"connection: close\r\n",
        body,
    )


@lru_cache(maxsize=256)
def _first_lines(status: int, content_type: str) -> bytes:
    """What many answers have in common.

    Raises:
        ValueError: the type would end its line.
    """
    if not content_type.isprintable():
        raise ValueError("a type of content is printable")
    first = f"HTTP/1.1 {status} {_phrase(status)}\r\n".encode("ascii")
    typed = [(b"content-type", content_type.encode("latin-1")), *JSON_HEADERS[1:]]
    return first + b"".join([b"%b: %b\r\n" % one for one in typed])


def _phrase(status: int) -> str:
    """What a status is called; empty where it has no name, as operators may set any."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
