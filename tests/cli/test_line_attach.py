"""`simlet line attach` and `simlet line detach`."""

import pytest

from cli.shell import Shell, row
from simlet.cli import line_attach
from simlet.cli.failure import WRONG_USE

NUMBERS = tuple(f"096100000{one}" for one in range(1, 6))


def prepared(shell: Shell) -> None:
    for name in ("old", "new"):
        shell.run("gateway", "add", name, "--kind", "http")
    file = shell.file(*(row(one, number) for one, number in enumerate(NUMBERS, 1)))
    shell.run("line", "import", file, "--gateway", "old")


def gateways(shell: Shell) -> list[str | None]:
    return [one["gateway"] for one in shell.json("line", "list")]


def test_named_lines_are_given_and_taken(any_shell: Shell) -> None:
    prepared(any_shell)

    given = any_shell.json("line", "attach", *NUMBERS[:2], "--gateway", "new")
    taken = any_shell.json("line", "detach", NUMBERS[1], NUMBERS[2])

    assert (given, taken) == ({"gateway": "new", "moved": 2}, {"gateway": None, "moved": 2})
    assert gateways(any_shell) == ["new", None, None, "old", "old"]


def test_all_lines_of_a_gateway_are_given_in_pages_and_taken(
    any_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_attach, "PAGE_LINES", 2)
    prepared(any_shell)
    given = any_shell.json("line", "attach", "--from", "old", "--gateway", "new")
    assert given == {"gateway": "new", "moved": 5}
    assert gateways(any_shell) == ["new"] * 5
    assert any_shell.json("line", "detach", "--from", "new") == {"gateway": None, "moved": 5}
    assert gateways(any_shell) == [None] * 5


def test_people_are_told_how_many_moved(shell: Shell) -> None:
    prepared(shell)
    given = shell.run("line", "attach", NUMBERS[0], "--gateway", "new").stdout
    taken = shell.run("line", "detach", "--from", "old").stdout
    assert given == "1 line was moved to gateway 'new'.\n"
    assert taken.startswith("4 lines were taken from their gateways")


def test_lines_are_named_by_numbers_or_by_their_gateway(shell: Shell) -> None:
    prepared(shell)
    for args in ((), (NUMBERS[0], "--from", "old")):
        shell.error("line", "attach", *args, "--gateway", "new", code=WRONG_USE)
        shell.error("line", "detach", *args, code=WRONG_USE)
    shell.error("line", "attach", NUMBERS[0], code=WRONG_USE)


def test_what_is_not_there_is_refused_by_name(shell: Shell) -> None:
    prepared(shell)
    nobody = shell.error("line", "attach", NUMBERS[0], "0961000009", "--gateway", "new")
    assert nobody == {"code": "invalid", "sentence": "number 2: no line in use has it."}
    nowhere = shell.error("line", "detach", "--from", "nowhere")
    assert nowhere["code"] == "gateway_unknown"
    assert gateways(shell) == ["old"] * 5
