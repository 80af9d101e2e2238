"""The stock against plain sets: hypothesis changes both in any order."""

from dataclasses import dataclass, field
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from simlet.domain.allocate import block_of
from simlet.store import stock
from simlet.store.sql import Sql, Tx
from store.stocking import (
    add_service,
    allot,
    blocks_of_pages,
    deactivate,
    left_counts,
    lines_left,
    take,
)


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
