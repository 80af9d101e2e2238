"""SQLite: the process that writes for others.

It reads what the others sent, writes it as one group, answers, and looks again: what comes in
meanwhile waits in the sockets and becomes the next group.
"""

import pickle
import selectors
import socket
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simlet.domain.errors import Refused
from simlet.log import get_log
from simlet.store.sql import Call, DatabaseFault, Raised
from simlet.store.sqlite_frames import Inbox, to_frame
from simlet.store.sqlite_group import GroupWriter

_PIECE = 1 << 16
_LEAVE_WITHIN_S = 9.0

_log = get_log("writer")


@dataclass(slots=True, eq=False)
class _Client:
    """A process that is written for; `unsent` is what its socket did not take yet."""

    socket: socket.socket
    inbox: Inbox = field(default_factory=Inbox)
    unsent: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True, slots=True)
class _Job:
    client: _Client
    number: int
    calls: list[Call]


class WriteServer:
    """Writes for whoever connects.

    Args:
        writer: writes groups.
        listener: listens already; who can connect to it is trusted.
        group_limit: the most flows in one commit; those of one job are never divided.
    """

    def __init__(self, writer: GroupWriter, listener: socket.socket, group_limit: int) -> None:
        self._writer = writer
        self._listener = listener
        self._group_limit = group_limit
        self._clients: set[_Client] = set()
        self._waiting: deque[_Job] = deque()
        self._leave_at_s: float | None = None
        self._selector = selectors.DefaultSelector()
        listener.setblocking(False)
        self._watch(listener, self._accept)

    def serve(self, until: int) -> None:
        """Serves until a file, given by its descriptor, can be read, and then who is there still.

        Those are given some seconds to leave; what was read of them is written whatever comes.
        """
        self._selector.register(until, selectors.EVENT_READ, lambda _: self._begin_to_leave(until))
        while not self._is_done():
            for key, events in self._selector.select(self._patience_s()):
                key.data(events)
            if self._waiting:
                self._write_group()
        for client in list(self._clients):
            self._drop(client)
        self._selector.close()
        self._writer.close()

    def _watch(self, sock: socket.socket, heed: Callable[[int], None]) -> None:
        self._selector.register(sock, selectors.EVENT_READ, heed)

    def _begin_to_leave(self, until: int) -> None:
        self._selector.unregister(until)
        self._leave_at_s = time.monotonic() + _LEAVE_WITHIN_S

    def _is_done(self) -> bool:
        if self._leave_at_s is None or self._waiting:
            return False
        return not self._clients or time.monotonic() >= self._leave_at_s

    def _patience_s(self) -> float | None:
        if self._waiting:
            return 0
        if self._leave_at_s is None:
            return None
        return max(0.0, self._leave_at_s - time.monotonic())

    def _accept(self, _: int) -> None:
        try:
            made, _address = self._listener.accept()
        except OSError:
            return
        made.setblocking(False)
        client = _Client(made)
        self._clients.add(client)
        self._watch(made, lambda events: self._heed(client, events))

    def _heed(self, client: _Client, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._send(client, b"")
        if events & selectors.EVENT_READ:
            self._read(client)

    def _read(self, client: _Client) -> None:
        try:
            piece = client.socket.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self._drop(client)
            return
        try:
            for jobs in client.inbox.values(piece):
                for number, calls in jobs:
                    self._waiting.append(_Job(client, number, [Call(*call) for call in calls]))
        except Exception as fault:  # noqa: BLE001 - a program of another version, at worst
            # Only its type: what a fault says may hold a piece of a text.
            _log.error("job_unreadable", fault=type(fault).__name__)
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        if client in self._clients:
            self._clients.discard(client)
            self._selector.unregister(client.socket)
            client.socket.close()

    def _write_group(self) -> None:
        group = self._next_group()
        written = self._writer.write([call for job in group for call in job.calls])
        _note_places(written)
        outcomes = iter(written)
        answers: dict[_Client, list[tuple[int, list[Any]]]] = {}
        for job in group:
            told = [next(outcomes) for _ in job.calls]
            answers.setdefault(job.client, []).append((job.number, told))
        for client, finished in answers.items():
            self._send(client, _answer(finished))

    def _next_group(self) -> list[_Job]:
        group = [self._waiting.popleft()]
        flows = len(group[0].calls)
        while self._waiting and flows + len(self._waiting[0].calls) <= self._group_limit:
            group.append(self._waiting.popleft())
            flows += len(group[-1].calls)
        return group

    def _send(self, client: _Client, frame: bytes) -> None:
        if client not in self._clients:
            return
        client.unsent += frame
        try:
            sent = client.socket.send(client.unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(client)
            return
        del client.unsent[:sent]
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.unsent else 0)
        key = self._selector.get_key(client.socket)
        if key.events != events:
            self._selector.modify(client.socket, events, key.data)


def _note_places(outcomes: list[Any]) -> None:
    """Notes on each fault the lines of code that it came from: they do not travel by themselves."""
    faults = {id(one.error): one.error for one in outcomes if _is_fault(one)}
    for fault in faults.values():
        links = [link for link in (fault.__cause__, fault) if link is not None]
        places = [place for link in links for place in traceback.format_tb(link.__traceback__)]
        fault.add_note("in the writer:\n" + "".join(places))


def _answer(finished: list[tuple[int, list[Any]]]) -> bytes:
    try:
        return to_frame(
            [
                (number, [_portable(one) if _is_fault(one) else one for one in outcomes])
                for number, outcomes in finished
            ]
        )
    except Exception:  # noqa: BLE001 - whatever keeps one of them from being pickled
        return to_frame([(number, list(map(_portable, outcomes))) for number, outcomes in finished])


def _is_fault(outcome: Any) -> bool:
    return isinstance(outcome, Raised) and not isinstance(outcome.error, Refused)


def _portable(outcome: Any) -> Any:
    """An outcome that surely arrives; the flow itself is kept, or is not, as it was."""
    try:
        pickle.loads(pickle.dumps(outcome))  # noqa: S301 - of our own making
    except Exception:  # noqa: BLE001 - as above
        of = outcome.error if isinstance(outcome, Raised) else outcome
        return Raised(DatabaseFault(f"an outcome cannot be handed over: {type(of).__name__}"))
    return outcome
