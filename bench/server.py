"""The server as an operator runs it: a process of its own, with the settings it ships with."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec
from bench.fault import BenchFault
from bench.installation import Installation

_STOP_S = 15


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    address: str
    pid: int

    def memory_mb(self) -> float:
        """What of all its processes stands in memory now (VmRSS), in MB."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return sum(_memory_mb(pid) for pid in (self.pid, *map(int, children)))


def _memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, text = line.partition(":")
        if name == "VmRSS":
            return int(text.split()[0]) / 1024
    raise BenchFault("the system does not say how much memory the server uses")


@contextmanager
def running_server(
    installation: Installation, more: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Starts `simlet serve` on a port that the system picks, and stops it with SIGTERM.

    Args:
        installation: what it serves.
        more: further variables of its environment.

    Raises:
        BenchFault: it did not start, or did not end well.
    """
    command = [sys.executable, "-m", "simlet", "serve", "--json"]
    with running_process(command, installation, more) as (process, line):
        yield Server(msgspec.json.decode(line)["address"], process.pid)


@contextmanager
def running_process(
    command: list[str],
    installation: Installation | None = None,
    more: Mapping[str, str] | None = None,
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that says its address in its first line; it is stopped with SIGTERM.

    Raises:
        BenchFault: it did not start, or did not end well.
    """
    process = subprocess.Popen(
        command,
        env={**_environment(installation), **(more or {})},
        # Where no settings file lies about.
        cwd=installation.path.parent if installation else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise BenchFault(f"it did not start: {' '.join(command)}")
        yield process, line
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(_STOP_S)
        process.stdout.close()
    if status not in {0, -signal.SIGTERM}:
        raise BenchFault(f"it ended with status {status}: {' '.join(command)}")


def _environment(installation: Installation | None) -> dict[str, str]:
    environment = {
        name: text for name, text in os.environ.items() if not name.startswith("SIMLET_")
    }
    if installation:
        environment["SIMLET_DATABASE_URL"] = installation.url
        environment["SIMLET_LISTEN"] = "127.0.0.1:0"
    return environment


def start_s(installation: Installation, times: int) -> float:
    """The median time from the start of the process to its first answer, in seconds."""
    return median(_one_start_s(installation) for _ in range(times))


def _one_start_s(installation: Installation) -> float:
    before_s = time.perf_counter()
    with running_server(installation) as server:
        with urllib.request.urlopen(f"{server.address}/health") as answer:
            answer.read()
        return time.perf_counter() - before_s
