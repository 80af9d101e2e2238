"""What a rental is when it begins, what it costs, and what is kept with it."""

import pytest

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.events import EventKind
from simlet.domain.extras import Extras
from simlet.domain.principal import Tier
from simlet.domain.rental import RentalState
from simlet.domain.service import Category, MatchRules, Prices, Service
from simlet.flows.manage_services import add_service
from simlet.flows.rent_number import RentRequest, rent_number
from simlet.flows.show_rental import show_rental
from simlet.testing.world import World

pytestmark = pytest.mark.anyio


# ----------------------------------------------------------------------------------- what is rented


async def test_renting_sets_the_price_aside(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer(balance_dong=1000)

    rented = await world.rent(dealer, 4)

    account = await world.account(dealer)
    assert rented.rental.number == "+84967000001"
    assert rented.balance_dong == 530
    assert (account.available_dong, account.held_dong, account.waiting_count) == (530, 470, 1)
    assert await world.book_findings() == []


async def test_a_rental_waits_for_as_long_as_its_service_says(world: World) -> None:
    await world.service(4, "02", waiting_s=77)
    await world.lines("0967000001", store="02")
    dealer = await world.dealer()

    rental = (await world.rent(dealer, 4)).rental

    assert (rental.state, rental.store, rental.service_id) == (RentalState.WAITING, "02", 4)
    assert rental.created_at_ms == world.clock.now_ms()
    assert rental.deadline_at_ms == rental.created_at_ms + 77_000


async def test_renting_is_told_by_one_event_without_the_number(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer()
    before = await world.events()

    rented = await world.rent(dealer, 4)

    (event,) = (await world.events())[len(before) :]
    assert (event.kind, event.rental_id) == (EventKind.RENTAL_WAITING, rented.rental.id)
    assert (event.account_id, event.at_ms) == (dealer.id, world.clock.now_ms())
    assert event.data == {"held_dong": 470}


@pytest.mark.parametrize(
    ("tier", "price_dong"),
    [(Tier.MEMBER, 900), (Tier.DEALER, 700), (Tier.DISTRIBUTOR, 500)],
    ids=["member", "dealer", "distributor"],
)
async def test_each_tier_pays_its_own_price(world: World, tier: Tier, price_dong: int) -> None:
    service = Service(
        4, "01", "Yahoo", Prices(900, 700, 500), 300, MatchRules(catch_all=True), Category.GENERAL,
        paused=False, opened=False,
    )  # fmt: skip
    await world.db.write(add_service, service, world.clock.now_ms())
    await world.lines("0967000001")
    dealer = await world.dealer(balance_dong=1000, tier=tier)

    rented = await world.rent(dealer, 4)

    assert (rented.rental.price_dong, rented.balance_dong) == (price_dong, 1000 - price_dong)
    assert await world.book_findings() == []


# ------------------------------------------------------------------------ the price, and the extras


async def test_a_price_above_what_is_agreed_to_is_refused_before_the_balance(world: World) -> None:
    await world.service(4, price_dong=470)
    await world.lines("0967000001")
    poor = await world.dealer(balance_dong=100)
    before = await world.events()

    with pytest.raises(Refused) as refused:
        await world.db.write(
            rent_number,
            RentRequest(poor.id, 4, max_price_dong=469),
            world.clock.now_ms(),
            world.runtime.chance,
        )

    assert refused.value.refusal is errors.PRICE_ABOVE_MAX
    assert refused.value.details == {"price_dong": 470}
    assert await world.events() == before


async def test_the_highest_price_itself_is_agreed_to_and_is_of_the_accounts_tier(
    world: World,
) -> None:
    service = Service(
        4, "01", "Yahoo", Prices(900, 470, 100), 60, MatchRules(("Yahoo",)), Category.GENERAL,
        paused=False, opened=False,
    )  # fmt: skip
    await world.db.write(add_service, service, world.clock.now_ms())
    await world.lines("0967000001")
    dealer = await world.dealer()

    request = RentRequest(dealer.id, 4, max_price_dong=470)
    rented = await world.db.write(rent_number, request, world.clock.now_ms(), world.runtime.chance)

    assert rented.rental.price_dong == 470


async def test_extras_are_kept_with_the_rental_and_only_where_there_are_any(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer()
    request = RentRequest(dealer.id, 4, extras=Extras({"job": "ộ", "": "7"}))

    rented = await world.db.write(rent_number, request, world.clock.now_ms(), world.runtime.chance)
    await world.rent(dealer, 4)

    found = await world.db.read(show_rental, dealer.id, rented.rental.id)
    assert (found.metadata, found.endpoint_id, found.request_id) == (
        {"job": "ộ", "": "7"},
        None,
        None,
    )
    assert await world.rows("SELECT rental_id FROM rental_extras") == [(rented.rental.id,)]
