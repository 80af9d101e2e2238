import pytest

from simlet.domain.events import EventKind
from simlet.domain.rental import RentalState
from simlet.flows.expire_rentals import Expired, expire_rentals
from simlet.testing.world import World

pytestmark = pytest.mark.anyio

NUMBERS = ("0967000001", "0967000002", "0967000003")


async def test_before_the_deadline_nothing_expires(world: World) -> None:
    await world.service(4, waiting_s=60)
    await world.lines(*NUMBERS)
    dealer = await world.dealer()
    rental = (await world.rent(dealer, 4)).rental

    world.clock.advance(59.999)

    assert await world.expire() == Expired(0, 0)
    assert (await world.rental(dealer, rental.id)).state is RentalState.WAITING


async def test_at_the_deadline_the_price_goes_back(world: World) -> None:
    await world.service(4, waiting_s=60)
    await world.lines(*NUMBERS)
    dealer = await world.dealer(balance_dong=1000)
    rental = (await world.rent(dealer, 4)).rental

    world.clock.advance(60)

    assert await world.expire() == Expired(1, 0)
    account = await world.account(dealer)
    assert (await world.rental(dealer, rental.id)).state is RentalState.EXPIRED
    assert (account.available_dong, account.held_dong, account.waiting_count) == (1000, 0, 0)
    assert await world.book_findings() == []


async def test_an_expiry_is_told_by_one_event(world: World) -> None:
    await world.service(4, waiting_s=60)
    await world.lines(*NUMBERS)
    dealer = await world.dealer()
    rental = (await world.rent(dealer, 4)).rental
    before = await world.events()
    world.clock.advance(60)

    await world.expire()

    (event,) = (await world.events())[len(before) :]
    assert (event.kind, event.account_id) == (EventKind.RENTAL_EXPIRED, dealer.id)
    assert (event.rental_id, event.data) == (rental.id, {"released_dong": 470})


async def test_a_rental_expires_once(world: World) -> None:
    await world.service(4, waiting_s=60)
    await world.lines(*NUMBERS)
    dealer = await world.dealer(balance_dong=1000)
    await world.rent(dealer, 4)
    world.clock.advance(60)

    assert [await world.expire() for _ in range(2)] == [Expired(1, 0), Expired(0, 0)]
    assert (await world.account(dealer)).available_dong == 1000


async def test_a_rental_with_its_code_only_stops_listening(world: World) -> None:
    await world.service(4, waiting_s=60)
    await world.lines(NUMBERS[0])
    dealer = await world.dealer(balance_dong=1000)
    rental = (await world.rent(dealer, 4)).rental
    await world.sms(NUMBERS[0], "Your code is 123456")
    before = await world.events()
    world.clock.advance(60)

    assert [await world.expire() for _ in range(2)] == [Expired(0, 1), Expired(0, 0)]
    assert (await world.rental(dealer, rental.id)).state is RentalState.RECEIVED
    assert (await world.account(dealer)).available_dong == 530
    assert await world.events() == before


async def test_no_more_expire_at_once_than_asked_for_and_the_longest_overdue_first(
    world: World,
) -> None:
    await world.service(4, waiting_s=60)
    await world.lines(*NUMBERS)
    dealer = await world.dealer()
    rentals = []
    for _ in NUMBERS:
        rentals.append((await world.rent(dealer, 4)).rental)
        world.clock.advance(1)
    world.clock.advance(60)

    first = await world.db.write(expire_rentals, world.clock.now_ms(), 2)

    assert first == Expired(2, 0)
    assert [(await world.rental(dealer, one.id)).state for one in rentals] == [
        RentalState.EXPIRED,
        RentalState.EXPIRED,
        RentalState.WAITING,
    ]
    assert await world.expire() == Expired(1, 0)


async def test_the_prices_of_several_accounts_go_each_to_its_own(world: World) -> None:
    await world.service(4, waiting_s=60, price_dong=100)
    await world.service(5, name="Zalo", waiting_s=60, price_dong=30)
    await world.lines(*NUMBERS)
    dealers = [await world.dealer(name, balance_dong=500) for name in ("one", "other", "third")]
    for dealer in reversed(dealers):
        await world.rent(dealer, 4)
        await world.rent(dealer, 5)
    world.clock.advance(60)

    assert await world.expire() == Expired(6, 0)
    for dealer in dealers:
        account = await world.account(dealer)
        assert (account.available_dong, account.held_dong) == (500, 0)
    assert await world.book_findings() == []
