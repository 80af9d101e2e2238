import pytest

from simlet.domain.errors import UNAUTHENTICATED, Refused
from simlet.domain.figures import NO_FIGURES
from simlet.domain.principal import Tier
from simlet.domain.service import Category
from simlet.flows.manage_lines import retire_line
from simlet.flows.manage_services import pause_service
from simlet.flows.show_services import ServiceDetail, show_services
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

FIRST, SECOND, THIRD = (f"096700000{one}" for one in range(3))
WAITING_S = 60
PLAIN, OTHER, ALONE = 4, 5, 8


async def prepared(world: World) -> tuple[Dealer, Dealer]:
    """Two dealers, three lines, two services that share a line and one that does not."""
    for service_id in (PLAIN, OTHER):
        await world.service(service_id, waiting_s=WAITING_S)
    await world.service(ALONE, waiting_s=WAITING_S, catch_all=True)
    await world.lines(FIRST, SECOND, THIRD)
    return await world.dealer("ann"), await world.dealer("bob")


async def stock(world: World, dealer: Dealer) -> dict[int, int]:
    shown = await world.db.read(show_services, dealer.id, world.clock.now_ms())
    return {one.id: one.stock for one in shown}


async def test_a_service_is_shown_with_its_terms_and_its_stock(world: World) -> None:
    await world.service(4, "02", name="Grab", price_dong=900, waiting_s=120)
    await world.lines(FIRST, store="02")
    dealer = await world.dealer()

    shown = await world.db.read(show_services, dealer.id, world.clock.now_ms())

    assert shown == [
        ServiceDetail(
            id=4,
            name="Grab",
            store="02",
            category="general",
            price_dong=900,
            waiting_s=120,
            cancel_after_s=0,
            extend_s=0,
            extend_times=0,
            stock=1,
            last_24h=NO_FIGURES,
            last_7d=NO_FIGURES,
        )
    ]


async def test_the_price_is_that_of_the_tier(world: World) -> None:
    await world.service(4)
    await world.tamper(
        "UPDATE services SET price_dealer_dong = 2, price_distributor_dong = 1 WHERE id = 4"
    )
    dealer = await world.dealer("ann")
    distributor = await world.dealer("bob", tier=Tier.DISTRIBUTOR)

    prices = [
        (await world.db.read(show_services, one.id, 0))[0].price_dong
        for one in (dealer, distributor)
    ]

    assert prices == [2, 1]


async def test_what_cannot_be_rented_is_not_shown(world: World) -> None:
    await world.service(4)
    await world.service(5, category=Category.FINANCE)
    await world.service(6)
    dealer = await world.dealer()
    await world.db.write(pause_service, 4, paused=True, now_ms=world.clock.now_ms())

    assert await stock(world, dealer) == {6: 0}


async def test_to_an_unknown_account_nothing_is_shown(world: World) -> None:
    with pytest.raises(Refused) as refused:
        await world.db.read(show_services, 77, 0)
    assert refused.value.refusal is UNAUTHENTICATED


async def test_lines_that_cannot_receive_are_not_in_stock(world: World) -> None:
    ann, _ = await prepared(world)
    await world.db.write(retire_line, FIRST, world.clock.now_ms())

    assert await stock(world, ann) == {PLAIN: 2, OTHER: 2, ALONE: 2}


async def test_a_rental_takes_its_line_from_its_service_and_from_those_that_need_it_alone(
    world: World,
) -> None:
    ann, bob = await prepared(world)
    await world.rent(ann, PLAIN)

    assert await stock(world, ann) == {PLAIN: 2, OTHER: 3, ALONE: 2}
    assert await stock(world, bob) == {PLAIN: 2, OTHER: 3, ALONE: 2}


async def test_a_rental_that_needs_its_line_alone_takes_it_from_all(world: World) -> None:
    ann, bob = await prepared(world)
    await world.rent(ann, ALONE)

    assert await stock(world, ann) == {PLAIN: 2, OTHER: 2, ALONE: 2}
    assert await stock(world, bob) == {PLAIN: 2, OTHER: 2, ALONE: 2}


async def test_a_line_that_gave_its_code_is_kept_from_other_accounts_till_its_time_is_over(
    world: World,
) -> None:
    ann, bob = await prepared(world)
    rental = (await world.rent(ann, ALONE)).rental
    await world.sms(rental.number, "123456", sender="anyone")

    during = await stock(world, ann), await stock(world, bob)
    world.clock.advance(WAITING_S)
    after = await stock(world, ann), await stock(world, bob)

    assert during == ({PLAIN: 3, OTHER: 3, ALONE: 2}, {PLAIN: 2, OTHER: 2, ALONE: 2})
    assert after == ({PLAIN: 3, OTHER: 3, ALONE: 2},) * 2


async def test_a_line_with_codes_of_two_accounts_is_kept_from_both(world: World) -> None:
    ann, bob = await prepared(world)
    for number in (SECOND, THIRD):
        await world.db.write(retire_line, number, world.clock.now_ms())
    for dealer, service_id in ((ann, PLAIN), (bob, OTHER)):
        await world.rent(dealer, service_id)
        await world.sms(FIRST, "123456")

    assert await stock(world, ann) == {PLAIN: 0, OTHER: 0, ALONE: 0}
    assert await stock(world, bob) == {PLAIN: 0, OTHER: 0, ALONE: 0}
