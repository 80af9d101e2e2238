"""What becomes of the messages of an SMPP session: read, handed over, answered.

SMPP has no id for an inbound message. When a session is lost, the answers written last may not
have arrived, and the SMSC sends those messages once more: the same SMS must not be kept under two
ids. So each message without an id gets one of ours, and the last ones of a lost session are
remembered: what comes again, on any session of the gateway, gets the id that it had.
"""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from simlet.clock import Clock
from simlet.domain.inbound import Inbound, Part
from simlet.gateways.contract import DriverContext, Result
from simlet.log import get_log
from simlet.wire.smpp import (
    Command,
    Frame,
    MalformedPdu,
    Status,
    decode_data_sm,
    decode_deliver_sm,
    encode,
    encode_answer,
)
from simlet.wire.smpp_message import Reading, is_receipt, read_message

MAX_IN_DOUBT = 1000
"""How many messages of one session may be in doubt; windows of SMSCs are far smaller."""

MAX_REMEMBERED = 20_000

_log = get_log("smpp")

_Content = tuple[str, str, str, Part | None]


_OURS = "smpp-"
_FAILED, _REFUSED = Result.FAILED, Result.REFUSED


def _is_ours(message: Inbound) -> bool:
    """Whether its id is one of ours; another's that looks so does no harm."""
    return (message.source_id or "").startswith(_OURS)


def _content(message: Inbound) -> _Content:
    return message.to, message.sender, message.text, message.part


@dataclass(slots=True)
class Redelivered:
    """The ids of messages of lost sessions, for a while: one memory for each gateway.

    Attributes:
        keep_s: how long an id is remembered, in seconds; 0 for not at all.
    """

    clock: Clock
    keep_s: float
    _ids: dict[_Content, deque[tuple[float, str]]] = field(default_factory=dict)
    _count: int = 0

    def remember(self, messages: Iterable[Inbound]) -> None:
        """Takes messages whose answers may not have arrived."""
        if not self.keep_s:
            return
        now_s = self.clock.monotonic_s()
        self._forget_old(now_s)
        for message in messages:
            if message.source_id is None:
                continue
            while self._count >= MAX_REMEMBERED:
                self._count -= len(self._ids.pop(next(iter(self._ids))))
            ids = self._ids.setdefault(_content(message), deque())
            ids.append((now_s + self.keep_s, message.source_id))
            self._count += 1

    def id_of(self, message: Inbound) -> str | None:
        """The id that a message had when it came before; it is given once for each time."""
        if not self._ids:
            return None
        ids = self._ids.get(_content(message))
        while ids:
            until_s, source_id = ids.popleft()
            self._count -= 1
            if until_s > self.clock.monotonic_s():
                return source_id
        self._ids.pop(_content(message), None)
        return None

    def _forget_old(self, now_s: float) -> None:
        for content, ids in list(self._ids.items()):
            while ids and ids[0][0] <= now_s:
                ids.popleft()
                self._count -= 1
            if not ids:
                del self._ids[content]


@dataclass(frozen=True, slots=True)
class _NoMessage:
    """What is no message to keep.

    Attributes:
        answer: the PDU that is its answer.
        reason: what is wrong with it; empty when nothing is.
    """

    answer: bytes
    reason: str = ""


@dataclass(slots=True, eq=False)
class _Doubt:
    """Messages of one batch that have ids of ours, and may come again.

    Attributes:
        number: which batch of the session it is, from 1.
        answered: whether their answers were given.
    """

    number: int
    messages: list[Inbound]
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """What is handed over together.

    Attributes:
        frames: the PDUs.
        read: what each of them is.
        messages: those that are to be kept.
        lines: the numbers that they came to.
    """

    frames: Sequence[Frame]
    read: Sequence[Inbound | _NoMessage]
    messages: list[Inbound]
    lines: frozenset[str]
    doubt: _Doubt

    def shares_a_line(self, other: "Batch") -> bool:
        """Whether the order of the two counts."""
        return not self.lines.isdisjoint(other.lines)


@dataclass(slots=True)
class Intake:
    """Where the messages of one session go.

    Attributes:
        not_kept: what the SMSC is told of a message that it is to send again.
        name: what the ids of the session hold; no other session's do.
    """

    context: DriverContext
    reading: Reading
    not_kept: Status
    redelivered: Redelivered
    name: str
    _counted: int = 0
    _taken: int = 0
    _is_lost: bool = False
    _in_doubt: deque[_Doubt] = field(default_factory=deque)
    _in_doubt_count: int = 0

    def read(self, frames: Sequence[Frame]) -> Batch:
        """What the frames hold; it is to be kept then."""
        read = [self._read(frame) for frame in frames]
        self._note_unreadable(read)
        messages = [one for one in read if isinstance(one, Inbound)]
        lines = frozenset([one.to for one in messages])
        self._taken += 1
        doubt = _Doubt(self._taken, [one for one in messages if _is_ours(one)])
        self._add_doubt(doubt)
        return Batch(frames, read, messages, lines, doubt)

    async def keep(self, batch: Batch) -> bytes:
        """Hands a batch over; gives the answers to all of it, once it is kept."""
        results = await self.context.deliver(batch.messages) if batch.messages else []
        if _FAILED in results:
            self._note_failed(batch, results)
        outcomes = iter(results)
        answers = [
            encode_answer(frame.command, self._status(next(outcomes)), frame.sequence)
            if isinstance(one, Inbound)
            else one.answer
            for frame, one in zip(batch.frames, batch.read, strict=True)
        ]
        batch.doubt.answered = True
        return b"".join(answers)

    def answered(self) -> frozenset[int]:
        """The batches whose answers were given, by number: for `arrived`."""
        return frozenset([one.number for one in self._in_doubt if one.answered])

    def arrived(self, batches: Collection[int]) -> None:
        """The answers to these batches have arrived at the other side."""
        self._in_doubt = deque(one for one in self._in_doubt if one.number not in batches)
        self._in_doubt_count = sum(len(one.messages) for one in self._in_doubt)

    def lost(self) -> None:
        """The session is lost: what is in doubt, or is still taken, may come again."""
        self._is_lost = True
        self.redelivered.remember(one for doubt in self._in_doubt for one in doubt.messages)
        self._in_doubt.clear()
        self._in_doubt_count = 0

    def _read(self, frame: Frame) -> Inbound | _NoMessage:
        try:
            decode = decode_deliver_sm if frame.command == Command.DELIVER_SM else decode_data_sm
            pdu = decode(frame.body)
            if is_receipt(pdu):
                return _NoMessage(encode_answer(frame.command, Status.ESME_ROK, frame.sequence))
            self._counted += 1
            own_id = f"{_OURS}{self.name}-{self._counted}"
            message = read_message(pdu, self.reading, own_id)
        except MalformedPdu as error:
            return _NoMessage(
                encode(Command.GENERIC_NACK, error.status, frame.sequence), str(error)
            )
        # What a lost session still held is no repetition of what it had before.
        if message.source_id != own_id or self._is_lost:
            return message
        had_id = self.redelivered.id_of(message)
        return message._replace(source_id=had_id) if had_id else message

    def _note_failed(self, batch: Batch, results: list[Result]) -> None:
        # What is not kept has no id yet that could be met again.
        kept = [
            message
            for message, result in zip(batch.messages, results, strict=True)
            if result is not _FAILED and _is_ours(message)
        ]
        if batch.doubt in self._in_doubt:
            self._in_doubt_count += len(kept) - len(batch.doubt.messages)
        batch.doubt.messages = kept
        _log.warning("smpp_not_kept", gateway=self.context.gateway, messages=results.count(_FAILED))

    def _note_unreadable(self, read: Sequence[Inbound | _NoMessage]) -> None:
        """Tells the log once for a batch: there may be a flood of them."""
        reasons = [one.reason for one in read if isinstance(one, _NoMessage) and one.reason]
        if reasons:
            gateway = self.context.gateway
            _log.warning("smpp_unreadable", gateway=gateway, pdus=len(reasons), first=reasons[0])

    def _add_doubt(self, doubt: _Doubt) -> None:
        if self._is_lost:
            self.redelivered.remember(doubt.messages)
        elif doubt.messages:
            self._in_doubt.append(doubt)
            self._in_doubt_count += len(doubt.messages)
            while self._in_doubt_count > MAX_IN_DOUBT and len(self._in_doubt) > 1:
                self._in_doubt_count -= len(self._in_doubt.popleft().messages)

    def _status(self, result: Result) -> Status:
        if result is _FAILED:
            return self.not_kept
        return Status.ESME_RX_R_APPN if result is _REFUSED else Status.ESME_ROK
