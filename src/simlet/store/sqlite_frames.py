"""SQLite: what a process and the one that writes for it say to each other.

Both are the same program, of the same user, on one machine: they exchange pickled values, in frames
of a length (4 bytes, lowest first) and as many bytes. A process sends jobs, numbered by itself, and
gets their outcomes under those numbers. Values that are pickled together name their classes once,
so jobs travel together where they can.

Source: Python, `pickle`: only what one has written oneself may be read.
"""

import pickle
import struct
from collections.abc import Iterator
from typing import Any

_LENGTH = struct.Struct("<I")
_PROTOCOL = pickle.HIGHEST_PROTOCOL


def to_frame(value: Any) -> bytes:
    """A value as it is sent.

    Raises:
        Exception: it cannot be pickled; which error that is depends on what stands in it.
    """
    packed = pickle.dumps(value, _PROTOCOL)
    return _LENGTH.pack(len(packed)) + packed


class Inbox:
    """Puts together what comes in pieces."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        self._pieces = bytearray()

    def values(self, piece: bytes) -> Iterator[Any]:
        """The values that are complete with one more piece.

        Raises:
            Exception: a value cannot be made again here; nothing behind it can be read.
        """
        pieces = self._pieces
        pieces += piece
        begin = 0
        while len(pieces) - begin >= _LENGTH.size:
            end = begin + _LENGTH.size + _LENGTH.unpack_from(pieces, begin)[0]
            if len(pieces) < end:
                break
            with memoryview(pieces)[begin + _LENGTH.size : end] as packed:
                value = pickle.loads(packed)  # noqa: S301 - of our own making
            begin = end
            yield value
        del pieces[:begin]
