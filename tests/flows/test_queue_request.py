import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.events import EventKind
from simlet.domain.extras import Extras
from simlet.domain.request import LineRequest, RequestState, Wanted
from simlet.flows.cancel_request import cancel_request
from simlet.flows.describe_event import describe_event
from simlet.flows.hold import Order, Rented
from simlet.flows.manage_services import pause_service
from simlet.flows.queue_request import RentRequest, rent_or_queue
from simlet.flows.show_requests import (
    count_queued,
    list_requests,
    requests_ahead,
    show_request,
)
from simlet.store.requests import queue_of
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

NUMBER = "0967000001"
BEFORE_ALL = 2**62


async def queued(world: World, dealer: Dealer, **asked: object) -> LineRequest:
    """A request for service 4 that was queued."""
    found = await world.queue(dealer, 4, **asked)  # type: ignore[arg-type]
    assert isinstance(found, LineRequest)
    return found


async def refusal(world: World, dealer: Dealer, **asked: object) -> Refused:
    before = await world.events()
    with pytest.raises(Refused) as refused:
        await world.queue(dealer, 4, **asked)  # type: ignore[arg-type]
    assert await world.events() == before
    assert await world.rows("SELECT id FROM requests") == []
    return refused.value


async def counted(world: World) -> int:
    ((count,),) = await world.rows("SELECT queued_count FROM services WHERE id = 4")
    return int(count)


async def test_where_a_line_is_free_it_is_rented(world: World) -> None:
    await world.service(4)
    await world.lines(NUMBER)
    dealer = await world.dealer()

    rented = await world.queue(dealer, 4)

    assert isinstance(rented, Rented)
    assert rented.rental.number == "+84967000001"
    assert await world.rows("SELECT id FROM requests") == []


async def test_out_of_stock_the_request_is_queued_and_nothing_is_held(world: World) -> None:
    await world.service(4)
    dealer = await world.dealer(balance_dong=1000)

    request = await queued(
        world,
        dealer,
        wait_s=90,
        networks=("VIETTEL", "mobifone", "viettel"),
        wanted=("97", "96"),
        unwanted=("969",),
        max_price_dong=500,
        extras=Extras({"job": "ộ"}),
    )

    now_ms = world.clock.now_ms()
    assert request == LineRequest(
        id=request.id,
        account_id=dealer.id,
        service_id=4,
        networks=("MOBIFONE", "VIETTEL"),
        wanted=("96", "97"),
        unwanted=("969",),
        max_price_dong=500,
        extras=Extras({"job": "ộ"}),
        state=RequestState.QUEUED,
        created_at_ms=now_ms,
        deadline_at_ms=now_ms + 90_000,
        closed_at_ms=None,
        rental_id=None,
        refusal=None,
    )
    assert await world.db.read(show_request, dealer.id, request.id) == request
    account = await world.account(dealer)
    assert (account.available_dong, account.held_dong, account.waiting_count) == (1000, 0, 0)
    assert await counted(world) == 1
    (event,) = [one for one in await world.events() if one.kind is EventKind.REQUEST_QUEUED]
    assert (event.account_id, event.rental_id, event.data) == (
        dealer.id,
        None,
        {"request_id": request.id},
    )


@pytest.mark.parametrize("wait_s", [0, -1, 3601])
async def test_a_time_out_of_range_is_refused(world: World, wait_s: int) -> None:
    await world.service(4)
    refused = await refusal(world, await world.dealer(), wait_s=wait_s)
    assert (refused.refusal, refused.details["name"]) == (errors.INVALID, "wait_for_stock_s")


async def test_whatever_else_renting_refuses_is_refused_and_not_queued(world: World) -> None:
    await world.service(4, price_dong=470)
    poor = await world.dealer("poor", balance_dong=469)
    full = await world.dealer("full", waiting_limit=1)
    dealer = await world.dealer()
    await world.service(5)
    await world.lines(NUMBER, store="01")
    await world.rent(full, 5)
    await world.rent(await world.dealer("first"), 4)

    assert (await refusal(world, poor)).refusal is errors.INSUFFICIENT_FUNDS
    assert (await refusal(world, full)).refusal is errors.WAITING_LIMIT
    assert (await refusal(world, dealer, networks=("NOBODY",))).refusal is errors.INVALID
    above = await refusal(world, dealer, max_price_dong=469)
    assert (above.refusal, above.details) == (errors.PRICE_ABOVE_MAX, {"price_dong": 470})
    await world.db.write(pause_service, 4, paused=True, now_ms=world.clock.now_ms())
    with pytest.raises(Refused) as refused:
        await world.queue(dealer, 4)
    assert refused.value.refusal is errors.SERVICE_UNAVAILABLE


async def test_an_account_queues_for_no_more_than_it_may_rent(world: World) -> None:
    await world.service(4)
    dealer = await world.dealer(waiting_limit=2)
    other = await world.dealer("other", waiting_limit=2)
    first = await queued(world, dealer)
    await queued(world, dealer, wanted=("96",))

    with pytest.raises(Refused) as refused:
        await world.queue(dealer, 4, wanted=("97",))

    assert refused.value.refusal is errors.WAITING_LIMIT
    assert refused.value.details == {"limit": 2}
    assert await world.db.read(count_queued, dealer.id) == 2
    await queued(world, other)
    await world.db.write(cancel_request, dealer.id, first.id, world.clock.now_ms())
    await queued(world, dealer, wanted=("97",))


async def test_an_order_is_not_queued(world: World) -> None:
    await world.service(4)
    dealer = await world.dealer()
    request = RentRequest(dealer.id, 4, order=Order("a", b"hash"))
    with pytest.raises(ValueError, match="order"):
        await world.db.write(rent_or_queue, request, 60, world.clock.now_ms(), world.runtime.chance)


# ------------------------------------------------------------------------------ who comes first


async def test_who_asks_the_same_without_queueing_does_not_go_before(world: World) -> None:
    await world.service(4)
    dealer, other = await world.dealer(), await world.dealer("other")
    request = await queued(world, dealer, networks=("viettel", "MOBIFONE"), wanted=("97", "96"))
    await world.lines(NUMBER)
    before = await world.rows("SELECT taken, left_count FROM stock")

    with pytest.raises(Refused) as refused:
        await world.rent(other, 4, networks=("MOBIFONE", "VIETTEL"), wanted=("96", "97"))

    assert refused.value.refusal is errors.OUT_OF_STOCK
    assert await world.rows("SELECT taken, left_count FROM stock") == before
    await world.fill()
    filled = await world.db.read(show_request, dealer.id, request.id)
    assert filled.state is RequestState.FILLED


async def test_who_would_queue_for_the_same_stands_behind(world: World) -> None:
    await world.service(4)
    dealer, other = await world.dealer(), await world.dealer("other")
    first = await queued(world, dealer)
    await world.lines(NUMBER)

    second = await queued(world, other)

    assert await world.db.read(requests_ahead, first) == 0
    assert await world.db.read(requests_ahead, second) == 1
    assert await world.rows("SELECT left_count FROM stock") == [(1,)]
    assert await world.book_findings() == []


async def test_who_asks_for_something_else_is_not_kept_waiting(world: World) -> None:
    await world.service(4)
    await world.service(5)
    dealer, other = await world.dealer(), await world.dealer("other", waiting_limit=10)
    await queued(world, dealer)
    await world.lines(NUMBER, "0967000002")

    await world.rent(other, 4, wanted=("96",))
    await world.rent(other, 5)
    await world.rent(other, 4, networks=("VIETTEL",))


async def test_an_account_at_its_limit_keeps_nobody_waiting(world: World) -> None:
    await world.service(4)
    await world.service(5)
    dealer = await world.dealer(waiting_limit=1)
    other = await world.dealer("other")
    await queued(world, dealer)
    await world.lines(NUMBER)
    await world.rent(dealer, 5)

    assert (await world.rent(other, 4)).rental.number == "+84967000001"


async def test_a_request_past_its_deadline_keeps_nobody_waiting(world: World) -> None:
    await world.service(4)
    dealer, other = await world.dealer(), await world.dealer("other")
    await queued(world, dealer, wait_s=10)
    await world.lines(NUMBER)
    world.clock.advance(10)

    assert (await world.rent(other, 4)).rental.number == "+84967000001"


async def test_a_line_that_the_first_one_reported_is_for_the_others(world: World) -> None:
    await world.service(4)
    await world.lines(NUMBER)
    dealer, other = await world.dealer(), await world.dealer("other")
    await world.report(dealer, (await world.rent(dealer, 4)).rental.id)
    await queued(world, dealer)

    assert (await world.rent(other, 4)).rental.number == "+84967000001"


@given(
    st.permutations(["VIETTEL", "MOBIFONE", "VINAPHONE"]),
    st.permutations(["96", "97", "338"]),
    st.permutations(["969", "8"]),
)
def test_the_order_in_which_it_is_said_makes_no_other_queue(
    networks: list[str], wanted: list[str], unwanted: list[str]
) -> None:
    said = Wanted(tuple(networks), tuple(wanted), tuple(unwanted))
    doubled = Wanted(tuple(one.lower() for one in networks * 2), said.prefixes * 2, said.unwanted)
    plain = Wanted(("MOBIFONE", "VIETTEL", "VINAPHONE"), ("338", "96", "97"), ("8", "969"))

    assert queue_of(4, said) == queue_of(4, doubled) == queue_of(4, plain)
    assert queue_of(4, said) != queue_of(5, said)
    swapped = Wanted(plain.networks, plain.unwanted, plain.prefixes)
    assert queue_of(4, said) != queue_of(4, swapped)


# ----------------------------------------------------------------- showing, cancelling, telling


async def test_requests_are_listed_newest_first_to_their_account_alone(world: World) -> None:
    await world.service(4)
    dealer, other = await world.dealer(), await world.dealer("other")
    mine = [await queued(world, dealer, wanted=(one,)) for one in ("96", "97", "98")]
    theirs = await queued(world, other)

    assert await world.db.read(list_requests, dealer.id, BEFORE_ALL, 2) == [mine[2], mine[1]]
    assert await world.db.read(list_requests, dealer.id, mine[1].id, 2) == [mine[0]]
    for request_id in (theirs.id, theirs.id + 1):
        with pytest.raises(Refused) as refused:
            await world.db.read(show_request, dealer.id, request_id)
        assert refused.value.refusal is errors.REQUEST_UNKNOWN


async def test_a_cancelled_request_leaves_the_queue(world: World) -> None:
    await world.service(4)
    dealer, other = await world.dealer(), await world.dealer("other")
    first, second = await queued(world, dealer), await queued(world, other)
    world.clock.advance(3)

    ended = await world.db.write(cancel_request, dealer.id, first.id, world.clock.now_ms())
    again = await world.db.write(cancel_request, dealer.id, first.id, world.clock.now_ms() + 1)

    assert (ended.state, ended.closed_at_ms) == (RequestState.CANCELLED, world.clock.now_ms())
    assert again == ended == await world.db.read(show_request, dealer.id, first.id)
    assert await world.db.read(requests_ahead, second) == 0
    assert await world.db.read(requests_ahead, ended) == 0
    assert await counted(world) == 1
    told = [one for one in await world.events() if one.kind is EventKind.REQUEST_CANCELLED]
    assert [one.data for one in told] == [{"request_id": first.id}]


async def test_another_accounts_request_is_not_cancelled(world: World) -> None:
    await world.service(4)
    request = await queued(world, await world.dealer())
    other = await world.dealer("other")
    for request_id in (request.id, request.id + 1):
        with pytest.raises(Refused) as refused:
            await world.db.write(cancel_request, other.id, request_id, world.clock.now_ms())
        assert refused.value.refusal is errors.REQUEST_UNKNOWN
    assert await counted(world) == 1


async def test_a_request_past_its_deadline_expires_where_it_would_be_cancelled(
    world: World,
) -> None:
    await world.service(4)
    dealer = await world.dealer()
    request = await queued(world, dealer, wait_s=10)
    world.clock.advance(10)

    ended = await world.db.write(cancel_request, dealer.id, request.id, world.clock.now_ms())

    assert ended.state is RequestState.EXPIRED
    assert (await world.events())[-1].kind is EventKind.REQUEST_EXPIRED


async def test_events_of_a_request_tell_it_as_it_was(world: World) -> None:
    await world.service(4)
    dealer = await world.dealer()
    request = await queued(world, dealer)
    await world.lines(NUMBER)
    await world.fill()
    filled = await world.db.read(show_request, dealer.id, request.id)
    await world.cancel(dealer, filled.rental_id or 0)

    told = [
        await world.db.read(describe_event, event)
        for event in await world.events()
        if event.kind.value.startswith("request.")
    ]

    assert [(one.event.kind, one.request) for one in told] == [
        (EventKind.REQUEST_QUEUED, request),
        (EventKind.REQUEST_FILLED, filled),
    ]
    assert told[0].rental is None
    assert told[1].rental is not None
    assert (told[1].rental.id, told[1].rental.state.value) == (filled.rental_id, "waiting")
    assert told[1].rental.request_id == request.id
