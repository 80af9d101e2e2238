import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from simlet.domain.errors import invalid
from simlet.domain.health import GatewayReport
from simlet.domain.inbound import Inbound, MessageKind
from simlet.domain.signing import hash_secret
from simlet.flows.manage_gateways import (
    CONSOLE,
    console_gateway,
    remove_gateway,
    rotate_secret,
)
from simlet.gateways.contract import (
    DriverKind,
    Expected,
    Fate,
    HttpAnswer,
    HttpRequest,
    Report,
    Tools,
)
from simlet.gateways.delivery import IN_FLIGHT
from simlet.gateways.registry import KINDS
from simlet.gateways.supervisor import EXPECTED_TICK_S, LOOK_AGAIN_S, NOTE_AGAIN_S, Supervisor
from simlet.store.gateways import Gateway
from simlet.store.sql import DatabaseFault
from simlet.testing.world import World

pytestmark = pytest.mark.anyio

NUMBER = "+84967000001"
REQUEST = HttpRequest("GET", "state", {}, b"")
PATIENCE_S = 20.0

Run = Callable[["Equipment"], Awaitable[None]]


class BrokenError(Exception):
    """What the equipment of these tests fails with."""


async def nothing(_: "Equipment") -> None:
    """Takes no time."""


@dataclass
class Equipment:
    """A driver that does what a test says, and remembers when it was run.

    Attributes:
        runs_s: the clock at each start.
        stopped: whether it was cancelled.
    """

    run_once: Run
    tools: Tools
    began: asyncio.Event
    runs_s: list[float] = field(default_factory=list)
    stopped: bool = False
    answer_once: Run = nothing

    async def run(self) -> None:
        self.runs_s.append(self.tools.clock.monotonic_s())
        self.began.set()
        try:
            await self.run_once(self)
        except asyncio.CancelledError:
            self.stopped = True
            raise

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        if request.route == "hang":
            await asyncio.Event().wait()
        await self.answer_once(self)
        return HttpAnswer(200, self.tools.gateway.encode())


@dataclass
class Shed:
    """The equipment that was made, by its gateway's name."""

    world: World
    monkeypatch: pytest.MonkeyPatch
    made: dict[str, Equipment] = field(default_factory=dict)
    began: dict[str, asyncio.Event] = field(default_factory=dict)

    async def gateway(self, name: str, run: Run) -> int:
        """A gateway of a kind of its own, which runs like this."""

        began = self.began[name] = asyncio.Event()

        def make(tools: Tools) -> Equipment:
            self.made[name] = Equipment(run, tools, began)
            return self.made[name]

        self.monkeypatch.setitem(KINDS, name, DriverKind(name, "A test's.", (), "", make))
        gateway_id, _ = await self.world.gateway(name, kind=name)
        return gateway_id

    async def running(self, name: str) -> Equipment:
        """The equipment of a gateway, once it runs."""
        await asyncio.wait_for(self.began[name].wait(), PATIENCE_S)
        return self.made[name]


@pytest.fixture
def shed(world: World, monkeypatch: pytest.MonkeyPatch) -> Shed:
    return Shed(world, monkeypatch)


@asynccontextmanager
async def supervised(world: World) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(world.runtime)
    await supervisor.start()
    try:
        yield supervisor
    finally:
        await supervisor.stop()


async def fail(_: Equipment) -> None:
    raise BrokenError


async def hang(_: Equipment) -> None:
    await asyncio.Event().wait()


def sms(text: str, source_id: str | None = None, sent_at_ms: int | None = None) -> Inbound:
    return Inbound(MessageKind.SMS, NUMBER, "Yahoo", text, sent_at_ms, source_id)


async def test_a_driver_that_fails_is_started_again_later_each_time(shed: Shed) -> None:
    clock = shed.world.clock
    await shed.gateway("broken", fail)
    async with supervised(shed.world):
        for pause_s in (1, 2, 4, 8, 16, 32, 60, 60, 60):
            # The driver's pause, and the look for new gateways.
            await clock.wait_for_sleeping(2)
            runs = len(shed.made["broken"].runs_s)
            clock.advance(pause_s - 0.1)
            await clock.wait_for_sleeping(2)
            assert len(shed.made["broken"].runs_s) == runs
            clock.advance(0.2)
            await clock.wait_for_sleeping(2)
            assert len(shed.made["broken"].runs_s) == runs + 1


async def test_a_driver_that_held_for_a_while_is_started_again_soon(shed: Shed) -> None:
    clock = shed.world.clock

    async def fail_after_two_starts(equipment: Equipment) -> None:
        if len(equipment.runs_s) == 3:
            await clock.sleep(61)
        raise BrokenError

    await shed.gateway("broken", fail_after_two_starts)
    async with supervised(shed.world):
        for pass_s in (1, 2, 61, 1):
            await clock.wait_for_sleeping(2)
            clock.advance(pass_s)
        await clock.wait_for_sleeping(2)
        assert shed.made["broken"].runs_s == [0, 1, 3, 65]


async def test_a_driver_that_has_nothing_to_run_is_not_started_again(shed: Shed) -> None:
    async def return_at_once(_: Equipment) -> None:
        return

    await shed.gateway("quiet", return_at_once)
    async with supervised(shed.world):
        for _ in range(3):
            await shed.world.clock.wait_for_sleeping(1)
            shed.world.clock.advance(LOOK_AGAIN_S)
        await shed.world.clock.wait_for_sleeping(1)
        assert shed.made["quiet"].runs_s == [0]


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


async def test_a_driver_that_hangs_holds_up_no_other(shed: Shed) -> None:
    fates: list[Fate] = []
    delivered = asyncio.Event()

    async def deliver(equipment: Equipment) -> None:
        fates.extend(await equipment.tools.deliver([sms("one"), sms("two")]))
        delivered.set()

    await shed.gateway("a-hanging", hang)
    await shed.gateway("b-working", deliver)
    async with supervised(shed.world) as supervisor:
        hanging = asyncio.create_task(
            supervisor.answer("a-hanging", replace(REQUEST, route="hang"))
        )
        await asyncio.wait_for(delivered.wait(), PATIENCE_S)
        answer = await asyncio.wait_for(supervisor.answer("b-working", REQUEST), PATIENCE_S)
        hanging.cancel()
    assert fates == [Fate.KEPT, Fate.KEPT]
    assert answer == HttpAnswer(200, b"b-working")


async def test_a_gateway_that_cannot_be_made_holds_up_no_other(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_to_make(_: Tools) -> Equipment:
        raise BrokenError

    kind = DriverKind("unmade", "A test's.", (), "", fail_to_make)
    monkeypatch.setitem(KINDS, "unmade", kind)
    await shed.world.gateway("a-unmade", kind="unmade")
    await shed.gateway("b-working", hang)
    async with supervised(shed.world):
        await shed.running("b-working")


async def test_a_gateway_of_an_unknown_kind_is_left_alone(shed: Shed) -> None:
    await shed.world.gateway("a-strange", kind="of-tomorrow")
    await shed.gateway("b-working", hang)
    async with supervised(shed.world) as supervisor:
        await shed.running("b-working")
        assert await supervisor.answer("a-strange", REQUEST) is None


async def test_a_gateway_that_is_added_later_is_started(shed: Shed) -> None:
    async with supervised(shed.world):
        await shed.gateway("late", hang)
        await shed.world.clock.wait_for_sleeping(1)
        shed.world.clock.advance(LOOK_AGAIN_S)
        await shed.world.clock.wait_for_sleeping(1)
        await shed.running("late")


async def test_one_driver_serves_a_gateway_all_the_time(shed: Shed) -> None:
    await shed.gateway("only", hang)
    async with supervised(shed.world) as supervisor:
        await supervisor.answer("only", REQUEST)
        first = shed.made["only"]
        await shed.world.clock.wait_for_sleeping(1)
        shed.world.clock.advance(LOOK_AGAIN_S)
        await shed.world.clock.wait_for_sleeping(1)
        await supervisor.answer("only", REQUEST)
        assert shed.made["only"] is first
        assert len(first.runs_s) == 1


async def test_stopping_cancels_every_driver(shed: Shed) -> None:
    await shed.gateway("a-hanging", hang)
    await shed.gateway("b-broken", fail)
    await shed.gateway("c-hanging", hang)
    async with supervised(shed.world):
        await shed.world.clock.wait_for_sleeping(2)
    assert shed.made["a-hanging"].stopped
    assert shed.made["c-hanging"].stopped
    assert shed.world.clock.sleeping == 0


async def test_what_is_handed_over_is_kept_in_order_each_with_its_fate(shed: Shed) -> None:
    gateway_id = await shed.gateway("gate", hang)
    too_late_ms = 2**80  # no database has room for it
    async with supervised(shed.world):
        gate = await shed.running("gate")
        fates = await gate.tools.deliver(
            [
                sms("one", source_id="1"),
                sms("bad", sent_at_ms=too_late_ms),
                sms("two", source_id="2"),
                sms("one", source_id="1"),
            ]
        )
    assert fates == [Fate.KEPT, Fate.FAILED, Fate.KEPT, Fate.DUPLICATE]
    rows = await shed.world.rows("SELECT gateway_id, body FROM messages ORDER BY id")
    assert [tuple(row) for row in rows] == [(gateway_id, "one"), (gateway_id, "two")]


async def test_a_driver_that_does_not_answer_in_time_is_answered_for(shed: Shed) -> None:
    await shed.gateway("hanging", hang)
    supervisor = Supervisor(shed.world.runtime, answer_within_s=0.05)
    with capture_logs() as lines:
        answer = await supervisor.answer("hanging", replace(REQUEST, route="hang"))
    assert answer is not None
    assert answer.status == 503
    assert lines == [
        {
            "event": "driver_does_not_answer",
            "log_level": "error",
            "gateway": "hanging",
            "after_s": 0.05,
        }
    ]
    assert await supervisor.answer("hanging", REQUEST) == HttpAnswer(200, b"hanging")


async def test_a_driver_that_ignores_its_end_holds_up_no_answer_and_no_stop(shed: Shed) -> None:
    lets_go = asyncio.Event()

    async def ignore(_: Equipment) -> None:
        while not lets_go.is_set():
            with suppress(asyncio.CancelledError):
                await lets_go.wait()

    await shed.gateway("a-stubborn", ignore)
    await shed.gateway("b-hanging", hang)
    supervisor = Supervisor(shed.world.runtime, answer_within_s=0.05, stop_within_s=0.1)
    await supervisor.start()
    for name in ("a-stubborn", "b-hanging"):
        await shed.running(name)
    shed.made["a-stubborn"].answer_once = ignore
    answer = await supervisor.answer("a-stubborn", REQUEST)
    assert answer is not None
    assert answer.status == 503
    with capture_logs() as lines:
        await asyncio.wait_for(supervisor.stop(), PATIENCE_S)
    assert shed.made["b-hanging"].stopped
    assert {one["event"] for one in lines} == {"driver_does_not_stop"}
    assert "a-stubborn" in {one["task"] for one in lines}
    lets_go.set()


async def test_what_a_driver_fails_an_answer_with_goes_to_the_one_who_asked(shed: Shed) -> None:
    await shed.gateway("broken", hang)
    async with supervised(shed.world) as supervisor:
        (await shed.running("broken")).answer_once = fail
        with pytest.raises(BrokenError):
            await supervisor.answer("broken", REQUEST)


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
            await shed.world.clock.wait_for_sleeping(1)
            shed.world.clock.advance(LOOK_AGAIN_S)
        await shed.world.clock.wait_for_sleeping(1)
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
    (await shed.running("one")).tools.report(GatewayReport(up=True))
    await supervisor.stop()
    assert heard == [("one", GatewayReport(up=True))]


async def test_a_kind_that_nobody_knows_is_told_once(shed: Shed) -> None:
    await shed.world.gateway("strange", kind="of-tomorrow")
    with capture_logs() as lines:
        async with supervised(shed.world) as supervisor:
            for _ in range(3):
                await shed.world.clock.wait_for_sleeping(1)
                shed.world.clock.advance(LOOK_AGAIN_S)
            await shed.world.clock.wait_for_sleeping(1)
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


async def test_a_driver_that_floods_holds_up_no_other(shed: Shed) -> None:
    kept = asyncio.Event()

    async def flood(equipment: Equipment) -> None:
        async with asyncio.TaskGroup() as sending:
            for one in range(40):
                many = [sms(f"{one} {number}", source_id=f"{number}") for number in range(100)]
                sending.create_task(_hand_over(equipment, many))
            await asyncio.Event().wait()

    async def deliver_after(equipment: Equipment) -> None:
        await shed.running("a-flooding")
        await asyncio.sleep(0)
        await equipment.tools.deliver([sms("mine")])
        kept.set()

    await shed.gateway("a-flooding", flood)
    await shed.gateway("b-working", deliver_after)
    async with supervised(shed.world):
        await asyncio.wait_for(kept.wait(), PATIENCE_S)
        rows = await shed.world.rows(
            "SELECT count(*) FROM messages WHERE id < (SELECT id FROM messages WHERE body = 'mine')"
        )
    # No more than what was under way when it came, and what came with it, went before it.
    assert rows[0][0] <= IN_FLIGHT * 2


async def _hand_over(equipment: Equipment, many: list[Inbound]) -> None:
    await equipment.tools.deliver(many)


async def test_a_driver_hears_what_is_expected_on_its_own_lines_from_now_on(shed: Shed) -> None:
    world = shed.world
    await shed.gateway("own", hang)
    await shed.gateway("other", hang)
    await world.service(4, senders=("Yahoo", "YAHOO"))
    await world.service(5, store="02", name="Zalo")
    await world.lines("0967000001", "0967000002", gateway="own")
    await world.lines("0967000003", store="02", gateway="other")
    dealer = await world.dealer()
    await world.rent(dealer, 4)
    await world.events()  # numbered, as a worker does on PostgreSQL

    async with supervised(world):
        own = await shed.running("own")
        hearing = asyncio.create_task(_first(own.tools.expected()))
        await world.clock.wait_for_sleeping(2)
        await world.rent(dealer, 5)
        rented = await world.rent(dealer, 4)
        await world.events()
        world.clock.advance(EXPECTED_TICK_S)
        heard = await asyncio.wait_for(hearing, PATIENCE_S)
    assert heard == Expected(rented.rental.number, "Yahoo", ("Yahoo", "YAHOO"))


async def _first(expected: AsyncIterator[Expected]) -> Expected:
    async for one in expected:
        return one
    raise AssertionError("nothing was expected")


async def stay(_: Equipment) -> None:
    await asyncio.Event().wait()


async def ignore_the_first_cancel(_: Equipment) -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    await asyncio.Event().wait()


async def rotate(world: World, name: str) -> bytes:
    hashed = hash_secret(f"another secret of {name}")
    await world.db.write(rotate_secret, name, hashed, world.clock.now_ms())
    return hashed


async def remove(world: World, name: str) -> None:
    await world.db.write(remove_gateway, name, world.clock.now_ms())


async def look(world: World) -> None:
    """Lets the supervisor look at the gateways again, and come to rest."""
    await world.clock.wait_for_sleeping(1)
    world.clock.advance(LOOK_AGAIN_S)
    await world.clock.wait_for_sleeping(1)


async def test_a_gateway_that_was_changed_is_started_again_as_it_is_now(
    world: World, shed: Shed
) -> None:
    await shed.gateway("one", stay)
    await shed.gateway("other", stay)
    async with supervised(world):
        before, other = await shed.running("one"), await shed.running("other")
        shed.began["one"].clear()
        hashed = await rotate(world, "one")
        await look(world)
        after = await shed.running("one")

    assert before.stopped
    assert (after is before, after.tools.secret_hash) == (False, hashed)
    assert shed.made["other"] is other


async def test_a_gateway_that_was_removed_is_stopped_and_has_no_address(
    world: World, shed: Shed
) -> None:
    await shed.gateway("one", stay)
    async with supervised(world) as supervisor:
        before = await shed.running("one")
        await remove(world, "one")
        await look(world)
        answer = await supervisor.answer("one", REQUEST)
        as_removed = await supervisor.answer("one~1", REQUEST)
        await shed.gateway("one", stay)
        shed.began["one"].clear()
        await look(world)
        after = await shed.running("one")

    assert before.stopped
    assert (answer, as_removed) == (None, None)
    assert after is not before


async def test_beside_a_driver_that_does_not_end_no_other_is_started(
    world: World, shed: Shed
) -> None:
    await shed.gateway("one", ignore_the_first_cancel)
    supervisor = Supervisor(world.runtime, stop_within_s=0.01)
    await supervisor.start()
    before = await shed.running("one")
    await rotate(world, "one")

    with capture_logs() as logs:
        await look(world)
        same = shed.made["one"] is before
        await look(world)
    after = shed.made["one"]
    await supervisor.stop()

    assert [log["task"] for log in logs if log["event"] == "driver_does_not_stop"] == ["one"]
    assert same
    assert after is not before


async def test_a_process_without_drivers_of_its_own_follows_within_a_second(
    world: World, shed: Shed
) -> None:
    await shed.gateway("one", stay)
    supervisor = Supervisor(world.runtime)
    await supervisor.answer("one", REQUEST)
    hashed = await rotate(world, "one")

    world.clock.advance(LOOK_AGAIN_S)
    await supervisor.answer("one", REQUEST)
    rotated = shed.made["one"].tools.secret_hash
    await remove(world, "one")
    world.clock.advance(LOOK_AGAIN_S)

    assert rotated == hashed
    assert await supervisor.answer("one", REQUEST) is None


async def test_while_the_database_does_not_answer_such_a_process_goes_on_as_before(
    world: World, shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shed.gateway("one", stay)
    supervisor = Supervisor(world.runtime)
    await supervisor.answer("one", REQUEST)

    async def fail_to_look(*_: object) -> None:
        raise DatabaseFault("no disk")

    monkeypatch.setattr(type(world.db.engine), "glance", fail_to_look)
    world.clock.advance(LOOK_AGAIN_S)
    answer = await supervisor.answer("one", REQUEST)

    assert answer is not None
    assert answer.status == 200
