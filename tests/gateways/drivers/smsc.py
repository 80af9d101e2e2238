"""An SMSC that is driven octet by octet, and a driver at work that is bound to it."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from socket import SO_LINGER, SOL_SOCKET
from ssl import SSLContext

from simlet.domain.health import GatewayReport
from simlet.gateways.contract import Value
from simlet.gateways.drivers.smpp import KIND
from simlet.testing.driver_kit import FakeSupervisor, running
from simlet.wire.smpp import Command, Frame

PASSWORD = "Qu1et-w0rd"
SETTINGS: dict[str, Value] = {
    "host": "127.0.0.1",
    "system_id": "simlet",
    "password": PASSWORD,
}
ENQUIRE_LINK_S = 30.0
RESPONSE_TIMEOUT_S = 10.0
PATIENCE_S = 10.0
NUMBER = "+84912345678"
LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Link:
    """One connection, seen from the SMSC. It knows the header of a PDU and nothing else."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read(self) -> Frame:
        """The next PDU.

        Raises:
            IncompleteReadError: the connection ended.
        """
        async with asyncio.timeout(PATIENCE_S):
            header = await self.reader.readexactly(16)
            length, command, status, sequence = struct.unpack(">IIII", header)
            return Frame(command, status, sequence, await self.reader.readexactly(length - 16))

    async def send(self, octets: bytes) -> None:
        self.writer.write(octets)
        await self.writer.drain()

    async def answer(self, request: Frame, status: int = 0, body: bytes = b"") -> None:
        await self.send(pdu(request.command | 0x80000000, request.sequence, body, status))

    def reset(self) -> None:
        """Ends the connection at once; what is on its way is lost."""
        if not self.writer.is_closing():
            at_once = struct.pack("ii", 1, 0)
            self.writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, at_once)
        self.writer.transport.abort()

    async def bound(self) -> Frame:
        """Lets the client bind; gives its bind."""
        request = await self.read()
        await self.answer(request, body=b"smsc\0")
        return request

    async def until_stalled(self) -> int:
        """Waits until nothing more is read of what was written; gives how much that leaves."""
        seen: list[int] = []
        async with asyncio.timeout(PATIENCE_S):
            while len(seen) < 6 or len(set(seen[-6:])) > 1:
                await asyncio.sleep(0.1)
                seen.append(self.writer.transport.get_write_buffer_size())
        return seen[-1]

    async def until_closed(self) -> list[Frame]:
        """What comes until the client closes."""
        frames: list[Frame] = []
        while True:
            try:
                frames.append(await self.read())
            except (asyncio.IncompleteReadError, ConnectionError):
                return frames


@dataclass(frozen=True, slots=True)
class Smsc:
    """An SMSC that does what a test tells it."""

    port: int
    links: "asyncio.Queue[Link]"
    opened: list[Link]

    def drop(self) -> None:
        """Resets every connection."""
        for link in self.opened:
            link.reset()

    async def link(self) -> Link:
        """The next connection."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.links.get()


@asynccontextmanager
async def smsc(context: SSLContext | None = None) -> AsyncIterator[Smsc]:
    other = Smsc(0, asyncio.Queue(), [])

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other.opened.append(Link(reader, writer))
        other.links.put_nowait(other.opened[-1])

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    try:
        yield replace(other, port=server.sockets[0].getsockname()[1])
    finally:
        server.close()
        other.drop()
        for link in other.opened:
            with suppress(OSError):
                await link.writer.wait_closed()
        await server.wait_closed()


def pdu(command: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


def deliver_sm(
    text: bytes,
    *,
    sequence: int = 1,
    source: bytes = b"SHOPEE",
    ton: int = 5,
    to: bytes = b"84912345678",
    esm_class: int = 0,
    coding: int = 0,
    parameters: bytes = b"",
) -> bytes:
    body = b"\0" + bytes([ton, 0]) + source + b"\0\x01\x01" + to + b"\0"
    body += bytes([esm_class, 0, 0, 0, 0, 0, 0, coding, 0, len(text)]) + text + parameters
    return pdu(Command.DELIVER_SM, sequence, body)


def tlv(tag: int, value: bytes) -> bytes:
    return struct.pack(">HH", tag, len(value)) + value


@asynccontextmanager
async def bound(
    supervisor: FakeSupervisor, settings: Mapping[str, Value] | None = None
) -> AsyncIterator[tuple[Smsc, Link]]:
    """A driver at work, and the SMSC that it is bound to."""
    async with smsc() as other:
        all_settings = {**SETTINGS, "port": other.port, **(settings or {})}
        driver = KIND.make(supervisor.context(KIND, all_settings))
        async with running(driver):
            link = await other.link()
            await link.bound()
            async with asyncio.timeout(PATIENCE_S):
                while not supervisor.reports:  # noqa: ASYNC110 - a list knows no event
                    await asyncio.sleep(0)
            yield other, link
            # So that the driver does not wait for somebody to say goodbye.
            other.drop()


def texts(supervisor: FakeSupervisor) -> list[str]:
    return [one.text for one in supervisor.handed_over]


def last_report(supervisor: FakeSupervisor) -> GatewayReport:
    report = supervisor.reports[-1]
    assert isinstance(report, GatewayReport)
    return report


async def until(true: Callable[[], bool]) -> None:
    """Gives way to the loop until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - what it looks at knows no event
            await asyncio.sleep(0.001)


async def bound_again(supervisor: FakeSupervisor, other: Smsc) -> Link:
    """The next session, once the pause before it is over."""
    async with asyncio.timeout(PATIENCE_S):
        while other.links.empty():
            supervisor.clock.advance(LONGEST_PAUSE_S)
            await asyncio.sleep(0.001)
    link = await other.link()
    await link.bound()
    return link


@asynccontextmanager
async def running_against(
    other: Smsc, supervisor: FakeSupervisor, **more: Value
) -> AsyncIterator["asyncio.Task[None]"]:
    """A driver at work that a test may also cancel by itself."""
    driver = KIND.make(supervisor.context(KIND, {**SETTINGS, "port": other.port, **more}))
    task = asyncio.ensure_future(driver.run())
    try:
        yield task
    finally:
        other.drop()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
