"""Events that are posted again, one by one or of a stretch of time."""

import pytest

from calling_back import claim, endpoint, kinds, queue, record, told_of_a_credit
from flows.changing_endpoints import refusal
from simlet.domain.endpoint import BodyFormat
from simlet.domain.errors import EVENT_UNKNOWN, INVALID
from simlet.flows import manage_endpoints
from simlet.flows.manage_endpoints import (
    MOST_REPLAYED,
    EndpointChange,
    change_endpoint,
    find_between,
    replay_event,
    replay_found,
    send_test,
)
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio


async def replay(world: World, dealer: Dealer, one_id: int, seq: int) -> int:
    return await world.db.write(replay_event, dealer.id, one_id, seq, world.clock.now_ms())


async def between(world: World, dealer: Dealer, one_id: int, from_ms: int, to_ms: int) -> int:
    now_ms = world.clock.now_ms()
    found = await world.db.read(find_between, dealer.id, one_id, from_ms, to_ms)
    return await world.db.write(replay_found, dealer.id, one_id, found, now_ms)


async def test_an_event_that_was_told_is_told_again_under_its_old_id(world: World) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer)
    first = await told_of_a_credit(world, dealer)
    await record(world, first, 200)

    assert await replay(world, dealer, made.id, first.callback.event_seq) == 1

    (again,) = await claim(world)
    assert again.callback.event_seq == first.callback.event_seq
    assert (again.callback.attempts, again.callback.tries) == (2, 1)
    assert await record(world, again, 500) == "again"
    world.clock.advance(300)
    assert len(await claim(world)) == 1


async def test_an_event_that_nobody_was_told_can_be_told(world: World) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer, "rental.received")
    await queue(world)
    credited = (await world.events())[-2]
    assert credited.kind.value == "balance.credited"

    await replay(world, dealer, made.id, credited.seq)

    assert kinds(await claim(world)) == ["balance.credited"]


async def test_what_is_pending_is_told_at_once_by_a_replay(world: World) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer)
    first = await told_of_a_credit(world, dealer)
    await record(world, first, 500)
    assert await claim(world) == []

    await replay(world, dealer, made.id, first.callback.event_seq)

    assert len(await claim(world)) == 1


async def test_another_s_event_and_one_that_is_told_to_nobody_are_not_known(world: World) -> None:
    dealer, other = await world.dealer(), await world.dealer("other")
    made = await endpoint(world, dealer, "rental.received")
    second = await endpoint(world, dealer, "rental.received")
    await world.credit(other.name, 1)
    await world.db.write(send_test, dealer.id, second.id, world.clock.now_ms())
    await queue(world)
    (tested,) = await claim(world)
    before = await world.rows("SELECT * FROM callbacks")
    events = await world.events()
    theirs = next(one for one in events if one.account_id == other.id)
    inner = next(one for one in events if one.kind.value == "callback.added")

    for seq in (theirs.seq, inner.seq, tested.callback.event_seq, 10**9):
        assert await refusal(replay(world, dealer, made.id, seq)) is EVENT_UNKNOWN
    assert await world.rows("SELECT * FROM callbacks") == before


async def test_an_event_without_words_in_the_format_is_refused(world: World) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer, body_format=BodyFormat.FIRST_API)
    credited = next(one for one in await world.events() if one.kind.value == "balance.credited")

    assert await refusal(replay(world, dealer, made.id, credited.seq)) is INVALID


async def test_a_stretch_of_time_is_told_again_as_far_as_the_endpoint_takes_it(
    world: World,
) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer, other = await world.dealer(), await world.dealer("other")
    made = await endpoint(world, dealer, "balance.credited")
    for amount in range(1, 6):
        world.clock.advance(60)
        await world.credit(dealer.name, amount)
        await world.credit(other.name, 100 + amount)
    await world.rent(dealer, 4)
    from_ms = world.clock.now_ms() - 180_000
    to_ms = world.clock.now_ms()
    await world.events()

    assert await between(world, dealer, made.id, from_ms, to_ms) == 3

    told = [one.detail.event.data for one in await claim(world) if one.detail is not None]
    assert told == [{"credited_dong": amount} for amount in (2, 3, 4)]


async def test_a_replayed_rental_is_told_in_its_order(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer()
    await world.rent(dealer, 4)
    await world.sms("0967000001", "Your code is 123456")
    await world.events()
    made = await endpoint(world, dealer, "rental.waiting", "message.kept", "rental.received")

    assert await between(world, dealer, made.id, 0, world.clock.now_ms()) == 3

    told = []
    while claimed := await claim(world):
        told += kinds(claimed)
        await record(world, claimed[0], 200)
    assert told == ["rental.waiting", "message.kept", "rental.received"]


async def test_what_waits_already_is_told_after_what_is_replayed_before_it(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer()
    made = await endpoint(world, dealer, "rental.waiting", "rental.received")
    await world.rent(dealer, 4)
    await queue(world)
    await world.tamper("UPDATE callbacks SET state = 'dropped', ended_at_ms = 1, next_at_ms = NULL")
    await world.sms("0967000001", "Your code is 123456")
    await queue(world)

    assert await between(world, dealer, made.id, 0, world.clock.now_ms() + 1) == 2

    told = []
    while claimed := await claim(world):
        told.append(kinds(claimed))
        for one in claimed:
            await record(world, one, 200)
    assert told == [["rental.waiting"], ["rental.received"]]


async def test_a_long_range_is_not_searched_to_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manage_endpoints, "MOST_SEARCHED", 3)
    dealer = await world.dealer(balance_dong=0)
    made = await endpoint(world, dealer, "rental.received")
    start_ms = world.clock.now_ms()
    for _ in range(3):
        await world.credit(dealer.name, 1)
    await world.events()
    assert await between(world, dealer, made.id, start_ms, start_ms + 1) == 0

    await world.credit(dealer.name, 1)
    await world.events()
    assert await refusal(between(world, dealer, made.id, start_ms, start_ms + 1)) is INVALID


async def test_a_range_that_holds_nothing_or_too_much_is_told_so(world: World) -> None:
    dealer = await world.dealer(balance_dong=0)
    made = await endpoint(world, dealer)
    start_ms = world.clock.now_ms()
    for _ in range(MOST_REPLAYED):
        await world.credit(dealer.name, 1)
    end_ms = world.clock.now_ms() + 1
    await world.events()

    assert await refusal(between(world, dealer, made.id, end_ms, end_ms)) is INVALID
    assert await between(world, dealer, made.id, end_ms, end_ms + 1) == 0
    assert await between(world, dealer, made.id, start_ms, end_ms) == MOST_REPLAYED
    await world.credit(dealer.name, 1)
    await world.events()
    await world.tamper("DELETE FROM callbacks")
    assert await refusal(between(world, dealer, made.id, start_ms, end_ms)) is INVALID
    assert await world.rows("SELECT 1 FROM callbacks") == []


async def test_what_happened_near_a_range_counts_as_read_and_what_did_not_does_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manage_endpoints, "MOST_READ", 3)
    dealer = await world.dealer(balance_dong=0)
    made = await endpoint(world, dealer)
    world.clock.advance(3600)
    empty_ms = world.clock.now_ms() - 60_000
    for _ in range(3):
        await world.credit(dealer.name, 1)
    await world.events()
    assert await between(world, dealer, made.id, empty_ms, empty_ms + 1) == 0

    await world.credit(dealer.name, 1)
    await world.events()
    assert await refusal(between(world, dealer, made.id, empty_ms, empty_ms + 1)) is INVALID
    far_ms = world.clock.now_ms() + 3_600_000
    assert await between(world, dealer, made.id, far_ms, far_ms + 1) == 0


async def test_times_that_are_a_little_uneven_leave_nothing_out(world: World) -> None:
    """Clocks are set, and transactions overlap."""
    dealer = await world.dealer(balance_dong=0)
    made = await endpoint(world, dealer)
    start_ms = world.clock.now_ms() + 1
    for late_s in (300, 0, 420, 10, 240, 60, 500, 0):
        world.clock.set_now_ms(start_ms + late_s * 1000)
        await world.credit(dealer.name, 1)
    await world.events()

    assert await between(world, dealer, made.id, start_ms, start_ms + 300_000) == 5
    assert await between(world, dealer, made.id, start_ms + 300_000, start_ms + 600_000) == 3


async def test_what_the_format_has_no_words_for_by_now_is_left_out(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer()
    made = await endpoint(world, dealer)
    start_ms = world.clock.now_ms()
    await world.credit(dealer.name, 1)
    await world.rent(dealer, 4)
    await world.sms("0967000001", "Your code is 123456")
    await world.events()
    found = await world.db.read(find_between, dealer.id, made.id, start_ms, start_ms + 1)
    change = EndpointChange(format=BodyFormat.FIRST_API)
    await world.db.write(change_endpoint, dealer.id, made.id, change, start_ms)

    told = await world.db.write(replay_found, dealer.id, made.id, found, start_ms)

    rows = await world.rows(
        "SELECT e.kind FROM callbacks c JOIN events e ON e.seq = c.event_seq ORDER BY e.seq"
    )
    assert [row[0] for row in rows] == ["rental.received"]
    assert told == 1
