"""Several batches of an SMPP session are under way at a time, and each line stays in order."""

import asyncio
import socket
from collections.abc import Sequence
from typing import Any

import pytest

from gateways.drivers.smsc import (
    PATIENCE_S,
    Link,
    bound,
    bound_again,
    deliver_sm,
    pdu,
    running_against,
    smsc,
    until,
)
from simlet.domain.inbound import Inbound
from simlet.gateways import smpp_intake
from simlet.gateways.contract import Result
from simlet.gateways.drivers.smpp import KIND
from simlet.gateways.smpp_backlog import LEAST_BATCH, MAX_UNDER_WAY
from simlet.gateways.smpp_intake import Intake, Redelivered
from simlet.gateways.smpp_session import Pace, Session
from simlet.testing.driver_kit import FakeSupervisor
from simlet.wire.smpp import Command, Status
from simlet.wire.smpp_message import Reading

pytestmark = pytest.mark.anyio

LINES = [b"8491234567%d" % digit for digit in range(10)]
ENQUIRE_LINK_S = 30.0


class Held(FakeSupervisor):
    """An office that keeps each batch when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[list[str], asyncio.Future[Result]]] = []

    @property
    def texts(self) -> list[list[str]]:
        return [texts for texts, _ in self.batches]

    async def deliver(self, many: Sequence[Inbound]) -> list[Result]:
        self.handed_over.extend(many)
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.batches.append(([one.text for one in many], result))
        return [await result for _ in many]

    def decide(self, batch: int, result: Result = Result.KEPT) -> None:
        self.batches[batch][1].set_result(result)

    def decide_the_rest(self) -> None:
        """Keeps all that is under way, so that nobody waits for it."""
        for _, result in self.batches:
            if not result.done():
                result.set_result(Result.KEPT)

    async def until_batches(self, count: int) -> None:
        await until(lambda: len(self.batches) >= count)


async def sent(link: Link, *messages: tuple[int, int]) -> None:
    """Sends `Ma SEQUENCE` to a line for each; returns when the driver has them."""
    each = [
        deliver_sm(b"Ma %d" % sequence, sequence=sequence, to=LINES[line])
        for sequence, line in messages
    ]
    await link.send(b"".join(each) + pdu(Command.ENQUIRE_LINK, 99))
    assert (await link.read()).command == Command.ENQUIRE_LINK_RESP


async def test_another_line_is_handed_over_while_the_first_is_being_kept() -> None:
    supervisor = Held()
    async with bound(supervisor) as (_, link):
        await sent(link, (1, 1))
        await sent(link, (2, 2))
        await supervisor.until_batches(2)
        assert supervisor.texts == [["Ma 1"], ["Ma 2"]]
        supervisor.decide(1)
        later = await link.read()
        supervisor.decide(0, Result.FAILED)
        earlier = await link.read()
    assert (later.sequence, later.status) == (2, Status.ESME_ROK)
    assert (earlier.sequence, earlier.status) == (1, Status.ESME_RX_T_APPN)


async def test_what_comes_behind_others_of_its_line_waits_until_they_are_kept() -> None:
    supervisor = Held()
    async with bound(supervisor) as (_, link):
        await sent(link, (1, 1))
        await supervisor.until_batches(1)
        await sent(link, (2, 2), (3, 1))
        await sent(link, (4, 3))
        assert supervisor.texts == [["Ma 1"]]
        supervisor.decide(0)
        await supervisor.until_batches(3)
        assert supervisor.texts == [["Ma 1"], ["Ma 2", "Ma 3"], ["Ma 4"]]
        supervisor.decide_the_rest()


async def test_what_finds_no_room_goes_together_when_there_is_some() -> None:
    supervisor = Held()
    async with bound(supervisor) as (_, link):
        for sequence in range(1, 7):
            await sent(link, (sequence, sequence))
        assert supervisor.texts == [["Ma 1"], ["Ma 2"], ["Ma 3"], ["Ma 4"]]
        supervisor.decide(1)
        await supervisor.until_batches(5)
        supervisor.decide_the_rest()
    assert supervisor.texts[4] == ["Ma 5", "Ma 6"]


async def test_what_may_be_unanswered_is_handed_over_in_even_parts() -> None:
    supervisor = Held()
    async with bound(supervisor) as (_, link):
        lines = [b"849120000%02d" % number for number in range(50)]
        each = [deliver_sm(b"Ma", sequence=n, to=line) for n, line in enumerate(lines)]
        await link.send(b"".join(each))
        await supervisor.until_batches(MAX_UNDER_WAY)
        assert [len(texts) for texts in supervisor.texts] == [13, 13, 13, 11]
        supervisor.decide_the_rest()


async def test_a_few_messages_are_not_divided() -> None:
    supervisor = Held()
    async with bound(supervisor) as (_, link):
        await sent(link, *[(number, number) for number in range(LEAST_BATCH)])
        await supervisor.until_batches(1)
        assert [len(texts) for texts in supervisor.texts] == [LEAST_BATCH]
        supervisor.decide_the_rest()


async def test_an_smsc_that_unbinds_hears_first_what_became_of_all_that_is_under_way() -> None:
    supervisor = Held()
    async with bound(supervisor) as (_, link):
        await sent(link, (1, 1))
        await sent(link, (2, 2))
        await link.send(pdu(Command.UNBIND, 6))
        await supervisor.until_batches(2)
        supervisor.decide(1)
        assert (await link.read()).sequence == 2
        supervisor.decide(0)
        ended = await link.until_closed()
    assert [(one.command, one.sequence) for one in ended] == [
        (Command.DELIVER_SM_RESP, 1),
        (Command.UNBIND_RESP, 6),
    ]


async def test_only_answers_that_were_read_are_not_doubted_whatever_their_order() -> None:
    supervisor = Held()
    async with bound(supervisor) as (other, link):
        await sent(link, (1, 1))
        await sent(link, (2, 2))
        await supervisor.until_batches(2)
        supervisor.decide(1)
        await link.read()
        await supervisor.clock.wait_for_sleeping(1)
        told = len(supervisor.reports)
        supervisor.clock.advance(ENQUIRE_LINK_S)
        await link.answer(await link.read())
        await until(lambda: len(supervisor.reports) > told)
        supervisor.decide(0)
        await link.read()
        other.drop()
        again = await bound_again(supervisor, other)
        await sent(again, (1, 1), (2, 2))
        await supervisor.until_batches(3)
        supervisor.decide_the_rest()
    first, second, *repeated = [one.source_id for one in supervisor.handed_over]
    assert repeated[0] == first
    assert repeated[1] != second


async def test_a_fault_of_the_reading_ends_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Inbound:
        raise ZeroDivisionError

    async def one_message() -> None:
        async with bound(FakeSupervisor()) as (_, link):
            await link.send(deliver_sm(b"Ma 1"))
            await link.until_closed()

    monkeypatch.setattr(smpp_intake, "read_message", fail)
    with pytest.raises(ExceptionGroup) as ended:
        await one_message()
    assert ended.group_contains(ZeroDivisionError)


async def test_nothing_is_handed_over_behind_a_batch_that_ended_with_a_fault() -> None:
    supervisor = Held()

    async def three_messages() -> None:
        async with smsc() as other, running_against(other, supervisor) as driver:
            link = await other.link()
            await link.bound()
            await sent(link, (1, 1))
            await sent(link, (2, 1), (3, 2))
            supervisor.batches[0][1].set_exception(ZeroDivisionError())
            await asyncio.wait({driver}, timeout=PATIENCE_S)

    with pytest.raises(ExceptionGroup) as ended:
        await three_messages()
    assert ended.group_contains(ZeroDivisionError)
    assert supervisor.texts == [["Ma 1"]]


class _Line(asyncio.Transport):
    """A connection that nobody is at the other end of; it is its own socket."""

    def __init__(self) -> None:
        super().__init__({"socket": self})
        self.options: list[tuple[int, int, int]] = []

    def setsockopt(self, *option: int) -> None:
        level, name, value = option
        self.options.append((level, name, value))

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Goes nowhere."""


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="this system has no such option")
async def test_what_has_come_is_acknowledged_at_once_each_time() -> None:
    supervisor, line = FakeSupervisor(), _Line()
    context = supervisor.context(KIND, {"host": "smsc.example", "system_id": "simlet"})
    redelivered = Redelivered(supervisor.clock, 300)
    intake = Intake(context, Reading(), Status.ESME_RX_T_APPN, redelivered, "name")
    session = Session("kit", intake, supervisor.clock, Pace(30, 10), lambda: None)
    session.connection_made(line)
    for octet in pdu(Command.ENQUIRE_LINK, 1)[:3]:
        session.data_received(bytes([octet]))
    assert line.options == [(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)] * 3
