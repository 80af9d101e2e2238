"""`simlet line`."""

import asyncio
import os
import pty
import random
import signal
import subprocess
import sys
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from cli.shell import HEADER, Shell, row
from simlet.cli import line_import
from simlet.cli.database import read
from simlet.cli.failure import FAULT, INTERRUPTED, WRONG_USE
from simlet.cli.line_import import Importing
from simlet.flows.manage_lines import import_lines
from simlet.store.lines import line_by_number
from simlet.store.sql import DatabaseFault, Sql, Tx

FIRST = row(1, "0961000001")
SECOND = row(2, "0901000002", network="MOBIFONE", store="02")
NO_LINE = row(3, "0261000001")

STOCK = Sql(
    "SELECT b.active, s.taken, s.left_count FROM stock s JOIN blocks b ON b.id = s.block_id "
    "WHERE s.service_id = :service_id"
)


def test_good_rows_become_lines(any_shell: Shell) -> None:
    any_shell.json("gateway", "add", "gate", "--kind", "http")
    file = any_shell.file(FIRST, SECOND)
    done = any_shell.json("line", "import", file, "--gateway", "gate")
    assert done == {"added": 2, "already_there": 0, "bad": []}
    listed = any_shell.json("line", "list")
    assert sorted(listed, key=lambda one: str(one["iccid"])) == [
        {
            "id": listed[0]["id"],
            "iccid": "8984000000000000001",
            "number": "+84961000001",
            "network": "VIETTEL",
            "store": "01",
            "state": "active",
            "holder": "Công ty A",
            "contract": "HĐ-1",
            "gateway": "gate",
        },
        {
            "id": listed[1]["id"],
            "iccid": "8984000000000000002",
            "number": "+84901000002",
            "network": "MOBIFONE",
            "store": "02",
            "state": "active",
            "holder": "Công ty A",
            "contract": "HĐ-1",
            "gateway": "gate",
        },
    ]


def test_a_line_without_a_gateway_has_none(any_shell: Shell) -> None:
    any_shell.lines(FIRST)
    assert any_shell.json("line", "list")[0]["gateway"] is None


def test_imported_lines_can_be_rented(any_shell: Shell) -> None:
    any_shell.service(4)
    any_shell.lines(FIRST)
    any_shell.service(5)
    dealer = any_shell.dealer()
    assert any_shell.rent(dealer, 4).rental.number == "+84961000001"
    assert any_shell.rent(dealer, 5).rental.number == "+84961000001"


def test_bad_rows_are_told_and_good_ones_kept(any_shell: Shell) -> None:
    file = any_shell.file(FIRST, NO_LINE, "x", SECOND, FIRST)
    done = any_shell.json("line", "import", file, code=1)
    assert done["added"] == 2
    assert [one["line"] for one in done["bad"]] == [3, 4, 6]
    assert done["bad"][1]["reason"] == "row: expected 6 fields, 1 were found"
    assert len(any_shell.json("line", "list")) == 2


def test_people_see_a_table_of_bad_rows(shell: Shell) -> None:
    result = shell.run("line", "import", shell.file(FIRST, "x"), code=1)
    assert [line.rstrip() for line in result.stdout.splitlines()] == [
        "1 line was added.",
        "1 row was left out:",
        "LINE  REASON",
        "   3  row: expected 6 fields, 1 were found",
    ]
    assert result.stderr == ""


def test_people_at_a_terminal_see_how_far_it_is(shell: Shell) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "simlet", "line", "import", str(shell.file(FIRST))]
    try:
        subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, check=True)
        shown = os.read(ours, 100_000).decode()
    finally:
        os.close(theirs)
        os.close(ours)
    assert "Importing" in shown
    assert "1/1" in shown


def test_people_see_the_first_hundred_bad_rows_and_programs_all(shell: Shell) -> None:
    file = shell.file(*["x"] * 150)
    shown = shell.run("line", "import", file, code=1).stdout.splitlines()
    assert len(shown) == 2 + 1 + 100 + 1
    assert shown[1] == "150 rows were left out:"
    assert shown[-1] == "… and 50 more; --json tells all of them."
    assert len(shell.json("line", "import", file, code=1)["bad"]) == 150


def test_what_another_line_has_already_is_a_bad_row(any_shell: Shell) -> None:
    any_shell.lines(FIRST, SECOND)
    file = any_shell.file(row(1, "0961000009"), row(9, "0901000002"), row(8, "0961000008"))
    done = any_shell.json("line", "import", file, code=1)
    assert done == {
        "added": 1,
        "already_there": 0,
        "bad": [
            {"line": 2, "reason": "iccid: another line has it already"},
            {"line": 3, "reason": "number: another line has it already"},
        ],
    }


def test_a_file_imported_twice_adds_nothing_the_second_time(any_shell: Shell) -> None:
    file = any_shell.file(FIRST, SECOND)
    any_shell.run("line", "import", file)
    for options in ([], ["--all-or-nothing"], ["--gateway", "gate"]):
        if options[-1:] == ["gate"]:
            any_shell.run("gateway", "add", "gate", "--kind", "http")
            any_shell.run("line", "attach", "--gateway", "gate", "0961000001", "0901000002")
        again = any_shell.json("line", "import", file, *options)
        assert again == {"added": 0, "already_there": 2, "bad": []}
    shown = any_shell.run("line", "import", file).stdout
    assert shown == "0 lines were added.\n2 lines were there already.\n"
    assert len(any_shell.json("line", "list")) == 2


@pytest.mark.parametrize("options", [[], ["--all-or-nothing"]])
def test_a_file_that_grew_adds_what_is_new(any_shell: Shell, options: list[str]) -> None:
    any_shell.lines(FIRST)
    done = any_shell.json("line", "import", any_shell.file(FIRST, SECOND), *options)
    assert done == {"added": 1, "already_there": 1, "bad": []}
    assert len(any_shell.json("line", "list")) == 2


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"network": "MOBIFONE"}, "network"),
        ({"store": "02"}, "store"),
        ({"holder": "Công ty B"}, "holder"),
        ({"holder": "Công ty B", "contract": "HĐ-2"}, "holder, contract"),
    ],
)
def test_a_line_that_is_there_with_something_else_is_a_bad_row(
    shell: Shell, changed: dict[str, str], field: str
) -> None:
    shell.lines(FIRST)
    done = shell.json("line", "import", shell.file(row(1, "0961000001", **changed)), code=1)
    reason = f"{field}: the line is there already, with something else"
    assert done == {"added": 0, "already_there": 0, "bad": [{"line": 2, "reason": reason}]}


def test_a_line_that_is_there_without_the_wanted_gateway_is_a_bad_row(shell: Shell) -> None:
    shell.run("gateway", "add", "gate", "--kind", "http")
    shell.lines(FIRST)
    done = shell.json("line", "import", shell.file(FIRST), "--gateway", "gate", code=1)
    reason = "gateway: the line is there already, with something else"
    assert done["bad"] == [{"line": 2, "reason": reason}]


def test_all_or_nothing_adds_all(any_shell: Shell) -> None:
    done = any_shell.json("line", "import", any_shell.file(FIRST, SECOND), "--all-or-nothing")
    assert done == {"added": 2, "already_there": 0, "bad": []}


def test_all_or_nothing_adds_nothing_when_a_row_is_bad_and_tells_all_that_are(
    any_shell: Shell,
) -> None:
    any_shell.lines(row(1, "0961000009"))
    file = any_shell.file(FIRST, SECOND, NO_LINE)
    done = any_shell.json("line", "import", file, "--all-or-nothing", code=1)
    assert done["added"] == 0
    assert [one["line"] for one in done["bad"]] == [2, 4]
    assert len(any_shell.json("line", "list")) == 1


def test_all_or_nothing_adds_nothing_when_another_line_has_the_sim(any_shell: Shell) -> None:
    any_shell.lines(row(1, "0961000009"))
    done = any_shell.json(
        "line", "import", any_shell.file(SECOND, FIRST), "--all-or-nothing", code=1
    )
    assert done == {
        "added": 0,
        "already_there": 0,
        "bad": [{"line": 3, "reason": "iccid: another line has it already"}],
    }
    assert len(any_shell.json("line", "list")) == 1


def test_all_or_nothing_holds_against_an_import_that_comes_between(
    any_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Importing.check

    async def check_and_be_overtaken(self: Importing, rows: line_import.Rows) -> None:
        await check(self, rows)
        (at, first), *_ = rows
        other = replace(first, number="+84961000009")
        await self.db.write(import_lines, [(at, other)], None, 1)

    monkeypatch.setattr(Importing, "check", check_and_be_overtaken)
    file = any_shell.file(FIRST, SECOND)
    done = any_shell.json("line", "import", file, "--all-or-nothing", code=1)
    assert done == {
        "added": 0,
        "already_there": 0,
        "bad": [{"line": 2, "reason": "iccid: another line has it already"}],
    }
    assert len(any_shell.json("line", "list")) == 1


def test_many_parts_are_one_import(any_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_import, "PART_ROWS", 7)
    any_shell.service(4)
    names = ["VIETTEL", "MOBIFONE", "ITELECOM"]
    rows = [
        row(
            one,
            f"09{one % 4}{one:07}",
            network=names[one % 3],
            store=("01", "02")[one % 2],
        )
        for one in range(1, 100)
    ]
    random.Random(3).shuffle(rows)
    done = any_shell.json("line", "import", any_shell.file(*rows, rows[5], rows[50]), code=1)
    assert done["added"] == 99
    assert [one["line"] for one in done["bad"]] == [101, 102]
    listed = any_shell.json("line", "list", "--limit", 200)
    assert {one["number"] for one in listed} == {f"+849{one % 4}{one:07}" for one in range(1, 100)}
    for one in listed:
        serial = int(one["iccid"][4:])
        assert (one["network"], one["store"]) == (names[serial % 3], ("01", "02")[serial % 2])
        assert one["number"] == f"+849{serial % 4}{serial:07}"


def test_every_line_of_a_large_cell_is_rented_once(
    any_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks that are filled in one part, over several, and anew after a service came."""
    monkeypatch.setattr(line_import, "PART_ROWS", 100)
    any_shell.service(4)
    any_shell.lines(*(row(one, f"096{one:07}") for one in range(1, 301)))
    any_shell.service(5)
    any_shell.lines(*(row(one, f"096{one:07}") for one in range(301, 321)))
    assert read(lines_left, 4) == 320
    assert read(lines_left, 5) == 320


def lines_left(tx: Tx, service_id: int) -> int:
    """How many lines a service has in stock, as its rows count them and as its places do."""
    rows = tx.rows(STOCK, service_id=service_id)
    for active, taken, left_count in rows:
        places = int.from_bytes(active, "little") & ~int.from_bytes(taken, "little")
        assert places.bit_count() == left_count
    return sum(int(one[2]) for one in rows)


def test_a_file_that_cannot_be_used_changes_nothing(any_shell: Shell) -> None:
    file = any_shell.file(FIRST, SECOND, '"never closed')
    error = any_shell.error("line", "import", file)
    assert error["code"] == "invalid"
    assert "line 4" in error["sentence"]
    assert any_shell.json("line", "list") == []


def test_the_file_can_come_through_standard_input(shell: Shell) -> None:
    done = shell.json("line", "import", "-", stdin=f"{HEADER}\n{FIRST}\n".encode())
    assert done == {"added": 1, "already_there": 0, "bad": []}


def test_a_file_that_is_not_there_is_wrong_use(shell: Shell) -> None:
    shell.error("line", "import", "nowhere.csv", code=WRONG_USE)
    shell.error("line", "import", shell.folder, code=WRONG_USE)


def test_a_gateway_that_is_not_there_is_told_before_any_row(shell: Shell) -> None:
    error = shell.error("line", "import", shell.file("x"), "--gateway", "none")
    assert error["code"] == "gateway_unknown"


def test_a_network_that_was_named_is_a_network(shell: Shell) -> None:
    shell.run("network", "add", "wintel")
    shell.lines(row(1, "0551000001", network="Wintel"))
    assert shell.json("line", "list")[0]["network"] == "WINTEL"


def test_a_fault_tells_how_many_lines_were_added_before(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_import, "PART_ROWS", 1)

    def fail_at_second(tx: Tx, rows: line_import.Rows, gateway: str | None, at_ms: int) -> object:
        if rows[0][0] == 3:
            raise DatabaseFault("the disk is full")
        return import_lines(tx, rows, gateway, at_ms)

    monkeypatch.setattr(line_import, "import_lines", fail_at_second)
    file = shell.file(FIRST, row(2, "0961000002"))
    error = shell.run("line", "import", file, code=FAULT)
    assert error.stderr == "Error: The disk is full; 1 line was added before.\n"


@pytest.mark.parametrize(
    ("options", "added", "said"),
    [([], 2, "2 lines were"), (["--all-or-nothing"], 0, "0 lines were")],
)
def test_an_interruption_tells_how_many_lines_were_added_and_how_to_go_on(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, options: list[str], added: int, said: str
) -> None:
    monkeypatch.setattr(line_import, "PART_ROWS", 1)
    imports: list[tuple[Importing, asyncio.AbstractEventLoop]] = []
    parts: list[line_import.Rows] = []
    to_its_end = Importing._to_its_end

    async def remember(self: Importing, work: Awaitable[None]) -> None:
        imports.append((self, asyncio.get_running_loop()))
        await to_its_end(self, work)

    def interrupt_at_second(
        tx: Tx, rows: line_import.Rows, gateway: str | None, at_ms: int
    ) -> object:
        parts.append(rows)
        if len(parts) == 2:
            importing, loop = imports[0]
            loop.call_soon_threadsafe(signal.raise_signal, signal.SIGINT)
            assert importing.stopped.wait(10)
        return import_lines(tx, rows, gateway, at_ms)

    monkeypatch.setattr(Importing, "_to_its_end", remember)
    monkeypatch.setattr(line_import, "import_lines", interrupt_at_second)
    file = shell.file(*(row(one, f"096100000{one}") for one in (1, 2, 3)))
    ended = shell.run("line", "import", file, *options, code=INTERRUPTED)
    assert ended.stderr.strip() == (
        f"Error: Interrupted; {said} added. Import the same file again to go on: what is there "
        "already is passed over."
    )
    assert len(shell.json("line", "list")) == added
    again = shell.json("line", "import", file, *options)
    assert again == {"added": 3 - added, "already_there": added, "bad": []}


def test_an_import_leaves_the_database_to_others_for_a_share_of_its_time(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another connection that waits for the writer gets it between two parts."""
    monkeypatch.setattr(line_import, "PART_ROWS", 500)
    shell.lines(*(row(one, f"096{one:07}") for one in range(1, 2001)))
    pauses: list[float] = []

    class Clock:
        reading_s = 0.0

        def now_ms(self) -> int:
            return 1

        def monotonic_s(self) -> float:
            self.reading_s += 2.0
            return self.reading_s

        async def sleep(self, seconds: float) -> None:
            pauses.append(seconds)

    monkeypatch.setattr("simlet.cli.line.SystemClock", Clock)
    shell.lines(*(row(one, f"096{one:07}") for one in range(2001, 3001)))
    assert pauses == [2.0 * line_import.PAUSE_SHARE] * 2


def test_the_list_is_read_in_pages(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simlet.cli.line.PAGE_LINES", 3)
    shell.lines(*(row(one, f"096100000{one}") for one in range(1, 9)))
    everything = shell.json("line", "list")
    assert len(everything) == 8
    assert shell.json("line", "list", "--limit", 4) == everything[:4]
    after = everything[3]["id"]
    assert shell.json("line", "list", "--after", after) == everything[4:]


def test_people_see_a_table_of_lines(shell: Shell) -> None:
    shell.lines(FIRST)
    titles, line = shell.run("line", "list").stdout.splitlines()
    assert titles.split()[:3] == ["ID", "ICCID", "NUMBER"]
    assert "+84961000001" in line
    assert "Công ty A" in line


def test_a_retired_line_is_rented_no_more_and_its_number_is_free(any_shell: Shell) -> None:
    any_shell.service(4)
    any_shell.lines(FIRST)
    retired = any_shell.json("line", "retire", "0961000001")
    assert retired == {"number": "0961000001", "state": "retired"}
    assert any_shell.json("line", "list")[0]["state"] == "retired"
    assert read(lines_left, 4) == 0
    any_shell.lines(row(9, "0961000001", contract="HĐ-2"))
    rented = any_shell.rent(any_shell.dealer())
    assert read(line_by_number, "+84961000001") == rented.rental.line_id
    assert read(lines_left, 4) == 0


def test_a_line_that_is_not_there_cannot_be_retired(shell: Shell) -> None:
    assert shell.error("line", "retire", "0961000001")["code"] == "line_unknown"
    assert shell.error("line", "retire", "12")["code"] == "invalid"


def test_the_sim_of_a_retired_line_may_be_imported_again(any_shell: Shell) -> None:
    any_shell.lines(FIRST)
    any_shell.run("line", "retire", "0961000001")
    again = any_shell.json("line", "import", any_shell.file(FIRST))
    assert again == {"added": 1, "already_there": 0, "bad": []}
    twice = any_shell.json("line", "import", any_shell.file(row(1, "0961000009")), code=1)
    assert twice["bad"] == [{"line": 2, "reason": "iccid: another line has it already"}]
    states = [one["state"] for one in any_shell.json("line", "list")]
    assert states == ["retired", "active"]
