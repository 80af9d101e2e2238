"""The SMPP client against an SMSC that is driven octet by octet."""

import asyncio
from collections.abc import Sequence

import pytest

from gateways.drivers.smsc import (
    ENQUIRE_LINK_S,
    PASSWORD,
    PATIENCE_S,
    RESPONSE_TIMEOUT_S,
    SETTINGS,
    bound,
    bound_again,
    deliver_sm,
    last_report,
    pdu,
    running_against,
    smsc,
    texts,
    tlv,
    until,
)
from simlet.domain.errors import Refused
from simlet.domain.health import GatewayReport
from simlet.domain.inbound import Inbound
from simlet.gateways.contract import Result, Value
from simlet.gateways.drivers.smpp import KIND
from simlet.gateways.settings import check_settings
from simlet.testing.driver_kit import FakeSupervisor
from simlet.wire.smpp import Command, Frame, Status

pytestmark = pytest.mark.anyio


class Slow(FakeSupervisor):
    """An office that takes one batch at a time, and tells them apart."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []

    async def deliver(self, many: Sequence[Inbound]) -> list[Result]:
        self.batches.append([one.text for one in many])
        return await super().deliver(many)


# Being alive.


async def test_an_enquiry_is_answered_while_a_message_waits_to_be_kept() -> None:
    supervisor = FakeSupervisor()
    supervisor.open.clear()
    async with bound(supervisor) as (_, link):
        await link.send(deliver_sm(b"Ma 1", sequence=5))
        await supervisor.until_handed_over(1)
        await link.send(pdu(Command.ENQUIRE_LINK, 6))
        assert await link.read() == Frame(Command.ENQUIRE_LINK_RESP, 0, 6, b"")
        supervisor.open.set()
        assert await link.read() == Frame(Command.DELIVER_SM_RESP, 0, 5, b"\0")


async def test_an_answered_enquiry_keeps_the_session_and_is_a_sign_of_life() -> None:
    supervisor = FakeSupervisor()
    async with bound(supervisor) as (_, link):
        for _ in range(3):
            told = len(supervisor.reports)
            await supervisor.clock.wait_for_sleeping(1)
            supervisor.clock.advance(ENQUIRE_LINK_S)
            await link.answer(await link.read())
            await until(lambda told=told: len(supervisor.reports) > told)  # type: ignore[misc]
            await supervisor.clock.wait_for_sleeping(1)
            supervisor.clock.advance(RESPONSE_TIMEOUT_S)
            await asyncio.sleep(0)
        assert last_report(supervisor) == GatewayReport(up=True)
        await link.send(deliver_sm(b"Ma 1"))
        assert (await link.read()).status == Status.ESME_ROK


@pytest.mark.parametrize("half", [b"", b"\0\0\1\0\0\0\0\5"])
async def test_a_half_dead_connection_is_found_within_the_time_out(half: bytes) -> None:
    supervisor = FakeSupervisor()
    async with bound(supervisor) as (other, link):
        await supervisor.clock.wait_for_sleeping(1)
        await link.send(half)
        supervisor.clock.advance(ENQUIRE_LINK_S)
        assert (await link.read()).command == Command.ENQUIRE_LINK
        await supervisor.clock.wait_for_sleeping(1)
        supervisor.clock.advance(RESPONSE_TIMEOUT_S)
        await until(lambda: not last_report(supervisor).up)
        assert last_report(supervisor).detail == "no answer to enquire_link"
        again = await bound_again(supervisor, other)
        await again.send(deliver_sm(b"Ma 1"))
        assert (await again.read()).status == Status.ESME_ROK


async def test_a_session_whose_messages_are_kept_slowly_is_not_taken_for_dead() -> None:
    supervisor = FakeSupervisor()
    supervisor.open.clear()
    async with bound(supervisor) as (_, link):
        much = tlv(0x0424, b"x" * 4000)
        link.writer.write(
            b"".join(deliver_sm(b"", sequence=n, parameters=much) for n in range(5000))
        )
        await supervisor.until_handed_over(1)
        assert await link.until_stalled() > 0
        supervisor.clock.advance(ENQUIRE_LINK_S)
        await supervisor.clock.wait_for_sleeping(1)
        supervisor.clock.advance(RESPONSE_TIMEOUT_S)
        await asyncio.sleep(0.05)
        assert last_report(supervisor) == GatewayReport(up=True)
        supervisor.open.set()
        await supervisor.until_handed_over(5000)


# Taking messages.


async def test_what_has_come_is_handed_over_at_once_and_answered_in_order() -> None:
    supervisor = Slow()
    async with bound(supervisor) as (_, link):
        await link.send(b"".join(deliver_sm(b"Ma %d" % n, sequence=n) for n in range(50)))
        answers = [await link.read() for _ in range(50)]
    assert [one.sequence for one in answers] == list(range(50))
    assert texts(supervisor) == [f"Ma {n}" for n in range(50)]
    # To one line: none of its parts may be under way beside another.
    assert len(supervisor.batches) <= 6


async def test_a_message_that_comes_octet_by_octet_is_read() -> None:
    supervisor = FakeSupervisor()
    async with bound(supervisor) as (_, link):
        for octet in deliver_sm(b"Ma 1", sequence=7):
            await link.send(bytes([octet]))
            await asyncio.sleep(0)
        assert (await link.read()).sequence == 7
    assert texts(supervisor) == ["Ma 1"]


async def test_each_message_of_a_batch_is_answered_with_what_became_of_it() -> None:
    class Mixed(FakeSupervisor):
        async def deliver(self, many: Sequence[Inbound]) -> list[Result]:
            await super().deliver(many)
            return [Result(one.text) for one in many]

    async with bound(Mixed()) as (_, link):
        results = [b"kept", b"failed", b"duplicate", b"refused"]
        await link.send(
            b"".join(deliver_sm(result, sequence=n) for n, result in enumerate(results))
            + deliver_sm(b"receipt", sequence=8, esm_class=4)
            + pdu(Command.DELIVER_SM, 9, b"what")
        )
        answers = [await link.read() for _ in range(6)]
    assert [(one.sequence, one.status) for one in answers] == [
        (0, Status.ESME_ROK),
        (1, Status.ESME_RX_T_APPN),
        (2, Status.ESME_ROK),
        (3, Status.ESME_RX_R_APPN),
        (8, Status.ESME_ROK),
        (9, Status.ESME_RINVPARLEN),
    ]
    assert answers[-1].command == Command.GENERIC_NACK


async def test_the_status_that_asks_for_a_repetition_can_be_set() -> None:
    supervisor = FakeSupervisor(result=Result.FAILED)
    async with bound(supervisor, {"not_kept": "RMSGQFUL"}) as (_, link):
        await link.send(deliver_sm(b"Ma 1"))
        assert (await link.read()).status == Status.ESME_RMSGQFUL


@pytest.mark.parametrize(
    ("alphabet", "octets", "text"),
    [("latin1", b"H\xe9 1", "Hé 1"), ("utf8", "Mã 1".encode(), "Mã 1"), ("gsm7", b"\0\x11", "@_")],
)
async def test_what_data_coding_0_means_can_be_set(alphabet: str, octets: bytes, text: str) -> None:
    supervisor = FakeSupervisor()
    async with bound(supervisor, {"data_coding_0": alphabet}) as (_, link):
        await link.send(deliver_sm(octets))
        await link.read()
    assert texts(supervisor) == [text]


async def test_what_came_before_the_bind_was_answered_is_taken() -> None:
    supervisor = FakeSupervisor()
    async with smsc() as other, running_against(other, supervisor):
        link = await other.link()
        request = await link.read()
        resp = pdu(Command.BIND_TRANSCEIVER_RESP, request.sequence, b"smsc\0")
        await link.send(deliver_sm(b"Ma 1") + resp + deliver_sm(b"Ma 2", sequence=2))
        assert [(await link.read()).sequence for _ in range(2)] == [1, 2]


async def test_an_alert_is_not_answered() -> None:
    async with bound(FakeSupervisor()) as (_, link):
        await link.send(pdu(Command.ALERT_NOTIFICATION, 3, b"\0\0\0\0\0\0"))
        await link.send(pdu(Command.ENQUIRE_LINK, 4))
        assert (await link.read()).sequence == 4


async def test_a_response_that_nobody_asked_for_is_not_answered() -> None:
    async with bound(FakeSupervisor()) as (_, link):
        await link.send(pdu(0x80000004, 99) + pdu(Command.GENERIC_NACK, 0, status=3))
        await link.send(pdu(Command.ENQUIRE_LINK, 4))
        assert (await link.read()).sequence == 4


async def test_an_smsc_that_does_not_read_its_answers_is_not_read_from() -> None:
    supervisor = FakeSupervisor()
    async with bound(supervisor) as (_, link):
        link.writer.write(b"".join(pdu(Command.ENQUIRE_LINK, n) for n in range(1_000_000)))
        assert await link.until_stalled() > 0
        async with asyncio.timeout(PATIENCE_S):
            while link.writer.transport.get_write_buffer_size():
                await link.reader.read(1 << 20)


# Ends.


async def test_an_smsc_that_unbinds_hears_first_what_became_of_its_messages() -> None:
    supervisor = FakeSupervisor()
    supervisor.open.clear()
    async with bound(supervisor) as (_, link):
        await link.send(deliver_sm(b"Ma 1", sequence=5) + pdu(Command.UNBIND, 6))
        await supervisor.until_handed_over(1)
        supervisor.open.set()
        ended = await link.until_closed()
        assert [(one.command, one.sequence) for one in ended] == [
            (Command.DELIVER_SM_RESP, 5),
            (Command.UNBIND_RESP, 6),
        ]
        await until(lambda: not last_report(supervisor).up)
        assert last_report(supervisor).detail == "the other side unbound"


async def test_an_smsc_that_only_stops_sending_hears_what_became_of_its_messages() -> None:
    supervisor = FakeSupervisor()
    supervisor.open.clear()
    async with bound(supervisor) as (_, link):
        await link.send(deliver_sm(b"Ma 1", sequence=5))
        link.writer.write_eof()
        await supervisor.until_handed_over(1)
        supervisor.open.set()
        assert [one.sequence for one in await link.until_closed()] == [5]


async def test_a_driver_that_is_stopped_answers_what_it_was_keeping_and_unbinds() -> None:
    supervisor = FakeSupervisor()
    supervisor.open.clear()
    async with smsc() as other, running_against(other, supervisor) as task:
        link = await other.link()
        await link.bound()
        await link.send(deliver_sm(b"Ma 1", sequence=5))
        await supervisor.until_handed_over(1)
        task.cancel()
        await asyncio.sleep(0)
        supervisor.open.set()
        assert (await link.read())[:3] == (Command.DELIVER_SM_RESP, 0, 5)
        unbind = await link.read()
        assert unbind.command == Command.UNBIND
        assert not task.done()
        await link.answer(unbind)
        assert await link.until_closed() == []
        await asyncio.wait({task}, timeout=1.0)
        assert task.cancelled()


async def test_a_driver_that_is_stopped_acknowledges_nothing_that_is_not_kept() -> None:
    supervisor = FakeSupervisor()
    supervisor.open.clear()
    async with smsc() as other, running_against(other, supervisor) as task:
        link = await other.link()
        await link.bound()
        await link.send(deliver_sm(b"Ma 1"))
        await supervisor.until_handed_over(1)
        task.cancel()
        assert await link.until_closed() == []
        await asyncio.wait({task}, timeout=1.0)
        assert task.cancelled()


async def test_an_smsc_that_closes_instead_of_answering_the_unbind_is_not_waited_for() -> None:
    supervisor = FakeSupervisor()
    async with smsc() as other, running_against(other, supervisor) as task:
        link = await other.link()
        await link.bound()
        await until(lambda: bool(supervisor.reports))
        task.cancel()
        assert (await link.read()).command == Command.UNBIND
        link.writer.close()
        await asyncio.wait({task}, timeout=1.0)
        assert task.cancelled()


async def test_an_smsc_that_does_not_answer_the_unbind_is_left_within_two_seconds() -> None:
    supervisor = FakeSupervisor()
    async with smsc() as other, running_against(other, supervisor) as task:
        link = await other.link()
        await link.bound()
        await until(lambda: bool(supervisor.reports))
        task.cancel()
        assert (await link.read()).command == Command.UNBIND
        await asyncio.wait({task}, timeout=3.0)
        assert task.cancelled()


# Settings.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("system_id", "simlet\0"),
        ("system_id", "đ"),
        ("system_type", "x" * 13),
        ("password", "x" * 65),
        ("tls_name", "smsc.test"),
        ("ca_file", "/ca.pem"),
        ("response_timeout_s", 31),
        ("bind", "transmitter"),
        ("binds", 0),
    ],
)
def test_settings_that_cannot_be_are_refused(name: str, value: Value) -> None:
    with pytest.raises(Refused) as refused:
        check_settings(KIND, {**SETTINGS, name: value})
    assert refused.value.sentence.startswith(name)


def test_the_password_is_no_part_of_the_set_up_page() -> None:
    page = KIND.setup.format(**check_settings(KIND, SETTINGS))
    assert PASSWORD not in page
    assert "127.0.0.1:2775" in page
