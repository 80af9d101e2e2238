"""The Gammu driver, with the real gammu-smsd on its other side."""

import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from gateways.drivers.cases_gammu import (
    NUMBER,
    SETTINGS,
    STAMP_MS,
    Stored,
    hex_of,
    make_database,
    post,
    store,
)
from peers import needs_peer
from peers.gammu_smsd import Smsd, end, until
from simlet import gammu_hook
from simlet.domain.errors import Refused
from simlet.domain.health import GatewayReport, LineReport, Reception
from simlet.domain.inbound import Inbound, MessageKind, Part, dedupe_key
from simlet.gateways.contract import Driver, HttpRequest, Result, Value
from simlet.gateways.drivers.gammu import KIND
from simlet.gateways.gammu_inbox import PAGE_ROWS
from simlet.gateways.settings import check_settings
from simlet.testing.driver_kit import SECRET, FakeSupervisor, running

pytestmark = pytest.mark.anyio

OTHER = "+84987654321"
OF_SMSD = needs_peer("gammu-smsd")


def sms(sender: str, text: str, part: Part | None = None) -> Inbound:
    return Inbound(MessageKind.SMS, NUMBER, sender, text, STAMP_MS, None, part=part)


@dataclass(frozen=True)
class Ready:
    """A driver behind a real address.

    Attributes:
        hook: the command for `RunOnReceive`.
        statuses: what was answered, in order.
    """

    supervisor: FakeSupervisor
    driver: Driver
    hook: str
    statuses: list[int]

    async def look_again(self) -> None:
        """The driver looks into the database once more, and is done with it."""
        await self.supervisor.clock.wait_for_sleeping(1)
        self.supervisor.clock.advance(60)
        await self.supervisor.clock.wait_for_sleeping(1)


@asynccontextmanager
async def ready(folder: Path, **more: Value) -> AsyncIterator[Ready]:
    supervisor = FakeSupervisor()
    driver = KIND.make(supervisor.context(KIND, SETTINGS | more))
    statuses: list[int] = []

    async def answer(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        route = request.match_info["route"]
        body = await request.read()
        answered = await driver.answer(HttpRequest(request.method, route, headers, body))
        statuses.append(answered.status)
        return web.Response(status=answered.status, body=answered.body)

    app = web.Application()
    app.router.add_route("*", "/gateways/kit/{route}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    server = web.TCPSite(runner, "127.0.0.1", 0)
    try:
        await server.start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}/gateways/kit"
        async with running(driver):
            yield Ready(supervisor, driver, hook_to(folder, address), statuses)
    finally:
        await runner.cleanup()


def hook_to(folder: Path, address: str) -> str:
    secret = folder / "secret"
    secret.write_text(f"{SECRET}\n", "utf-8")
    script = gammu_hook.__file__
    return f"{sys.executable} -I -S {script} --address {address} --secret-file {secret}"


@pytest.fixture
def smsd(tmp_path: Path) -> Smsd:
    return Smsd.in_folder(tmp_path)


@OF_SMSD
async def test_a_message_comes_at_once_through_the_hook(smsd: Smsd) -> None:
    text = "Mã của bạn là 486460 😀\n[{}] \"'\\"
    async with ready(smsd.folder, database=str(smsd.database)) as side:
        with smsd.running(side.hook):
            smsd.receive(1, text, "Yahoo")
            assert await side.supervisor.until_handed_over(1) == [sms("Yahoo", text)]
            await until(lambda: side.statuses)
    assert side.statuses == [200]
    assert smsd.rows() == [(1, "true")]


@OF_SMSD
async def test_parts_stay_apart_where_the_daemon_joins_those_of_two_senders(smsd: Smsd) -> None:
    async with ready(smsd.folder, database=str(smsd.database)) as side:
        smsd.receive(1, "hai\ud83d", header="050003AA0201")
        smsd.receive(2, "of another", "Foo", header="050003AA0202")
        with smsd.running(side.hook):
            assert await side.supervisor.until_handed_over(2) == [
                sms(OTHER, "hai\ud83d", Part(0xAA, 2, 1)),
                sms("Foo", "of another", Part(0xAA, 2, 2)),
            ]
            await until(lambda: side.statuses)
    assert smsd.rows() == [(1, "true"), (2, "true")]
    # What the daemon itself makes of them: one text, and half a character in it.
    assert smsd.rows("ID, hex(TextDecoded) LIKE hex('hai') || '%' || hex('of another')")[0] == (
        1,
        1,
    )


@OF_SMSD
async def test_what_the_hook_could_not_tell_is_found_in_the_database(smsd: Smsd) -> None:
    nobody = hook_to(smsd.folder, "http://127.0.0.1:9/gateways/kit")
    with smsd.running(nobody):
        smsd.receive(1, "Code 486460")
        await until(lambda: "failed with exit status 1" in smsd.log)
        await until(lambda: smsd.left_on_phone() == [])
    assert smsd.rows() == [(1, "false")]
    async with ready(smsd.folder, database=str(smsd.database)) as side:
        assert await side.supervisor.until_handed_over(1) == [sms(OTHER, "Code 486460")]
        await side.supervisor.clock.wait_for_sleeping(1)
    assert smsd.rows() == [(1, "true")]


@OF_SMSD
async def test_what_could_not_be_kept_stays_unprocessed_and_is_handed_over_again(
    smsd: Smsd,
) -> None:
    async with ready(smsd.folder, database=str(smsd.database)) as side:
        await side.supervisor.clock.wait_for_sleeping(1)
        side.supervisor.result = Result.FAILED
        with smsd.running(side.hook):
            smsd.receive(1, "Code 486460")
            await until(lambda: side.statuses)
            assert side.statuses == [503]
            await until(lambda: smsd.left_on_phone() == [])
        assert smsd.rows() == [(1, "false")]
        side.supervisor.result = Result.KEPT
        await side.look_again()
    assert side.supervisor.handed_over == [sms(OTHER, "Code 486460")] * 2
    assert smsd.rows() == [(1, "true")]


@OF_SMSD
async def test_a_message_that_a_killed_daemon_stores_again_is_the_same(smsd: Smsd) -> None:
    hangs = smsd.folder / "hangs"
    hangs.write_text(f"#!/bin/sh\ntouch {smsd.folder}/begun\nexec sleep 600\n", "utf-8")
    hangs.chmod(0o755)
    with smsd.running(str(hangs)) as daemon:
        smsd.receive(1, "Code 486460")
        await until((smsd.folder / "begun").exists)
        end(daemon)
    with smsd.running():
        await until(lambda: smsd.left_on_phone() == [])
    assert [row_id for row_id, _ in smsd.rows()] == [1, 2]
    async with ready(smsd.folder, database=str(smsd.database)) as side:
        first, second = await side.supervisor.until_handed_over(2)
        await side.supervisor.clock.wait_for_sleeping(1)
    assert dedupe_key(first) == dedupe_key(second) is not None


@OF_SMSD
async def test_a_database_that_is_held_by_somebody_else_costs_no_message(smsd: Smsd) -> None:
    async with ready(smsd.folder, database=str(smsd.database)) as side:
        with (
            smsd.running(side.hook),
            closing(sqlite3.connect(smsd.database, isolation_level=None, timeout=30)) as holder,
        ):
            await until(lambda: smsd.rows("ID", "phones"))
            holder.execute("BEGIN EXCLUSIVE")
            smsd.receive(1, "Code 486460")
            await until(lambda: "database is locked" in smsd.log)
            assert smsd.left_on_phone() == ["1"]
            holder.execute("ROLLBACK")
            assert await side.supervisor.until_handed_over(1) == [sms(OTHER, "Code 486460")]
            await until(lambda: smsd.left_on_phone() == [])
    assert smsd.rows() == [(1, "true")]


@OF_SMSD
async def test_the_line_is_reported_as_the_daemon_sees_its_phone(smsd: Smsd) -> None:
    with smsd.running():
        await until(lambda: smsd.rows("Signal, NetCode", "phones") == [(42, "999 99")])
    async with ready(smsd.folder, database=str(smsd.database)) as side:
        await side.supervisor.clock.wait_for_sleeping(1)
        side.supervisor.clock.set_now_ms(4_000_000_000_000)
        await side.look_again()
    imsi, network = smsd.rows("IMSI, NetName", "phones")[0]
    ready_line = LineReport("SIM1", Reception.READY, None, NUMBER, str(imsi), -85, str(network))
    silent = LineReport("SIM1", Reception.SILENT, None, NUMBER, str(imsi), None, str(network))
    up = GatewayReport(up=True)
    assert side.supervisor.reports == [ready_line, up, silent, up]


@OF_SMSD
async def test_without_a_database_the_hook_brings_the_message_and_keeps_it_until_it_is_taken(
    smsd: Smsd,
) -> None:
    async with ready(smsd.folder) as side:
        side.supervisor.result = Result.FAILED
        hook = f"{side.hook} --spool {smsd.folder}/spool"
        with smsd.running(hook, service="files"):
            smsd.receive(1, "phần một ", header="050003AA0201", sent="20261123T160000")
            smsd.receive(2, "phần hai", header="050003AA0202", sent="20261123T160000")
            await until(lambda: side.statuses)
            await until(lambda: smsd.left_on_phone() == [])
            side.supervisor.result = Result.KEPT
            smsd.receive(3, "Code 486460", sent="20261123T160000")
            await side.supervisor.until_handed_over(3)
            await until(lambda: side.statuses == [503, 200, 200])
    long, short = sms(OTHER, "phần một phần hai"), sms(OTHER, "Code 486460")
    assert side.supervisor.handed_over == [long, long, short]


async def test_rows_of_other_phones_are_left_alone(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    store(database, Stored(hex_of("of SIM2"), phone="SIM2"), Stored(hex_of("of SIM1")))
    async with ready(tmp_path, database=str(database), phone_id="SIM1") as side:
        await side.supervisor.clock.wait_for_sleeping(1)
        answer = await side.driver.answer(post({"ids": ["1"]}))
    assert [one.text for one in side.supervisor.handed_over] == ["of SIM1"]
    assert answer.status == 503


async def test_a_backlog_longer_than_a_page_is_taken_in_order(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    texts = [f"text {number}" for number in range(PAGE_ROWS * 2 + 1)]
    store(database, *(Stored(hex_of(text)) for text in texts))
    async with ready(tmp_path, database=str(database)) as side:
        await side.supervisor.clock.wait_for_sleeping(1)
    assert [one.text for one in side.supervisor.handed_over] == texts


async def test_a_row_that_the_hook_tells_of_and_that_is_not_there_is_not_called_kept(
    tmp_path: Path,
) -> None:
    async with ready(tmp_path, database=str(make_database(tmp_path))) as side:
        answer = await side.driver.answer(post({"ids": ["17"]}))
    assert answer.status == 503


@pytest.mark.parametrize("ids", [[], ["x"], ["1"] * 256, ["1" * 30]])
async def test_ids_that_are_no_rows_are_refused(tmp_path: Path, ids: list[str]) -> None:
    async with ready(tmp_path, database=str(make_database(tmp_path))) as side:
        assert (await side.driver.answer(post({"ids": ids}))).status == 400


async def test_a_database_that_cannot_be_used_is_told_and_looked_for_again(tmp_path: Path) -> None:
    database = tmp_path / "smsd.db"
    async with ready(tmp_path, database=str(database)) as side:
        await side.supervisor.clock.wait_for_sleeping(1)
        (down,) = side.supervisor.reports
        assert isinstance(down, GatewayReport)
        assert not down.up
        assert "its database cannot be used" in down.detail
        assert not database.exists()
        assert (await side.driver.answer(post({"ids": ["1"]}))).status == 503
        store(make_database(tmp_path), Stored(hex_of("Code 486460")))
        await side.look_again()
    assert side.supervisor.handed_over == [sms(OTHER, "Code 486460")]
    up = side.supervisor.reports[-1]
    assert isinstance(up, GatewayReport)
    assert up.up


def remark_of(supervisor: FakeSupervisor) -> str:
    last = supervisor.reports[-1]
    return last.detail if isinstance(last, GatewayReport) else ""


async def test_a_hook_that_tells_no_phone_is_shown_to_the_operator(tmp_path: Path) -> None:
    told = {"ids": ["1"], "key": "k", "messages": [{"from": "Yahoo", "text": "486460"}]}
    async with ready(tmp_path) as side:
        for phone in ("SIM1", "", "SIM1"):
            assert (await side.driver.answer(post(told | {"phone": phone}))).status == 200
    unset = GatewayReport(up=True, detail="the number of a phone is not known: set `numbers`")
    assert side.supervisor.reports == [GatewayReport(up=True), unset, unset]


async def test_stamps_that_are_hours_away_from_the_clock_are_told(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    store(database, Stored(hex_of("text")))
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE inbox SET UpdatedInDB = '2026-11-23 09:00:02'")
    async with ready(tmp_path, database=str(database), zone="UTC") as side:
        await side.supervisor.clock.wait_for_sleeping(1)
    assert remark_of(side.supervisor) == "a message was stamped 7 h away from the clock: see `zone`"


async def test_a_phone_whose_number_is_not_known_is_told_and_its_message_handed_over(
    tmp_path: Path,
) -> None:
    database = make_database(tmp_path)
    store(database, Stored(hex_of("text"), phone="SIM9"))
    async with ready(tmp_path, database=str(database)) as side:
        await side.supervisor.clock.wait_for_sleeping(1)
    assert [one.to for one in side.supervisor.handed_over] == [""]
    assert remark_of(side.supervisor) == "the number of a phone is not known: set `numbers`"


@pytest.mark.parametrize(
    ("more", "phone"), [({}, "0912345678"), ({"number": "912345678", "numbers": ""}, "")]
)
async def test_a_number_comes_from_the_phone_s_name_or_is_that_of_the_only_phone(
    tmp_path: Path, more: dict[str, Value], phone: str
) -> None:
    database = make_database(tmp_path)
    store(database, Stored(hex_of("text"), phone=phone))
    async with ready(tmp_path, database=str(database), **more) as side:
        await side.supervisor.clock.wait_for_sleeping(1)
    assert [one.to for one in side.supervisor.handed_over] == [NUMBER]


@pytest.mark.parametrize(
    ("code", "signal", "receives", "reception"),
    [
        ("452 01", 42, "yes", Reception.READY),
        ("", 42, "yes", Reception.READY),
        ("", 0, "yes", Reception.SEARCHING),
        (None, -1, "yes", Reception.SEARCHING),
        ("452 01", 42, "no", Reception.DENIED),
    ],
)
async def test_reception_is_read_from_network_signal_and_the_daemon_s_own_setting(
    tmp_path: Path, code: str | None, signal: int, receives: str, reception: Reception
) -> None:
    database = make_database(tmp_path)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "INSERT INTO phones VALUES ('SIM1', datetime('now'), ?, '1', '452', ?, '', ?)",
            (receives, code, signal),
        )
    async with ready(tmp_path, database=str(database)) as side:
        await side.supervisor.clock.wait_for_sleeping(1)
    line = side.supervisor.reports[0]
    assert isinstance(line, LineReport)
    assert line.reception is reception


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("database", "smsd.db"),
        ("number", "1234"),
        ("numbers", "SIM1"),
        ("numbers", "SIM1=0912345678,SIM1=0912345679"),
        ("zone", "Hanoi"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(Refused, match=name):
        check_settings(KIND, {name: value})
