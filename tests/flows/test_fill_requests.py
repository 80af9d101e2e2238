import pytest

from simlet.domain import errors
from simlet.domain.events import EventKind
from simlet.domain.extras import Extras
from simlet.domain.request import LineRequest, RequestState
from simlet.flows.fill_requests import FillOutcome, expire_requests, fill_request
from simlet.flows.manage_accounts import suspend_account
from simlet.flows.manage_services import pause_service
from simlet.flows.show_rental import show_rental
from simlet.flows.show_requests import show_request
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio


def number(one: int) -> str:
    return f"0967{one:06}"


async def queued(world: World, dealer: Dealer, service_id: int = 4, **asked: object) -> LineRequest:
    found = await world.queue(dealer, service_id, **asked)  # type: ignore[arg-type]
    assert isinstance(found, LineRequest)
    return found


async def now_as(world: World, request: LineRequest) -> LineRequest:
    return await world.db.read(show_request, request.account_id, request.id)


async def states(world: World) -> list[str]:
    """How all requests stand, in the order of their ids."""
    return [row[0] for row in await world.rows("SELECT state FROM requests ORDER BY id")]


async def counted(world: World) -> list[int]:
    return [row[0] for row in await world.rows("SELECT queued_count FROM services ORDER BY id")]


async def test_a_request_becomes_a_rental_when_a_line_is_free(world: World) -> None:
    await world.service(4)
    dealer = await world.dealer(balance_dong=1000)
    request = await queued(world, dealer, extras=Extras({"job": "7"}))
    world.clock.advance(5)
    await world.lines(number(1))
    before = await world.events()

    await world.fill()

    filled = await now_as(world, request)
    assert (filled.state, filled.closed_at_ms) == (RequestState.FILLED, world.clock.now_ms())
    assert filled.rental_id is not None
    rental = await world.db.read(show_rental, dealer.id, filled.rental_id)
    assert (rental.metadata, rental.request_id) == ({"job": "7"}, request.id)
    assert rental.created_at_ms == world.clock.now_ms()
    account = await world.account(dealer)
    assert (account.available_dong, account.held_dong, account.waiting_count) == (530, 470, 1)
    told = (await world.events())[len(before) :]
    assert [(one.kind, one.rental_id, one.data) for one in told] == [
        (EventKind.RENTAL_WAITING, filled.rental_id, {"held_dong": 470}),
        (EventKind.REQUEST_FILLED, filled.rental_id, {"request_id": request.id}),
    ]
    assert await counted(world) == [0]
    assert await world.book_findings() == []


async def test_first_come_first_served(world: World) -> None:
    await world.service(4)
    dealers = [await world.dealer(f"dealer-{one}") for one in range(4)]
    requests = [await queued(world, dealers[one]) for one in (2, 0, 3, 1)]
    for so_many in range(1, 5):
        await world.lines(number(so_many))

        await world.fill()

        done = [(await now_as(world, one)).state is RequestState.FILLED for one in requests]
        assert done == [one < so_many for one in range(4)]
    assert await counted(world) == [0]


async def test_those_who_ask_for_other_lines_are_not_kept_waiting(world: World) -> None:
    await world.service(4)
    dealer = await world.dealer()
    await queued(world, dealer, wanted=("97",))
    await queued(world, dealer, wanted=("96",))
    await world.lines(number(1))

    await world.fill()

    assert await states(world) == ["queued", "filled"]


async def test_of_different_queues_the_older_request_is_served_first(world: World) -> None:
    await world.service(4)
    dealer = await world.dealer()
    await queued(world, dealer, wanted=("96",))
    await queued(world, dealer)
    await queued(world, dealer, networks=("VIETTEL",))
    await queued(world, dealer)
    await world.lines(number(1), number(2))

    await world.fill()

    assert await states(world) == ["filled", "filled", "queued", "queued"]


async def test_an_account_at_its_limit_keeps_its_place_and_others_go_before(world: World) -> None:
    await world.service(4)
    await world.service(5)
    dealer = await world.dealer(waiting_limit=1)
    other = await world.dealer("other")
    await queued(world, dealer)
    await queued(world, other)
    await world.lines(number(1))
    elsewhere = (await world.rent(dealer, 5)).rental

    await world.fill()

    assert await states(world) == ["queued", "filled"]
    await world.cancel(dealer, elsewhere.id)
    await world.lines(number(2))
    await world.fill()
    assert await states(world) == ["filled", "filled"]


async def test_at_the_limit_itself_a_request_keeps_its_place(world: World) -> None:
    await world.service(4)
    dealer = await world.dealer(waiting_limit=1)
    request = await queued(world, dealer)
    await world.service(5)
    await world.lines(number(1))
    await world.rent(dealer, 5)

    turn = await world.db.write(
        fill_request, request.id, world.clock.now_ms(), world.runtime.chance
    )

    assert turn is FillOutcome.KEPT
    assert await states(world) == ["queued"]


async def test_a_price_that_was_raised_above_what_was_agreed_to_refuses(world: World) -> None:
    await world.service(4, price_dong=470)
    dealer = await world.dealer()
    request = await queued(world, dealer, max_price_dong=470)
    await world.tamper("UPDATE services SET price_dealer_dong = 471")
    await world.lines(number(1))

    await world.fill()

    ended = await now_as(world, request)
    assert (ended.state, ended.refusal) == (
        RequestState.REFUSED,
        errors.PRICE_ABOVE_MAX.code,
    )


@pytest.mark.parametrize("why", ["poor", "paused", "suspended"])
async def test_what_cannot_be_rented_any_more_is_refused_and_the_next_one_served(
    world: World, why: str
) -> None:
    await world.service(4)
    await world.service(5)
    dealer = await world.dealer(balance_dong=500)
    other = await world.dealer("other")
    await world.lines(number(1))
    await world.rent(other, 4)
    request = await queued(world, dealer)
    await queued(world, other)
    if why == "poor":
        await world.rent(dealer, 5)
    elif why == "paused":
        await world.db.write(pause_service, 4, paused=True, now_ms=world.clock.now_ms())
    else:
        await world.db.write(suspend_account, dealer.name, world.clock.now_ms())
    await world.lines(number(2))

    await world.fill()

    ended = await now_as(world, request)
    code = {
        "poor": errors.INSUFFICIENT_FUNDS.code,
        "paused": errors.SERVICE_UNAVAILABLE.code,
        "suspended": errors.UNAUTHENTICATED.code,
    }[why]
    assert (ended.state, ended.refusal, ended.rental_id) == (RequestState.REFUSED, code, None)
    assert await states(world) == ["refused", "refused" if why == "paused" else "filled"]
    told = [one for one in await world.events() if one.kind is EventKind.REQUEST_REFUSED]
    assert told[0].data == {"request_id": request.id, "refusal": code}
    assert await counted(world) == [0, 0]
    assert await world.book_findings() == []


async def test_who_reported_the_line_lets_others_have_it(world: World) -> None:
    await world.service(4)
    await world.lines(number(1))
    dealer, other = await world.dealer(), await world.dealer("other")
    await world.report(dealer, (await world.rent(dealer, 4)).rental.id)
    await queued(world, dealer)
    kept = (await world.rent(other, 4)).rental
    await queued(world, other)
    await world.cancel(other, kept.id)

    await world.fill()

    assert await states(world) == ["queued", "filled"]


async def test_where_no_line_is_left_the_queue_is_dry_whatever_was_reported(world: World) -> None:
    await world.service(4)
    await world.lines(number(1))
    dealer, other = await world.dealer(), await world.dealer("other")
    await world.report(dealer, (await world.rent(dealer, 4)).rental.id)
    await world.rent(other, 4)
    request = await queued(world, dealer)

    turn = await world.db.write(
        fill_request, request.id, world.clock.now_ms(), world.runtime.chance
    )

    assert turn is FillOutcome.DRY


async def test_after_its_deadline_a_request_expires(world: World) -> None:
    await world.service(4)
    dealer = await world.dealer()
    request = await queued(world, dealer, wait_s=10)
    later = await queued(world, dealer, wait_s=20)
    world.clock.advance(10)
    await world.lines(number(1))

    await world.fill()

    ended = await now_as(world, request)
    assert (ended.state, ended.closed_at_ms) == (RequestState.EXPIRED, world.clock.now_ms())
    assert (await now_as(world, later)).state is RequestState.FILLED
    told = [one for one in await world.events() if one.kind is EventKind.REQUEST_EXPIRED]
    assert [one.data for one in told] == [{"request_id": request.id}]
    assert await counted(world) == [0]


async def test_a_request_whose_turn_comes_after_its_deadline_gets_no_line(world: World) -> None:
    await world.service(4)
    dealer = await world.dealer()
    request = await queued(world, dealer, wait_s=10)
    await world.lines(number(1))

    deadline_ms = request.deadline_at_ms
    turn = await world.db.write(fill_request, request.id, deadline_ms, world.runtime.chance)

    assert turn is FillOutcome.ENDED
    assert await states(world) == ["expired"]


async def test_no_more_expire_at_once_than_asked_for(world: World) -> None:
    dealer = await world.dealer()
    for service_id in (6, 4, 5):
        await world.service(service_id)
        await queued(world, dealer, service_id, wait_s=10)
    world.clock.advance(9.999)
    assert await world.db.write(expire_requests, world.clock.now_ms(), 2) == 0
    world.clock.advance(0.001)

    counts = [await world.db.write(expire_requests, world.clock.now_ms(), 2) for _ in range(3)]

    assert counts == [2, 1, 0]
    assert await counted(world) == [0, 0, 0]


async def test_what_has_ended_is_not_filled(world: World) -> None:
    await world.service(4)
    dealer = await world.dealer()
    request = await queued(world, dealer)
    await world.lines(number(1), number(2))
    await world.fill()
    before = await world.events()

    for request_id in (request.id, request.id + 1):
        turn = await world.db.write(
            fill_request, request_id, world.clock.now_ms(), world.runtime.chance
        )
        assert turn is FillOutcome.ENDED
    assert await world.events() == before


async def test_without_a_free_line_the_queue_is_dry(world: World) -> None:
    await world.service(4)
    request = await queued(world, await world.dealer())
    before = await world.events()

    turn = await world.db.write(
        fill_request, request.id, world.clock.now_ms(), world.runtime.chance
    )

    assert turn is FillOutcome.DRY
    assert await world.events() == before
    assert await counted(world) == [1]
