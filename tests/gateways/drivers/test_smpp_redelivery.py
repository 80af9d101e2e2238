"""The same SMS is never kept under two ids."""

import asyncio
from collections.abc import Sequence

import pytest

from gateways.drivers.smsc import (
    bound,
    bound_again,
    deliver_sm,
    pdu,
    running_against,
    smsc,
    tlv,
    until,
)
from simlet.domain.inbound import Inbound
from simlet.gateways.contract import Result, Value
from simlet.testing.driver_kit import FakeSupervisor
from simlet.wire.smpp import Command, Status

pytestmark = pytest.mark.anyio

ENQUIRE_LINK_S = 30.0
RESPONSE_TIMEOUT_S = 10.0


def ids(supervisor: FakeSupervisor) -> list[str | None]:
    return [one.source_id for one in supervisor.handed_over]


async def _lost_and_sent_again(
    supervisor: FakeSupervisor, second: bytes, **more: Value
) -> list[str | None]:
    """The ids of a message that was kept when its session broke, and of what comes after that."""
    supervisor.open.clear()
    async with bound(supervisor, more) as (other, link):
        await link.send(deliver_sm(b"Ma 1"))
        await supervisor.until_handed_over(1)
        other.drop()
        supervisor.open.set()
        again = await bound_again(supervisor, other)
        await again.send(second)
        assert (await again.read()).status == Status.ESME_ROK
    return ids(supervisor)


async def test_a_message_whose_answer_was_lost_has_the_same_id_when_it_comes_again() -> None:
    first, second = await _lost_and_sent_again(FakeSupervisor(), deliver_sm(b"Ma 1", sequence=77))
    assert first == second is not None


async def test_an_answer_that_may_not_have_arrived_counts_as_lost() -> None:
    supervisor = FakeSupervisor()
    async with bound(supervisor) as (other, link):
        await link.send(deliver_sm(b"Ma 1"))
        await link.read()
        other.drop()
        again = await bound_again(supervisor, other)
        await again.send(deliver_sm(b"Ma 1"))
        await again.read()
    assert len(set(ids(supervisor))) == 1


@pytest.mark.parametrize(
    "other_message",
    [
        deliver_sm(b"Ma 2"),
        deliver_sm(b"Ma 1", source=b"GRAB"),
        deliver_sm(b"Ma 1", to=b"84912345679"),
        deliver_sm(b"Ma 1", parameters=tlv(0x020E, b"\2") + tlv(0x020F, b"\1")),
    ],
)
async def test_another_message_after_a_lost_session_is_another_one(other_message: bytes) -> None:
    first, second = await _lost_and_sent_again(FakeSupervisor(), other_message)
    assert first != second


async def test_a_lost_message_comes_again_once_and_the_next_such_text_is_a_new_one() -> None:
    twice = deliver_sm(b"Ma 1") + deliver_sm(b"Ma 1", sequence=2)
    supervisor = FakeSupervisor()
    await _lost_and_sent_again(supervisor, twice)
    first, second, third = ids(supervisor)
    assert first == second != third


async def test_two_messages_that_say_the_same_in_one_session_are_two() -> None:
    supervisor = FakeSupervisor()
    async with bound(supervisor) as (_, link):
        await link.send(deliver_sm(b"Ma 1") + deliver_sm(b"Ma 1", sequence=2))
        await link.read()
        await link.read()
    assert len(set(ids(supervisor))) == 2


class Keeping(FakeSupervisor):
    """An office that counts what it has kept."""

    kept = 0

    async def deliver(self, many: Sequence[Inbound]) -> list[Result]:
        results = await super().deliver(many)
        self.kept += len(many)
        return results


@pytest.mark.parametrize("dead", [True, False])
async def test_what_is_being_kept_when_a_session_is_lost_is_kept_to_its_end(dead: bool) -> None:
    supervisor = Keeping()
    supervisor.open.clear()
    async with bound(supervisor) as (other, link):
        await link.send(deliver_sm(b"Ma 1"))
        await supervisor.until_handed_over(1)
        await supervisor.clock.wait_for_sleeping(1)
        if dead:
            supervisor.clock.advance(ENQUIRE_LINK_S)
            await link.read()
            await supervisor.clock.wait_for_sleeping(1)
            supervisor.clock.advance(RESPONSE_TIMEOUT_S)
            await link.until_closed()
        else:
            other.drop()
            await asyncio.sleep(0.05)
        supervisor.open.set()
        await until(lambda: supervisor.kept == 1)


async def test_another_session_knows_what_a_lost_one_is_still_keeping() -> None:
    supervisor = FakeSupervisor()
    supervisor.open.clear()
    async with smsc() as other, running_against(other, supervisor, binds=2):
        first, second = await other.link(), await other.link()
        await first.bound()
        await second.bound()
        await first.send(deliver_sm(b"Ma 1"))
        await supervisor.until_handed_over(1)
        await first.send(deliver_sm(b"Ma 2") + pdu(Command.ENQUIRE_LINK, 3))
        await first.read()  # so both are here
        first.reset()
        await asyncio.sleep(0.05)
        supervisor.open.set()  # for the one that waits already
        supervisor.open.clear()
        await supervisor.until_handed_over(2)
        await second.send(deliver_sm(b"Ma 1") + deliver_sm(b"Ma 2"))
        await supervisor.until_handed_over(4)
        supervisor.open.set()
    assert ids(supervisor)[:2] == ids(supervisor)[2:]


async def test_what_a_lost_session_still_held_is_kept_and_is_no_repetition_of_itself() -> None:
    supervisor = FakeSupervisor()
    supervisor.open.clear()
    async with bound(supervisor) as (other, link):
        await link.send(deliver_sm(b"Ma 1"))
        await supervisor.until_handed_over(1)
        await link.send(deliver_sm(b"Ma 1", sequence=2) + pdu(Command.ENQUIRE_LINK, 3))
        await link.read()  # so both are here
        other.drop()
        await asyncio.sleep(0.01)
        supervisor.open.set()
        await supervisor.until_handed_over(2)
        again = await bound_again(supervisor, other)
        await again.send(deliver_sm(b"Ma 1") + deliver_sm(b"Ma 1", sequence=2))
        await again.read()
        await again.read()
    first, second, third, fourth = ids(supervisor)
    assert first != second
    assert [first, second] == [third, fourth]


async def test_an_answer_that_was_read_is_not_doubted() -> None:
    supervisor = FakeSupervisor()
    async with bound(supervisor) as (other, link):
        await link.send(deliver_sm(b"Ma 1"))
        await link.read()
        await supervisor.clock.wait_for_sleeping(1)
        told = len(supervisor.reports)
        supervisor.clock.advance(ENQUIRE_LINK_S)
        await link.answer(await link.read())
        await until(lambda: len(supervisor.reports) > told)
        other.drop()
        again = await bound_again(supervisor, other)
        await again.send(deliver_sm(b"Ma 1"))
        await again.read()
    assert len(set(ids(supervisor))) == 2


async def test_an_answer_that_the_enquiry_overtook_is_doubted_still() -> None:
    supervisor = FakeSupervisor()
    supervisor.open.clear()
    async with bound(supervisor) as (other, link):
        await link.send(deliver_sm(b"Ma 1"))
        await supervisor.until_handed_over(1)
        await supervisor.clock.wait_for_sleeping(1)
        told = len(supervisor.reports)
        supervisor.clock.advance(ENQUIRE_LINK_S)
        await link.answer(await link.read())
        await until(lambda: len(supervisor.reports) > told)
        other.drop()
        supervisor.open.set()
        again = await bound_again(supervisor, other)
        await again.send(deliver_sm(b"Ma 1"))
        await again.read()
    assert len(set(ids(supervisor))) == 1


async def test_long_after_a_lost_session_the_same_text_is_a_new_message() -> None:
    # Before it binds again the clock moves by a whole minute at least.
    first, second = await _lost_and_sent_again(
        FakeSupervisor(), deliver_sm(b"Ma 1"), redelivery_s=50
    )
    assert first != second


async def test_with_no_time_set_nothing_is_remembered() -> None:
    first, second = await _lost_and_sent_again(
        FakeSupervisor(), deliver_sm(b"Ma 1"), redelivery_s=0
    )
    assert first != second


async def test_a_message_that_was_not_kept_leaves_no_id_behind() -> None:
    supervisor = FakeSupervisor(result=Result.FAILED)
    async with bound(supervisor) as (other, link):
        await link.send(deliver_sm(b"Ma 1"))
        assert (await link.read()).status == Status.ESME_RX_T_APPN
        supervisor.result = Result.KEPT
        await link.send(deliver_sm(b"Ma 1", sequence=2))
        await link.read()
        other.drop()
        again = await bound_again(supervisor, other)
        await again.send(deliver_sm(b"Ma 1"))
        await again.read()
    _, second, third = ids(supervisor)
    assert second == third


async def test_an_id_of_the_smsc_is_kept_over_a_lost_session() -> None:
    named = deliver_sm(b"Ma 1", parameters=tlv(0x0204, b"\x10\x01"))
    supervisor = FakeSupervisor()
    async with bound(supervisor) as (_, link):
        await link.send(named + deliver_sm(b"Ma 1", sequence=2))
        await link.read()
        await link.read()
    assert ids(supervisor)[0] == "reference 4097"
