"""Another process on the same database: counts a row up, so many times, beside the test's own.

It says `ready`, and begins with the first line that it reads.
"""

import asyncio
import sys

from simlet.store.database import Database, open_database
from simlet.store.sql import Sql, Tx

_READ = Sql("SELECT seq FROM cursors WHERE name = 'count' {for_update}")
_WRITE = Sql("UPDATE cursors SET seq = :seq WHERE name = 'count'")


def count_one_up(tx: Tx) -> int:
    row = tx.row(_READ)
    assert row is not None
    count: int = row[0] + 1
    tx.run(_WRITE, seq=count)
    return count


async def count_up(db: Database, times: int) -> None:
    for _ in range(times // 5):
        await asyncio.gather(*(db.write(count_one_up) for _ in range(5)))


async def main(url: str, times: int) -> None:
    db = open_database(url, pool_size=2)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    try:
        await count_up(db, times)
    finally:
        await db.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
