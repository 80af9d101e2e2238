"""A terminal server on loopback as RFC 2217 has it, with one serial port behind it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import serialx

IAC, SE, SB, WILL, WONT, DO, DONT = 255, 240, 250, 251, 252, 253, 254
BINARY, NO_GO_AHEAD, COM_PORT = 0, 3, 44
SET_BAUD, SET_SIZE, SET_PARITY, SET_STOP, SET_CONTROL = 1, 2, 3, 4, 5
_ANSWERED = 100
_WHOLE = re.compile(
    rb"\xff\xfa(?P<sub>(?:[^\xff]|\xff\xff)*)\xff\xf0"
    rb"|\xff(?P<verb>[\xfb-\xfe])(?P<option>.)|\xff(?P<escaped>\xff)|(?P<plain>[^\xff]+)",
    re.DOTALL,
)


@dataclass
class TerminalServer:
    """Serves one client at a time.

    Attributes:
        path: the serial port's.
        options: those of Telnet that it takes.
        chosen: what clients set the port to, by the command that did.
        left: how many clients have gone.
    """

    path: str
    options: set[int] = field(default_factory=lambda: {BINARY, NO_GO_AHEAD, COM_PORT})
    chosen: dict[int, int] = field(default_factory=dict)
    left: int = 0
    port: int = 0
    _clients: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"rfc2217://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator["TerminalServer"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.drop()

    def drop(self) -> None:
        """Breaks the connections of all clients."""
        for one in self._clients:
            one.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        from_modem, to_modem = await serialx.open_serial_connection(self.path, baudrate=115200)
        to_client = asyncio.create_task(_copied(from_modem, writer, _escaped))
        rest = b""
        with suppress(OSError, serialx.SerialException):
            while octets := await reader.read(4096):
                rest = self._take(rest + octets, writer, to_modem)
        to_client.cancel()
        to_modem.close()
        writer.close()
        self._clients.discard(writer)
        self.left += 1

    def _take(
        self, octets: bytes, client: asyncio.StreamWriter, to_modem: asyncio.StreamWriter
    ) -> bytes:
        """Does what is whole, and gives back what is not."""
        at = 0
        while found := _WHOLE.match(octets, at):
            at = found.end()
            if found["sub"] is not None:
                client.write(self._set(found["sub"].replace(b"\xff\xff", b"\xff")))
            elif found["verb"]:
                client.write(self._agreed(found["verb"][0], found["option"][0]))
            else:
                to_modem.write(found["plain"] or found["escaped"])
        return octets[at:]

    def _agreed(self, verb: int, option: int) -> bytes:
        yes, no = {WILL: (DO, DONT), DO: (WILL, WONT)}.get(verb, (0, 0))
        return bytes([IAC, yes if option in self.options else no, option]) if yes else b""

    def _set(self, sub: bytes) -> bytes:
        option, command, *value = sub
        if option != COM_PORT:
            return b""
        self.chosen[command] = int.from_bytes(bytes(value), "big")
        told = bytes([COM_PORT, command + _ANSWERED, *value])
        return bytes([IAC, SB]) + _escaped(told) + bytes([IAC, SE])


def _escaped(octets: bytes) -> bytes:
    return octets.replace(b"\xff", b"\xff\xff")


async def _copied(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    changed: Callable[[bytes], bytes] = bytes,
) -> None:
    """Passes on what comes until it ends."""
    with suppress(OSError, serialx.SerialException):
        while octets := await reader.read(4096):
            writer.write(changed(octets))
    writer.close()
