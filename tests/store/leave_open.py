"""Another process on a SQLite file: writes enough for a checkpoint, and ends without closing."""

import sys
from pathlib import Path

from simlet.store import sqlite_checkpoint
from simlet.store.sql import Call
from simlet.store.sqlite_group import GroupWriter
from store.keeping import fill


def main(path: str) -> None:
    sqlite_checkpoint.EACH_PAGES = 8
    writer = GroupWriter(Path(path), 20)
    outcomes = writer.write([Call(fill, ("kept",), {})])
    assert outcomes == ["kept"]
    assert writer._checkpoints._thread is not None
    raise SystemExit(3)


if __name__ == "__main__":
    main(sys.argv[1])
