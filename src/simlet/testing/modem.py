"""A pretend modem on a pseudo-terminal: what its client asks it answers as the documents say.

Messages are put into its storages by `receive`; faults are switched on by its attributes. Run as
a program it is a rack of modems that receive messages by themselves.
Source: 3GPP TS 27.007, TS 27.005; ITU-T V.250.
"""

import argparse
import asyncio
import json
import os
import re
import sys
import time
import tty
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

from simlet.testing.modem_answers import ModemAnswers, Sim
from simlet.testing.sms_pdus import Stamp, write_deliver

_MOST_UNREAD_OCTETS: Final = 256 * 1024


@dataclass
class PretendModem(ModemAnswers):
    """A modem; `plugged_in` gives it a port.

    Attributes:
        link: a lasting path that stands for the port while it is plugged in.
        path: that of its port.
        asked: the commands that came, in order.
    """

    link: Path | None = None
    path: str = ""
    asked: list[str] = field(default_factory=list)
    _ports: tuple[int, int] | None = None
    _unwritten: bytearray = field(default_factory=bytearray)
    _typed: bytes = b""

    def plug_in(self) -> None:
        """Opens its port, in the running event loop."""
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        # Theirs stays open here as well, so that clients may come and go.
        self._ports = ours, theirs
        self.path = os.ttyname(theirs)
        if self.link:
            self.link.symlink_to(self.path)
        asyncio.get_running_loop().add_reader(ours, self._read)

    def unplug(self) -> None:
        """Takes the port away."""
        if self._ports is None:
            return
        ours, theirs = self._ports
        loop = asyncio.get_running_loop()
        loop.remove_reader(ours)
        loop.remove_writer(ours)
        self._ports = None
        self._typed = b""
        self._unwritten.clear()
        os.close(ours)
        os.close(theirs)
        if self.link:
            self.link.unlink(missing_ok=True)

    @contextmanager
    def plugged_in(self) -> Iterator["PretendModem"]:
        """Its port is there while the context lasts."""
        self.plug_in()
        try:
            yield self
        finally:
            self.unplug()

    def say(self, *lines: str) -> None:
        """Says lines by itself."""
        self._write("".join(f"\r\n{line}\r\n" for line in lines).encode("latin-1"))

    def say_raw(self, octets: bytes) -> None:
        """Says octets by itself."""
        self._write(octets)

    def _write(self, octets: bytes) -> None:
        if self._ports is None or len(self._unwritten) > _MOST_UNREAD_OCTETS:
            return
        self._unwritten += octets
        self._write_on()

    def _write_on(self) -> None:
        if self._ports is None:
            return
        ours, loop = self._ports[0], asyncio.get_running_loop()
        with suppress(BlockingIOError):
            while self._unwritten:
                count = 1 if self.faults.pieces else len(self._unwritten)
                del self._unwritten[: os.write(ours, self._unwritten[:count])]
        if self._unwritten:
            loop.add_writer(ours, self._write_on)
        else:
            loop.remove_writer(ours)

    def _read(self) -> None:
        if self._ports is None:
            return
        with suppress(BlockingIOError):
            octets = os.read(self._ports[0], 4096)
            if self._echoes:
                self._write(octets)
            self._type(octets)

    def _type(self, octets: bytes) -> None:
        if self.faults.prompts:
            self.faults.prompts = b"\x1b" not in octets
            self._write(b"\r\n> " if self.faults.prompts else b"\r\nOK\r\n")
            return
        *ended, self._typed = re.split(rb"[\r\n]+", self._typed + octets)
        for line in ended:
            command = line.decode("latin-1").strip(" \x00\x1b\x1a")
            if command:
                self._take(command)

    def _on_its_way(self, line: str) -> str:
        if self.faults.halves and re.fullmatch(r"[0-9A-F]{30,}", line):
            self.faults.halves -= 1
            return line[: len(line) // 2]
        return line

    def _take(self, command: str) -> None:
        self.asked.append(command)
        if self.faults.silent or not command.upper().startswith("AT"):
            return
        *lines, result = [self._on_its_way(line) for line in self.answer(command[2:])]
        if self.faults.noise:
            self._write(self.faults.noise + b"\r\n")
        middle = (len(lines) + 1) // 2
        self.say(*lines[:middle], *self.faults.between, *lines[middle:], result)
        self.take_in()


async def run_rack(ports: int, rate: float, seconds: float, out: TextIO) -> None:
    """Many modems in one process; each receives messages once it is set up.

    The first line says where they are, `{"ports": [...], "iccids": [...]}`; then comes a line for
    each message when it is told of: `{"port", "number", "text", "at_ms"}`, and the last one says
    how many there were.

    Args:
        ports: how many modems.
        out: where the lines go.
        rate: messages per second and modem.
        seconds: for how long, counted from a modem's set-up.
    """
    with ExitStack() as plugged:
        modems = [
            PretendModem(Sim(f"89840480001{at:08}", f"45204{at:010}", f"+8490{at:07}"))
            for at in range(ports)
        ]
        for modem in modems:
            plugged.enter_context(modem.plugged_in())
        iccids = [modem.sim.iccid for modem in modems if modem.sim]
        _print(out, ports=[modem.path for modem in modems], iccids=iccids)
        counts = await asyncio.gather(
            *[_feed(modem, at, rate, seconds, out) for at, modem in enumerate(modems)]
        )
        _print(out, messages=sum(counts))
        await asyncio.to_thread(sys.stdin.read)


async def _feed(modem: PretendModem, at: int, rate: float, seconds: float, out: TextIO) -> int:
    while not modem.is_set_up:  # noqa: ASYNC110 - a modem of a rack has nobody to tell
        await asyncio.sleep(0.05)
    loop = asyncio.get_running_loop()
    # Spread over the first interval, as lines do not receive in step.
    began_s = loop.time() + at % 64 / 64 / rate
    for number in range(round(rate * seconds)):
        await asyncio.sleep(began_s + number / rate - loop.time())
        text = f"Ma OTP cua ban la {at:02}{number:04}"
        at_ms = time.time_ns() // 1_000_000
        _print(out, port=at, number=number, text=text, at_ms=at_ms)
        modem.receive(write_deliver("VIETTEL", text, Stamp(at_ms))[0])
    return round(rate * seconds)


def _print(out: TextIO, **fields: object) -> None:
    out.write(json.dumps(fields) + "\n")
    out.flush()


def main() -> None:
    """`python -m simlet.testing.modem --ports 64 --rate 1 --seconds 60`; ends with its input."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--ports", type=int, default=1, help="how many modems")
    parser.add_argument("--rate", type=float, default=1.0, help="messages a second and modem")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long")
    chosen = parser.parse_args()
    asyncio.run(run_rack(chosen.ports, chosen.rate, chosen.seconds, sys.stdout))


if __name__ == "__main__":
    main()
