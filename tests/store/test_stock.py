"""What is in stock: room for lines in blocks, lines taken and given back, lines retired."""

import pytest

from simlet.domain.allocate import block_of, line_at, place_of
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

CELL = ("01", 3, "96")

BLOCKS = Sql("SELECT id, size, store, network_id, prefix FROM blocks ORDER BY id")


def sizes(tx: Tx) -> list[int]:
    return [row[1] for row in tx.rows(BLOCKS)]


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
