"""Searching the stock: page by page from any block on, and by networks and prefixes."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simlet.domain.allocate import BLOCK_LINES, block_of, line_at
from simlet.domain.numbering import Filters
from simlet.store import stock
from simlet.store.sql import Tx
from store.stocking import add_service, allot, blocks_of_pages, import_numbers, take

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
