"""What is handed over while the database works."""

import asyncio
from pathlib import Path

import pytest

from gateways.posting import (
    DUPLICATE,
    FAILED,
    KEPT,
    PATIENCE_S,
    REFUSED,
    Post,
    failing_for,
    files,
    keep_with,
    of_another_gateway,
    sms,
)
from simlet.domain.errors import RENTAL_CLOSED, Refused
from simlet.gateways import delivery
from simlet.gateways.delivery import IN_FLIGHT, deliver_for

pytestmark = pytest.mark.anyio


async def test_what_the_database_takes_never_sees_the_disk(post: Post, tmp_path: Path) -> None:
    assert await post.deliver([sms("one"), sms("two"), sms("one")]) == [KEPT, KEPT, DUPLICATE]
    assert await post.bodies() == ["one", "two"]
    assert files(tmp_path / "spool") == []


async def test_two_messages_without_id_and_stamp_are_two(post: Post) -> None:
    same = sms("same", source_id=None)
    assert await post.deliver([same, same]) == [KEPT, KEPT]


async def test_a_stamp_alone_tells_messages_apart(post: Post) -> None:
    same = sms("same", source_id=None, sent_at_ms=1000)
    assert await post.deliver([same, same]) == [KEPT, DUPLICATE]


async def test_a_message_for_the_line_of_another_gateway_is_refused(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_with(monkeypatch, of_another_gateway)
    assert await post.deliver([sms("theirs")]) == [REFUSED]


async def test_what_the_rules_refuse_fails_and_is_not_spooled(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = failing_for({"bad"}, Refused(RENTAL_CLOSED))
    keep_with(monkeypatch, flow)
    assert await post.deliver([sms("bad"), sms("good")]) == [FAILED, KEPT]
    assert post.spool.waiting == 0


async def test_messages_under_way_are_bounded_and_those_of_another_gateway_go_on(
    post: Post,
) -> None:
    post.moody.open.clear()
    many = [sms(f"{one}") for one in range(IN_FLIGHT)]
    flood = [asyncio.create_task(post.deliver(many)) for _ in range(3)]
    flood.append(asyncio.create_task(post.deliver([sms("last")])))
    await asyncio.wait_for(post.moody.began.wait(), PATIENCE_S)
    assert post.moody.under_way == IN_FLIGHT

    post.moody.began.clear()
    deliver = deliver_for(post.drain.runtime, post.gateway_id, "other", post.spool)
    other = asyncio.ensure_future(deliver([sms("other")]))
    await asyncio.wait_for(post.moody.began.wait(), PATIENCE_S)
    assert post.moody.under_way == IN_FLIGHT + 1

    post.moody.open.set()
    assert await other == [KEPT]
    results = await asyncio.gather(*flood)
    assert results[0] == [KEPT] * IN_FLIGHT
    assert results[1] == results[2] == [DUPLICATE] * IN_FLIGHT
    assert results[3] == [KEPT]


async def test_more_messages_than_may_be_under_way_are_kept_in_order(post: Post) -> None:
    many = [sms(f"{one:04}") for one in range(IN_FLIGHT * 2 + 1)]
    assert await post.deliver(many) == [KEPT] * len(many)
    assert await post.bodies() == [one.text for one in many]
    assert post.moody.tries == [IN_FLIGHT, IN_FLIGHT, 1]


async def test_whoever_is_cancelled_while_waiting_leaves_its_room_to_others(post: Post) -> None:
    post.moody.open.clear()
    many = [sms(f"{one}") for one in range(IN_FLIGHT - 1)]
    first = asyncio.create_task(post.deliver(many))
    await asyncio.wait_for(post.moody.began.wait(), PATIENCE_S)
    # It has the last place, and waits for a second one.
    gone = asyncio.create_task(post.deliver([sms("gone"), sms("gone too")]))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    post.moody.open.set()
    await first
    assert await post.deliver([sms(f"b{one}") for one in range(IN_FLIGHT)]) == [KEPT] * IN_FLIGHT


async def test_whoever_is_cancelled_when_it_has_room_already_gives_it_back() -> None:
    room = delivery._Capacity(2)
    await room.take(2)
    gone = asyncio.create_task(room.take(2))
    next_one = asyncio.create_task(room.take(2))
    await asyncio.sleep(0)
    room.give(2)
    gone.cancel()
    await asyncio.wait_for(next_one, PATIENCE_S)
    assert room.free == 0
    room.give(2)
    assert room.free == 2


async def test_whoever_waits_behind_one_that_is_cancelled_goes_on() -> None:
    room = delivery._Capacity(2)
    await room.take(1)
    gone = asyncio.create_task(room.take(2))
    next_one = asyncio.create_task(room.take(1))
    await asyncio.sleep(0)
    assert not next_one.done()
    gone.cancel()
    await asyncio.wait_for(next_one, PATIENCE_S)
    assert room.free == 0
