"""The files of the spool: records that are on disk when a call returns, and are erased when done.

A record is a line of its own: a checksum, a blank, the body in base 64. So a damaged record, its
length included, damages no other, and nothing that a body holds can look like a record. Each
process writes files of its own and holds a lock on them; the lock of a process that died is free,
and whoever gets it adopts the file.

All calls block, and are made from one thread at a time.
"""

import binascii
import contextlib
import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from simlet.log import get_log

SPOOL, POISON, DAMAGED = ".spool", ".poison", ".damaged"
SEGMENT_BYTES = 4 * 1024 * 1024
_GONE, _NEW = ".gone", ".new"
_FILE_MODE, _FOLDER_MODE = 0o600, 0o700
_DIGEST_BYTES = 8
_ZEROS = bytes(65_536)

_log = get_log("spool")


def framed(body: bytes) -> bytes:
    """A record as it stands in a file.

    It begins with an end of line as well: what was torn or damaged before it is a line apart.
    """
    return b"\n%s %s\n" % (_digest(body), binascii.b2a_base64(body, newline=False))


def unframed(line: bytes) -> bytes | None:
    """The body of a line; None when it is damaged."""
    digest, blank, text = line.removesuffix(b"\n").partition(b" ")
    try:
        body = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        return None
    return body if blank and _digest(body) == digest else None


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).hexdigest().encode()


class Segment:
    """One file of records, locked for as long as it is open.

    Attributes:
        size: how much of it is on disk for sure; nothing behind it is read.
        sealed: nothing more is written to it.
        kept: it stays on disk when it is spent, as something of it could not be set aside.
        unread, unforgotten: records that were not read yet, and that were read and are not done.
    """

    def __init__(self, path: Path, descriptor: int, *, size: int, unread: int) -> None:
        self.path = path
        self.size = size
        self.sealed = False
        self.kept = False
        self.unread = unread
        self.unforgotten = 0
        self._descriptor = descriptor
        self._offset = 0

    @classmethod
    def create(cls, folder: Path, now_ms: int) -> Self:
        """A new, empty one.

        Raises:
            OSError: it cannot be made.
        """
        name = f"{now_ms:013d}-{os.getpid()}-{secrets.token_hex(4)}"
        new, path = folder / (name + _NEW), folder / (name + SPOOL)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND
        descriptor = os.open(new, flags, _FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Others look at it from now on, when it is locked.
            new.rename(path)
            _sync_folder(folder)
        except OSError:
            os.close(descriptor)
            raise
        return cls(path, descriptor, size=0, unread=0)

    @classmethod
    def adopt(cls, path: Path) -> Self | None:
        """A file whose owner is dead; None when somebody has it.

        Raises:
            OSError: it cannot be read.
        """
        descriptor = _locked(path)
        if descriptor is None:
            return None
        try:
            with path.open("rb") as file:
                unread = sum(line != b"\n" for line in file)
        except OSError:
            os.close(descriptor)
            raise
        segment = cls(path, descriptor, size=os.fstat(descriptor).st_size, unread=unread)
        segment.sealed = True
        return segment

    def write(self, records: Sequence[bytes]) -> None:
        """Adds framed records; they are on disk when it returns.

        Raises:
            OSError: none is kept, and nothing more may be written to this file: after a failed
                fsync the system can say of lost pages that they are written.
        """
        data = b"".join(records)
        try:
            _write_all(self._descriptor, data)
            os.fsync(self._descriptor)
        except OSError:
            self.sealed = True
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(data)
        self.unread += len(records)

    def lines(self) -> Iterator[bytes]:
        """The lines that were not read yet, each counted as read; blank ones are left out."""
        with self.path.open("rb") as file:
            file.seek(self._offset)
            while self._offset < self.size:
                line = file.readline()
                self._offset += len(line)
                self.unread -= line != b"\n"
                if not line or self._offset >= self.size:
                    self._offset, self.unread = self.size, 0
                if line not in {b"", b"\n"}:
                    yield line

    @property
    def spent(self) -> bool:
        """Whether all of it was read and done with."""
        return self._offset >= self.size and not self.unforgotten

    def set_aside(self, line: bytes, suffix: str) -> None:
        """Keeps a line for the operator, in a file beside this one.

        Raises:
            OSError: it could not be written.
        """
        path = self.path.with_suffix(suffix)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        descriptor = os.open(path, flags, _FILE_MODE)
        try:
            _write_all(descriptor, b"\n" + line.removesuffix(b"\n") + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _sync_folder(path.parent)

    def erase(self) -> None:
        """Overwrites it and takes it away: it held texts and codes."""
        gone = self.path.with_suffix(_GONE)
        try:
            self.path.rename(gone)
            _erase(gone)
        except OSError as error:
            _log.error("spool_not_erased", error=error.strerror)
        self.close()

    def close(self) -> None:
        """Gives it up; what is in it waits for whoever adopts it."""
        os.close(self._descriptor)


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A record that was read and is not done yet."""

    segment: Segment
    line: bytes
    body: bytes


@dataclass(slots=True)
class SpoolFiles:
    """All files that this process has in the spool's folder.

    Attributes:
        limit_bytes: what the folder may hold, with what was set aside there.
        left: records that are on disk and not done; it may be read from any thread.
    """

    folder: Path
    limit_bytes: int
    left: int = 0
    _segments: list[Segment] = field(default_factory=list)

    def open(self) -> None:
        """Makes the folder, unless it is there.

        Raises:
            OSError: it cannot be made.
        """
        self.folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)

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
            self._open_segment(now_ms).write(fitting)
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

    def read(self, count: int, size_bytes: int) -> list[Record]:
        """The next records, the oldest first: at least one where there is one, and at most so many.

        Damaged ones are set aside. Those that were read before are not given again.

        Raises:
            OSError: a file cannot be read.
        """
        records: list[Record] = []
        for record in self._next_records():
            records.append(record)
            size_bytes -= len(record.line)
            if len(records) >= count or size_bytes <= 0:
                break
        self._erase_spent()
        self._count()
        return records

    def _next_records(self) -> Iterator[Record]:
        for segment in self._segments:
            for line in segment.lines():
                body = unframed(line)
                if body is None:
                    self._set_damaged_aside(segment, line)
                else:
                    segment.unforgotten += 1
                    yield Record(segment, line, body)

    def forget(self, records: Sequence[Record]) -> None:
        """Records are done with; a file is erased with its last one."""
        for record in records:
            record.segment.unforgotten -= 1
        self._erase_spent()
        self._count()

    def set_aside(self, record: Record, suffix: str) -> None:
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
                _erase(path)
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
        for path in self.folder.glob("*" + _GONE):
            with contextlib.suppress(OSError):
                descriptor = _locked(path)
                if descriptor is not None:
                    _erase(path)
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


def _locked(path: Path) -> int | None:
    """A descriptor of a file with the lock on it; None when the file is gone or another's."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its owner may have finished with it, and taken it away, before the lock was had.
        if _is_at(path, descriptor):
            return descriptor
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _erase(path: Path) -> None:
    with path.open("r+b", buffering=0) as file:
        left = os.fstat(file.fileno()).st_size
        while left > 0:
            left -= file.write(_ZEROS[:left]) or 0
        os.fsync(file.fileno())
    path.unlink()


def _size(entry: "os.DirEntry[str]") -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0
