import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

import anyio
import anyio.lowlevel
import apsw
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from simlet.domain.allocate import BLOCK_LINES, block_of, line_at, place_of
from simlet.domain.numbering import Filters
from simlet.domain.service import Category, Prices, Rules, Service
from simlet.flows.manage_lines import retire_line
from simlet.flows.manage_services import add_service as add_service_flow
from simlet.store import lines, services, stock
from simlet.store.database import Database, open_database
from simlet.store.lines import NewLine
from simlet.store.postgres import PostgresTx
from simlet.store.sql import Sql, Tx
from simlet.store.sqlite_file import SqliteTx, sqlite_path
from simlet.testing.gate import Gate

CELL = ("01", 3, "96")
LEFT_COUNTS = Sql("SELECT service_id, block_id, left_count FROM stock ORDER BY 1, 2")
BLOCKS = Sql("SELECT id, size, store, network_id, prefix FROM blocks ORDER BY id")


def service(service_id: int, store: str = "01") -> Service:
    return Service(
        service_id,
        store,
        f"Service {service_id}",
        Prices(470, 470, 470),
        300,
        Rules(("Yahoo",), (), catch_all=False, code_pattern=None),
        Category.GENERAL,
        paused=False,
        opened=False,
    )


def add_service(tx: Tx, service_id: int, store: str = "01") -> None:
    stock.lock_catalogue(tx)
    services.add_service(tx, service(service_id, store), 1)
    stock.stock_service(tx, service_id, store)


def allot(
    tx: Tx, count: int, store: str = "01", network_id: int = 3, prefix: str = "96"
) -> list[int]:
    stock.lock_catalogue(tx)
    return stock.allot(tx, store, network_id, prefix, count)


def deactivate(tx: Tx, line_id: int) -> None:
    stock.lock_catalogue(tx)
    stock.deactivate(tx, line_id)


def take(tx: Tx, service_id: int, line_id: int) -> None:
    stock.take(tx, service_id, line_id, stock.lock_places(tx, service_id, block_of(line_id)))


def left_counts(tx: Tx) -> dict[tuple[int, int], int]:
    return {(row[0], row[1]): row[2] for row in tx.rows(LEFT_COUNTS)}


def lines_left(tx: Tx, service_id: int, block_id: int) -> set[int]:
    left = stock.lock_places(tx, service_id, block_id).left
    return {line_at(block_id, place) for place in range(BLOCK_LINES) if left >> place & 1}


def sizes(tx: Tx) -> list[int]:
    return [row[1] for row in tx.rows(BLOCKS)]


def blocks_of_pages(
    tx: Tx, service_id: int, start: int = 0, filters: Filters | None = None
) -> list[tuple[int, int]]:
    pages = stock.pages_with_stock(tx, service_id, filters or Filters(), start)
    return [(block_id, left) for page in pages for block_id, left in page]


# One transaction that is never committed: what a test writes in it is gone with it.


@contextmanager
def sqlite_transaction(url: str) -> Iterator[Tx]:
    connection = apsw.Connection(str(sqlite_path(url)))
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("BEGIN")
    try:
        yield SqliteTx(connection)
    finally:
        connection.execute("ROLLBACK")
        connection.close()


@contextmanager
def postgres_transaction(url: str) -> Iterator[Tx]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("BEGIN")
        yield PostgresTx(connection)
        connection.execute("ROLLBACK")


@pytest.fixture
def tx(database_url: str) -> Iterator[Tx]:
    """A transaction on each kind of database in turn."""
    of_kind = sqlite_transaction if sqlite_path(database_url) else postgres_transaction
    with of_kind(database_url) as tx:
        yield tx


@pytest.fixture
async def postgres_db(postgres_url: str) -> AsyncIterator[Database]:
    db = open_database(postgres_url)
    yield db
    await db.close()


# ----------------------------------------------------------------------------------- making room


def test_lines_fill_blocks_of_256_one_after_the_other(tx: Tx) -> None:
    line_ids = allot(tx, 600)
    first = block_of(line_ids[0])
    assert sizes(tx) == [256, 256, 88]
    assert line_ids == [*range(line_at(first, 0), line_at(first + 2, 88))]


def test_further_lines_continue_the_block_that_has_room(tx: Tx) -> None:
    before = allot(tx, 300)
    further = allot(tx, 300)
    assert sizes(tx) == [256, 256, 88]
    assert further == [*range(before[-1] + 1, before[-1] + 301)]


@pytest.mark.parametrize("count", [1, 255, 256, 257])
def test_a_block_is_filled_to_its_last_place_before_there_is_another(tx: Tx, count: int) -> None:
    assert len(set(allot(tx, count))) == count
    assert sizes(tx) == [256] * (count // 256) + [count % 256] * (count % 256 > 0)


def test_a_full_block_takes_no_more_lines(tx: Tx) -> None:
    allot(tx, 256)
    assert place_of(allot(tx, 1)[0]) == 0
    assert sizes(tx) == [256, 1]


def test_no_line_needs_no_room(tx: Tx) -> None:
    assert allot(tx, 0) == []
    assert sizes(tx) == []


@pytest.mark.parametrize("other", [("02", 3, "96"), ("01", 2, "96"), ("01", 3, "97")])
def test_store_network_and_prefix_each_have_blocks_of_their_own(
    tx: Tx, other: tuple[str, int, str]
) -> None:
    own = allot(tx, 3)
    apart = allot(tx, 3, *other)
    assert {block_of(one) for one in own}.isdisjoint(block_of(one) for one in apart)
    assert [tuple(row[2:5]) for row in tx.rows(BLOCKS)] == [CELL, other]


def test_the_place_of_a_retired_line_is_not_given_away(tx: Tx) -> None:
    line_ids = allot(tx, 3)
    deactivate(tx, line_ids[-1])
    assert allot(tx, 1) == [line_ids[-1] + 1]


def test_the_highest_block_is_the_newest(tx: Tx) -> None:
    assert stock.highest_block(tx) == 0
    line_ids = allot(tx, 257)
    assert stock.highest_block(tx) == block_of(line_ids[-1])


def test_lines_are_in_stock_of_every_service_of_their_store(tx: Tx) -> None:
    add_service(tx, 1)
    add_service(tx, 2)
    add_service(tx, 3, "02")
    (line_id,) = allot(tx, 1)
    assert left_counts(tx) == {(1, block_of(line_id)): 1, (2, block_of(line_id)): 1}


def test_a_new_service_has_the_lines_that_are_there_already(tx: Tx) -> None:
    line_ids = allot(tx, 3)
    allot(tx, 3, "02")
    deactivate(tx, line_ids[1])
    add_service(tx, 1)
    assert left_counts(tx) == {(1, block_of(line_ids[0])): 2}
    assert lines_left(tx, 1, block_of(line_ids[0])) == {line_ids[0], line_ids[2]}


# --------------------------------------------------------------------------- taking and giving back


def test_what_one_service_took_another_can_still_take(tx: Tx) -> None:
    add_service(tx, 1)
    add_service(tx, 2)
    line_ids = allot(tx, 2)
    block_id = block_of(line_ids[0])
    take(tx, 1, line_ids[0])
    assert lines_left(tx, 1, block_id) == {line_ids[1]}
    assert lines_left(tx, 2, block_id) == set(line_ids)


def test_what_is_given_back_can_be_taken_again(tx: Tx) -> None:
    add_service(tx, 1)
    (line_id,) = allot(tx, 1)
    take(tx, 1, line_id)
    assert blocks_of_pages(tx, 1) == []
    stock.give_back(tx, 1, line_id)
    assert blocks_of_pages(tx, 1) == [(block_of(line_id), 1)]


def test_a_retired_line_that_is_given_back_stays_out_of_stock(tx: Tx) -> None:
    add_service(tx, 1)
    (line_id,) = allot(tx, 1)
    take(tx, 1, line_id)
    deactivate(tx, line_id)
    stock.give_back(tx, 1, line_id)
    assert left_counts(tx) == {(1, block_of(line_id)): 0}
    assert lines_left(tx, 1, block_of(line_id)) == set()


def test_a_block_that_is_not_in_stock_of_a_service_has_no_places_for_it(tx: Tx) -> None:
    (line_id,) = allot(tx, 1)
    add_service(tx, 1, "02")
    assert stock.lock_places(tx, 1, block_of(line_id)).left == 0


def test_a_line_that_is_not_there_cannot_be_deactivated(tx: Tx) -> None:
    deactivate(tx, line_at(4242, 7))
    assert left_counts(tx) == {}


# ------------------------------------------------------------------------ the stock against a model


@dataclass
class Model:
    """What the stock ought to be, as plain sets."""

    active: set[int] = field(default_factory=set)
    lines: dict[int, tuple[str, int, str]] = field(default_factory=dict)
    taken: dict[int, set[int]] = field(default_factory=dict)
    stores: dict[int, str] = field(default_factory=dict)

    def left(self, service_id: int) -> set[int]:
        store = self.stores[service_id]
        own = {one for one in self.active if self.lines[one][0] == store}
        return own - self.taken[service_id]

    def left_by_block(self, service_id: int) -> dict[int, int]:
        store = self.stores[service_id]
        blocks = {block_of(one): 0 for one, cell in self.lines.items() if cell[0] == store}
        for one in self.left(service_id):
            blocks[block_of(one)] += 1
        return blocks


COUNTS = st.one_of(st.integers(1, 4), st.sampled_from([255, 256, 257, 513]))
STORES = st.sampled_from(["01", "02"])
CELLS = st.tuples(STORES, st.sampled_from([1, 3]), st.sampled_from(["96", "86"]))


class StockMachine(RuleBasedStateMachine):
    """Random sequences of all that changes the stock, beside the model."""

    tx: ClassVar[Tx]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.tx.run(Sql("SAVEPOINT machine"))

    def teardown(self) -> None:
        self.tx.run(Sql("ROLLBACK TO SAVEPOINT machine"))
        self.tx.run(Sql("RELEASE SAVEPOINT machine"))

    def some(self, several: set[int], draw: st.DataObject) -> int:
        return draw.draw(st.sampled_from(sorted(several)))

    def taken(self) -> set[tuple[int, int]]:
        return {(service_id, one) for service_id, all_ in self.model.taken.items() for one in all_}

    @initialize()
    def first_service(self) -> None:
        self.add_a_service("01")

    @precondition(lambda self: len(self.model.stores) < 4)
    @rule(store=STORES)
    def add_a_service(self, store: str) -> None:
        service_id = len(self.model.stores) + 1
        add_service(self.tx, service_id, store)
        self.model.stores[service_id] = store
        self.model.taken[service_id] = set()

    @rule(cell=CELLS, count=COUNTS)
    def import_lines(self, cell: tuple[str, int, str], count: int) -> None:
        line_ids = allot(self.tx, count, *cell)
        assert len(line_ids) == len(set(line_ids)) == count
        assert line_ids == sorted(line_ids)
        assert self.model.lines.keys().isdisjoint(line_ids)
        self.model.active |= set(line_ids)
        self.model.lines |= dict.fromkeys(line_ids, cell)

    @precondition(lambda self: any(map(self.model.left, self.model.stores)))
    @rule(draw=st.data())
    def take_a_line(self, draw: st.DataObject) -> None:
        service_id = self.some({one for one in self.model.stores if self.model.left(one)}, draw)
        line_id = self.some(self.model.left(service_id), draw)
        take(self.tx, service_id, line_id)
        self.model.taken[service_id].add(line_id)

    @precondition(lambda self: self.taken())
    @rule(draw=st.data())
    def give_a_line_back(self, draw: st.DataObject) -> None:
        service_id, line_id = draw.draw(st.sampled_from(sorted(self.taken())))
        stock.give_back(self.tx, service_id, line_id)
        self.model.taken[service_id].remove(line_id)

    @precondition(lambda self: self.model.active)
    @rule(draw=st.data(), of_taken=st.booleans())
    def retire_a_line(self, draw: st.DataObject, of_taken: bool) -> None:
        taken = {line_id for _, line_id in self.taken()} & self.model.active
        line_id = self.some(taken if taken and of_taken else self.model.active, draw)
        deactivate(self.tx, line_id)
        self.model.active.remove(line_id)

    @invariant()
    def each_count_is_the_number_of_lines_left(self) -> None:
        assert left_counts(self.tx) == {
            (service_id, block_id): count
            for service_id in self.model.stores
            for block_id, count in self.model.left_by_block(service_id).items()
        }

    @invariant()
    def the_lines_left_are_those_of_the_model(self) -> None:
        for service_id in self.model.stores:
            left = set()
            for block_id in self.model.left_by_block(service_id):
                left |= lines_left(self.tx, service_id, block_id)
            assert left == self.model.left(service_id)

    @invariant()
    def all_that_is_left_is_found_from_any_block_on(self) -> None:
        for service_id in self.model.stores:
            wanted = {k: v for k, v in self.model.left_by_block(service_id).items() if v}
            for start in (0, stock.highest_block(self.tx) // 2, stock.highest_block(self.tx)):
                found = blocks_of_pages(self.tx, service_id, start)
                assert len(found) == len(wanted)
                assert dict(found) == wanted


def test_the_stock_agrees_with_plain_sets_whatever_happens(tx: Tx) -> None:
    run_state_machine_as_test(
        type("Machine", (StockMachine,), {"tx": tx}),
        settings=settings(max_examples=30, stateful_step_count=25, deadline=None),
    )


# ----------------------------------------------------------------------------------------- pages


def add_blocks(tx: Tx, count: int) -> list[int]:
    """Blocks of one line each: every line of another cell."""
    cells = [(network, prefix) for network in range(1, 6) for prefix in range(30, 99)]
    return [
        block_of(allot(tx, 1, "01", network, str(prefix))[0]) for network, prefix in cells[:count]
    ]


@pytest.mark.parametrize("count", [1, 31, 32, 33, 64, 65, 100])
def test_pages_show_every_block_once_from_any_start(tx: Tx, count: int) -> None:
    add_service(tx, 1)
    blocks = add_blocks(tx, count)
    for start in (0, blocks[0], blocks[count // 2], blocks[-1], blocks[-1] + 1):
        found = [block_id for block_id, _ in blocks_of_pages(tx, 1, start)]
        behind = [one for one in blocks if one >= start]
        assert found == behind + [one for one in blocks if one < start]


def test_a_page_is_never_empty_nor_longer_than_its_limit(tx: Tx) -> None:
    add_service(tx, 1)
    blocks = add_blocks(tx, 100)
    pages = list(stock.pages_with_stock(tx, 1, Filters(), blocks[40], page=32))
    assert [len(page) for page in pages] == [32, 28, 32, 8]
    assert list(stock.pages_with_stock(tx, 2, Filters(), 0)) == []


def test_a_used_up_pool_gives_no_page(tx: Tx) -> None:
    add_service(tx, 1)
    for line_id in [line_at(block_id, 0) for block_id in add_blocks(tx, 40)]:
        take(tx, 1, line_id)
    assert list(stock.pages_with_stock(tx, 1, Filters(), 0)) == []


# --------------------------------------------------------------------------------------- filters


def import_numbers(tx: Tx, numbers: list[tuple[int, str]]) -> dict[str, tuple[int, int]]:
    """Lines with these networks and numbers of nine digits; block and network of each number."""
    places: dict[str, tuple[int, int]] = {}
    for network_id, digits in numbers:
        (line_id,) = allot(tx, 1, "01", network_id, digits[:2])
        new = NewLine(f"8984{len(places):015d}", f"+84{digits}", network_id, "01", "h", "c")
        lines.add_lines(tx, [(line_id, new)], None, 1)
        places[digits] = (line_id, network_id)
    return places


def numbers_found(tx: Tx, places: dict[str, tuple[int, int]], filters: Filters) -> set[str]:
    """The numbers that a search with these filters comes to, as `rent_number` searches."""
    found = set()
    for block_id, _ in blocks_of_pages(tx, 1, filters=filters):
        left = stock.lock_places(tx, 1, block_id).left
        if filters.needs_numbers:
            left &= stock.places_fitting(tx, block_id, filters.fits_number)
        found |= {line_at(block_id, place) for place in range(BLOCK_LINES) if left >> place & 1}
    return {digits for digits, (line_id, _) in places.items() if line_id in found}


def numbers_that_fit(places: dict[str, tuple[int, int]], filters: Filters) -> set[str]:
    return {
        digits
        for digits, (_, network_id) in places.items()
        if (not filters.networks or network_id in filters.networks)
        and (not filters.wanted or any(digits.startswith(one) for one in filters.wanted))
        and not any(digits.startswith(one) for one in filters.unwanted)
    }


PREFIXES = st.lists(
    st.sampled_from(["9", "8", "96", "97", "86", "961", "96123", "9612345", "861", "961234501"]),
    max_size=3,
    unique=True,
).map(tuple)
NUMBERS = [
    (network_id, head + tail)
    for network_id in (1, 3)
    for head in ("9612345", "9699999", "9712345", "8612345", "3612345")
    for tail in (f"{network_id}1", f"{network_id}2")
] + [(1, "961234501")]


@pytest.fixture
def searched(tx: Tx) -> tuple[Tx, dict[str, tuple[int, int]]]:
    """A pool with these numbers, and where each stands."""
    add_service(tx, 1)
    return tx, import_numbers(tx, NUMBERS)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    filters=st.builds(
        Filters, st.lists(st.sampled_from([1, 3, 5]), unique=True).map(tuple), PREFIXES, PREFIXES
    )
)
def test_a_search_comes_to_just_the_numbers_that_fit(
    searched: tuple[Tx, dict[str, tuple[int, int]]], filters: Filters
) -> None:
    tx, places = searched
    assert numbers_found(tx, places, filters) == numbers_that_fit(places, filters)


@pytest.mark.parametrize(
    ("filters", "heads"),
    [
        (Filters(), {"961", "969", "971", "861", "361"}),
        (Filters(wanted=("9",)), {"961", "969", "971"}),
        (Filters(wanted=("9", "36")), {"961", "969", "971", "361"}),
        (Filters(wanted=("961",)), {"961"}),
        (Filters(unwanted=("9",)), {"861", "361"}),
        (Filters(unwanted=("96", "8")), {"971", "361"}),
        (Filters(unwanted=("961",)), {"969", "971", "861", "361"}),
        (Filters(wanted=("9",), unwanted=("96123",)), {"969", "971"}),
        (Filters(wanted=("5",)), set()),
        (Filters(networks=(5,)), set()),
    ],
)
def test_prefixes_of_one_digit_of_two_and_of_more_choose_their_numbers(
    searched: tuple[Tx, dict[str, tuple[int, int]]], filters: Filters, heads: set[str]
) -> None:
    found = numbers_found(*searched, filters)
    assert {digits[:3] for digits in found} == heads


def test_a_long_prefix_reads_no_block_of_another_cell(
    searched: tuple[Tx, dict[str, tuple[int, int]]],
) -> None:
    tx, places = searched
    blocks = {block for block, _ in blocks_of_pages(tx, 1, filters=Filters(wanted=("9712",)))}
    assert blocks == {
        block_of(line_id) for digits, (line_id, _) in places.items() if digits.startswith("97")
    }


# --------------------------------------------------------------------------- two at the same time


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
