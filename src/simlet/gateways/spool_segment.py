"""One file of the spool: records that are on disk when a call returns.

A record is a line of its own: a checksum, a blank, the body in base 64. So a damaged record, its
length included, damages no other, and nothing that a body holds can look like a record. Who writes
a file holds a lock on it; the lock of a process that died is free.
"""

import binascii
import contextlib
import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from simlet.log import get_log
from simlet.ownership import give_to_owner_of

SPOOL, GONE = ".spool", ".gone"
_NEW = ".new"
_FILE_MODE = 0o600
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
            give_to_owner_of(new, folder)
            # Others look at it from now on, when it is locked.
            new.rename(path)
            _sync_folder(folder)
        except OSError:
            for one in (new, path):
                with contextlib.suppress(OSError):
                    one.unlink(missing_ok=True)
            os.close(descriptor)
            raise
        return cls(path, descriptor, size=0, unread=0)

    @classmethod
    def adopt(cls, path: Path) -> Self | None:
        """A file whose owner is dead; None when somebody has it.

        Raises:
            OSError: it cannot be read.
        """
        descriptor = locked(path)
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
        gone = self.path.with_suffix(GONE)
        try:
            self.path.rename(gone)
            erase(gone)
        except OSError as error:
            _log.error("spool_not_erased", error=error.strerror)
        self.close()

    def close(self) -> None:
        """Gives it up; what is in it waits for whoever adopts it."""
        os.close(self._descriptor)


def locked(path: Path) -> int | None:
    """A descriptor of a file with the lock on it; None when the file is gone or another's.

    Raises:
        OSError: it cannot be opened.
    """
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


def erase(path: Path) -> None:
    """Overwrites a file and takes it away: it held texts and codes.

    Raises:
        OSError: it could not be overwritten, or not be taken away.
    """
    with path.open("r+b", buffering=0) as file:
        left = os.fstat(file.fileno()).st_size
        while left > 0:
            left -= file.write(_ZEROS[:left]) or 0
        os.fsync(file.fileno())
    path.unlink()
