"""Messages from an SMSC: kept and settled by simlet, and by a client that only answers.

The SMSC is npm's `smpp`, which nobody here wrote; it sends as fast as its window allows.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
from bench.fault import BenchFault

ROOT = Path(__file__).parents[1]
MODULES = ROOT / ".peers" / "node_modules"
WINDOW = 50
_FLOOD = ROOT / "tests" / "peers_smpp" / "flood.js"
_ANSWERING = Path(__file__).with_name("answering_client.py")
_BINDS_WITHIN_S = 30


class Flood(msgspec.Struct):
    """What the SMSC saw."""

    sent: int
    acked: int
    errors: int
    seconds: float

    @property
    def per_s(self) -> float:
        """Acknowledged messages a second."""
        return self.acked / self.seconds


def check_smsc() -> None:
    """Makes sure that there is the SMSC.

    Raises:
        BenchFault: there is none.
    """
    if shutil.which("node") is None or not (MODULES / "smpp").is_dir():
        raise BenchFault("node, or its package smpp, is missing: `make peers` brings it.")


def free_port() -> int:
    """A port that nobody listens on, for the SMSC and for the gateway that looks for it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def write_messages(path: Path, messages: Iterable[tuple[str, str, str]]) -> None:
    """Writes the file that the SMSC reads: number, sender and text of each."""
    path.write_text("".join("\t".join(one) + "\n" for one in messages))


def flood(port: int, messages: Path, seconds: int, *, client: bool = False) -> Flood:
    """Sends messages for some seconds to whoever binds.

    Args:
        client: whether the client that only answers is started.

    Raises:
        BenchFault: nobody bound, or a message was not acknowledged.
    """
    command = ["node", str(_FLOOD), str(port), f"{seconds}s", str(WINDOW), str(messages)]
    env = {**os.environ, "NODE_PATH": str(MODULES)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True) as smsc:
        assert smsc.stdout is not None
        if not smsc.stdout.readline():
            raise BenchFault("the SMSC did not start")
        answering = _start_client(port) if client else None
        try:
            out, _ = smsc.communicate(timeout=_BINDS_WITHIN_S + seconds)
        except subprocess.TimeoutExpired:
            raise BenchFault("nobody bound to the SMSC, or it did not end") from None
        finally:
            smsc.kill()
            if answering is not None:
                answering.kill()
                answering.wait()
    found = msgspec.json.decode(out, type=Flood)
    if found.errors or found.acked != found.sent or not found.acked:
        raise BenchFault(f"of {found.sent} deliver_sm {found.acked} were acknowledged")
    return found


def _start_client(port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(_ANSWERING), "127.0.0.1", str(port)])
