"""The few words of ASGI that the hot paths speak themselves.

Source: the ASGI specification 3.0, HTTP connection scope.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

Headers = list[tuple[bytes, bytes]]

JSON_HEADERS: Headers = [
    (b"content-type", b"application/json; charset=utf-8"),
    (b"cache-control", b"no-store"),
]
JSON_TYPE = JSON_HEADERS[0][1].decode("latin-1")

WITHOUT_CONTENT = frozenset({204, 205, 304})
"""Statuses that forbid content (RFC 9110, 15.3.5, 15.3.6, 15.4.5): clients would read it as the
beginning of the next answer."""

WITHOUT_LENGTH = frozenset({204, 304})
"""Those that do not even tell that it is empty (RFC 9110, 8.6)."""


class BodyTooLarge(Exception):  # noqa: N818 - an answer to the client, not a fault
    """The body is larger than the limit; the rest of it was not read."""


class Disconnected(Exception):  # noqa: N818
    """The client went away before its body was complete."""


async def answer_json(send: Send, status: int, body: bytes, *, head: bool = False) -> None:
    """Sends a whole answer of JSON; without the body where only the head was asked for."""
    await answer_with(send, status, body, JSON_TYPE, head=head)


async def answer_with(
    send: Send, status: int, body: bytes, content_type: str, *, head: bool = False
) -> None:
    """Sends a whole answer of any type of content; without it where the status forbids it."""
    headers = [(b"content-type", content_type.encode("latin-1")), *JSON_HEADERS[1:]]
    if status in WITHOUT_CONTENT:
        body = b""
    if status not in WITHOUT_LENGTH:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})


def header(scope: Scope, name: bytes) -> str:
    """The first header of a name (in small letters); empty when there is none."""
    for one, value in scope["headers"]:
        if one == name:
            text: str = value.decode("latin-1")
            return text
    return ""


@contextmanager
def watched(receive: Receive) -> Iterator[Callable[[], bool]]:
    """Tells whether the client went away; nothing of its request may be wanted any more."""
    leaving = asyncio.ensure_future(_left(receive))
    try:
        yield leaving.done
    finally:
        leaving.cancel()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body.

    Raises:
        BodyTooLarge: it is, or says it is, larger than `limit` bytes.
        Disconnected: the client went away.
    """
    announced = header(scope, b"content-length")
    if announced.isdigit() and int(announced) > limit:
        raise BodyTooLarge
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        part: bytes = message.get("body", b"")
        body += part
        if len(body) > limit:
            raise BodyTooLarge
        if not message.get("more_body", False):
            return body
