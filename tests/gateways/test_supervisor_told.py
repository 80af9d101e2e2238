"""What the supervisor tells: of settings, kinds and drivers that will not do."""

import pytest
from structlog.testing import capture_logs

from gateways.shed import REQUEST, Equipment, Shed, fail, hang, look, supervised
from simlet.domain.errors import invalid
from simlet.domain.health import GatewayReport
from simlet.flows.manage_gateways import CONSOLE, console_gateway
from simlet.gateways.contract import DriverKind, HttpAnswer, HttpRequest, Report
from simlet.gateways.registry import KINDS
from simlet.gateways.supervisor import NOTE_AGAIN_S, Supervisor
from simlet.store.gateways import Gateway

pytestmark = pytest.mark.anyio


async def test_what_is_not_taken_is_logged_and_not_each_time(shed: Shed) -> None:
    await shed.world.gateway("gate")
    request = HttpRequest("POST", "messages", {}, b"{}")
    async with supervised(shed.world) as supervisor:
        with capture_logs() as lines:
            for _ in range(3):
                await supervisor.answer("gate", request)
            shed.world.clock.advance(NOTE_AGAIN_S)
            await supervisor.answer("gate", request)

    told = [(one["gateway"], one["status"]) for one in lines if one["event"] == "request_refused"]
    assert told == [("gate", 401)] * 2


async def test_a_gateway_whose_settings_will_not_do_is_told_once_and_holds_up_no_other(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise invalid("port", "expected a port")

    kind = DriverKind("strict", "A test's.", (), "", lambda _: _never(), check=refuse)
    monkeypatch.setitem(KINDS, "strict", kind)
    await shed.world.gateway("a-strict", kind="strict")
    await shed.gateway("b-working", hang)
    heard: list[tuple[str, object]] = []

    def report_of(gateway: Gateway) -> Report:
        return lambda report: heard.append((gateway.name, report))

    supervisor = Supervisor(shed.world.runtime, report_of=report_of)
    with capture_logs() as lines:
        await supervisor.start()
        await shed.running("b-working")
        for _ in range(3):
            await look(shed.world)
        assert await supervisor.answer("b-working", REQUEST) == HttpAnswer(200, b"b-working")
        told = [one for one in lines if one["event"] == "gateway_unusable"]
        answer = await supervisor.answer("a-strict", REQUEST)
        await supervisor.stop()
    assert [(one["gateway"], one["reason"]) for one in told] == [
        ("a-strict", "port: expected a port.")
    ]
    assert heard[0] == ("a-strict", GatewayReport(up=False, detail="port: expected a port."))
    assert answer is not None
    assert answer.status == 503


def _never() -> Equipment:
    raise AssertionError("it must not be made")


async def test_a_driver_that_fails_is_reported_down(shed: Shed) -> None:
    await shed.gateway("broken", fail)
    heard: list[object] = []
    supervisor = Supervisor(shed.world.runtime, report_of=lambda _: heard.append)
    await supervisor.start()
    await shed.world.clock.wait_for_sleeping(2)
    await supervisor.stop()
    assert heard == [GatewayReport(up=False, detail="its driver failed: BrokenError")]


async def test_what_a_driver_reports_is_heard_as_its_gateways(shed: Shed) -> None:
    await shed.gateway("one", hang)
    heard: list[tuple[str, object]] = []

    def report_of(gateway: Gateway) -> Report:
        return lambda report: heard.append((gateway.name, report))

    supervisor = Supervisor(shed.world.runtime, report_of=report_of)
    await supervisor.start()
    (await shed.running("one")).context.report(GatewayReport(up=True))
    await supervisor.stop()
    assert heard == [("one", GatewayReport(up=True))]


async def test_a_kind_that_nobody_knows_is_told_once(shed: Shed) -> None:
    await shed.world.gateway("strange", kind="of-tomorrow")
    with capture_logs() as lines:
        async with supervised(shed.world) as supervisor:
            for _ in range(3):
                await look(shed.world)
            await supervisor.answer("strange", REQUEST)
    assert [(one["event"], one["gateway"], one["kind"]) for one in lines] == [
        ("gateway_kind_unknown", "strange", "of-tomorrow")
    ]


async def test_what_is_put_in_by_hand_needs_no_driver_and_nothing_is_told_of_it(
    shed: Shed,
) -> None:
    await shed.world.db.write(console_gateway, shed.world.clock.now_ms())
    with capture_logs() as lines:
        async with supervised(shed.world) as supervisor:
            await shed.world.clock.wait_for_sleeping(1)
            assert await supervisor.answer(CONSOLE, REQUEST) is None
    assert lines == []
