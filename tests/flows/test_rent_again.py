import asyncio
from typing import Any

import psycopg
import pytest

from conftest import world_in
from simlet.domain import errors
from simlet.domain.errors import Refusal, Refused
from simlet.domain.events import EventKind
from simlet.domain.extras import Extras
from simlet.domain.rental import Rental, RentalState
from simlet.flows.hold import Order
from simlet.flows.manage_lines import retire_line
from simlet.flows.manage_services import pause_service
from simlet.flows.rent_again import RentAgainRequest, rent_again
from simlet.flows.show_rental import show_rental
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

NUMBER = "0967000001"
CODE = "Your code is 123456"
ORDER = Order("order-1", b"what was asked for, as a hash...")


async def received_rental(
    world: World, *, balance_dong: int = 100_000, waiting_limit: int = 10
) -> tuple[Dealer, Rental]:
    """A dealer, and a rental of service 4 that got its code."""
    await world.service(4, waiting_s=60)
    await world.lines(NUMBER)
    dealer = await world.dealer(balance_dong=balance_dong, waiting_limit=waiting_limit)
    rental = (await world.rent(dealer, 4)).rental
    await world.sms(NUMBER, CODE)
    return dealer, rental


async def refusal_of_rent_again(world: World, dealer: Dealer, earlier: Rental) -> Refusal:
    with pytest.raises(Refused) as refused:
        await world.rent_again(dealer, earlier)
    return refused.value.refusal


async def test_the_same_number_is_rented_again_at_once(world: World) -> None:
    dealer, earlier = await received_rental(world)

    again = (await world.rent_again(dealer, earlier)).rental

    assert (again.line_id, again.number) == (earlier.line_id, earlier.number)
    assert (again.state, again.again) == (RentalState.WAITING, True)
    assert again.id != earlier.id
    account = await world.account(dealer)
    assert (account.available_dong, account.held_dong) == (100_000 - 2 * 470, 470)
    assert await world.book_findings() == []


async def test_renting_again_is_told_by_one_event(world: World) -> None:
    dealer, earlier = await received_rental(world)
    before = await world.events()

    again = await world.rent_again(dealer, earlier)

    (event,) = (await world.events())[len(before) :]
    assert (event.kind, event.rental_id) == (EventKind.RENTAL_WAITING, again.rental.id)
    assert event.data == {"held_dong": 470}


async def test_the_next_code_belongs_to_the_new_rental(world: World) -> None:
    dealer, earlier = await received_rental(world)
    again = (await world.rent_again(dealer, earlier)).rental

    receipt = await world.sms(NUMBER, "Your code is 654321")

    assert receipt.rental_id == again.id
    assert (await world.rental(dealer, again.id)).code == "654321"
    assert (await world.rental(dealer, earlier.id)).code == "123456"


async def test_the_number_is_rented_again_after_its_first_time_ended(world: World) -> None:
    dealer, earlier = await received_rental(world)
    world.clock.advance(3_600)
    await world.expire()

    assert (await world.rent_again(dealer, earlier)).rental.line_id == earlier.line_id


async def test_it_is_rented_again_from_a_rental_that_was_rented_again_itself(world: World) -> None:
    dealer, earlier = await received_rental(world)
    again = (await world.rent_again(dealer, earlier)).rental
    await world.sms(NUMBER, "Your code is 654321")

    assert (await world.rent_again(dealer, again)).rental.number == earlier.number


async def test_while_it_waits_it_is_not_rented_again(world: World) -> None:
    dealer, earlier = await received_rental(world)
    await world.rent_again(dealer, earlier)

    assert await refusal_of_rent_again(world, dealer, earlier) is errors.OUT_OF_STOCK


async def test_a_rental_that_waits_still_is_not_rented_again(world: World) -> None:
    await world.service(4)
    await world.lines(NUMBER)
    dealer = await world.dealer()
    waiting = (await world.rent(dealer, 4)).rental

    assert await refusal_of_rent_again(world, dealer, waiting) is errors.OUT_OF_STOCK


async def test_a_rental_that_expired_is_not_rented_again(world: World) -> None:
    await world.service(4, waiting_s=60)
    await world.lines(NUMBER)
    dealer = await world.dealer()
    rental = (await world.rent(dealer, 4)).rental
    world.clock.advance(60)
    await world.expire()

    assert await refusal_of_rent_again(world, dealer, rental) is errors.OUT_OF_STOCK


async def test_another_accounts_rental_is_not_rented_again(world: World) -> None:
    _, earlier = await received_rental(world)
    other = await world.dealer("other")

    assert await refusal_of_rent_again(world, other, earlier) is errors.OUT_OF_STOCK


async def test_another_number_or_service_is_not_rented_again(world: World) -> None:
    dealer, earlier = await received_rental(world)
    await world.service(5, name="Zalo")
    await world.lines("0967000002")

    for changed in (
        earlier._replace(number="+84967000002"),
        earlier._replace(service_id=5),
        earlier._replace(id=earlier.id + 1),
    ):
        assert await refusal_of_rent_again(world, dealer, changed) is errors.OUT_OF_STOCK


async def test_a_retired_line_is_not_rented_again(world: World) -> None:
    dealer, earlier = await received_rental(world)
    await world.db.write(retire_line, NUMBER, world.clock.now_ms())

    assert await refusal_of_rent_again(world, dealer, earlier) is errors.OUT_OF_STOCK


async def test_a_number_that_came_back_with_another_sim_is_not_rented_again(world: World) -> None:
    dealer, earlier = await received_rental(world)
    await world.db.write(retire_line, NUMBER, world.clock.now_ms())
    await world.lines(NUMBER)

    assert await refusal_of_rent_again(world, dealer, earlier) is errors.OUT_OF_STOCK


async def test_a_line_that_a_catch_all_keeps_is_not_rented_again(world: World) -> None:
    dealer, earlier = await received_rental(world)
    await world.service(9, catch_all=True)
    await world.rent(dealer, 9)

    assert await refusal_of_rent_again(world, dealer, earlier) is errors.OUT_OF_STOCK


async def test_an_own_catch_all_is_rented_again_at_once(world: World) -> None:
    await world.service(9, catch_all=True)
    await world.lines(NUMBER)
    dealer = await world.dealer()
    earlier = (await world.rent(dealer, 9)).rental
    await world.sms(NUMBER, CODE)

    assert (await world.rent_again(dealer, earlier)).rental.number == earlier.number


async def test_a_catch_all_is_not_rented_again_on_a_line_that_others_wait_on(world: World) -> None:
    await world.service(4)
    await world.service(9, catch_all=True)
    await world.lines(NUMBER)
    dealer = await world.dealer()
    earlier = (await world.rent(dealer, 9)).rental
    await world.sms(NUMBER, CODE)
    await world.rent(dealer, 4)

    assert await refusal_of_rent_again(world, dealer, earlier) is errors.OUT_OF_STOCK


async def test_after_an_expiry_the_line_is_still_used_for_everybody_else(world: World) -> None:
    dealer, earlier = await received_rental(world)
    await world.rent_again(dealer, earlier)
    world.clock.advance(60)
    await world.expire()

    with pytest.raises(Refused) as refused:
        await world.rent(await world.dealer("other"), 4)

    assert refused.value.refusal is errors.OUT_OF_STOCK
    assert (await world.rent_again(dealer, earlier)).rental.number == earlier.number
    assert await world.book_findings() == []


async def test_refusals_come_in_the_order_of_the_contract(world: World) -> None:
    dealer, earlier = await received_rental(world, balance_dong=940, waiting_limit=1)
    wrong = earlier._replace(number="+84967000009")
    await world.db.write(pause_service, 4, paused=True, now_ms=world.clock.now_ms())
    assert await refusal_of_rent_again(world, dealer, wrong) is errors.SERVICE_UNAVAILABLE
    await world.db.write(pause_service, 4, paused=False, now_ms=world.clock.now_ms())
    assert await refusal_of_rent_again(world, dealer, wrong) is errors.OUT_OF_STOCK

    again = (await world.rent_again(dealer, earlier)).rental
    assert await refusal_of_rent_again(world, dealer, wrong) is errors.WAITING_LIMIT
    await world.sms(NUMBER, "Your code is 654321")
    assert await refusal_of_rent_again(world, dealer, wrong) is errors.INSUFFICIENT_FUNDS
    assert await refusal_of_rent_again(world, dealer, again) is errors.INSUFFICIENT_FUNDS


async def test_a_service_under_the_name_of_another_store_is_not_there(world: World) -> None:
    dealer, earlier = await received_rental(world)
    request = RentAgainRequest(dealer.id, earlier.id, earlier.number, 4, store="02")

    with pytest.raises(Refused) as refused:
        await world.db.write(rent_again, request, world.clock.now_ms())

    assert refused.value.refusal is errors.SERVICE_UNAVAILABLE


async def test_a_repeated_order_gets_the_rental_it_made_first(world: World) -> None:
    dealer, earlier = await received_rental(world)

    first = await world.rent_again(dealer, earlier, order=ORDER)
    repeated = await world.rent_again(dealer, earlier, order=ORDER)

    assert repeated == first
    assert (await world.account(dealer)).waiting_count == 1


async def test_an_order_id_with_other_content_is_refused(world: World) -> None:
    dealer, earlier = await received_rental(world)
    await world.rent_again(dealer, earlier, order=ORDER)

    with pytest.raises(Refused) as refused:
        await world.rent_again(dealer, earlier, order=ORDER._replace(content_hash=b"else"))

    assert refused.value.refusal is errors.ORDER_REUSED


# ------------------------------------------------------------------------- by the number alone


async def by_number(
    world: World, dealer: Dealer, number: str = "+84967000001", **more: Any
) -> Rental:
    request = RentAgainRequest(dealer.id, None, number, 4, **more)
    return (await world.db.write(rent_again, request, world.clock.now_ms())).rental


async def refusal_by_number(
    world: World, dealer: Dealer, number: str = "+84967000001", **more: Any
) -> Refusal:
    before = await world.events()
    with pytest.raises(Refused) as refused:
        await by_number(world, dealer, number, **more)
    assert await world.events() == before
    return refused.value.refusal


async def test_a_number_alone_means_the_rental_that_got_a_code_on_it(world: World) -> None:
    dealer, earlier = await received_rental(world)

    again = await by_number(world, dealer)

    assert (again.line_id, again.again) == (earlier.line_id, True)
    assert await world.book_findings() == []


async def test_of_many_that_got_a_code_on_the_number_the_newest_is_meant(world: World) -> None:
    dealer, _ = await received_rental(world)
    for _ in range(3):
        await by_number(world, dealer)
        await world.sms(NUMBER, CODE)

    assert (await by_number(world, dealer)).again


async def test_a_number_on_which_the_account_got_no_code_is_not_rented(world: World) -> None:
    dealer, _ = await received_rental(world)
    other = await world.dealer("other")
    await world.service(5, name="Zalo")
    await world.lines("0967000002")
    await world.rent(dealer, 4)

    assert await refusal_by_number(world, other) is errors.NUMBER_NOT_RENTED
    for number in ("+84967000002", "+84967000009", "", "967000001"):
        assert await refusal_by_number(world, dealer, number) is errors.NUMBER_NOT_RENTED
    request = RentAgainRequest(dealer.id, None, "+84967000001", 5)
    with pytest.raises(Refused) as refused:
        await world.db.write(rent_again, request, world.clock.now_ms())
    assert refused.value.refusal is errors.NUMBER_NOT_RENTED


async def test_a_number_that_another_sim_has_now_is_another_number(world: World) -> None:
    dealer, _ = await received_rental(world)
    await world.db.write(retire_line, NUMBER, world.clock.now_ms())
    assert await refusal_by_number(world, dealer) is errors.NUMBER_NOT_RENTED
    await world.lines(NUMBER)

    assert await refusal_by_number(world, dealer) is errors.NUMBER_NOT_RENTED


async def test_a_number_that_is_kept_now_is_out_of_stock(world: World) -> None:
    dealer, _ = await received_rental(world)
    await by_number(world, dealer)

    assert await refusal_by_number(world, dealer) is errors.OUT_OF_STOCK


async def test_the_price_of_renting_again_is_agreed_to_as_well(world: World) -> None:
    dealer, _ = await received_rental(world)

    assert await refusal_by_number(world, dealer, max_price_dong=469) is errors.PRICE_ABOVE_MAX
    assert (await by_number(world, dealer, max_price_dong=470)).price_dong == 470


async def test_extras_go_with_a_number_that_is_rented_again(world: World) -> None:
    dealer, _ = await received_rental(world)

    rental = await by_number(world, dealer, extras=Extras({"job": "7"}))

    assert (await world.db.read(show_rental, dealer.id, rental.id)).metadata == {"job": "7"}


# -------------------------------------------------------------------- beside others on PostgreSQL


async def someone_waits(world: World) -> bool:
    rows = await world.rows("SELECT count(*) FROM pg_locks WHERE NOT granted")
    return bool(rows[0][0])


async def test_who_holds_the_earlier_rental_gets_its_account_while_it_is_rented_again(
    postgres_url: str,
) -> None:
    async with world_in(postgres_url) as world:
        dealer, earlier = await received_rental(world)
        with psycopg.connect(postgres_url) as settling:
            settling.execute("SELECT 1 FROM rentals WHERE id = %s FOR UPDATE", [earlier.id])
            again = asyncio.create_task(world.rent_again(dealer, earlier))
            async with asyncio.timeout(20):
                while not await someone_waits(world):
                    pass
            settling.execute("SELECT 1 FROM accounts WHERE id = %s FOR UPDATE NOWAIT", [dealer.id])
            settling.commit()

        assert (await again).rental.again
