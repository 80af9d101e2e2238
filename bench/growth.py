"""Whether renting gets slower as the pool grows and a service uses it up."""

import random
import secrets
import time
from contextlib import closing
from dataclasses import dataclass, field
from statistics import median

from bench.fault import BenchFault
from bench.installation import STORE, Installation
from pysqlite3 import dbapi2 as sqlite3

from simlet.domain.allocate import BLOCK_LINES, places_from_bytes, places_to_bytes
from simlet.domain.errors import OUT_OF_STOCK, Refused
from simlet.flows.rent_number import RentRequest, rent_number
from simlet.store.database import Database, open_database
from simlet.store.sql import Tx

FRESH, USED, EMPTY = 1, 2, 3
"""Ids of services: every line is free for it, one of 1,000 is, none is."""

LEFT_OF = 1000
_ACCOUNT_ID = 1
_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Times:
    """Medians of one kind of rent, in milliseconds.

    Attributes:
        rent_ms: until it is on disk.
        choice_ms: the flow alone, without the commit.
    """

    rent_ms: float
    choice_ms: float


@dataclass(frozen=True, slots=True)
class Growth:
    """The medians of each case."""

    small: Times
    large: Times
    used: Times
    empty: Times


def use_up(installation: Installation) -> None:
    """Marks lines as used: all but one of 1,000 for service `USED`, all for `EMPTY`.

    Which are left is drawn at random over the whole pool. It does what renting them and getting
    the codes does to the stock, without the rentals.
    """
    with closing(sqlite3.connect(str(installation.path))) as connection:
        blocks = connection.execute("SELECT id, active FROM blocks ORDER BY id").fetchall()
        rows = []
        for block_id, stored in blocks:
            active = places_from_bytes(stored)
            left = active & _sparse()
            rows.append((places_to_bytes(active & ~left), left.bit_count(), USED, block_id))
            rows.append((places_to_bytes(active), 0, EMPTY, block_id))
        connection.executemany(
            "UPDATE stock SET taken = ?, left_count = ? WHERE service_id = ? AND block_id = ?",
            rows,
        )
        connection.commit()


def _sparse() -> int:
    return sum(1 << place for place in range(BLOCK_LINES) if not random.randrange(LEFT_OF))


async def measure_growth(small: Installation, large: Installation, rents: int) -> Growth:
    """Rents one after another, now from the one and now from the other.

    Args:
        small: a pool whose service `FRESH` has every line free.
        large: the large pool, after `use_up`.
        rents: how many of each case.

    Raises:
        BenchFault: a rent was refused that should not have been, or the other way round.
    """
    few, many = open_database(small.url), open_database(large.url)
    cases = (
        _Case(few, FRESH),
        _Case(many, FRESH),
        _Case(many, USED),
        _Case(many, EMPTY),
    )
    try:
        for turn in range(_WARM_UP + rents):
            for case in cases:
                await case.rent(counted=turn >= _WARM_UP)
    finally:
        await few.close()
        await many.close()
    return Growth(*(case.times() for case in cases))


@dataclass(slots=True)
class _Case:
    db: Database
    service_id: int
    rent_s: list[float] = field(default_factory=list)
    choice_s: list[float] = field(default_factory=list)

    async def rent(self, *, counted: bool) -> None:
        before_s = time.perf_counter()
        choice_s = await self.db.write(self._timed_rent)
        after_s = time.perf_counter()
        if counted:
            self.rent_s.append(after_s - before_s)
            self.choice_s.append(choice_s)

    def _timed_rent(self, tx: Tx) -> float:
        request = RentRequest(_ACCOUNT_ID, self.service_id, STORE)
        before_s = time.perf_counter()
        try:
            rent_number(tx, request, time.time_ns() // 1_000_000, secrets.randbelow)
        except Refused as refused:
            if refused.refusal is not OUT_OF_STOCK or self.service_id != EMPTY:
                raise BenchFault(f"service {self.service_id}: {refused}") from refused
        else:
            if self.service_id == EMPTY:
                raise BenchFault("a line was rented where none is left")
        return time.perf_counter() - before_s

    def times(self) -> Times:
        return Times(median(self.rent_s) * 1000, median(self.choice_s) * 1000)
