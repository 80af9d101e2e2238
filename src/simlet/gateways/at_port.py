"""A port that a modem hangs on: it is opened, asked one command at a time, and listened to.

What a command may be is not for this file to say; those who ask only read, set up and delete.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, cast

import serialx

from simlet.wire.at import PROMPT, Answer, Dialogue, Echo, LineReader, Progress, Unsolicited

OPEN_S: Final = 10.0
CLOSE_S: Final = 5.0
LONGEST_ANSWER_S: Final = 120.0
_ESCAPE: Final = b"\x1b"
_FLOOD_OCTETS: Final = 64 * 1024
_FLOOD_PAUSE_S: Final = 0.1

_FAILURES: Final = (OSError, ValueError, TimeoutError, serialx.SerialException)


class PortLost(Exception):  # noqa: N818 - it says what happened
    """The port cannot be used: a clause says why. It may come back when it is opened again."""


class ModemRestarted(Exception):  # noqa: N818 - it says what happened
    """The modem has forgotten what was set, or has another SIM: begin again."""


class AtPort(asyncio.Protocol):
    """An open port.

    Args:
        timeout_s: how long a modem may take to answer, or to go on with an answer.
        heard: is told what the modem says by itself.

    Attributes:
        echoes: whether the modem repeated the last command.
    """

    def __init__(self, timeout_s: float, heard: Callable[[Unsolicited], None]) -> None:
        self._timeout_s = timeout_s
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self._lines = LineReader()
        self._dialogue = Dialogue()
        self._turn = asyncio.Lock()
        self._lost: asyncio.Future[str] = self._loop.create_future()
        self._answer: asyncio.Future[Answer] | None = None
        self._limit: asyncio.Timeout | None = None
        self._timeout_now_s = timeout_s
        self._transport: asyncio.Transport | None = None
        self._octets = 0
        self._heard_at_s = self._loop.time()
        self.echoes = False

    async def ask(self, command: str, *prefixes: str, timeout_s: float | None = None) -> Answer:
        """The answer to a command.

        Args:
            command: without its line end.
            prefixes: what lines of the answer begin with (see `wire.at.Dialogue.ask`).
            timeout_s: how long it may take, where that is not as with every other.

        Raises:
            PortLost: there is none in time, or the port is gone.
        """
        async with self._turn:
            return await self._ask(command, prefixes, timeout_s or self._timeout_s)

    async def until_quiet(self, quiet_s: float) -> None:
        """Waits until nothing came for a while: late answers to what was asked before are over."""
        ends_at_s = self._loop.time() + LONGEST_ANSWER_S
        while (left_s := self._heard_at_s + quiet_s - self._loop.time()) > 0:
            if self._loop.time() > ends_at_s:
                raise PortLost("it does not stop talking")
            await asyncio.sleep(left_s)

    async def until_lost(self) -> None:
        """Waits until the port is gone.

        Raises:
            PortLost: always.
        """
        raise PortLost(await asyncio.shield(self._lost))

    async def _ask(self, command: str, prefixes: tuple[str, ...], timeout_s: float) -> Answer:
        self._answer = self._loop.create_future()
        self._dialogue.ask(command, prefixes)
        self.echoes = False
        self._write(command.encode("ascii") + b"\r")
        try:
            async with asyncio.timeout(LONGEST_ANSWER_S), asyncio.timeout(timeout_s) as limit:
                self._limit, self._timeout_now_s = limit, timeout_s
                return await self._answer
        except TimeoutError:
            raise PortLost("it does not answer") from None
        finally:
            self._answer = self._limit = None

    def _write(self, octets: bytes) -> None:
        if self._transport is None or self._lost.done():
            raise PortLost("it is closed")
        try:
            self._transport.write(octets)
        except _FAILURES as error:
            raise PortLost(reason_of(error)) from None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        reason = reason_of(exc) if exc else "it was closed"
        if not self._lost.done():
            self._lost.set_result(reason)
        if self._answer and not self._answer.done():
            self._answer.set_exception(PortLost(reason))

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._heard_at_s = self._loop.time()
        self._slow_down(len(data))
        for line in self._lines.feed(data):
            self._take(line)

    def _slow_down(self, octets: int) -> None:
        """One port that floods leaves the others their time."""
        self._octets += octets
        if self._octets > _FLOOD_OCTETS and self._transport and not self._transport.is_closing():
            self._octets = 0
            self._transport.pause_reading()
            self._loop.call_later(_FLOOD_PAUSE_S, self._resume)

    def _resume(self) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.resume_reading()

    def _take(self, line: str) -> None:
        said = self._dialogue.take(line)
        if line == PROMPT:
            # It waits for a text that somebody before us wanted to enter: nobody does now.
            with suppress(PortLost):
                self._write(_ESCAPE)
        if isinstance(said, Unsolicited):
            self._heard(said)
        elif isinstance(said, Echo):
            self.echoes = True
        elif isinstance(said, Progress) and self._limit and not self._limit.expired():
            self._limit.reschedule(self._loop.time() + self._timeout_now_s)
        elif isinstance(said, Answer) and self._answer and not self._answer.done():
            self._answer.set_result(said)


def reason_of(error: BaseException) -> str:
    """A clause for people on why a port cannot be used."""
    if isinstance(error, TimeoutError):
        return "it does not open in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__


@asynccontextmanager
async def open_port(
    address: str, baud: int, timeout_s: float, heard: Callable[[Unsolicited], None]
) -> AsyncIterator[AtPort]:
    """A port, open while the context lasts; what had come before is dropped.

    Args:
        address: a device's path, `socket://HOST:PORT` or `rfc2217://HOST:PORT`.
        baud: the speed of a serial line.
        timeout_s: see `AtPort`.
        heard: see `AtPort`.

    Raises:
        PortLost: it cannot be opened, for instance because another program has it.
    """
    loop = asyncio.get_running_loop()
    port = AtPort(timeout_s, heard)
    try:
        async with asyncio.timeout(OPEN_S):
            transport, _ = await serialx.create_serial_connection(
                loop, lambda: port, address, baudrate=baud
            )
    except _FAILURES as error:
        raise PortLost(reason_of(error)) from None
    try:
        yield port
    finally:
        transport.abort()
        with suppress(*_FAILURES):
            async with asyncio.timeout(CLOSE_S):
                await transport.wait_closed()
