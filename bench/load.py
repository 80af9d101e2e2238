"""Load from outside: wrk, with as many connections as a busy evening brings."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec
from bench.fault import BenchFault

CONNECTIONS = 64
_SCRIPT = Path(__file__).with_name("load.lua")
_MARK = "RESULT "
_AFTER_S = 30


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw.

    Attributes:
        seconds: how long it took.
        answers: all answers that came.
        good: those that were as expected.
        broken: connections that failed, and answers that never came.
    """

    seconds: float
    answers: int
    good: int
    broken: int
    median_ms: float
    p99_ms: float

    @property
    def per_s(self) -> float:
        """Right answers in a second."""
        return self.good / self.seconds


@dataclass(frozen=True, slots=True)
class Post:
    """Where the lines of a file are posted to, and the secret that is shown there."""

    path: str
    secret: str


def check_wrk() -> None:
    """Makes sure that there is wrk.

    Raises:
        BenchFault: there is none.
    """
    if shutil.which("wrk") is None:
        raise BenchFault("wrk is missing: on Debian and Ubuntu `apt-get install wrk` brings it.")


def run_load(
    address: str, lines: Path, expected: str, seconds: float, post: Post | None = None
) -> Load:
    """Sends the lines of a file for some seconds; see `load.lua`.

    Args:
        lines: paths, or messages as JSON.
        expected: a text that every right answer holds.
        post: where to post the lines; None when they are paths to get.

    Raises:
        BenchFault: wrk failed, or an answer was another than expected.
    """
    target = [post.path, post.secret] if post else []
    command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds:.0f}"]
    command += ["-s", str(_SCRIPT), address, "--", str(lines), expected, *target]
    ran = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=seconds + _AFTER_S
    )
    marked = [line for line in ran.stdout.splitlines() if line.startswith(_MARK)]
    if ran.returncode or not marked:
        raise BenchFault(f"wrk failed: {ran.stderr or ran.stdout}")
    load = msgspec.json.decode(marked[0].removeprefix(_MARK), type=Load)
    # At the end of a file of messages each connection may have asked for `/health` once.
    stray = CONNECTIONS if post else 0
    if load.broken or load.answers - load.good > stray or not load.good:
        wrong = load.answers - load.good
        raise BenchFault(f"{wrong} of {load.answers} answers were wrong, {load.broken} broke.")
    return load
