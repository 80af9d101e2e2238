"""The networks and prefixes that a dealer wants, or does not want."""

from collections.abc import Callable, Sequence

import pytest

from flows.renting import rent_all
from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.flows import find_line
from simlet.store import stock
from simlet.store.sql import Tx
from simlet.testing.world import World

pytestmark = pytest.mark.anyio

POOL = (
    "0961000001 VIETTEL",
    "0961000002 MOBIFONE",
    "0967000003 VIETTEL",
    "0967010004 VIETTEL",
    "0851000005 VINAPHONE",
    "0852000006 VIETTEL",
    "0912000007 VINAPHONE",
    "0332000008 VIETTEL",
    "0561000009 VIETNAMOBILE",
    "0771000010 MOBIFONE",
)


def numbers_of(*endings: int) -> list[str]:
    """The numbers of the pool that end so."""
    return sorted(one.split()[0] for one in POOL if int(one.split()[0][-2:]) in endings)


@pytest.mark.parametrize(
    ("networks", "wanted", "unwanted", "endings"),
    [
        ((), (), (), range(1, 11)),
        (("VIETTEL",), (), (), (1, 3, 4, 6, 8)),
        (("viettel",), (), (), (1, 3, 4, 6, 8)),
        (("MOBIFONE", "VINAPHONE"), (), (), (2, 5, 7, 10)),
        (("ITELECOM",), (), (), ()),
        ((), ("96",), (), (1, 2, 3, 4)),
        ((), ("96", "85"), (), (1, 2, 3, 4, 5, 6)),
        ((), ("9",), (), (1, 2, 3, 4, 7)),
        ((), ("967",), (), (3, 4)),
        ((), ("96701",), (), (4,)),
        ((), ("967", "85"), (), (3, 4, 5, 6)),
        ((), ("967", "96"), (), (1, 2, 3, 4)),
        ((), ("961000001",), (), (1,)),
        ((), ("31",), (), ()),
        ((), (), ("96",), (5, 6, 7, 8, 9, 10)),
        ((), (), ("9",), (5, 6, 8, 9, 10)),
        ((), (), ("967",), (1, 2, 5, 6, 7, 8, 9, 10)),
        ((), (), ("96", "85", "9", "3"), (9, 10)),
        ((), (), ("3", "5", "7", "8", "9"), ()),
        ((), ("9",), ("96",), (7,)),
        ((), ("96",), ("967",), (1, 2)),
        ((), ("967",), ("96701",), (3,)),
        ((), ("96",), ("96",), ()),
        ((), ("96", "85"), ("852",), (1, 2, 3, 4, 5)),
        (("VIETTEL",), ("96",), (), (1, 3, 4)),
        (("VIETTEL",), ("96", "85"), ("967",), (1, 6)),
        (("MOBIFONE", "VINAPHONE"), ("9", "7"), ("91",), (2, 10)),
        (("VINAPHONE",), ("967",), (), ()),
    ],
)
async def test_a_filter_is_never_ignored(
    world: World,
    networks: tuple[str, ...],
    wanted: tuple[str, ...],
    unwanted: tuple[str, ...],
    endings: Sequence[int],
) -> None:
    await world.service(4)
    await world.lines(*POOL)
    dealer = await world.dealer(waiting_limit=100)

    rented = await rent_all(world, dealer, 4, networks=networks, wanted=wanted, unwanted=unwanted)

    assert sorted(rented) == numbers_of(*endings)


async def test_an_unknown_network_is_refused_and_not_left_out(world: World) -> None:
    await world.service(4)
    await world.lines(*POOL)
    dealer = await world.dealer()

    with pytest.raises(Refused) as refused:
        await world.rent(dealer, 4, networks=("VIETTEL", "NOWHERE"))

    assert refused.value.refusal is errors.INVALID
    assert refused.value.details["name"] == "carries"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The blocks whose numbers are read: in one search two, and never all of a pool at once."""
    monkeypatch.setattr(stock, "FEW_BLOCKS", 1)
    monkeypatch.setattr(find_line, "READ_BLOCKS", 2)
    read: list[int] = []
    places_fitting = stock.places_fitting

    def noted(tx: Tx, block_id: int, fits: Callable[[str], bool]) -> int:
        read.append(block_id)
        return places_fitting(tx, block_id, fits)

    monkeypatch.setattr(stock, "places_fitting", noted)
    return read


async def test_lines_that_prefixes_name_are_found_without_reading_numbers(
    world: World, read: list[int]
) -> None:
    await world.service(4)
    await world.lines(*POOL)
    dealer = await world.dealer(waiting_limit=100)

    rented = await rent_all(world, dealer, 4, wanted=("967", "851"), unwanted=("96701",))

    assert sorted(rented) == numbers_of(3, 5)
    assert read == []


async def test_a_search_reads_the_numbers_of_few_blocks_and_another_one_those_of_others(
    world: World, read: list[int]
) -> None:
    await world.service(4)
    await world.lines(*POOL)
    dealer = await world.dealer()
    all_but_one = tuple(one.split()[0][1:5] for one in POOL if not one.startswith("0332"))

    found: list[str] = []
    for _ in range(200):
        read.clear()
        found += await rent_all(world, dealer, 4, unwanted=all_but_one)
        assert len(read) <= 4, "two of what found nothing, and two of what found it"
        if found:
            break

    assert found == numbers_of(8)
