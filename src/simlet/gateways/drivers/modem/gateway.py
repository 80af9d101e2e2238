"""A gateway of many ports, each with a task of its own; ports may come and go."""

import asyncio
import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from simlet.domain.errors import invalid
from simlet.gateways.contract import (
    DriverContext,
    DriverKind,
    HttpAnswer,
    HttpRequest,
    Setting,
    Settings,
)
from simlet.gateways.drivers.modem.board import Board
from simlet.gateways.drivers.modem.port import Port, PortSettings

FIND_S: Final = 2.0
TELL_S: Final = 20.0
END_WITHIN_S: Final = 2.0
_ADDRESS: Final = re.compile(r"/\S.*|(?:socket|rfc2217)://[^/\s:@]+:\d{1,5}(?:[/?]\S*)?")
_PIN: Final = re.compile(r"(?:\d{4,8})?", re.ASCII)


@dataclass(slots=True)
class ModemGateway:
    """The ports of one gateway.

    Attributes:
        patterns: devices' paths, patterns of them, and addresses of terminal servers.
        _tasks: those at work, by their addresses.
        _leaving: those that hand over what is left of ports which ended.
    """

    context: DriverContext
    patterns: tuple[str, ...]
    settings: PortSettings
    board: Board
    _ports: dict[str, Port] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _leaving: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Reads all ports until it is cancelled; ports that come and go are noticed."""
        told_at_s = self.context.clock.monotonic_s()
        self._start_found()
        self.board.tell()
        try:
            while True:
                await self.context.clock.sleep(FIND_S)
                await self._end_gone()
                self._start_found()
                if self.context.clock.monotonic_s() - told_at_s >= TELL_S:
                    told_at_s = self.context.clock.monotonic_s()
                    self.board.tell()
        finally:
            await self._end(*self._tasks)
            await self._end_leaving()

    async def answer(self, request: HttpRequest) -> HttpAnswer:  # noqa: ARG002 - the contract's
        """Has no address: 404 for each."""
        return HttpAnswer(404, b'{"error": "not found"}')

    def _start_found(self) -> None:
        for place in self._found():
            if place not in self._tasks:
                port = Port(self.context, self.board, self.settings, place)
                self._ports[place] = port
                self.board.expect(place)
                self._tasks[place] = asyncio.create_task(port.run())

    async def _end_gone(self) -> None:
        found = set(self._found())
        gone = [place for place in self._tasks if place not in found]
        ports = [self._ports[place] for place in gone]
        await self._end(*gone)
        for port in ports:
            port.tell_gone()

    async def _end(self, *places: str) -> None:
        tasks = [self._tasks.pop(place) for place in places]
        ports = [self._ports.pop(place) for place in places]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for port in ports:
            leaving = asyncio.create_task(port.hand_over_rest())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def _end_leaving(self) -> None:
        """Gives ports a moment to hand over what is left."""
        leaving = set(self._leaving)
        if leaving:
            _, unfinished = await asyncio.wait(leaving, timeout=END_WITHIN_S)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)

    def _found(self) -> Iterator[str]:
        """The addresses; a device that has several names is there once."""
        devices = set()
        for pattern in self.patterns:
            for path in _paths(pattern):
                device = path if "://" in path else os.path.realpath(path)
                if device not in devices:
                    devices.add(device)
                    yield path


def _paths(pattern: str) -> list[str]:
    if not glob.has_magic(pattern):
        return [pattern]
    return sorted(glob.glob(pattern))  # noqa: PTH207 - a pattern from the root on


def _patterns(settings: Settings) -> tuple[str, ...]:
    parts = [one.strip() for one in str(settings["ports"]).split(",")]
    return tuple(dict.fromkeys(one for one in parts if one))


def _check(settings: Settings) -> None:
    patterns = _patterns(settings)
    if not patterns or not all(_ADDRESS.fullmatch(one) for one in patterns):
        raise invalid(
            "ports",
            "expected paths as /dev/ttyUSB*, socket://HOST:PORT or rfc2217://HOST:PORT, "
            "with commas between them",
        )
    if _PIN.fullmatch(str(settings["pin"])) is None:
        raise invalid("pin", "expected 4 to 8 digits")


def _make(context: DriverContext) -> ModemGateway:
    chosen = context.settings
    settings = PortSettings(
        baud=int(chosen["baud"]),
        pin=str(chosen["pin"]),
        command_timeout_s=float(chosen["command_timeout_s"]),
        poll_s=float(chosen["poll_s"]),
    )
    board = Board(context, alarm_share=float(chosen["alarm_share"]))
    return ModemGateway(context, _patterns(chosen), settings, board)


KIND = DriverKind(
    name="modem",
    reads_sims=True,
    title="GSM modems and SIM banks over AT, on serial ports or behind a terminal server.",
    settings=(
        Setting(
            "ports",
            "the ports, with commas between: paths or patterns of devices, socket://HOST:PORT, "
            "rfc2217://HOST:PORT",
            "/dev/ttyUSB*",
            required=True,
        ),
        Setting("baud", "the speed of serial lines, in baud", 115200, least=300, most=4_000_000),
        Setting("pin", "the PIN of the SIMs, entered once at most", "", secret=True),
        Setting(
            "command_timeout_s",
            "how long a modem may take to answer, in seconds",
            10.0,
            least=0.1,
            most=60,
        ),
        Setting(
            "poll_s",
            "how often messages are looked for that the modem did not tell of, in seconds",
            10.0,
            least=0.5,
            most=600,
        ),
        Setting(
            "alarm_share",
            "the share of a storage from which on it is told to be filling, 0.1 to 1",
            0.8,
            least=0.1,
            most=1,
        ),
    ),
    setup="""\
Plug the modems in, and give the user that runs simlet the right to open their ports (on Debian:
the group dialout). Best name each modem's AT port by its lasting name, as
/dev/serial/by-id/usb-*-if00-port0. Nothing else may use the ports: stop ModemManager for them.
Ports in use: {ports}. `simlet lines` shows within a minute which SIMs answer.
""",
    make=_make,
    check=_check,
)
