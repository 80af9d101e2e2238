"""Results: for people at a terminal, for programs that read lines, for programs that read JSON."""

import re
import sys

import msgspec
import pytest

from simlet.cli.output import Output, time_text

COLUMNS = {"name": "NAME", "amount": "AMOUNT", "is_on": "ON", "closed_at_ms": "CLOSED"}
ROW = {"name": "ann", "amount": 1450, "is_on": True, "closed_at_ms": 1_790_000_000_123}


def test_a_table_for_programs_is_plain_even_where_colours_are_forced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    Output(json=False).rows([ROW], COLUMNS, "none")
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert [line.split() for line in shown.splitlines()] == [
        ["NAME", "AMOUNT", "ON", "CLOSED"],
        ["ann", "1450", "yes", "2026-09-21", "14:13:20Z"],
    ]


def test_no_value_is_cut_or_broken_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    long = "a very long name " * 30
    Output(json=False).rows([ROW | {"name": long}], COLUMNS, "none")
    assert long in capsys.readouterr().out


def test_no_value_is_lost_at_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    Output(json=False).rows([ROW | {"name": "x" * 100}], COLUMNS, "none")
    shown = re.sub("\x1b[^m]*m", "", capsys.readouterr().out)
    assert shown.count("x") == 100
    assert max(len(line) for line in shown.splitlines()) <= 40


LINES = {"id": "ID", "number": "NUMBER", "store": "STORE", "port": "PORT", "state": "STATE"}
LINE = {
    "id": 4712,
    "number": "+84967000001",
    "store": "01",
    "port": "/dev/serial/by-id/usb-Quectel_EC25-if02-port0",
    "state": "gateway_down",
}


def shown_at_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    Output(json=False).rows([LINE, LINE | {"id": 4713}], LINES, "none", ("store", "port"))
    return re.sub("\x1b[^m]*m", "", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("width", "left_out"),
    [(120, ""), (69, ""), (68, "STORE"), (61, "STORE"), (60, "STORE, PORT"), (40, "STORE, PORT")],
)
def test_a_narrow_terminal_goes_without_minor_columns_and_says_so(
    width: int,
    left_out: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = shown_at_terminal(width, monkeypatch, capsys)
    said = f"No room for {left_out}: see --json."
    assert (said in " ".join(shown.split())) == bool(left_out)
    head = shown.splitlines()[1].split()
    assert head == [title for title in LINES.values() if title not in left_out]
    for value in ("4712", "4713", "+84967000001", "gateway_down"):
        assert value in shown


def test_a_value_that_is_long_is_broken_and_not_a_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = shown_at_terminal(69, monkeypatch, capsys)
    assert str(LINE["port"]) not in shown
    assert re.search(r"4712 +\+84967000001 +01 +/dev\S+ +gateway_down", shown)


def test_whoever_reads_a_pipe_gets_every_column(capsys: pytest.CaptureFixture[str]) -> None:
    Output(json=False).rows([LINE], LINES, "none", ("store", "port"))
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        list(LINES.values()),
        [str(value) for value in LINE.values()],
    ]


def test_what_looks_like_mark_up_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Output(json=False).rows([ROW | {"name": "[red]x[/red] :smile:"}], COLUMNS, "none")
    assert "[red]x[/red] :smile:" in capsys.readouterr().out


HOSTILE = [
    ("\x1b[2J\x1b]0;owned\x07paid", "\ufffd[2J\ufffd]0;owned\ufffdpaid"),
    ("\x9b31mred\x7f", "\ufffd31mred\ufffd"),
    ("one\r\ntwo\tthree\u2028four", "one  two three four"),
    ("\u202e1450\u2066", "\ufffd1450\ufffd"),
    ("Mã là 529310 🙂", "Mã là 529310 🙂"),
]


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
def test_what_came_from_outside_gives_the_terminal_no_commands(
    text: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (text, [text], {"detail": text}):
        Output(json=False).rows([ROW | {"name": name}], COLUMNS, "none")
        _, line = capsys.readouterr().out.splitlines()
        assert shown in line
    Output(json=False).say(f"{text}.", {})
    assert capsys.readouterr().out.replace("\n", " ") == f"{shown}. "


def test_a_program_gets_what_came_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    for text, _ in HOSTILE:
        Output(json=True).rows([{"name": text}], COLUMNS, "none")
        assert msgspec.json.decode(capsys.readouterr().out) == [{"name": text}]


def test_an_array_holds_what_the_table_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    Output(json=True).rows([ROW | {"id": 7}], COLUMNS, "none")
    assert msgspec.json.decode(capsys.readouterr().out) == [ROW | {"id": 7}]


def test_what_is_not_there_is_an_empty_cell(capsys: pytest.CaptureFixture[str]) -> None:
    Output(json=False).rows([ROW | {"name": None, "closed_at_ms": None}], COLUMNS, "none")
    assert "None" not in capsys.readouterr().out


def test_a_time_is_utc() -> None:
    assert time_text(0) == "1970-01-01 00:00:00Z"
    assert time_text(None) == ""
