"""The writer for other processes as a thread of a test, and a process that it writes for."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from simlet.store.sql import Tx
from simlet.store.sqlite_frames import Inbox, to_frame
from simlet.store.sqlite_group import GroupWriter
from simlet.store.sqlite_server import WriteServer
from simlet.testing.gate import Gate
from store.keeping import keep

PATIENCE_S = 20.0
GATES: dict[str, Gate] = {}


def keep_at_gate(tx: Tx, name: str) -> str:
    """Keeps a name when the gate of that name is open."""
    GATES[name].pass_through()
    return keep(tx, name)


@contextmanager
def gate_of(name: str) -> Iterator[Gate]:
    """The gate at which `keep_at_gate` stops with this name."""
    with Gate() as gate:
        GATES[name] = gate
        yield gate
    del GATES[name]


@contextmanager
def listening(address: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(address))
        listener.listen()
        listener.settimeout(PATIENCE_S)
        yield listener
    address.unlink()


@dataclass
class Office:
    """A server that writes, in a thread.

    Attributes:
        address: its socket.
    """

    address: Path
    thread: threading.Thread
    _leave: int

    def leave(self) -> None:
        """Tells it to leave; a second time does no harm."""
        if self._leave >= 0:
            os.close(self._leave)
            self._leave = -1

    def ended(self) -> bool:
        """Waits until it has ended."""
        self.thread.join(PATIENCE_S)
        return not self.thread.is_alive()

    def visitor(self) -> "Visitor":
        """A process that has connected."""
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.settimeout(PATIENCE_S)
        made.connect(str(self.address))
        return Visitor(made)


@contextmanager
def office(file: Path, *, group_limit: int = 256, busy_timeout_s: float = 20) -> Iterator[Office]:
    """A server that writes to a file of SQLite; it listens beside it."""
    address = file.with_name("writer")
    until, leave = os.pipe()
    writer = GroupWriter(file, busy_timeout_s)
    with listening(address) as listener:
        server = WriteServer(writer, listener, group_limit)
        thread = threading.Thread(target=server.serve, args=(until,))
        thread.start()
        open_office = Office(address, thread, leave)
        try:
            yield open_office
        finally:
            open_office.leave()
            assert open_office.ended()
            os.close(until)


@dataclass
class Visitor:
    """A process that is written for."""

    socket: socket.socket
    _inbox: Inbox = field(default_factory=Inbox)
    _told: dict[int, list[Any]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *jobs: tuple[int, list[Any]]) -> None:
        """Sends jobs together."""
        self.socket.sendall(to_frame(list(jobs)))

    def outcomes(self, number: int) -> list[Any]:
        """Waits until a job is answered; what it was answered with."""
        while number not in self._told:
            piece = self.socket.recv(1 << 16)
            assert piece, "the server has closed the connection"
            for finished in self._inbox.values(piece):
                self._told.update(finished)
        return self._told.pop(number)

    def is_dismissed(self) -> bool:
        """Whether the server closes the connection without another word."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def job(number: int, flow: Callable[..., Any], *args: Any) -> tuple[int, list[Any]]:
    """A job of one flow, as it is sent."""
    return number, [(flow, args, {})]
