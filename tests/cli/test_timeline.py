"""`simlet timeline`."""

from typing import Any

from cli.shell import Shell, row
from simlet.cli.failure import REFUSED, WRONG_USE


def rented(shell: Shell) -> Any:
    shell.service(4)
    shell.lines(row(1, "0961000001"))
    return shell.rent(shell.dealer("ann")).rental


def test_the_steps_of_a_rental_are_told_in_order(any_shell: Shell) -> None:
    rental = rented(any_shell)
    any_shell.run("sms", rental.number, "--from", "Yahoo", "--text", "Yahoo: 486460")

    told = any_shell.json("timeline", rental.id)

    assert [one["what"] for one in told] == [
        *("rented", "held", "message_came", "message_kept", "settled", "deadline")
    ]
    assert told[0]["at_ms"] == rental.created_at_ms
    assert told[0]["detail"]["account"] == "ann"
    assert any_shell.json("timeline", f"{rental.id}.01") == told


def test_people_are_shown_a_table_without_code_or_number(shell: Shell) -> None:
    rental = rented(shell)
    shell.run("sms", rental.number, "--from", "Yahoo", "--text", "Yahoo: 486460")

    shown = shell.run("timeline", rental.id).stdout

    assert shown.splitlines()[0].split() == ["TIME", "WHAT", "DETAIL"]
    assert "amount_dong=470" in shown
    assert "486460" not in shown
    assert "961000001" not in shown


def test_of_a_message_that_no_rental_owns_the_reason_is_told(shell: Shell) -> None:
    rental = rented(shell)
    shell.run("sms", rental.number, "--from", "Bank", "--text", "You won 5 million")
    ((message_id),) = [one["id"] for one in shell.json("quarantine")]

    told = shell.json("timeline", "--message", message_id)

    (found,) = [one for one in told if one["what"] == "message_quarantined"]
    assert found["detail"]["reason"] == "no_rule_fits"
    assert "reason=no_rule_fits" in shell.run("timeline", "--message", message_id).stdout


def test_what_is_not_there_is_refused(shell: Shell) -> None:
    assert shell.error("timeline", 77, code=REFUSED)["code"] == "no_such_rental"
    assert shell.error("timeline", "--message", 77, code=REFUSED)["code"] == "message_unknown"


def test_one_of_a_rental_and_a_message_is_to_be_named(shell: Shell) -> None:
    for args in ((), (77, "--message", 77), ("seven",), ("--message", 0)):
        shell.error("timeline", *args, code=WRONG_USE)
