"""A server in a process of its own, as `simlet serve` and `simlet demo` start it."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

ENDS_WITHIN_S = 10


@contextmanager
def started(*args: object, env: Mapping[str, str] | None = None) -> Iterator[Any]:
    """The document that the command prints when it serves; stopped by SIGTERM afterwards."""
    command = [sys.executable, "-m", "simlet", *(str(one) for one in args)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | (env or {})
    ) as process:
        assert process.stdout is not None
        try:
            yield msgspec.json.decode(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=ENDS_WITHIN_S)
            assert process.returncode == 0, log.decode()


def get(url: str) -> Any:
    """The JSON that an address of a server answers with."""
    assert url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(url, timeout=10) as answer:
        return msgspec.json.decode(answer.read())
