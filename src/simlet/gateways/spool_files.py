"""All files of the spool that a process has: records are erased when they are done with.

Each process writes files of its own; whoever gets the lock of a dead one's file adopts it.

All calls block, and are made from one thread at a time.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simlet.gateways.spool_segment import GONE, SPOOL, Segment, erase, locked, unframed
from simlet.log import get_log
from simlet.ownership import give_to_owner_of

POISON, DAMAGED = ".poison", ".damaged"
SEGMENT_BYTES = 4 * 1024 * 1024
_FOLDER_MODE = 0o700

_log = get_log("spool")


@dataclass(frozen=True, slots=True, eq=False)
class SpoolRecord:
    """A record that was read and is not done yet."""

    segment: Segment
    line: bytes
    body: bytes


@dataclass(slots=True)
class SpoolFiles:
    """All files that this process has in the spool's folder.

    Attributes:
        limit_bytes: what the folder may hold, with what was set aside there.
        owner_of: whose owner has the folder where root makes it.
        left: records that are on disk and not done; it may be read from any thread.
    """

    folder: Path
    limit_bytes: int
    owner_of: Path | None = None
    left: int = 0
    _segments: list[Segment] = field(default_factory=list)

    def open(self) -> None:
        """Makes the folder, unless it is there.

        Raises:
            OSError: it cannot be made.
        """
        self.folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        if self.owner_of is not None:
            give_to_owner_of(self.folder, self.owner_of)

    def write(self, records: Sequence[bytes], now_ms: int) -> list[bool]:
        """Keeps framed records, as far as there is room; for each whether it is on disk.

        Raises:
            OSError: none is kept.
        """
        self.open()
        room = self.limit_bytes - self._used_bytes()
        fitting, fits = [], []
        for record in records:
            fits.append(len(record) <= room)
            if fits[-1]:
                room -= len(record)
                fitting.append(record)
        if fitting:
            try:
                self._open_segment(now_ms).write(fitting)
            finally:
                # A file that was made for a write that failed holds nothing, as on a full disk.
                self._erase_spent()
                self._count()
        return fits

    def adopt(self) -> int:
        """Takes over what dead processes left; how many records, which come before all others."""
        found = []
        for path in sorted(self.folder.glob("*" + SPOOL)):
            try:
                segment = Segment.adopt(path)
            except OSError as error:
                _log.error("spool_not_read", file=path.name, error=error.strerror)
                continue
            if segment is not None:
                found.append(segment)
        self._segments = found + self._segments
        self._finish_erasing()
        adopted = sum(segment.unread for segment in found)
        self._erase_spent()
        self._count()
        return adopted

    def read(self, count: int, size_bytes: int) -> list[SpoolRecord]:
        """The next records, the oldest first: at least one where there is one, and at most so many.

        Damaged ones are set aside. Those that were read before are not given again. A file that
        cannot be read ends what is given, as what lies behind it is newer.

        Raises:
            OSError: a file cannot be read, and nothing lies before it.
        """
        records: list[SpoolRecord] = []
        try:
            for record in self._next_records():
                records.append(record)
                size_bytes -= len(record.line)
                if len(records) >= count or size_bytes <= 0:
                    break
        except OSError:
            # What was read is given this once: the next call tells of the file.
            if not records:
                raise
        self._erase_spent()
        self._count()
        return records

    def _next_records(self) -> Iterator[SpoolRecord]:
        for segment in self._segments:
            for line in segment.lines():
                body = unframed(line)
                if body is None:
                    self._set_damaged_aside(segment, line)
                else:
                    segment.unforgotten += 1
                    yield SpoolRecord(segment, line, body)

    def forget(self, records: Sequence[SpoolRecord]) -> None:
        """Records are done with; a file is erased with its last one."""
        for record in records:
            record.segment.unforgotten -= 1
        self._erase_spent()
        self._count()

    def set_aside(self, record: SpoolRecord, suffix: str) -> None:
        """Keeps a record in a file for the operator, and is done with it."""
        _set_aside(record.segment, record.line, suffix)
        self.forget([record])

    def forget_set_aside(self, before_ms: int) -> None:
        """Erases what was set aside for the last time before a moment: texts are not kept longer.

        Raises:
            OSError: a file cannot be erased.
        """
        for path in [*self.folder.glob("*" + POISON), *self.folder.glob("*" + DAMAGED)]:
            if path.stat().st_mtime * 1000 < before_ms:
                erase(path)
                _log.error("spool_set_aside_erased", file=path.name)

    def close(self) -> None:
        """Gives all files up."""
        for segment in self._segments:
            segment.close()
        self._segments = []

    def _open_segment(self, now_ms: int) -> Segment:
        """The file to write to."""
        last = self._segments[-1] if self._segments else None
        if last is None or last.sealed or last.size >= SEGMENT_BYTES:
            last = Segment.create(self.folder, now_ms)
            self._segments.append(last)
        return last

    def _used_bytes(self) -> int:
        with os.scandir(self.folder) as entries:
            return sum(_size(entry) for entry in entries)

    def _set_damaged_aside(self, segment: Segment, line: bytes) -> None:
        if not line.endswith(b"\n"):
            # Only the last write of a process that was killed ends so: it was not acknowledged.
            _log.warning("spool_tail_cut", file=segment.path.name, size_bytes=len(line))
            return
        _log.error("spool_record_damaged", file=segment.path.name, size_bytes=len(line))
        _set_aside(segment, line, DAMAGED)

    def _erase_spent(self) -> None:
        for segment in [one for one in self._segments if one.spent]:
            self._segments.remove(segment)
            if segment.kept:
                segment.close()
            else:
                segment.erase()

    def _finish_erasing(self) -> None:
        """Erases what a process was erasing when it died."""
        for path in self.folder.glob("*" + GONE):
            with contextlib.suppress(OSError):
                descriptor = locked(path)
                if descriptor is not None:
                    erase(path)
                    os.close(descriptor)

    def _count(self) -> None:
        self.left = sum(one.unread + one.unforgotten for one in self._segments)


def _set_aside(segment: Segment, line: bytes, suffix: str) -> None:
    """Where there is no room for it the whole file stays, to be adopted again later."""
    try:
        segment.set_aside(line, suffix)
    except OSError as error:
        segment.kept = True
        _log.error("spool_not_set_aside", file=segment.path.name, error=error.strerror)


def _size(entry: "os.DirEntry[str]") -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0
