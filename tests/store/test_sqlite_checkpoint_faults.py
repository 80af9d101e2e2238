"""A checkpoint that fails costs no commit, and its reason is told once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from structlog.testing import capture_logs

from simlet.store.sqlite_checkpoint import LIMIT_PAGES, Checkpoints


class Unwell:
    """A connection whose checkpoints fail, each for a reason of its own."""

    def __init__(self, *faults: Exception) -> None:
        self._faults = faults
        self.tries = 0

    def set_wal_hook(self, hook: Callable[[Any, str, int], int]) -> None:
        self._hook = hook

    def commit(self, pages: int) -> None:
        self._hook(self, "main", pages)

    def wal_checkpoint(self) -> None:
        self.tries += 1
        raise self._faults[self.tries - 1]


@pytest.mark.parametrize(
    "fault", [apsw.BusyError(), apsw.FullError(), apsw.IOError(), MemoryError()]
)
def test_a_checkpoint_that_fails_is_no_fault_of_the_commit(fault: Exception, file: Path) -> None:
    connection: Any = Unwell(fault, fault)
    checkpoints = Checkpoints(file, connection)
    for pages in (LIMIT_PAGES, LIMIT_PAGES + 1):
        connection.commit(pages)
        checkpoints.after_commit()
    checkpoints.close()
    assert connection.tries == 2


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ([apsw.BusyError("locked")] * 3, []),
        ([apsw.IOError("disk")] * 3, ["disk"]),
        ([MemoryError()], ["MemoryError"]),
        (
            [apsw.IOError("disk"), apsw.FullError("full"), apsw.IOError("disk")],
            ["disk", "full", "disk"],
        ),
    ],
)
def test_why_a_checkpoint_fails_is_told_once_until_it_is_another_reason(
    file: Path, faults: list[Exception], told: list[str]
) -> None:
    connection: Any = Unwell(*faults)
    checkpoints = Checkpoints(file, connection)
    with capture_logs() as logs:
        for pages in range(len(faults)):
            connection.commit(LIMIT_PAGES + pages)
            checkpoints.after_commit()
    checkpoints.close()
    assert [one["error"] for one in logs] == told
