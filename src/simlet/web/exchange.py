"""A request that gets a whole answer, in the place of uvicorn's cycle of ASGI messages."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from simlet.web.whole import Handler, Request, written

_UNHEARD = asyncio.Event()
"""Set by uvicorn when bytes of the body came or the connection is lost; nobody waits for it."""


class Exchange(RequestResponseCycle):
    """One request and its answer: uvicorn's connection starts it and sees how far it is.

    Of a cycle it has only what a connection looks at.
    """

    # It begins and ends at once.
    response_started = False

    def __init__(
        self, connection: HttpToolsProtocol, handler: Handler, method: str, path: str, query: bytes
    ) -> None:
        self._connection = connection
        self._handler = handler
        self._head = (method, path, query, connection.headers)
        self.keep_alive = connection.parser.should_keep_alive()
        self.body = bytearray()
        self.more_body = True
        self.message_event = _UNHEARD
        self.disconnected = False
        self.response_complete = False

    async def run_asgi(self, app: Any) -> None:  # noqa: ARG002 - uvicorn's signature
        """Answers. Where that fails the connection ends, as nothing true can be said any more."""
        connection = self._connection
        # The connection holds its latest request: they must not hold each other for good.
        del self._connection
        try:
            gone = connection.transport.is_closing
            answer = await self._handler(Request(*self._head, bytes(self.body), gone))
            await connection.flow.drain()
            if not self.disconnected:
                headers = connection.server_state.default_headers
                connection.transport.write(written(answer, headers, keep_alive=self.keep_alive))
                self.response_complete = True
        finally:
            if not (self.response_complete and self.keep_alive):
                connection.transport.close()
        if self.response_complete:
            connection.on_response_complete()
