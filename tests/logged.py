"""What a test logs; afterwards the log is as it was."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from simlet.log import configure_log


@contextmanager
def log_as_it_was() -> Iterator[None]:
    """Undoes whatever is done to the log meanwhile."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """What is logged, as lines of JSON."""
    stream = io.StringIO()
    with log_as_it_was():
        configure_log("info", "json", stream)
        yield stream


@dataclass
class Log:
    """What was logged, a line an object."""

    stream: io.StringIO

    def take(self) -> list[dict[str, Any]]:
        """The lines since the last time."""
        lines = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        self.stream.seek(0)
        self.stream.truncate()
        return lines
