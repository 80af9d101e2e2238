"""The spool: messages that the database could not take wait here, on disk and in order.

What waits is kept with the time at which it came, and goes to the database when that is back. A
process that dies leaves what it had; the next one, or another that runs, adopts it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import msgspec
from msgspec import Struct
from msgspec.msgpack import Ext

from simlet.clock import Clock
from simlet.domain.inbound import Inbound
from simlet.gateways.spool_files import DAMAGED, POISON, SpoolFiles, SpoolRecord
from simlet.gateways.spool_segment import framed
from simlet.log import get_log

BATCH_BYTES = 1024 * 1024
_HALVES = 1  # the extension type of a text that holds halves of surrogate pairs

TELL_EVERY_S = 5.0

P = ParamSpec("P")
T = TypeVar("T")

_log = get_log("spool")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it was handed over.

    Attributes:
        gateway: the name of the gateway that it came by.
        came_at_ms: when it was handed over first, UTC milliseconds.
    """

    gateway_id: int
    gateway: str
    came_at_ms: int
    inbound: Inbound


@dataclass(slots=True, eq=False)
class Spooled:
    """A message that waits.

    Attributes:
        tries: how often it failed while the database took others.
    """

    arrival: Arrival
    record: SpoolRecord
    tries: int = 0


class _Body(Struct):
    """A record's body: an arrival, whose message is a table, so that fields may be added."""

    gateway_id: int
    gateway: str
    came_at_ms: int
    inbound: dict[str, Any]


_REQUIRED = [one for one in Inbound._fields if one not in Inbound._field_defaults]
_Message = msgspec.defstruct(
    "_Message",
    [
        *((name, Inbound.__annotations__[name]) for name in _REQUIRED),
        *(
            (name, Inbound.__annotations__[name], default)
            for name, default in Inbound._field_defaults.items()
        ),
    ],
)
"""An `Inbound` by the names of its fields."""


def encode(arrival: Arrival) -> bytes:
    """An arrival as a record's body.

    Raises:
        OverflowError: one of its numbers is too large to be written.
    """
    fields = _spelled(arrival.inbound._asdict())
    body = _Body(arrival.gateway_id, arrival.gateway, arrival.came_at_ms, fields)
    return msgspec.msgpack.encode(body)


def decode(body: bytes) -> Arrival:
    """The arrival that a record holds.

    Raises:
        ValueError: it is none that this version knows.
    """
    read = msgspec.msgpack.decode(body, type=_Body, ext_hook=_whole_text)
    fields = msgspec.structs.astuple(msgspec.convert(read.inbound, _Message))
    return Arrival(read.gateway_id, read.gateway, read.came_at_ms, Inbound(*fields))


def _spelled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _spelled(each) for name, each in value.items()}
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
        return value if _is_utf8(data) else Ext(_HALVES, data)
    return value


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _whole_text(code: int, data: memoryview) -> str:
    if code != _HALVES:
        raise ValueError("an extension that is not known")
    return bytes(data).decode("utf-8", "surrogatepass")


@dataclass(slots=True)
class _Job:
    """Records that one caller waits for together; each is kept or not."""

    records: list[bytes]
    done: asyncio.Future[list[bool]]


@dataclass(slots=True)
class Spool:
    """The spool of one process; several may have the same folder.

    Use it from one event loop. Its disk has a thread of its own, and what comes while that one is
    busy shares the next fsync.

    Attributes:
        limit_bytes: what the folder may hold.
        clock: puts the files of several processes in order, and the log's lines apart.
        owner_of: whose owner has the folder where root makes it.
    """

    folder: Path
    limit_bytes: int
    clock: Clock
    owner_of: Path | None = None
    _files: SpoolFiles = field(init=False)
    _disk: ThreadPoolExecutor = field(init=False)
    _jobs: list[_Job] = field(default_factory=list)
    _pending: int = 0
    _flushing: asyncio.Task[None] | None = None
    _batch: list[Spooled] = field(default_factory=list)
    _some: asyncio.Event = field(default_factory=asyncio.Event)
    _none: asyncio.Event = field(default_factory=asyncio.Event)
    _accepted: Counter[str] = field(default_factory=Counter)
    _told_at_s: float | None = None
    _closed: bool = False

    def __post_init__(self) -> None:
        self._files = SpoolFiles(self.folder, self.limit_bytes, self.owner_of)
        self._disk = ThreadPoolExecutor(1, "spool")
        self._none.set()

    @property
    def waiting(self) -> int:
        """How many messages wait, those included that are being written to the disk."""
        return self._pending + self._files.left

    async def open(self) -> None:
        """Adopts what dead processes left. A folder that cannot be used is logged, no more."""
        try:
            await self._run(self._files.open)
            await self.adopt()
        except OSError as error:
            _log.error("spool_unusable", error=error.strerror)

    async def adopt(self) -> None:
        """Takes over what processes left that died; it comes before all others."""
        adopted = await self._run(self._files.adopt)
        if adopted:
            _log.warning("spool_adopted", messages=adopted)
        self._tell()

    async def append(self, arrivals: Sequence[Arrival]) -> list[bool]:
        """Keeps messages behind all that wait; for each whether it is on disk.

        Whoever is cancelled meanwhile does not know: they may be kept.
        """
        if self._closed:
            return [False] * len(arrivals)
        records = [_record(one) for one in arrivals]
        job = _Job([one for one in records if one], asyncio.get_running_loop().create_future())
        self._pending += len(job.records)
        self._jobs.append(job)
        self._none.clear()
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        kept = iter(await job.done)
        fits = [bool(record) and next(kept) for record in records]
        self._accepted.update(
            one.gateway for one, is_kept in zip(arrivals, fits, strict=True) if is_kept
        )
        self._tell_accepted()
        return fits

    async def batch(self, count: int) -> list[Spooled]:
        """What waits longest, the oldest first; waits until there is something.

        It is given again, and in front, until it is done or set aside.

        Raises:
            OSError: a file cannot be read, and nothing lies before it.
        """
        await self._some.wait()
        if len(self._batch) < count:
            try:
                await self._read_on(count - len(self._batch))
            except OSError:
                if not self._batch:
                    raise
        return self._batch[:count]

    async def _read_on(self, count: int) -> None:
        for record in await self._run(self._files.read, count, BATCH_BYTES):
            await self._add(record)
        self._tell()

    async def done(self, messages: Sequence[Spooled]) -> None:
        """These are in the database: what is on disk of them is erased in time."""
        finished = set(map(id, messages))
        self._batch = [one for one in self._batch if id(one) not in finished]
        await self._run(self._files.forget, [one.record for one in messages])
        self._tell()
        if not self.waiting:
            self._told_at_s = None
            self._tell_accepted()

    async def set_aside(self, message: Spooled) -> None:
        """Puts a message out of the way, into a file for the operator.

        Its line is as it was: when that file is given a name with `.spool` at its end, it is
        adopted again.
        """
        self._batch = [one for one in self._batch if one is not message]
        await self._run(self._files.set_aside, message.record, POISON)
        self._tell()

    async def forget_set_aside(self, before_ms: int) -> None:
        """Erases what was set aside, and for the last time added to, before a moment."""
        await self._run(self._files.forget_set_aside, before_ms)

    async def until_empty(self) -> None:
        """Waits until nothing waits."""
        await self._none.wait()

    async def close(self) -> None:
        """Keeps what was accepted, and gives the files up: what waits is adopted at the next start.

        Nothing is kept any more after it.
        """
        self._closed = True
        if self._flushing is not None:
            await self._flushing
        await self._run(self._files.close)
        self._disk.shutdown()

    async def _flush(self) -> None:
        """Writes what waits for the disk, group by group."""
        while self._jobs:
            jobs, self._jobs = self._jobs, []
            records = [record for job in jobs for record in job.records]
            fits = iter(await self._written(records))
            self._pending -= len(records)
            for job in jobs:
                kept = [next(fits) for _ in job.records]
                if not job.done.done():
                    job.done.set_result(kept)
            self._tell()
        self._flushing = None

    async def _written(self, records: list[bytes]) -> list[bool]:
        try:
            return await self._run(self._files.write, records, self.clock.now_ms())
        except Exception as error:  # noqa: BLE001 - every caller is told
            _log.error("spool_not_written", error=str(error))
            return [False] * len(records)

    async def _add(self, record: SpoolRecord) -> None:
        try:
            self._batch.append(Spooled(decode(record.body), record))
        except ValueError as error:
            _log.error("spool_record_not_understood", error=type(error).__name__)
            await self._run(self._files.set_aside, record, DAMAGED)

    def _tell(self) -> None:
        """Wakes those who wait for something, or for nothing, to be there."""
        if self._files.left:
            self._some.set()
        else:
            self._some.clear()
        if self.waiting:
            self._none.clear()
        else:
            self._none.set()

    def _tell_accepted(self) -> None:
        now_s = self.clock.monotonic_s()
        told_lately = self._told_at_s is not None and now_s - self._told_at_s < TELL_EVERY_S
        if told_lately or not self._accepted:
            return
        self._told_at_s = now_s
        for gateway, messages in self._accepted.items():
            _log.warning("messages_spooled", gateway=gateway, messages=messages)
        self._accepted.clear()

    async def _run(self, work: Callable[P, T], *args: P.args, **_: P.kwargs) -> T:
        """Does something in the disk's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, work, *args)


def _record(arrival: Arrival) -> bytes:
    """An arrival as it stands in a file; empty where it cannot be written."""
    try:
        return framed(encode(arrival))
    except Exception as error:  # noqa: BLE001 - whatever it is: the others are kept
        _log.error("message_not_spoolable", gateway=arrival.gateway, error=type(error).__name__)
        return b""
