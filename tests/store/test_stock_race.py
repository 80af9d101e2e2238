"""Two changes of the stock at the same time leave it as one after the other would."""

import asyncio
from collections.abc import AsyncIterator, Callable

import anyio
import anyio.lowlevel
import pytest

from simlet.flows.manage_lines import retire_line
from simlet.flows.manage_services import add_service as add_service_flow
from simlet.store import stock
from simlet.store.database import Database, open_database
from simlet.store.sql import Sql, Tx
from simlet.testing.gate import Gate
from store.stocking import add_service, allot, import_numbers, service, take


@pytest.fixture
async def postgres_db(postgres_url: str) -> AsyncIterator[Database]:
    db = open_database(postgres_url)
    yield db
    await db.close()


NUMBERS_IN_RACE = [f"96123450{n}" for n in range(8)]
WAITS_FOR_A_LOCK = Sql("SELECT count(*) FROM pg_locks WHERE NOT granted")
STOCK_AND_BLOCKS = Sql(
    "SELECT s.service_id, s.left_count, b.active, s.taken FROM stock s "
    "JOIN blocks b ON b.id = s.block_id ORDER BY s.service_id, s.block_id"
)


def begin_race(tx: Tx) -> list[int]:
    """A service and a block with room; the service took the first two lines."""
    add_service(tx, 1)
    places = import_numbers(tx, [(3, digits) for digits in NUMBERS_IN_RACE])
    line_ids = [places[digits][0] for digits in NUMBERS_IN_RACE]
    for line_id in line_ids[:2]:
        take(tx, 1, line_id)
    return line_ids


# What may happen at the same moment; the number keeps two of a kind apart.
ACTIONS: dict[str, Callable[[Tx, list[int], int], object]] = {
    "give back": lambda tx, line_ids, n: stock.give_back(tx, 1, line_ids[n]),
    "take": lambda tx, line_ids, n: take(tx, 1, line_ids[2 + n]),
    "retire": lambda tx, _, n: retire_line(tx, "+84" + NUMBERS_IN_RACE[4 + n], 1),
    "import": lambda tx, _, n: allot(tx, 3 + n),
    "add a service": lambda tx, _, n: add_service_flow(tx, service(2 + n), 1),
}


class Undone(Exception):  # noqa: N818
    """Raised by a flow that only tries something out: what the stock was like then."""


def stock_of(tx: Tx) -> list[tuple[object, ...]]:
    """Of each service: how many lines are left, which are active, which it took."""
    return [(row[0], row[1], bytes(row[2]), bytes(row[3])) for row in tx.rows(STOCK_AND_BLOCKS)]


def try_one_after_the_other(tx: Tx, line_ids: list[int], first: str, second: str) -> None:
    ACTIONS[first](tx, line_ids, 0)
    ACTIONS[second](tx, line_ids, 1)
    raise Undone(stock_of(tx))


@pytest.mark.anyio
@pytest.mark.parametrize("second", ACTIONS)
@pytest.mark.parametrize("first", ACTIONS)
async def test_two_at_the_same_time_leave_the_stock_as_one_after_the_other(
    postgres_db: Database, first: str, second: str
) -> None:
    line_ids = await postgres_db.write(begin_race)
    with pytest.raises(Undone) as tried:
        await postgres_db.write(try_one_after_the_other, line_ids, first, second)

    def act_and_wait(tx: Tx, gate: Gate) -> None:
        ACTIONS[first](tx, line_ids, 0)
        gate.pass_through()

    async def waits_or_is_done(call: "asyncio.Task[object]") -> None:
        while not call.done() and not await postgres_db.read(one_waits):
            await anyio.lowlevel.checkpoint()

    with Gate() as gate, anyio.fail_after(20):
        earlier = asyncio.create_task(postgres_db.write(act_and_wait, gate))
        await gate.reached()
        later = asyncio.create_task(postgres_db.write(ACTIONS[second], line_ids, 1))
        await waits_or_is_done(later)
        gate.open()
        await asyncio.gather(earlier, later)

    (expected,) = tried.value.args
    assert expected
    assert await postgres_db.read(stock_of) == expected


def one_waits(tx: Tx) -> bool:
    row = tx.row(WAITS_FOR_A_LOCK)
    assert row is not None
    return bool(row[0])
