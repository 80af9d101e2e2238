"""What a command logs: on standard error, masked, and only what somebody should see."""

import msgspec
import pytest

from cli.shell import Shell, row
from simlet.flows import keep
from simlet.log import get_log

TEXT = "Yahoo: 482913"
SMS = ("sms", "0961000001", "--from", "Yahoo", "--text", TEXT)


@pytest.fixture
def logging_shell(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell in which a message that is searched for a code makes a command log."""

    def search(text: str, _pattern: str | None) -> str | None:
        log = get_log("a_test")
        log.info("for_nobody")
        try:
            return str(int(text))
        except ValueError:
            log.exception("search_failed")
            return None

    monkeypatch.setattr(keep, "find_code", search)
    shell.service(4)
    shell.lines(row(1, "0961000001"))
    shell.rent(shell.dealer())
    return shell


def test_what_a_command_logs_does_not_stand_in_its_document(logging_shell: Shell) -> None:
    result = logging_shell.run(*SMS, "--json")
    assert msgspec.json.decode(result.stdout)["message"] == 1
    (logged,) = [msgspec.json.decode(line) for line in result.stderr.splitlines()]
    assert (logged["logger"], logged["event"]) == ("a_test", "search_failed")


def test_what_a_command_logs_holds_no_code_and_no_values(logging_shell: Shell) -> None:
    shown = logging_shell.run(*SMS).stderr
    assert "ValueError" in shown
    assert "482913" not in shown
    assert "0961000001" not in shown
    assert "locals" not in shown


@pytest.mark.parametrize(
    ("level", "events"),
    [
        ("debug", ["for_nobody", "search_failed"]),
        ("info", ["search_failed"]),
        ("critical", []),
    ],
)
def test_a_command_logs_warnings_unless_the_settings_name_another_level(
    logging_shell: Shell, monkeypatch: pytest.MonkeyPatch, level: str, events: list[str]
) -> None:
    monkeypatch.setenv("SIMLET_LOG_LEVEL", level)
    lines = logging_shell.run(*SMS).stderr.splitlines()
    assert [msgspec.json.decode(one)["event"] for one in lines] == events


def test_the_settings_say_for_whom_a_command_logs(
    logging_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMLET_LOG_FORMAT", "console")
    result = logging_shell.run(*SMS)
    assert "search_failed" in result.stderr
    assert not result.stderr.startswith("{")
    assert "search_failed" not in result.stdout
