import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from simlet.domain import errors
from simlet.domain.allocate import Chance
from simlet.domain.errors import Refusal, Refused
from simlet.domain.events import EventKind
from simlet.domain.extras import Extras
from simlet.domain.principal import Tier
from simlet.domain.rental import RentalState
from simlet.domain.service import Category, Prices, Rules, Service
from simlet.flows.hold import Order
from simlet.flows.manage_accounts import suspend_account
from simlet.flows.manage_lines import retire_line
from simlet.flows.manage_services import add_service, open_service, pause_service
from simlet.flows.rent_number import RentRequest, rent_number
from simlet.flows.show_rental import show_rental
from simlet.store.sql import Tx
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

RICH_DONG = 10**9


async def refusal_of_rent(
    world: World, dealer: Dealer, service_id: int, *, networks: tuple[str, ...] = ()
) -> Refusal:
    with pytest.raises(Refused) as refused:
        await world.rent(dealer, service_id, networks=networks)
    return refused.value.refusal


async def rent_all(
    world: World,
    dealer: Dealer,
    service_id: int,
    *,
    networks: tuple[str, ...] = (),
    wanted: tuple[str, ...] = (),
    unwanted: tuple[str, ...] = (),
) -> list[str]:
    """The numbers of all that can be rented, one after the other, with the 0 in front."""
    numbers: list[str] = []
    while True:
        try:
            rented = await world.rent(
                dealer, service_id, networks=networks, wanted=wanted, unwanted=unwanted
            )
        except Refused as refused:
            if refused.refusal is not errors.OUT_OF_STOCK:
                raise
            return numbers
        numbers.append("0" + rented.rental.number.removeprefix("+84"))


# ------------------------------------------------------------------------------- what is rented


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
        4, "01", "Yahoo", Prices(900, 700, 500), 300, Rules(catch_all=True), Category.GENERAL,
        paused=False, opened=False,
    )  # fmt: skip
    await world.db.write(add_service, service, world.clock.now_ms())
    await world.lines("0967000001")
    dealer = await world.dealer(balance_dong=1000, tier=tier)

    rented = await world.rent(dealer, 4)

    assert (rented.rental.price_dong, rented.balance_dong) == (price_dong, 1000 - price_dong)
    assert await world.book_findings() == []


# ----------------------------------------------------------------------------------- refusals


async def test_an_empty_pool_is_refused_and_changes_nothing(world: World) -> None:
    await world.service(4)
    dealer = await world.dealer(balance_dong=1000)
    before = await world.events()

    assert await refusal_of_rent(world, dealer, 4) is errors.OUT_OF_STOCK

    assert (await world.account(dealer)).available_dong == 1000
    assert await world.events() == before


async def test_a_balance_of_just_the_price_is_enough(world: World) -> None:
    await world.service(4, price_dong=470)
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer(balance_dong=470)

    assert (await world.rent(dealer, 4)).balance_dong == 0
    assert await refusal_of_rent(world, dealer, 4) is errors.INSUFFICIENT_FUNDS


async def test_a_balance_of_one_dong_less_is_refused(world: World) -> None:
    await world.service(4, price_dong=470)
    await world.lines("0967000001")
    dealer = await world.dealer(balance_dong=469)

    assert await refusal_of_rent(world, dealer, 4) is errors.INSUFFICIENT_FUNDS


async def test_no_more_rentals_wait_than_the_limit_says(world: World) -> None:
    await world.service(4, waiting_s=60)
    await world.lines("0967000001", "0967000002", "0967000003")
    dealer = await world.dealer(waiting_limit=2)

    first = await world.rent(dealer, 4)
    await world.rent(dealer, 4)
    with pytest.raises(Refused) as refused:
        await world.rent(dealer, 4)
    assert refused.value.refusal is errors.WAITING_LIMIT
    assert refused.value.details == {"limit": 2}

    await world.sms(first.rental.number, "Your code is 123456")
    await world.rent(dealer, 4)
    assert await refusal_of_rent(world, dealer, 4) is errors.WAITING_LIMIT


async def test_an_expired_rental_makes_room_under_the_limit(world: World) -> None:
    await world.service(4, waiting_s=60)
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer(waiting_limit=1)
    await world.rent(dealer, 4)

    world.clock.advance(60)
    await world.expire()

    assert (await world.rent(dealer, 4)).rental.state is RentalState.WAITING


async def test_one_accounts_limit_is_not_anothers(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001", "0967000002")
    one, other = await world.dealer("one", waiting_limit=1), await world.dealer("other")
    await world.rent(one, 4)

    assert (await world.rent(other, 4)).rental.account_id == other.id


async def test_refusals_come_in_the_order_of_the_contract(world: World) -> None:
    """Service, then the filters' words, then the limit, then the balance, then the stock."""
    await world.service(4, price_dong=470)
    await world.lines("0967000001")
    dealer = await world.dealer(waiting_limit=1, balance_dong=470)
    await world.rent(dealer, 4)

    async def refusal(service_id: int, network: str) -> Refusal:
        return await refusal_of_rent(world, dealer, service_id, networks=(network,))

    assert await refusal(99, "NOWHERE") is errors.SERVICE_UNAVAILABLE
    assert await refusal(4, "NOWHERE") is errors.INVALID
    assert await refusal(4, "VIETTEL") is errors.WAITING_LIMIT
    await world.sms("0967000001", "Your code is 123456")
    assert await refusal(4, "VIETTEL") is errors.INSUFFICIENT_FUNDS
    await world.credit(dealer.name, 470)
    assert await refusal(4, "VIETTEL") is errors.OUT_OF_STOCK


async def test_a_service_that_nobody_added_is_not_there(world: World) -> None:
    dealer = await world.dealer()
    assert await refusal_of_rent(world, dealer, 4) is errors.SERVICE_UNAVAILABLE


async def test_a_paused_service_is_not_rented_until_it_is_resumed(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer()

    await world.db.write(pause_service, 4, paused=True, now_ms=world.clock.now_ms())
    assert await refusal_of_rent(world, dealer, 4) is errors.SERVICE_UNAVAILABLE
    await world.db.write(pause_service, 4, paused=False, now_ms=world.clock.now_ms())
    assert (await world.rent(dealer, 4)).rental.number == "+84967000001"


@pytest.mark.parametrize(
    "category", [category for category in Category if category.closed], ids=lambda one: one.value
)
async def test_a_closed_category_is_not_rented_until_it_is_opened_with_a_reason(
    world: World, category: Category
) -> None:
    await world.service(4, category=category)
    await world.lines("0967000001")
    dealer = await world.dealer()

    assert await refusal_of_rent(world, dealer, 4) is errors.SERVICE_UNAVAILABLE
    await world.db.write(open_service, 4, "An Nguyễn", "our own tests", world.clock.now_ms())
    assert (await world.rent(dealer, 4)).rental.number == "+84967000001"


async def test_a_service_under_the_name_of_another_store_is_not_there(world: World) -> None:
    await world.service(4, "01")
    await world.lines("0967000001")
    dealer = await world.dealer()
    request = RentRequest(dealer.id, 4, "02")

    with pytest.raises(Refused) as refused:
        await world.db.write(rent_number, request, world.clock.now_ms(), world.runtime.chance)

    assert refused.value.refusal is errors.SERVICE_UNAVAILABLE


async def test_a_service_rents_no_line_of_another_store(world: World) -> None:
    await world.service(4, "01")
    await world.lines("0967000001", store="02")
    await world.lines("0967000002", store="01")
    dealer = await world.dealer()

    assert await rent_all(world, dealer, 4) == ["0967000002"]


async def test_a_suspended_account_rents_nothing(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer()
    await world.db.write(suspend_account, dealer.name, world.clock.now_ms())

    assert await refusal_of_rent(world, dealer, 4) is errors.UNAUTHENTICATED


async def test_an_account_that_is_not_there_rents_nothing(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = replace(await world.dealer(), id=99)

    assert await refusal_of_rent(world, dealer, 4) is errors.UNAUTHENTICATED


# --------------------------------------------------------------------------- which line is free


async def test_services_share_a_line(world: World) -> None:
    await world.service(4)
    await world.service(5, name="Zalo")
    await world.lines("0967000001")
    one, other = await world.dealer("one"), await world.dealer("other")

    rented = [await world.rent(one, 4), await world.rent(other, 5)]

    assert {each.rental.number for each in rented} == {"+84967000001"}


async def test_a_line_is_rented_once_at_a_time_for_a_service(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    one, other = await world.dealer("one"), await world.dealer("other")
    await world.rent(one, 4)

    assert await refusal_of_rent(world, one, 4) is errors.OUT_OF_STOCK
    assert await refusal_of_rent(world, other, 4) is errors.OUT_OF_STOCK


async def test_a_line_that_gave_a_code_is_not_offered_for_that_service_again(world: World) -> None:
    await world.service(4, waiting_s=60)
    await world.service(5, name="Zalo")
    await world.lines("0967000001")
    dealer = await world.dealer()
    await world.rent(dealer, 4)
    await world.sms("0967000001", "Your code is 123456")

    world.clock.advance(61)
    await world.expire()

    assert await refusal_of_rent(world, dealer, 4) is errors.OUT_OF_STOCK
    assert (await world.rent(dealer, 5)).rental.number == "+84967000001"


async def test_a_line_that_expired_in_silence_is_offered_again(world: World) -> None:
    await world.service(4, waiting_s=60)
    await world.lines("0967000001")
    one, other = await world.dealer("one"), await world.dealer("other")
    await world.rent(one, 4)

    world.clock.advance(60)
    await world.expire()

    assert (await world.rent(other, 4)).rental.number == "+84967000001"


async def test_a_retired_line_is_not_rented(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer()
    await world.db.write(retire_line, "0967000001", world.clock.now_ms())

    assert await rent_all(world, dealer, 4) == ["0967000002"]


async def test_a_line_retired_while_it_was_rented_does_not_come_back(world: World) -> None:
    await world.service(4, waiting_s=60)
    await world.lines("0967000001")
    dealer = await world.dealer()
    await world.rent(dealer, 4)
    await world.db.write(retire_line, "0967000001", world.clock.now_ms())

    world.clock.advance(60)
    await world.expire()

    assert await refusal_of_rent(world, dealer, 4) is errors.OUT_OF_STOCK


# ------------------------------------------------------------------------------------- catch-all


async def test_a_catch_all_needs_a_line_that_nobody_waits_on(world: World) -> None:
    await world.service(4)
    await world.service(9, catch_all=True)
    await world.lines("0967000001", "0967000002")
    one, other = await world.dealer("one"), await world.dealer("other")
    taken = (await world.rent(one, 4)).rental.number

    free = (await world.rent(other, 9)).rental.number

    assert free != taken
    assert await refusal_of_rent(world, other, 9) is errors.OUT_OF_STOCK


@pytest.mark.parametrize("mine", [True, False], ids=["own", "other"])
async def test_a_waiting_catch_all_keeps_its_line_from_everybody(world: World, mine: bool) -> None:
    await world.service(4)
    await world.service(9, catch_all=True)
    await world.service(10, catch_all=True)
    await world.lines("0967000001")
    one, other = await world.dealer("one"), await world.dealer("other")
    await world.rent(one, 9)

    asking = one if mine else other

    assert await refusal_of_rent(world, asking, 4) is errors.OUT_OF_STOCK
    assert await refusal_of_rent(world, asking, 10) is errors.OUT_OF_STOCK


async def test_an_overdue_catch_all_keeps_its_line_until_it_is_expired(world: World) -> None:
    await world.service(4)
    await world.service(9, catch_all=True, waiting_s=60)
    await world.lines("0967000001")
    one, other = await world.dealer("one"), await world.dealer("other")
    await world.rent(one, 9)

    world.clock.advance(60)
    assert await refusal_of_rent(world, other, 4) is errors.OUT_OF_STOCK
    await world.expire()
    assert (await world.rent(other, 4)).rental.number == "+84967000001"


async def test_anothers_catch_all_that_got_its_code_keeps_the_line_until_its_deadline(
    world: World,
) -> None:
    await world.service(4)
    await world.service(9, catch_all=True, waiting_s=60)
    await world.lines("0967000001")
    one, other = await world.dealer("one"), await world.dealer("other")
    await world.rent(one, 9)
    await world.sms("0967000001", "Your code is 123456")

    world.clock.advance(59.999)
    assert await refusal_of_rent(world, other, 4) is errors.OUT_OF_STOCK
    world.clock.advance(0.001)
    assert (await world.rent(other, 4)).rental.number == "+84967000001"


async def test_an_own_catch_all_that_got_its_code_frees_the_line_at_once(world: World) -> None:
    await world.service(4)
    await world.service(9, catch_all=True)
    await world.lines("0967000001")
    dealer = await world.dealer()
    await world.rent(dealer, 9)
    await world.sms("0967000001", "Your code is 123456")

    assert (await world.rent(dealer, 4)).rental.number == "+84967000001"


async def test_anothers_listening_rental_keeps_a_catch_all_away_until_its_deadline(
    world: World,
) -> None:
    await world.service(4, waiting_s=60)
    await world.service(9, catch_all=True)
    await world.lines("0967000001")
    one, other = await world.dealer("one"), await world.dealer("other")
    await world.rent(one, 4)
    await world.sms("0967000001", "Your code is 123456")

    world.clock.advance(59.999)
    assert await refusal_of_rent(world, other, 9) is errors.OUT_OF_STOCK
    assert (await world.rent(one, 9)).rental.number == "+84967000001"
    await world.sms("0967000001", "Your code is 654321", sender="anyone")
    world.clock.advance(0.001)
    await world.expire()
    assert await refusal_of_rent(world, other, 9) is errors.OUT_OF_STOCK


async def test_services_with_rules_share_a_line_where_another_listens(world: World) -> None:
    await world.service(4)
    await world.service(5, name="Zalo")
    await world.lines("0967000001")
    one, other = await world.dealer("one"), await world.dealer("other")
    await world.rent(one, 4)
    await world.sms("0967000001", "Your code is 123456")

    assert (await world.rent(other, 5)).rental.number == "+84967000001"


# --------------------------------------------------------------------------------------- filters

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


# ---------------------------------------------------------------------------------------- chance


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


# ---------------------------------------------------------------------------------------- orders

ORDER = Order("order-1", b"what was asked for, as a hash...")


async def test_a_repeated_order_gets_the_rental_it_made_first(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer(balance_dong=1000)

    first = await world.rent(dealer, 4, order=ORDER)
    again = await world.rent(dealer, 4, order=ORDER)

    assert again == first
    assert (await world.account(dealer)).waiting_count == 1


async def test_a_repeated_order_tells_what_its_rental_has_become(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer()
    first = await world.rent(dealer, 4, order=ORDER)
    await world.sms("0967000001", "Your code is 123456")

    again = await world.rent(dealer, 4, order=ORDER)

    assert (again.rental.id, again.rental.state) == (first.rental.id, RentalState.RECEIVED)


async def test_an_order_id_with_other_content_is_refused(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer(balance_dong=1000)
    await world.rent(dealer, 4, order=ORDER)

    with pytest.raises(Refused) as refused:
        await world.rent(dealer, 4, order=ORDER._replace(content_hash=b"something else"))

    assert refused.value.refusal is errors.ORDER_REUSED
    assert (await world.account(dealer)).waiting_count == 1


async def test_an_order_is_repeated_even_when_nothing_more_could_be_rented(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer(balance_dong=470, waiting_limit=1)
    first = await world.rent(dealer, 4, order=ORDER)
    await world.db.write(pause_service, 4, paused=True, now_ms=world.clock.now_ms())

    assert (await world.rent(dealer, 4, order=ORDER)).rental == first.rental


async def test_a_refused_order_may_be_placed_again(world: World) -> None:
    await world.service(4)
    dealer = await world.dealer()
    with pytest.raises(Refused):
        await world.rent(dealer, 4, order=ORDER)
    await world.lines("0967000001")

    assert (await world.rent(dealer, 4, order=ORDER)).rental.number == "+84967000001"


async def test_two_accounts_may_use_the_same_order_id(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001", "0967000002")
    one, other = await world.dealer("one"), await world.dealer("other")

    rented = [await world.rent(dealer, 4, order=ORDER) for dealer in (one, other)]

    assert [each.rental.account_id for each in rented] == [one.id, other.id]
    assert rented[0].rental.id != rented[1].rental.id


# --------------------------------------------------------------------- the price, and the extras


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
        4, "01", "Yahoo", Prices(900, 470, 100), 60, Rules(("Yahoo",)), Category.GENERAL,
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
