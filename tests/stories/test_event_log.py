"""The event log of a full round: each change once, and nothing in it that must stay secret."""

from dataclasses import replace

import pytest

from simlet.domain.events import EventKind
from simlet.domain.health import LineReport, Reception
from simlet.domain.inbound import Inbound, MessageKind, Part
from simlet.domain.request import LineRequest
from simlet.domain.service import Category
from simlet.flows.cancel_request import cancel_request
from simlet.flows.forget_old import forget_old
from simlet.flows.give_up_parts import give_up_parts, overdue_parts
from simlet.flows.manage_accounts import (
    resume_account,
    revoke_tokens,
    set_callback,
    suspend_account,
)
from simlet.flows.manage_gateways import remove_gateway, rotate_secret
from simlet.flows.manage_lines import retire_line
from simlet.flows.manage_services import (
    ServiceChange,
    change_service,
    close_service,
    open_service,
    pause_service,
)
from simlet.flows.top_up import take_back
from simlet.store.endpoints import CallbackTarget
from simlet.store.events import LoggedEvent
from simlet.testing.world import World
from watching import report, turn, watch

pytestmark = pytest.mark.anyio

NOT_YET = {
    EventKind.CALLBACK_ADDED,
    EventKind.CALLBACK_CHANGED,
    EventKind.CALLBACK_REMOVED,
    EventKind.CALLBACK_DISABLED,
    EventKind.CALLBACK_TEST,
}
SECRETS = (
    "967000001",
    "967000002",
    "nightingale",
    "135790",
    "246801",
    "Yahoo",
    "dealer.test",
    "whsec",
    "slt",
)


async def parts_that_come_late(world: World, gateway_id: int) -> None:
    for number in (1, 2):
        text, part = f"nightingale {number}", Part(7, 2, number)
        inbound = Inbound(MessageKind.SMS, "+84967000001", "a stranger", text, None, part=part)
        await world.receive(inbound, gateway_id)
        world.clock.advance(60)
        now_ms = world.clock.now_ms()
        for one in await world.db.read(overdue_parts, now_ms, 30, 10):
            await world.db.write(give_up_parts, one, now_ms)


async def dealers_who_leave_and_queue(world: World) -> None:
    """A rental that is extended and reported; requests of each end."""
    await world.service(6, name="Zalo", extend_s=30, extend_times=1, price_dong=100)
    await world.service(7, name="Grab", store="02", price_dong=100)
    dealer = await world.dealer("queueing", balance_dong=150)
    rental = (await world.rent(dealer, 6)).rental
    await world.extend(dealer, rental.id)
    await world.report(dealer, rental.id, note="nightingale")
    requests = [await world.queue(dealer, 7, wait_s=wait_s) for wait_s in (10, 20, 30)]
    gone = await world.queue(dealer, 7)
    assert isinstance(gone, LineRequest)
    await world.db.write(cancel_request, dealer.id, gone.id, world.clock.now_ms())
    world.clock.advance(10)
    await world.fill()
    await world.lines("0967000003", "0967000004", store="02")
    await world.fill()
    assert all(isinstance(one, LineRequest) for one in requests)


async def equipment_that_fails(world: World, gateway_id: int) -> None:
    """A SIM is seen in a gateway and then in another one, which goes down, comes back, and goes."""
    other_id, _ = await world.gateway("other")
    ((iccid,),) = await world.rows("SELECT iccid FROM lines WHERE number = '+84967000001'")
    seen = LineReport("port", Reception.READY, iccid)
    await report(world, gateway_id, seen)
    await report(world, other_id, seen)
    for up in (True, False):
        await turn(world, other_id, up=up)
        world.clock.advance(60)
        await watch(world)
    await turn(world, other_id, up=True)
    await watch(world)
    await report(world, other_id, replace(seen, reception=Reception.NO_SIM))
    world.clock.advance(60)
    await watch(world)
    await report(world, other_id, seen)
    await watch(world)
    await world.db.write(rotate_secret, "other", b"h" * 32, world.clock.now_ms())
    await world.db.write(remove_gateway, "other", world.clock.now_ms())


async def full_round(world: World) -> None:
    """Whatever there is to do, once."""
    gateway_id, _ = await world.gateway()
    await world.service(4, waiting_s=60)
    await world.service(5, category=Category.HEALTH)
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer(callback_url="https://dealer.test/codes")
    first = (await world.rent(dealer, 4)).rental
    await world.sms(first.number, "nightingale, your code is 135790", gateway_id=gateway_id)
    await world.sms(first.number, "nightingale", sender="a stranger", gateway_id=gateway_id)
    await world.rent(dealer, 4)
    world.clock.advance(60)
    await world.expire()
    await world.rent_again(dealer, first)
    await world.call(first.number, transcript="nightingale 246801", wav=b"RIFF....WAVE")
    await dealers_who_leave_and_queue(world)
    await parts_that_come_late(world, gateway_id)
    await equipment_that_fails(world, gateway_id)
    now_ms = world.clock.now_ms()
    await world.db.write(open_service, 5, "Bình Trần", "a clinic's own tests", now_ms)
    await world.db.write(close_service, 5, now_ms)
    await world.db.write(change_service, 4, ServiceChange(cancel_after_s=1), now_ms)
    await world.db.write(pause_service, 4, paused=True, now_ms=now_ms)
    await world.db.write(pause_service, 4, paused=False, now_ms=now_ms)
    await world.db.write(retire_line, "0967000002", now_ms)
    callback = CallbackTarget("https://dealer.test/others", "whsec_other")
    await world.db.write(set_callback, dealer.name, callback, now_ms)
    await world.db.write(take_back, dealer.name, 1, "back-1", "a payout", now_ms)
    await world.db.write(revoke_tokens, dealer.name, now_ms)
    await world.db.write(suspend_account, dealer.name, now_ms)
    await world.db.write(resume_account, dealer.name, now_ms)
    await world.db.write(forget_old, now_ms + 86_400_000 * 2, 24, 100)


async def test_every_kind_of_event_is_written_somewhere(world: World) -> None:
    await full_round(world)
    assert {event.kind for event in await world.events()} == set(EventKind) - NOT_YET


async def test_no_event_holds_a_secret_a_code_a_text_or_a_number(world: World) -> None:
    await full_round(world)
    said = [repr(event.data) for event in await world.events()]
    assert [(one, secret) for one in said for secret in SECRETS if secret in one] == []


async def test_events_are_numbered_without_a_gap_in_the_order_of_what_happened(
    world: World,
) -> None:
    await full_round(world)
    told = await world.events()
    assert [event.seq for event in told] == list(range(1, len(told) + 1))
    times = [event.at_ms for event in told]
    assert times == sorted(times)


async def test_a_rental_is_told_from_its_beginning_to_its_end(world: World) -> None:
    await full_round(world)
    told: dict[int, list[LoggedEvent]] = {}
    for event in await world.events():
        if event.rental_id is not None:
            told.setdefault(event.rental_id, []).append(event)

    assert [[event.kind for event in events] for events in told.values()] == [
        [EventKind.RENTAL_WAITING, EventKind.MESSAGE_KEPT, EventKind.RENTAL_RECEIVED],
        [EventKind.RENTAL_WAITING, EventKind.RENTAL_EXPIRED],
        [EventKind.RENTAL_WAITING, EventKind.MESSAGE_KEPT, EventKind.RENTAL_RECEIVED],
        [
            EventKind.RENTAL_WAITING,
            EventKind.RENTAL_EXTENDED,
            EventKind.RENTAL_CANCELLED,
            EventKind.RENTAL_REPORTED,
        ],
        [EventKind.RENTAL_WAITING, EventKind.REQUEST_FILLED],
    ]
    for rental_id, events in told.items():
        (row,) = await world.rows(f"SELECT account_id FROM rentals WHERE id = {rental_id}")
        assert {event.account_id for event in events} == {row[0]}
