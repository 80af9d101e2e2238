"""Where a reader of the event stream stands, so that nothing is skipped or told twice."""

import re
from collections.abc import Sequence
from typing import Any

import httpx2
import msgspec

from simlet.client.answers import Event
from simlet.client.conduct import Conduct, Reply, Went
from simlet.client.connection import Connection
from simlet.client.operations import Call
from simlet.client.problems import SimletError

EVENT_STREAM = "text/event-stream"
SILENCE_S = 45.0
"""The server says something every 15 s; a connection silent for so long is dead."""

_ID = re.compile(r"evt_([0-9]{1,19})")


class Position:
    """The last event that was told, which the next connection goes on behind."""

    def __init__(self, after: str | None, types: Sequence[str]) -> None:
        """Stands behind `after`; None: behind what is there when the stream begins.

        Raises:
            ValueError: `after` is not the id of an event.
        """
        self._last = None if after is None else _number(after)
        self._types = [types] if isinstance(types, str) else list(types)
        if after is not None and self._last is None:
            raise ValueError("the id of an event looks like evt_9")

    def query(self) -> dict[str, str]:
        """The parameters in the stream's address."""
        return {"types": ",".join(self._types)} if self._types else {}

    def headers(self) -> dict[str, str]:
        """What a new connection says of where this reader stands."""
        known = {} if self._last is None else {"last-event-id": f"evt_{self._last}"}
        return {"accept": EVENT_STREAM, "cache-control": "no-store", **known}

    def take(self, told: httpx2.ServerSentEvent) -> Event | None:
        """The event in what the stream told; None where it is none, or was told before.

        Raises:
            SimletError: it is not an event of simlet's; or the server has fewer events than were
                told, as it was restored from a backup.
        """
        number = _number(told.id)
        if number is None:
            return None
        if not told.data:
            # Where the stream begins: a connection that is lost from here on goes on there.
            if self._last is not None and number < self._last:
                raise _restored(number, self._last)
            self._last = number
            return None
        if self._last is not None and number <= self._last:
            return None
        event = _decoded(told.data)
        self._last = number
        return event


class Reconnects:
    """When a stream is connected again, and when not any more."""

    def __init__(self, conduct: Conduct) -> None:
        self._conduct = conduct
        self._failed = 0
        self._met = False

    def connected(self) -> None:
        """Tells that the server took the stream."""
        self._failed = 0
        self._met = True

    def pause_s(self, went: Went | None) -> float:
        """How long to pause before the next connection.

        Args:
            went: how the last one went; None: it was taken, and it ended.

        Raises:
            Problem: the server refused it.
            Unreachable: it was never taken, after all the tries.
        """
        self._failed += 1
        asked_s = 0.0
        if isinstance(went, Reply):
            if not went.passes():
                raise went.error()
            asked_s = went.retry_after_s() or 0.0
        # A server that was there comes back; one that never was is the wrong address.
        if went is not None and not self._met and self._failed >= self._conduct.retries.attempts:
            raise went.error()
        return asked_s + self._conduct.jitter_s(self._failed)


def stream_request(connection: Connection, position: Position) -> dict[str, Any]:
    """The arguments of an HTTP client's `stream`."""
    call: Call[Event] = Call("GET", "/v1/events", Event, position.query())
    request = connection.request(call, position.headers())
    return request | {"timeout": httpx2.Timeout(connection.timeout_s, read=SILENCE_S)}


def is_stream(answer: httpx2.Response) -> bool:
    """Whether the server took the stream."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return answer.status_code == 200 and kind == EVENT_STREAM


def _number(text: str) -> int | None:
    found = _ID.fullmatch(text)
    return int(found[1]) if found else None


def _restored(newest: int, last: int) -> SimletError:
    return SimletError(
        f"The newest event of the server is evt_{newest}, before evt_{last}: it was restored from "
        f"a backup. Read your rentals anew, and go on with events(after='evt_{newest}')."
    )


def _decoded(data: str) -> Event:
    try:
        return msgspec.json.decode(data, type=Event)
    except msgspec.DecodeError:
        raise SimletError("The stream told something that is not an event of simlet's.") from None
