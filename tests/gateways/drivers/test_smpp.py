"""The SMPP client against an SMSC that is driven octet by octet."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from gateways.drivers.smsc import (
    PASSWORD,
    PATIENCE_S,
    SETTINGS,
    Link,
    Smsc,
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
from simlet.gateways.contract import Fate, Value
from simlet.gateways.drivers.smpp import KIND
from simlet.gateways.settings import check_settings
from simlet.testing.driver_kit import Office, running
from simlet.wire.smpp import Command, Frame, Status

pytestmark = pytest.mark.anyio

ENQUIRE_LINK_S = 30.0
RESPONSE_TIMEOUT_S = 10.0


class Slow(Office):
    """An office that takes one batch at a time, and tells them apart."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []

    async def deliver(self, many: Sequence[Inbound]) -> list[Fate]:
        self.batches.append([one.text for one in many])
        return await super().deliver(many)


# Binding.


@pytest.mark.parametrize(
    ("bind", "command"),
    [("transceiver", Command.BIND_TRANSCEIVER), ("receiver", Command.BIND_RECEIVER)],
)
async def test_it_binds_with_what_was_set(bind: str, command: Command) -> None:
    more: dict[str, Value] = {
        "bind": bind,
        "system_type": "VMS",
        "interface_version": "3.3",
        "addr_ton": 1,
        "addr_npi": 2,
        "address_range": "^84",
    }
    async with smsc() as other, running_against(other, Office(), **more):
        request = await (await other.link()).bound()
    assert request.command == command
    assert request.body == b"simlet\0" + PASSWORD.encode() + b"\0VMS\0\x33\x01\x02^84\0"


async def test_a_bind_and_its_end_are_reported() -> None:
    office = Office()
    async with bound(office) as (_, link):
        await until(lambda: bool(office.reports))
        assert last_report(office) == GatewayReport(up=True)
        link.writer.close()
        await until(lambda: len(office.reports) > 1)
        assert last_report(office) == GatewayReport(
            up=False, detail="the other side closed the connection"
        )


async def test_a_driver_that_is_stopped_reports_that() -> None:
    office = Office()
    async with bound(office):
        pass
    assert last_report(office) == GatewayReport(up=False, detail="stopped")


async def test_a_refusal_is_reported_in_words_and_without_the_password() -> None:
    office = Office()
    async with smsc() as other, running_against(other, office):
        link = await other.link()
        await link.answer(await link.read(), Status.ESME_RINVPASWD)
        await until(lambda: bool(office.reports))
        report = last_report(office)
    assert report == GatewayReport(up=False, detail="the bind was refused: ESME_RINVPASWD (0x0E)")


async def test_a_status_that_nobody_knows_is_reported_as_a_number() -> None:
    office = Office()
    async with smsc() as other, running_against(other, office):
        link = await other.link()
        await link.answer(await link.read(), 0x0413)
        await until(lambda: bool(office.reports))
        assert last_report(office).detail == "the bind was refused: 0x00000413"


async def test_a_closed_port_is_reported() -> None:
    office = Office()
    async with smsc() as other:
        port = other.port
    async with running(KIND.make(office.tools(KIND, {**SETTINGS, "port": port}))):
        await until(lambda: bool(office.reports))
        report = last_report(office)
    assert not report.up
    assert report.detail.startswith("no connection: ")


@pytest.mark.parametrize("silent", [b"", b"\0\0\0\x20\x80\0"])
async def test_an_smsc_that_does_not_answer_the_bind_is_left(silent: bytes) -> None:
    office = Office()
    async with smsc() as other, running_against(other, office, response_timeout_s=0.2):
        link = await other.link()
        await link.read()
        await link.send(silent)
        assert await link.until_closed() == []
        await until(lambda: bool(office.reports))
        assert last_report(office).detail == "no answer to the bind"


async def _closes(link: Link) -> None:
    link.writer.close()


async def _stops_sending(link: Link) -> None:
    link.writer.write_eof()


async def _unbinds(link: Link) -> None:
    await link.send(pdu(Command.UNBIND, 7))


async def _speaks_http(link: Link) -> None:
    await link.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        (_closes, "the other side closed the connection"),
        (_stops_sending, "the other side closed the connection"),
        (_unbinds, "the other side unbound"),
        (_speaks_http, "a PDU of an impossible length came"),
    ],
)
async def test_an_smsc_that_ends_instead_of_answering_the_bind_is_told_as_that(
    ends: Callable[[Link], Awaitable[None]], reason: str
) -> None:
    office = Office()
    async with smsc() as other, running_against(other, office):
        link = await other.link()
        await link.read()
        await ends(link)
        await link.until_closed()
        await until(lambda: bool(office.reports))
        assert last_report(office) == GatewayReport(up=False, detail=reason)


async def _pauses_s(office: Office, other: Smsc, status: int, count: int) -> list[float]:
    """How long the driver waits after each of so many refusals."""
    pauses_s = []
    for _ in range(count):
        link = await other.link()
        await link.answer(await link.read(), status)
        await office.clock.wait_for_sleeping(1)
        began_s = office.clock.monotonic_s()
        async with asyncio.timeout(PATIENCE_S):
            while other.links.empty():
                if office.clock.sleeping:
                    office.clock.advance(0.1)
                # A connection on the loopback needs a moment of real time.
                await asyncio.sleep(0.002)
        pauses_s.append(office.clock.monotonic_s() - began_s)
    return pauses_s


async def test_pauses_grow_while_the_smsc_throttles_and_end_at_the_longest() -> None:
    office = Office()
    async with smsc() as other, running_against(other, office, reconnect_max_s=4):
        pauses_s = await _pauses_s(office, other, Status.ESME_RTHROTTLED, 5)
    for pause_s, most_s in zip(pauses_s, [1, 2, 4, 4, 4], strict=True):
        assert most_s / 2 - 0.2 <= pause_s <= most_s + 0.3


async def test_a_wrong_password_is_not_tried_again_soon() -> None:
    office = Office()
    async with smsc() as other, running_against(other, office, reconnect_max_s=8):
        (pause_s,) = await _pauses_s(office, other, Status.ESME_RINVPASWD, 1)
    assert pause_s >= 3.8


async def test_after_a_long_session_the_next_pause_is_short_again() -> None:
    office = Office()
    async with smsc() as other, running_against(other, office):
        await _pauses_s(office, other, Status.ESME_RBINDFAIL, 4)
        link = await other.link()
        await link.bound()
        await until(lambda: last_report(office).up)
        office.clock.advance(1.0)
        for _ in range(4):  # it stays alive for longer than a minute
            await office.clock.wait_for_sleeping(1)
            told = len(office.reports)
            office.clock.advance(ENQUIRE_LINK_S)
            await link.answer(await link.read())
            await until(lambda told=told: len(office.reports) > told)  # type: ignore[misc]
            office.clock.advance(RESPONSE_TIMEOUT_S)
            await asyncio.sleep(0)
        link.writer.close()
        await until(lambda: not last_report(office).up)
        await office.clock.wait_for_sleeping(1)
        office.clock.advance(1.0)
        await other.link()


async def test_several_sessions_are_kept_and_one_of_them_is_enough() -> None:
    office = Office()
    async with smsc() as other, running_against(other, office, binds=2):
        first, second = await other.link(), await other.link()
        await first.bound()
        await until(lambda: any(one.up for one in office.reports if isinstance(one, GatewayReport)))
        assert last_report(office) == GatewayReport(
            up=True, detail="1 of 2 sessions are bound: connecting"
        )
        await second.bound()
        await until(lambda: last_report(office) == GatewayReport(up=True))
        await first.send(deliver_sm(b"Ma 1"))
        await second.send(deliver_sm(b"Ma 2"))
        assert (await first.read()).status == Status.ESME_ROK
        assert (await second.read()).status == Status.ESME_ROK
    assert sorted(texts(office)) == ["Ma 1", "Ma 2"]


# Being alive.


async def test_an_enquiry_is_answered_while_a_message_waits_to_be_kept() -> None:
    office = Office()
    office.open.clear()
    async with bound(office) as (_, link):
        await link.send(deliver_sm(b"Ma 1", sequence=5))
        await office.until_handed_over(1)
        await link.send(pdu(Command.ENQUIRE_LINK, 6))
        assert await link.read() == Frame(Command.ENQUIRE_LINK_RESP, 0, 6, b"")
        office.open.set()
        assert await link.read() == Frame(Command.DELIVER_SM_RESP, 0, 5, b"\0")


async def test_an_answered_enquiry_keeps_the_session_and_is_a_sign_of_life() -> None:
    office = Office()
    async with bound(office) as (_, link):
        for _ in range(3):
            told = len(office.reports)
            await office.clock.wait_for_sleeping(1)
            office.clock.advance(ENQUIRE_LINK_S)
            await link.answer(await link.read())
            await until(lambda told=told: len(office.reports) > told)  # type: ignore[misc]
            await office.clock.wait_for_sleeping(1)
            office.clock.advance(RESPONSE_TIMEOUT_S)
            await asyncio.sleep(0)
        assert last_report(office) == GatewayReport(up=True)
        await link.send(deliver_sm(b"Ma 1"))
        assert (await link.read()).status == Status.ESME_ROK


@pytest.mark.parametrize("half", [b"", b"\0\0\1\0\0\0\0\5"])
async def test_a_half_dead_connection_is_found_within_the_time_out(half: bytes) -> None:
    office = Office()
    async with bound(office) as (other, link):
        await office.clock.wait_for_sleeping(1)
        await link.send(half)
        office.clock.advance(ENQUIRE_LINK_S)
        assert (await link.read()).command == Command.ENQUIRE_LINK
        await office.clock.wait_for_sleeping(1)
        office.clock.advance(RESPONSE_TIMEOUT_S)
        await until(lambda: not last_report(office).up)
        assert last_report(office).detail == "no answer to enquire_link"
        again = await bound_again(office, other)
        await again.send(deliver_sm(b"Ma 1"))
        assert (await again.read()).status == Status.ESME_ROK


async def test_a_session_whose_messages_are_kept_slowly_is_not_taken_for_dead() -> None:
    office = Office()
    office.open.clear()
    async with bound(office) as (_, link):
        much = tlv(0x0424, b"x" * 4000)
        link.writer.write(
            b"".join(deliver_sm(b"", sequence=n, parameters=much) for n in range(5000))
        )
        await office.until_handed_over(1)
        assert await link.until_stalled() > 0
        office.clock.advance(ENQUIRE_LINK_S)
        await office.clock.wait_for_sleeping(1)
        office.clock.advance(RESPONSE_TIMEOUT_S)
        await asyncio.sleep(0.05)
        assert last_report(office) == GatewayReport(up=True)
        office.open.set()
        await office.until_handed_over(5000)


# Taking messages.


async def test_what_has_come_is_handed_over_at_once_and_answered_in_order() -> None:
    office = Slow()
    async with bound(office) as (_, link):
        await link.send(b"".join(deliver_sm(b"Ma %d" % n, sequence=n) for n in range(50)))
        answers = [await link.read() for _ in range(50)]
    assert [one.sequence for one in answers] == list(range(50))
    assert texts(office) == [f"Ma {n}" for n in range(50)]
    # To one line: none of its parts may be under way beside another.
    assert len(office.batches) <= 6


async def test_a_message_that_comes_octet_by_octet_is_read() -> None:
    office = Office()
    async with bound(office) as (_, link):
        for octet in deliver_sm(b"Ma 1", sequence=7):
            await link.send(bytes([octet]))
            await asyncio.sleep(0)
        assert (await link.read()).sequence == 7
    assert texts(office) == ["Ma 1"]


async def test_each_message_of_a_batch_is_answered_with_what_became_of_it() -> None:
    class Mixed(Office):
        async def deliver(self, many: Sequence[Inbound]) -> list[Fate]:
            await super().deliver(many)
            return [Fate(one.text) for one in many]

    async with bound(Mixed()) as (_, link):
        fates = [b"kept", b"failed", b"duplicate", b"refused"]
        await link.send(
            b"".join(deliver_sm(fate, sequence=n) for n, fate in enumerate(fates))
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
    office = Office(fate=Fate.FAILED)
    async with bound(office, {"not_kept": "RMSGQFUL"}) as (_, link):
        await link.send(deliver_sm(b"Ma 1"))
        assert (await link.read()).status == Status.ESME_RMSGQFUL


@pytest.mark.parametrize(
    ("alphabet", "octets", "text"),
    [("latin1", b"H\xe9 1", "Hé 1"), ("utf8", "Mã 1".encode(), "Mã 1"), ("gsm7", b"\0\x11", "@_")],
)
async def test_what_data_coding_0_means_can_be_set(alphabet: str, octets: bytes, text: str) -> None:
    office = Office()
    async with bound(office, {"data_coding_0": alphabet}) as (_, link):
        await link.send(deliver_sm(octets))
        await link.read()
    assert texts(office) == [text]


async def test_what_came_before_the_bind_was_answered_is_taken() -> None:
    office = Office()
    async with smsc() as other, running_against(other, office):
        link = await other.link()
        request = await link.read()
        resp = pdu(Command.BIND_TRANSCEIVER_RESP, request.sequence, b"smsc\0")
        await link.send(deliver_sm(b"Ma 1") + resp + deliver_sm(b"Ma 2", sequence=2))
        assert [(await link.read()).sequence for _ in range(2)] == [1, 2]


async def test_an_alert_is_not_answered() -> None:
    async with bound(Office()) as (_, link):
        await link.send(pdu(Command.ALERT_NOTIFICATION, 3, b"\0\0\0\0\0\0"))
        await link.send(pdu(Command.ENQUIRE_LINK, 4))
        assert (await link.read()).sequence == 4


async def test_a_response_that_nobody_asked_for_is_not_answered() -> None:
    async with bound(Office()) as (_, link):
        await link.send(pdu(0x80000004, 99) + pdu(Command.GENERIC_NACK, 0, status=3))
        await link.send(pdu(Command.ENQUIRE_LINK, 4))
        assert (await link.read()).sequence == 4


async def test_an_smsc_that_does_not_read_its_answers_is_not_read_from() -> None:
    office = Office()
    async with bound(office) as (_, link):
        link.writer.write(b"".join(pdu(Command.ENQUIRE_LINK, n) for n in range(1_000_000)))
        assert await link.until_stalled() > 0
        async with asyncio.timeout(PATIENCE_S):
            while link.writer.transport.get_write_buffer_size():
                await link.reader.read(1 << 20)


# Ends.


async def test_an_smsc_that_unbinds_hears_first_what_became_of_its_messages() -> None:
    office = Office()
    office.open.clear()
    async with bound(office) as (_, link):
        await link.send(deliver_sm(b"Ma 1", sequence=5) + pdu(Command.UNBIND, 6))
        await office.until_handed_over(1)
        office.open.set()
        ended = await link.until_closed()
        assert [(one.command, one.sequence) for one in ended] == [
            (Command.DELIVER_SM_RESP, 5),
            (Command.UNBIND_RESP, 6),
        ]
        await until(lambda: not last_report(office).up)
        assert last_report(office).detail == "the other side unbound"


async def test_an_smsc_that_only_stops_sending_hears_what_became_of_its_messages() -> None:
    office = Office()
    office.open.clear()
    async with bound(office) as (_, link):
        await link.send(deliver_sm(b"Ma 1", sequence=5))
        link.writer.write_eof()
        await office.until_handed_over(1)
        office.open.set()
        assert [one.sequence for one in await link.until_closed()] == [5]


async def test_a_driver_that_is_stopped_answers_what_it_was_keeping_and_unbinds() -> None:
    office = Office()
    office.open.clear()
    async with smsc() as other, running_against(other, office) as task:
        link = await other.link()
        await link.bound()
        await link.send(deliver_sm(b"Ma 1", sequence=5))
        await office.until_handed_over(1)
        task.cancel()
        await asyncio.sleep(0)
        office.open.set()
        assert (await link.read())[:3] == (Command.DELIVER_SM_RESP, 0, 5)
        unbind = await link.read()
        assert unbind.command == Command.UNBIND
        assert not task.done()
        await link.answer(unbind)
        assert await link.until_closed() == []
        await asyncio.wait({task}, timeout=1.0)
        assert task.cancelled()


async def test_a_driver_that_is_stopped_acknowledges_nothing_that_is_not_kept() -> None:
    office = Office()
    office.open.clear()
    async with smsc() as other, running_against(other, office) as task:
        link = await other.link()
        await link.bound()
        await link.send(deliver_sm(b"Ma 1"))
        await office.until_handed_over(1)
        task.cancel()
        assert await link.until_closed() == []
        await asyncio.wait({task}, timeout=1.0)
        assert task.cancelled()


async def test_an_smsc_that_closes_instead_of_answering_the_unbind_is_not_waited_for() -> None:
    office = Office()
    async with smsc() as other, running_against(other, office) as task:
        link = await other.link()
        await link.bound()
        await until(lambda: bool(office.reports))
        task.cancel()
        assert (await link.read()).command == Command.UNBIND
        link.writer.close()
        await asyncio.wait({task}, timeout=1.0)
        assert task.cancelled()


async def test_an_smsc_that_does_not_answer_the_unbind_is_left_within_two_seconds() -> None:
    office = Office()
    async with smsc() as other, running_against(other, office) as task:
        link = await other.link()
        await link.bound()
        await until(lambda: bool(office.reports))
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
