"""Every line that fits is as likely as any other, to the last one."""

import asyncio
from collections import Counter

import pytest

from flows.renting import refusal_of_rent
from simlet.domain import errors
from simlet.domain.allocate import Chance
from simlet.flows.rent_number import RentRequest, rent_number
from simlet.store.sql import Tx
from simlet.testing.world import World

pytestmark = pytest.mark.anyio

RICH_DONG = 10**9


class _DrawnError(Exception):
    """Ends a flow so that nothing of it is kept, and says what it drew."""


def draw(tx: Tx, request: RentRequest, now_ms: int, chance: Chance) -> None:
    raise _DrawnError(rent_number(tx, request, now_ms, chance).rental.number)


async def draw_often(world: World, request: RentRequest, count: int) -> Counter[str]:
    drawn: Counter[str] = Counter()
    for _ in range(count):
        with pytest.raises(_DrawnError) as outcome:
            await world.db.write(draw, request, world.clock.now_ms(), world.runtime.chance)
        drawn[outcome.value.args[0]] += 1
    return drawn


def chi_square(drawn: Counter[str], numbers: int) -> float:
    """How far counts are from even; those that were never drawn count as well."""
    expected = drawn.total() / numbers
    missing = numbers - len(drawn)
    return sum((count - expected) ** 2 for count in drawn.values()) / expected + missing * expected


async def test_every_line_that_fits_is_as_likely_as_any_other(world: World) -> None:
    await world.service(4)
    numbers = [f"096700{number:04}" for number in range(5)]
    numbers += [f"091200{number:04}" for number in range(4)] + ["0332000000"]
    await world.lines(*numbers)
    dealer = await world.dealer()

    drawn = await draw_often(world, RentRequest(dealer.id, 4), 300)

    # With 9 degrees of freedom 33.7 is passed once in ten thousand such tests; chance is seeded.
    assert chi_square(drawn, len(numbers)) < 33.7


async def test_lines_of_a_full_block_and_of_a_small_one_are_as_likely(world: World) -> None:
    await world.service(4)
    await world.lines(*(f"096700{number:04}" for number in range(280)))
    dealer = await world.dealer()

    drawn = await draw_often(world, RentRequest(dealer.id, 4), 400)

    behind = sum(count for number, count in drawn.items() if int(number[-4:]) >= 256)
    # 24 of 280 lines stand in the second block: 34.3 draws are expected, 5.6 is their spread.
    assert 12 <= behind <= 57
    assert len(drawn) > 180


async def test_long_prefixes_and_occupied_lines_leave_the_rest_as_likely(world: World) -> None:
    await world.service(4)
    await world.service(9, catch_all=True)
    await world.lines(*(f"096700{number:04}" for number in range(6)), "0968000000")
    dealer = await world.dealer()
    await world.rent(dealer, 9, wanted=("967000000",))

    drawn = await draw_often(world, RentRequest(dealer.id, 4, wanted=("967",)), 150)

    assert set(drawn) == {f"+8496700{number:04}" for number in range(1, 6)}
    # With 4 degrees of freedom 23.5 is passed once in ten thousand such tests.
    assert chi_square(drawn, 5) < 23.5


async def test_a_pool_of_several_blocks_is_rented_to_the_last_and_then_refused(
    world: World,
) -> None:
    await world.service(4)
    await world.lines(*(f"096700{number:04}" for number in range(600)))
    dealer = await world.dealer(balance_dong=RICH_DONG, waiting_limit=1000)

    rented = [await world.rent(dealer, 4) for _ in range(20)]
    rented += await asyncio.gather(*(world.rent(dealer, 4) for _ in range(580)))

    assert len({each.rental.number for each in rented}) == 600
    assert await refusal_of_rent(world, dealer, 4) is errors.OUT_OF_STOCK
    assert (await world.account(dealer)).waiting_count == 600
    assert await world.book_findings() == []
