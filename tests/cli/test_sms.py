"""`simlet sms`."""

from datetime import UTC, datetime

import pytest

from cli.shell import Shell, row
from simlet.cli.database import now_ms
from simlet.cli.failure import WRONG_USE

MINUTE_MS = 60_000


@pytest.fixture
def waiting(any_shell: Shell) -> Shell:
    """A shell with a rental that waits on the one line."""
    any_shell.service(4)
    any_shell.lines(row(1, "0961000001"))
    any_shell.rent(any_shell.dealer())
    return any_shell


def test_a_message_reaches_the_rental_that_waits_for_it(waiting: Shell) -> None:
    (rental,) = waiting.json("rentals")
    kept = waiting.json("sms", "0961000001", "--from", "Yahoo", "--text", "Yahoo: 123456")
    assert kept == {"message": 1, "duplicate": False, "rental": rental["id"], "quarantine": None}
    assert waiting.json("rentals")[0]["state"] == "received"


@pytest.mark.parametrize("number", ["961000001", "+84961000001", "84961000001", "096 100-00.01"])
def test_the_number_is_taken_in_every_spelling(waiting: Shell, number: str) -> None:
    kept = waiting.json("sms", number, "--from", "Yahoo", "--text", "Yahoo: 123456")
    assert kept["rental"] is not None


@pytest.mark.parametrize(
    ("number", "sender", "reason"),
    [
        ("0961000001", "Zalo", "no_rule_fits"),
        ("0961000009", "Yahoo", "unknown_number"),
    ],
)
def test_a_message_that_nobody_owns_is_told_with_its_reason(
    waiting: Shell, number: str, sender: str, reason: str
) -> None:
    kept = waiting.json("sms", number, "--from", sender, "--text", "123456")
    assert (kept["rental"], kept["quarantine"]) == (None, reason)


def test_a_message_sent_before_the_rental_began_is_not_its_own(waiting: Shell) -> None:
    earlier = utc_text(now_ms() - MINUTE_MS)
    sms = ("sms", "0961000001", "--from", "Yahoo", "--text", "Yahoo: 123456", "--sent-at", earlier)
    assert waiting.json(*sms)["quarantine"] == "no_rental"


def test_a_message_with_its_time_is_kept_once(shell: Shell) -> None:
    sms = ("sms", "0961000001", "--from", "A", "--text", "B", "--sent-at", "2026-01-31T08:00:00Z")
    first, second = shell.json(*sms), shell.json(*sms)
    assert (first["duplicate"], second["duplicate"]) == (False, True)
    assert second["message"] == first["message"]
    assert shell.run(*sms).stdout == "The message was kept before, as message 1.\n"


def test_without_its_time_it_is_a_message_of_its_own(shell: Shell) -> None:
    sms = ("sms", "0961000001", "--from", "A", "--text", "B")
    assert not shell.json(*sms)["duplicate"]
    assert not shell.json(*sms)["duplicate"]


def test_people_are_told_what_became_of_it_and_see_no_code(waiting: Shell) -> None:
    said = waiting.run("sms", "0961000001", "--from", "Yahoo", "--text", "Yahoo: 123456").stdout
    (rental,) = waiting.json("rentals")
    assert said == f"The message belongs to rental {rental['id']}.\n"
    assert waiting.run("sms", "0961000002", "--from", "A", "--text", "B").stdout == (
        "The message is in quarantine (unknown_number): no line has this number.\n"
    )


@pytest.mark.parametrize(
    "sent_at",
    ["2026-01-31T08:00:00", "yesterday", "", "1999-12-31T23:59:59Z", "2200-01-01T00:00:00Z"],
)
def test_a_time_that_is_none_is_wrong_use(shell: Shell, sent_at: str) -> None:
    sms = ("sms", "0961000001", "--from", "A", "--text", "B", "--sent-at", sent_at)
    shell.error(*sms, code=WRONG_USE)


def test_a_number_or_sender_that_is_none_is_refused(shell: Shell) -> None:
    more = ("--text", "B")
    assert shell.error("sms", "12345", "--from", "A", *more)["code"] == "invalid"
    shell.error("sms", "0961000001", "--from", "x" * 65, *more, code=WRONG_USE)
    shell.error("sms", "0961000001", "--from", "A", code=WRONG_USE)


def test_its_gateway_is_one_and_no_other_may_have_its_name(shell: Shell) -> None:
    for _ in range(2):
        shell.run("sms", "0961000001", "--from", "A", "--text", "B")
    assert [one["name"] for one in shell.json("gateway", "list")] == ["console"]
    assert shell.error("gateway", "add", "console", "--kind", "http")["code"] == "invalid"


def utc_text(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
