"""One SMPP session over one connection: bound, kept alive, emptied, unbound.

Source: SMPP Protocol Specification v3.4, issue 1.2: sessions 2.2, error handling 3.3, timers 7.2.
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from simlet.clock import Clock
from simlet.gateways.smpp_backlog import Backlog
from simlet.gateways.smpp_intake import Intake
from simlet.log import get_log
from simlet.wire.smpp import (
    Bind,
    Command,
    Frame,
    FrameFault,
    FrameReader,
    Status,
    encode,
    is_response,
)

STOP_S = 2.0
"""How long the end of a session may take when it is stopped."""

_MAX_UNKNOWN = 10
_CLOSED = "the other side closed the connection"
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_LAST_SEQUENCE = 0x7FFFFFFF

_log = get_log("smpp")


class SessionEnded(Exception):  # noqa: N818 - it need not be an error
    """The session is over; the message is a clause that says why."""


class BindRefused(SessionEnded):
    """The SMSC does not take us.

    Attributes:
        status: what it answered, see `simlet.wire.smpp.Status`.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"the bind was refused: {_status_name(status)}")
        self.status = status


def _status_name(status: int) -> str:
    try:
        return f"{Status(status).name} (0x{status:02X})"
    except ValueError:
        return f"0x{status:08X}"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things may take, in seconds.

    Attributes:
        enquire_link_s: from one enquire_link of ours to the next.
        response_timeout_s: how long an answer may take.
    """

    enquire_link_s: float
    response_timeout_s: float


@dataclass(frozen=True, slots=True)
class _Farewell:
    reason: str
    last_word: bytes


class Session(asyncio.Protocol):
    """The protocol of one connection.

    Args:
        gateway: its name, for the log.
        alive: is called whenever the other side has answered an enquire_link.
    """

    def __init__(
        self, gateway: str, intake: Intake, clock: Clock, pace: Pace, alive: Callable[[], None]
    ) -> None:
        self._gateway = gateway
        self._intake = intake
        self._clock = clock
        self._pace = pace
        self._alive = alive
        self._reader = FrameReader()
        self._backlog = Backlog(intake, self._write, self._kept)
        self._answers: list[bytes] = []
        self._heard = 0
        self._sequence = 0
        self._expected: dict[int, asyncio.Future[int]] = {}
        self._farewell: _Farewell | None = None
        self._serving = False
        self._leaving = False
        self._unknown: set[int] = set()
        self._reading = True
        self._held = False
        self._writable = True
        self._transport: asyncio.Transport
        self._socket: socket.socket
        loop = asyncio.get_running_loop()
        self._bound: asyncio.Future[int] = loop.create_future()
        self._ended: asyncio.Future[str] = loop.create_future()
        self._settled: asyncio.Future[None] = loop.create_future()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._socket = self._transport.get_extra_info("socket")

    def connection_lost(self, exc: Exception | None) -> None:
        self._intake.lost()
        broken = exc is not None and not isinstance(exc, ConnectionResetError)
        self._end("the connection broke" if broken else _CLOSED)

    def data_received(self, data: bytes) -> None:
        if self._ended.done() or self._farewell is not None:
            return
        self._acknowledge()
        frames = self._reader.feed(data)
        self._heard += len(frames)
        for frame in frames:
            if frame.command in _MESSAGES:
                self._backlog.add(frame)
            else:
                self._answer(frame)
        if self._answers:
            # One write for all of them: there may be a flood, or nobody there any more.
            self._write(b"".join(self._answers))
            self._answers.clear()
        if self._reader.fault is not None:
            self._part_for(self._reader.fault)
        if self._farewell is not None or not self._backlog.is_empty:
            self._go_on()

    def _acknowledge(self) -> None:
        """Lets the system acknowledge what has come at once, and not with our next answer.

        Many an SMSC sends nothing more until then (Nagle's algorithm): it would stand still for as
        long as a batch takes.
        """
        if _QUICK_ACK is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

    def eof_received(self) -> bool:
        # What it sent before it left is answered all the same; TLS has no such half.
        self._part(_CLOSED, b"")
        self._go_on()
        return self._transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        # Whoever does not read our answers is not read from either.
        self._writable = False
        self._read_on_if_there_is_room()

    def resume_writing(self) -> None:
        self._writable = True
        self._read_on_if_there_is_room()

    # What the driver calls.

    async def bind(self, bind: Bind, command: Command) -> None:
        """Binds.

        Raises:
            BindRefused: the SMSC answered that it does not want us.
            SessionEnded: it closed the connection.
            TimeoutError: it did not answer in time.
        """
        sequence, answered = self._next_sequence(), self._bound
        self._expected[sequence] = answered
        self._transport.write(bind.encode(command, sequence))
        try:
            async with asyncio.timeout(self._pace.response_timeout_s):
                await self._answer_or_end(answered)
        except TimeoutError:
            raise TimeoutError("no answer to the bind") from None
        finally:
            self._expected.pop(sequence, None)
        if not answered.done():
            raise SessionEnded(self._ended.result())
        if answered.result() != Status.ESME_ROK:
            raise BindRefused(answered.result())

    async def serve(self) -> None:
        """Takes messages until the session ends, which it always does by raising.

        When it is cancelled, what was handed over is answered, and the other side hears that we
        leave; this takes `STOP_S` at most.

        Raises:
            SessionEnded: the other side left, or is not to be used any more.
        """
        self._serving = True
        self._go_on()
        enquiring = asyncio.create_task(self._enquire())
        try:
            await asyncio.wait({self._settled, enquiring}, return_when=asyncio.FIRST_COMPLETED)
            if enquiring.done():
                enquiring.result()
            # What is being kept is waited for: messages of the next session come behind it.
            await asyncio.shield(self._settled)
        except asyncio.CancelledError:
            await self._within_stop_time(self._leave())
            raise
        finally:
            self._serving = False
            enquiring.cancel()
            self._intake.lost()
            self.abort()
            await self._backlog.drop()
            await asyncio.gather(enquiring, return_exceptions=True)
        raise SessionEnded(self._ended.result())

    def abort(self) -> None:
        """Drops the connection, if there still is one."""
        self._end("it was stopped")
        self._transport.abort()

    # Messages.

    def _go_on(self) -> None:
        """Hands over what has come, and ends what is over."""
        # Also when the connection is gone by now: what has come is not lost.
        if self._serving:
            try:
                self._backlog.hand_over()
            except Exception as fault:  # noqa: BLE001 - `serve` raises it
                self._fail(fault)
        self._read_on_if_there_is_room()
        if self._serving and self._backlog.is_empty:
            self._settle()

    def _kept(self, fault: BaseException | None) -> None:
        if fault is not None:
            self._fail(fault)
        self._go_on()

    def _fail(self, fault: BaseException) -> None:
        """Lets `serve` raise; what waits may belong behind what failed, and comes again with it."""
        self._serving = False
        if not self._settled.done():
            self._settled.set_exception(fault)

    def _settle(self) -> None:
        """All that has come is answered: says goodbye, or is done, where nothing more can come."""
        if self._ended.done():
            if not self._settled.done():
                self._settled.set_result(None)
        elif self._farewell is not None:
            self._say(self._farewell)

    def _read_on_if_there_is_room(self) -> None:
        self._held = self._backlog.is_full
        reading = self._writable and not self._held
        if self._ended.done() or reading is self._reading:
            return
        self._reading = reading
        if reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    # All other PDUs.

    def _answer(self, frame: Frame) -> None:
        if is_response(frame.command):
            answered = self._expected.get(frame.sequence)
            if answered is not None and not answered.done():
                answered.set_result(frame.status)
        elif frame.command == Command.ENQUIRE_LINK:
            self._answers.append(encode(Command.ENQUIRE_LINK_RESP, 0, frame.sequence))
        elif frame.command == Command.UNBIND:
            resp = encode(Command.UNBIND_RESP, Status.ESME_ROK, frame.sequence)
            self._part("the other side unbound", resp)
        elif frame.command != Command.ALERT_NOTIFICATION:
            self._note_unknown(frame.command)
            status = Status.ESME_RINVCMDID
            self._answers.append(encode(Command.GENERIC_NACK, status, frame.sequence))

    def _note_unknown(self, command: int) -> None:
        """Tells the log of each such PDU once, and of a few alone: there may be a flood of them."""
        if command not in self._unknown and len(self._unknown) < _MAX_UNKNOWN:
            self._unknown.add(command)
            _log.warning("smpp_pdu_unknown", gateway=self._gateway, command=command)

    def _part_for(self, fault: FrameFault) -> None:
        _log.warning("smpp_length_impossible", gateway=self._gateway, octets=fault.length)
        nack = encode(Command.GENERIC_NACK, Status.ESME_RINVCMDLEN, fault.sequence)
        self._part("a PDU of an impossible length came", nack)

    def _part(self, reason: str, last_word: bytes) -> None:
        """Ends the session as soon as all that came before is answered.

        While it is not bound nothing is taken, and there is nothing to wait for.
        """
        self._farewell = self._farewell or _Farewell(reason, last_word)
        if self._leaving or not self._bound.done():
            self._say(self._farewell)

    def _say(self, farewell: _Farewell) -> None:
        self._write(farewell.last_word)
        self._end(farewell.reason)
        self._transport.close()

    async def _enquire(self) -> None:
        """Asks now and then whether the other side is there, and ends the session when not."""
        rest_s = self._pace.enquire_link_s
        while True:
            await self._clock.sleep(rest_s)
            heard, read = self._heard, self._intake.answered()
            sequence = self._next_sequence()
            answered = self._expect(sequence)
            answered.add_done_callback(partial(self._confirm, read))
            self._send(Command.ENQUIRE_LINK, Status.ESME_ROK, sequence)
            await self._clock.sleep(self._pace.response_timeout_s)
            self._expected.pop(sequence, None)
            # Whatever comes is a sign of life; while we ourselves do not read, nothing can.
            if self._heard == heard and not self._held:
                self._end("no answer to enquire_link")
                self._transport.abort()
                return
            rest_s = max(self._pace.enquire_link_s - self._pace.response_timeout_s, 0.1)

    def _confirm(self, read: frozenset[int], _: object) -> None:
        # Octets arrive in order: who answers this has read all that was written before it.
        self._intake.arrived(read)
        self._alive()

    # Ends.

    def _end(self, reason: str) -> None:
        if not self._ended.done():
            self._ended.set_result(reason)
            self._go_on()

    async def _leave(self) -> None:
        self._serving = False
        await self._backlog.rest()
        if self._farewell is not None:
            self._say(self._farewell)
        if self._ended.done():
            return
        self._leaving = True
        sequence = self._next_sequence()
        answered = self._expect(sequence)
        self._send(Command.UNBIND, Status.ESME_ROK, sequence)
        await self._answer_or_end(answered)

    async def _within_stop_time(self, leaving: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(STOP_S):
                await leaving
        except TimeoutError:
            _log.warning("smpp_not_unbound", gateway=self._gateway)

    # Writing.

    def _send(self, command: Command, status: Status, sequence: int) -> None:
        self._write(encode(command, status, sequence))

    def _write(self, octets: bytes) -> None:
        if not self._ended.done():
            self._transport.write(octets)

    def _expect(self, sequence: int) -> "asyncio.Future[int]":
        answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._expected[sequence] = answered
        return answered

    async def _answer_or_end(self, answered: "asyncio.Future[int]") -> None:
        either: set[asyncio.Future[Any]] = {answered, self._ended}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)

    def _next_sequence(self) -> int:
        self._sequence = self._sequence % _LAST_SEQUENCE + 1
        return self._sequence


_MESSAGES = frozenset({int(Command.DELIVER_SM), int(Command.DATA_SM)})
