"""The SMPP client begins its sessions, and begins them again, whatever the SMSC does."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateways.drivers.smsc import (
    ENQUIRE_LINK_S,
    PASSWORD,
    PATIENCE_S,
    RESPONSE_TIMEOUT_S,
    SETTINGS,
    Link,
    Smsc,
    bound,
    deliver_sm,
    last_report,
    pdu,
    running_against,
    smsc,
    texts,
    until,
)
from simlet.domain.health import GatewayReport
from simlet.gateways.contract import Value
from simlet.gateways.drivers.smpp import KIND
from simlet.testing.driver_kit import FakeSupervisor, running
from simlet.wire.smpp import Command, Status

pytestmark = pytest.mark.anyio


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
    async with smsc() as other, running_against(other, FakeSupervisor(), **more):
        request = await (await other.link()).bound()
    assert request.command == command
    assert request.body == b"simlet\0" + PASSWORD.encode() + b"\0VMS\0\x33\x01\x02^84\0"


async def test_a_bind_and_its_end_are_reported() -> None:
    supervisor = FakeSupervisor()
    async with bound(supervisor) as (_, link):
        await until(lambda: bool(supervisor.reports))
        assert last_report(supervisor) == GatewayReport(up=True)
        link.writer.close()
        await until(lambda: len(supervisor.reports) > 1)
        assert last_report(supervisor) == GatewayReport(
            up=False, detail="the other side closed the connection"
        )


async def test_a_driver_that_is_stopped_reports_that() -> None:
    supervisor = FakeSupervisor()
    async with bound(supervisor):
        pass
    assert last_report(supervisor) == GatewayReport(up=False, detail="stopped")


async def test_a_refusal_is_reported_in_words_and_without_the_password() -> None:
    supervisor = FakeSupervisor()
    async with smsc() as other, running_against(other, supervisor):
        link = await other.link()
        await link.answer(await link.read(), Status.ESME_RINVPASWD)
        await until(lambda: bool(supervisor.reports))
        report = last_report(supervisor)
    assert report == GatewayReport(up=False, detail="the bind was refused: ESME_RINVPASWD (0x0E)")


async def test_a_status_that_nobody_knows_is_reported_as_a_number() -> None:
    supervisor = FakeSupervisor()
    async with smsc() as other, running_against(other, supervisor):
        link = await other.link()
        await link.answer(await link.read(), 0x0413)
        await until(lambda: bool(supervisor.reports))
        assert last_report(supervisor).detail == "the bind was refused: 0x00000413"


async def test_a_closed_port_is_reported() -> None:
    supervisor = FakeSupervisor()
    async with smsc() as other:
        port = other.port
    async with running(KIND.make(supervisor.context(KIND, {**SETTINGS, "port": port}))):
        await until(lambda: bool(supervisor.reports))
        report = last_report(supervisor)
    assert not report.up
    assert report.detail.startswith("no connection: ")


@pytest.mark.parametrize("silent", [b"", b"\0\0\0\x20\x80\0"])
async def test_an_smsc_that_does_not_answer_the_bind_is_left(silent: bytes) -> None:
    supervisor = FakeSupervisor()
    async with smsc() as other, running_against(other, supervisor, response_timeout_s=0.2):
        link = await other.link()
        await link.read()
        await link.send(silent)
        assert await link.until_closed() == []
        await until(lambda: bool(supervisor.reports))
        assert last_report(supervisor).detail == "no answer to the bind"


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
    supervisor = FakeSupervisor()
    async with smsc() as other, running_against(other, supervisor):
        link = await other.link()
        await link.read()
        await ends(link)
        await link.until_closed()
        await until(lambda: bool(supervisor.reports))
        assert last_report(supervisor) == GatewayReport(up=False, detail=reason)


async def _pauses_s(
    supervisor: FakeSupervisor, other: Smsc, status: int, count: int
) -> list[float]:
    """How long the driver waits after each of so many refusals."""
    pauses_s = []
    for _ in range(count):
        link = await other.link()
        await link.answer(await link.read(), status)
        await supervisor.clock.wait_for_sleeping(1)
        began_s = supervisor.clock.monotonic_s()
        async with asyncio.timeout(PATIENCE_S):
            while other.links.empty():
                if supervisor.clock.sleeping:
                    supervisor.clock.advance(0.1)
                # A connection on the loopback needs a moment of real time.
                await asyncio.sleep(0.002)
        pauses_s.append(supervisor.clock.monotonic_s() - began_s)
    return pauses_s


async def test_pauses_grow_while_the_smsc_throttles_and_end_at_the_longest() -> None:
    supervisor = FakeSupervisor()
    async with smsc() as other, running_against(other, supervisor, reconnect_max_s=4):
        pauses_s = await _pauses_s(supervisor, other, Status.ESME_RTHROTTLED, 5)
    for pause_s, most_s in zip(pauses_s, [1, 2, 4, 4, 4], strict=True):
        assert most_s / 2 - 0.2 <= pause_s <= most_s + 0.3


async def test_a_wrong_password_is_not_tried_again_soon() -> None:
    supervisor = FakeSupervisor()
    async with smsc() as other, running_against(other, supervisor, reconnect_max_s=8):
        (pause_s,) = await _pauses_s(supervisor, other, Status.ESME_RINVPASWD, 1)
    assert pause_s >= 3.8


async def test_after_a_long_session_the_next_pause_is_short_again() -> None:
    supervisor = FakeSupervisor()
    async with smsc() as other, running_against(other, supervisor):
        await _pauses_s(supervisor, other, Status.ESME_RBINDFAIL, 4)
        link = await other.link()
        await link.bound()
        await until(lambda: last_report(supervisor).up)
        supervisor.clock.advance(1.0)
        for _ in range(4):  # it stays alive for longer than a minute
            await supervisor.clock.wait_for_sleeping(1)
            told = len(supervisor.reports)
            supervisor.clock.advance(ENQUIRE_LINK_S)
            await link.answer(await link.read())
            await until(lambda told=told: len(supervisor.reports) > told)  # type: ignore[misc]
            supervisor.clock.advance(RESPONSE_TIMEOUT_S)
            await asyncio.sleep(0)
        link.writer.close()
        await until(lambda: not last_report(supervisor).up)
        await supervisor.clock.wait_for_sleeping(1)
        supervisor.clock.advance(1.0)
        await other.link()


async def test_several_sessions_are_kept_and_one_of_them_is_enough() -> None:
    supervisor = FakeSupervisor()
    async with smsc() as other, running_against(other, supervisor, binds=2):
        first, second = await other.link(), await other.link()
        await first.bound()
        await until(
            lambda: any(one.up for one in supervisor.reports if isinstance(one, GatewayReport))
        )
        assert last_report(supervisor) == GatewayReport(
            up=True, detail="1 of 2 sessions are bound: connecting"
        )
        await second.bound()
        await until(lambda: last_report(supervisor) == GatewayReport(up=True))
        await first.send(deliver_sm(b"Ma 1"))
        await second.send(deliver_sm(b"Ma 2"))
        assert (await first.read()).status == Status.ESME_ROK
        assert (await second.read()).status == Status.ESME_ROK
    assert sorted(texts(supervisor)) == ["Ma 1", "Ma 2"]
