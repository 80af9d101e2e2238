"""A client of an SMSC that only answers: the limit for one that has to keep what it answers.

`python answering_client.py HOST PORT` binds as a transceiver and answers every PDU with OK, until
the SMSC ends the connection. It reads nothing but the headers.
"""

import asyncio
import struct
import sys
from typing import cast

import uvloop

_HEADER = struct.Struct(">IIII")
_ANSWER = struct.Struct(">IIIIx")
_BIND = b"bench\0bench\0\0\x34\0\0\0"
_BIND_TRANSCEIVER, _DELIVER_SM, _RESPONSE = 0x09, 0x05, 0x80000000


class Answering(asyncio.Protocol):
    def __init__(self) -> None:
        self.closed = asyncio.get_running_loop().create_future()
        self._rest = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        header = _HEADER.pack(_HEADER.size + len(_BIND), _BIND_TRANSCEIVER, 0, 1)
        self._transport.write(header + _BIND)

    def data_received(self, data: bytes) -> None:
        octets = self._rest + data
        answers = []
        at = 0
        while len(octets) - at >= _HEADER.size:
            length, command, _, sequence = _HEADER.unpack_from(octets, at)
            if len(octets) - at < length:
                break
            at += length
            if command == _DELIVER_SM:
                answers.append(_ANSWER.pack(_ANSWER.size, command | _RESPONSE, 0, sequence))
            elif command < _RESPONSE:
                answers.append(_HEADER.pack(_HEADER.size, command | _RESPONSE, 0, sequence))
        self._rest = octets[at:]
        self._transport.write(b"".join(answers))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self.closed.set_result(None)


async def main(host: str, port: int) -> None:
    _, answering = await asyncio.get_running_loop().create_connection(Answering, host, port)
    await answering.closed


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
