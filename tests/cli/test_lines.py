"""`simlet lines` and `simlet gateways`."""

import asyncio
import io

import pytest
from rich.console import Console

from cli.shell import Shell, row
from simlet.cli.database import now_ms, write
from simlet.cli.live import EVERY_S, follow, with_ages
from simlet.cli.output import Facts
from simlet.domain.health import GatewayReport, LineReport, Reception
from simlet.domain.line_health import OutReason, PoolPolicy
from simlet.flows.note_reports import GatewayUpdate, SeenLine, note_reports
from simlet.store import pool
from simlet.store.sql import Sql, Tx
from simlet.testing.clock import FakeClock

RULES = PoolPolicy(5, 600, 3600, 30)
COLUMNS = {"number": "NUMBER"}


def iccid(serial: int) -> str:
    return f"8984{serial:015}"


def pretend(shell: Shell) -> None:
    """Two lines of a gateway, one of which its modem tells of, and a line of nobody."""
    shell.run("gateway", "add", "bank", "--kind", "http")
    shell.lines(row(3, "0967000003", store="02"))
    file = shell.file(row(1, "0967000001"), row(2, "0967000002"))
    shell.run("line", "import", file, "--gateway", "bank")
    gateway_id = shell.json("gateway", "list")[0]["id"]
    seen = LineReport("ttyUSB0", Reception.READY, iccid(1), None, "452010000000001", -71, "Viettel")
    told = GatewayUpdate(
        gateway_id, now_ms(), GatewayReport(up=True, detail="well"), (SeenLine(seen, now_ms()),)
    )
    write(note_reports, [told], RULES, now_ms())


def set_out(tx: Tx, number: str) -> None:
    (found,) = tx.rows(Sql("SELECT id FROM lines WHERE number = :number"), number=number)
    pool.set_reasons(tx, {found[0]: OutReason.FAILING})


def record(tx: Tx, heard_at_ms: int, gateway_heard_at_ms: int, day: int) -> None:
    """What a line's rentals came to, as the worker counts it."""
    tx.run(
        Sql(
            "UPDATE line_health SET message_at_ms = :at_ms, fails_in_row = 2, day = :day, "
            "messages_today = 7, released_dong = 940"
        ),
        at_ms=heard_at_ms,
        day=day,
    )
    tx.run(Sql("UPDATE gateway_health SET message_at_ms = :at_ms"), at_ms=gateway_heard_at_ms)


def numbers(shown: list[dict[str, str]]) -> list[str]:
    return [one["number"] for one in shown]


def test_lines_are_shown_with_what_their_equipment_tells(any_shell: Shell) -> None:
    pretend(any_shell)

    shown = {one["number"]: one for one in any_shell.json("lines")}

    assert len(shown) == 3
    first = shown["+84967000001"]
    assert (first["gateway"], first["port"], first["reception"]) == ("bank", "ttyUSB0", "ready")
    assert (first["signal_dbm"], first["operator"], first["state"]) == (-71, "Viettel", "active")
    assert abs(first["seen_at_ms"] - now_ms()) < 60_000
    other = shown["+84967000003"]
    assert (other["gateway"], other["reception"], other["seen_at_ms"]) == (None, None, None)


def test_people_see_numbers_in_a_table(shell: Shell) -> None:
    pretend(shell)
    lines = shell.run("lines").stdout.splitlines()
    assert lines[0].split()[:3] == ["ID", "NUMBER", "NETWORK"]
    assert sum("+8496700000" in one for one in lines) == 3


@pytest.mark.parametrize(
    ("ago_s", "shown"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (7_300, "2 h"),
        (90_000, "1 d"),
        (-130, "in 2 min"),
    ],
)
def test_people_see_how_long_ago_it_was(ago_s: float, shown: str) -> None:
    facts = with_ages({"seen_at_ms": 10**12 - int(ago_s * 1000), "number": 1}, 10**12)
    assert (facts["seen"], facts["number"]) == (shown, 1)


def test_what_never_was_has_no_age() -> None:
    assert with_ages({"seen_at_ms": None}, 10**12)["seen"] == ""


def test_imsis_are_not_shown(shell: Shell) -> None:
    pretend(shell)
    assert "452010000000001" not in shell.run("lines").stdout + shell.run("lines", "--json").stdout


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--gateway", "bank"], ["+84967000001", "+84967000002"]),
        (["--store", "02"], ["+84967000003"]),
        (["--state", "failing"], ["+84967000002"]),
        (["--state", "out"], ["+84967000002"]),
        (["--state", "active", "--gateway", "bank"], ["+84967000001"]),
        (["--state", "retired"], ["+84967000003"]),
        (["--gateway", "bank", "--limit", "1"], ["+84967000001"]),
        (["--gateway", "bank", "--state", "unheard"], []),
    ],
)
def test_filters_choose_lines(any_shell: Shell, options: list[str], found: list[str]) -> None:
    pretend(any_shell)
    any_shell.run("line", "retire", "0967000003")
    write(set_out, "+84967000002")

    assert sorted(numbers(any_shell.json("lines", *options))) == found


def test_later_pages_begin_behind_an_id(shell: Shell) -> None:
    pretend(shell)
    every = shell.json("lines")
    assert shell.json("lines", "--after", every[0]["id"]) == every[1:]


def test_an_unknown_gateway_is_told(shell: Shell) -> None:
    assert shell.error("lines", "--gateway", "nobody")["code"] == "gateway_unknown"


def test_a_line_that_fails_while_its_gateway_is_heard_is_silent(any_shell: Shell) -> None:
    pretend(any_shell)
    today = (now_ms() + 7 * 3_600_000) // 86_400_000
    write(record, 1000, 1000, today)
    (first,) = any_shell.json("lines", "--limit", 1, "--gateway", "bank")
    assert (first["silent"], first["fails_in_row"], first["released_dong"]) == (False, 2, 940)
    assert first["messages_today"] == 7

    write(record, 1000, 1001, today - 1)

    (first,) = any_shell.json("lines", "--limit", 1, "--gateway", "bank")
    assert (first["silent"], first["messages_today"]) == (True, 0)


def test_gateways_are_shown_with_their_lines(any_shell: Shell) -> None:
    pretend(any_shell)
    any_shell.run("gateway", "add", "quiet", "--kind", "http")
    write(set_out, "+84967000002")

    bank, quiet = any_shell.json("gateways")

    assert (bank["state"], bank["detail"], bank["lines"], bank["lines_out"]) == ("up", "well", 2, 1)
    assert (quiet["state"], quiet["lines"], quiet["seen_at_ms"]) == ("unknown", 0, None)
    assert [one["name"] for one in any_shell.json("gateways", "--state", "up")] == ["bank"]
    assert [one["name"] for one in any_shell.json("gateways", "--gateway", "quiet")] == ["quiet"]


def test_no_secret_is_shown_beside_gateways(shell: Shell) -> None:
    secret = shell.json("gateway", "add", "bank", "--kind", "http")["secret"]
    assert secret not in shell.run("gateways").stdout + shell.run("gateways", "--json").stdout


@pytest.mark.parametrize("command", ["lines", "gateways"])
def test_without_a_terminal_watching_shows_one_table(shell: Shell, command: str) -> None:
    assert shell.run(command, "--watch").stdout.startswith("There are no such")


def test_a_live_table_is_read_again_and_again() -> None:
    clock = FakeClock()
    shown = Console(file=io.StringIO(), force_terminal=True, width=80)
    answers: list[list[Facts]] = [[], [{"number": "+84967000001"}], [{"number": "+84967000002"}]]
    read_at_s: list[float] = []
    all_read = asyncio.Event()

    async def read() -> list[Facts]:
        read_at_s.append(clock.monotonic_s())
        if len(read_at_s) == len(answers):
            all_read.set()
        return answers[len(read_at_s) - 1]

    async def look() -> None:
        task = asyncio.create_task(follow(read, COLUMNS, "There is nothing.", (), shown, clock))
        for _ in answers[1:]:
            await clock.wait_for_sleeping(1)
            clock.advance(EVERY_S)
        await all_read.wait()
        await clock.wait_for_sleeping(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(look())

    screen = shown.file.getvalue()  # type: ignore[attr-defined]
    assert read_at_s == [0.0, EVERY_S, 2 * EVERY_S]
    places = [screen.index(one) for one in ("There is nothing.", "+84967000001", "+84967000002")]
    assert places == sorted(places)
