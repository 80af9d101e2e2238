"""Dealers who leave: cancels, reports and extensions against codes, deadlines and the queue."""

from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass

import pytest

from simlet.domain import errors
from simlet.domain.events import EventKind
from simlet.domain.extras import Extras
from simlet.domain.rental import Rental, RentalState
from simlet.domain.report import ReportReason
from simlet.domain.request import LineRequest
from simlet.flows.cancel_rental import cancel_rental
from simlet.flows.cancel_request import cancel_request
from simlet.flows.expire_rentals import expire_rentals
from simlet.flows.extend_rental import extend_rental
from simlet.flows.report_rental import report_rental
from simlet.testing.world import Dealer, World
from stories.crowds import at_once, numbers

pytestmark = pytest.mark.anyio

CODE = "Your code is 123456"
ENDS = {
    RentalState.RECEIVED: EventKind.RENTAL_RECEIVED,
    RentalState.EXPIRED: EventKind.RENTAL_EXPIRED,
    RentalState.CANCELLED: EventKind.RENTAL_CANCELLED,
}


async def dealers_with_rentals(world: World, count: int) -> list[tuple[Dealer, Rental]]:
    dealers = [
        await world.dealer(f"dealer-{one}", balance_dong=10**6, waiting_limit=count)
        for one in range(3)
    ]
    return [
        (dealers[one % 3], (await world.rent(dealers[one % 3], 4)).rental) for one in range(count)
    ]


async def ends(world: World, rented: list[tuple[Dealer, Rental]]) -> Counter[RentalState]:
    """How rentals ended, after making sure that each did so just once."""
    views = [await world.rental(dealer, rental.id) for dealer, rental in rented]
    told = Counter(
        (event.rental_id, event.kind)
        for event in await world.events()
        if event.kind in ENDS.values()
    )
    assert told == Counter((view.id, ENDS[view.state]) for view in views)
    closes = await world.rows(
        "SELECT rental_id, kind FROM postings WHERE kind IN ('settle', 'release')"
    )
    assert sorted(tuple(row) for row in closes) == sorted(
        (view.id, "settle" if view.state is RentalState.RECEIVED else "release") for view in views
    )
    return Counter(view.state for view in views)


@pytest.mark.parametrize("turn", range(3))
async def test_a_code_a_cancel_and_the_deadline_at_once_give_just_one_end(
    crowd: World, turn: int
) -> None:
    await crowd.service(4, waiting_s=60)
    await crowd.lines(*numbers(30))
    gateway_id, _ = await crowd.gateway()
    rented = await dealers_with_rentals(crowd, 30)
    before_ms = rented[0][1].deadline_at_ms - 1
    crowd.clock.advance(60)
    calls: list[Awaitable[object]] = []
    for place, (dealer, rental) in enumerate(rented):
        each: list[Awaitable[object]] = [
            crowd.sms(rental.number, CODE, sent_at_ms=before_ms, gateway_id=gateway_id),
            crowd.db.write(cancel_rental, dealer.id, rental.id, before_ms),
        ]
        if place % 5 == 0:
            each.append(crowd.db.write(expire_rentals, crowd.clock.now_ms(), 2))
        shift = (place + turn) % len(each)
        calls += each[shift:] + each[:shift]

    outcomes, refusals = await at_once(calls)
    await crowd.expire()

    assert refusals == {}
    came_of = await ends(crowd, rented)
    assert came_of[RentalState.RECEIVED]
    assert came_of[RentalState.CANCELLED]
    answers = [one for one in outcomes if isinstance(one, Rental)]
    for answer in answers:
        (dealer,) = (one for one, rental in rented if rental.id == answer.id)
        view = await crowd.rental(dealer, answer.id)
        assert view.state is answer.state
        assert (view.code == "123456") is (answer.state is RentalState.RECEIVED)


async def test_many_cancels_and_reports_of_one_rental_give_its_price_back_once(
    crowd: World,
) -> None:
    await crowd.service(4)
    await crowd.lines(*numbers(6))
    rented = await dealers_with_rentals(crowd, 6)
    now_ms = crowd.clock.now_ms()

    answers, refusals = await at_once(
        call
        for dealer, rental in rented
        for _ in range(3)
        for call in (
            crowd.db.write(cancel_rental, dealer.id, rental.id, now_ms),
            crowd.db.write(
                report_rental, dealer.id, rental.id, ReportReason.LINE_DEAD, None, now_ms
            ),
        )
    )

    assert refusals == {}
    assert {one.state for one in answers} == {RentalState.CANCELLED}
    assert await ends(crowd, rented) == {RentalState.CANCELLED: 6}
    kinds = Counter(event.kind for event in await crowd.events())
    assert kinds[EventKind.RENTAL_REPORTED] == 6
    assert len(await crowd.rows("SELECT rental_id FROM rental_reports")) == 6


async def test_extensions_at_once_keep_to_the_services_terms(crowd: World) -> None:
    await crowd.service(4, waiting_s=60, extend_s=30, extend_times=2)
    await crowd.lines(*numbers(3))
    rented = await dealers_with_rentals(crowd, 3)

    extended, refusals = await at_once(
        crowd.extend(dealer, rental.id) for dealer, rental in rented for _ in range(5)
    )

    assert len(extended) == 6
    assert refusals == {errors.NOT_EXTENDABLE.code: 9}
    rows = await crowd.rows("SELECT extensions, deadline_at_ms - created_at_ms FROM rentals")
    assert [tuple(row) for row in rows] == [(2, 120_000)] * 3
    assert len(await crowd.rows("SELECT rental_id FROM rental_extensions")) == 6


async def test_an_extension_and_the_deadline_at_once_leave_no_half_of_either(
    crowd: World,
) -> None:
    await crowd.service(4, waiting_s=60, extend_s=30, extend_times=1)
    await crowd.lines(*numbers(20))
    rented = await dealers_with_rentals(crowd, 20)
    before_ms = rented[0][1].deadline_at_ms - 1
    crowd.clock.advance(60)

    calls: list[Awaitable[object]] = []
    for place, (dealer, rental) in enumerate(rented):
        calls.append(crowd.db.write(extend_rental, dealer.id, rental.id, before_ms))
        if place % 2:
            calls.append(crowd.db.write(expire_rentals, crowd.clock.now_ms(), 2))
    extended, _ = await at_once(calls)
    await crowd.expire()

    rows = await crowd.rows("SELECT id, state, extensions FROM rentals")
    ids = {one.id for one in extended if isinstance(one, Rental)}
    assert {row[0] for row in rows if row[1] == "waiting"} == ids
    assert all((row[2] == 1) is (row[0] in ids) for row in rows)


# ---------------------------------------------------------------------------------- the queue


async def test_one_accounts_requests_at_once_keep_to_its_limit(crowd: World) -> None:
    await crowd.service(4)
    dealer = await crowd.dealer(waiting_limit=3)

    queued, refusals = await at_once(crowd.queue(dealer, 4) for _ in range(10))

    assert len(queued) == 3
    assert refusals == {errors.WAITING_LIMIT.code: 7}
    assert await crowd.rows("SELECT queued_count FROM services") == [(3,)]


async def test_requests_are_filled_cancelled_or_kept_and_nobody_goes_before(crowd: World) -> None:
    """Lines come back one by one, and others ask for them directly, all at the same moment."""
    await crowd.service(4, waiting_s=600)
    await crowd.lines(*numbers(12))
    holder = await crowd.dealer("holder", balance_dong=10**6, waiting_limit=50)
    held = [(await crowd.rent(holder, 4)).rental for _ in range(12)]
    dealers = [
        await crowd.dealer(f"dealer-{one}", balance_dong=10**6, waiting_limit=50)
        for one in range(4)
    ]
    requests: list[LineRequest] = []
    for turn in range(20):
        request = await crowd.queue(
            dealers[turn % 4], 4, wait_s=3600, extras=Extras({"turn": str(turn)})
        )
        assert isinstance(request, LineRequest)
        requests.append(request)

    for place, rental in enumerate(held):
        calls: list[Awaitable[object]] = [
            crowd.cancel(holder, rental.id),
            crowd.fill(),
            *(crowd.rent(dealer, 4) for dealer in dealers),
        ]
        if place % 3 == 0:
            gone = requests[-1 - place // 3]
            calls.append(
                crowd.db.write(cancel_request, gone.account_id, gone.id, crowd.clock.now_ms())
            )
        _, refusals = await at_once(calls[place % 3 :] + calls[: place % 3])
        assert refusals == {errors.OUT_OF_STOCK.code: 4}
        await crowd.fill()

    states = [row[0] for row in await crowd.rows("SELECT state FROM requests ORDER BY id")]
    assert states == ["filled"] * 12 + ["queued"] * 4 + ["cancelled"] * 4
    assert await crowd.rows("SELECT queued_count FROM services") == [(4,)]
    kinds = Counter(event.kind for event in await crowd.events())
    assert (kinds[EventKind.REQUEST_FILLED], kinds[EventKind.REQUEST_CANCELLED]) == (12, 4)


@dataclass
class Market:
    """Three dealers who do what they like, and messages that come in beside them."""

    world: World
    dealers: list[Dealer]
    gateway_id: int

    async def ask(self, turn: int) -> None:
        dealer, service_id = self.dealers[turn % 3], (4, 5, 9)[turn // 2 % 3]
        if turn % 2:
            await self.world.rent(dealer, service_id)
        else:
            await self.world.queue(dealer, service_id, wait_s=30)

    async def leave(self, turn: int) -> None:
        query = "SELECT account_id, id FROM rentals ORDER BY id DESC LIMIT 12"
        rows = await self.world.rows(query)
        account_id, rental_id = rows[turn % len(rows)]
        dealer = next(one for one in self.dealers if one.id == account_id)
        act = (self.world.cancel, self.world.extend, self.world.report, self.world.cancel)
        await act[turn % 4](dealer, rental_id)

    async def receive(self, turn: int) -> None:
        await self.world.sms(
            f"096700{turn * 5 % 8:04}",
            f"Your code is 10{turn:04}",
            sender=("Yahoo", "Zalo", "anyone")[turn % 3],
            gateway_id=self.gateway_id,
        )

    async def end(self, turn: int) -> None:
        await self.world.db.write(expire_rentals, self.world.clock.now_ms(), 5)
        if turn % 4 == 0:
            await self.world.fill()


async def test_everything_at_once_leaves_nothing_behind(crowd: World) -> None:
    for service_id, name in ((4, "Yahoo"), (5, "Zalo")):
        await crowd.service(service_id, name=name, waiting_s=60, extend_s=20, extend_times=1)
    await crowd.service(9, catch_all=True, waiting_s=60)
    await crowd.lines(*numbers(8))
    dealers = [
        await crowd.dealer(f"dealer-{one}", balance_dong=20_000, waiting_limit=8)
        for one in range(3)
    ]
    gateway_id, _ = await crowd.gateway()
    market = Market(crowd, dealers, gateway_id)
    acts = (market.ask, market.leave, market.receive, market.end, market.ask)

    await crowd.rent(dealers[0], 4)
    for _ in range(6):
        await at_once(act(turn) for turn in range(12) for act in acts)
        crowd.clock.advance(16)
    for _ in range(2):
        crowd.clock.advance(90)
        await crowd.expire()
        await crowd.fill()

    for dealer in dealers:
        account = await crowd.account(dealer)
        assert (account.held_dong, account.waiting_count) == (0, 0)
    queued = await crowd.rows("SELECT count(*) FROM requests WHERE state = 'queued'")
    assert queued == [(0,)]
    assert {row[0] for row in await crowd.rows("SELECT queued_count FROM services")} == {0}
    kinds = {event.kind for event in await crowd.events()}
    assert {one for one in EventKind if one.value.startswith(("rental.", "request."))} <= kinds | {
        EventKind.REQUEST_CANCELLED,
        EventKind.REQUEST_REFUSED,
    }
