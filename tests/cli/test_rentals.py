"""`simlet rentals`."""

from cli.shell import Shell, row
from simlet.cli.database import now_ms, write
from simlet.cli.failure import WRONG_USE
from simlet.domain.report import ReportReason
from simlet.flows.report_rental import report_rental


def prepared(shell: Shell) -> tuple[int, int]:
    shell.service(4)
    shell.lines(*(row(one, f"096100000{one}") for one in range(1, 6)))
    return shell.dealer("ann"), shell.dealer("bob")


def test_a_rental_is_shown_with_all_that_names_it(shell: Shell) -> None:
    ann, _ = prepared(shell)
    rented = shell.rent(ann).rental
    assert shell.json("rentals") == [
        {
            "id": rented.id,
            "code": f"{rented.id}.01",
            "store": "01",
            "service_id": 4,
            "service_code": "01.4",
            "service": "Yahoo",
            "account": "ann",
            "number": rented.number,
            "state": "waiting",
            "price_dong": 470,
            "created_at_ms": rented.created_at_ms,
            "deadline_at_ms": rented.deadline_at_ms,
            "closed_at_ms": None,
            "extensions": 0,
            "report": None,
            "note": None,
        }
    ]
    shown = shell.run("rentals").stdout
    assert f"{rented.id}.01" in shown
    assert rented.number in shown


def test_rentals_are_chosen_by_account_and_state_the_newest_first(any_shell: Shell) -> None:
    ann, bob = prepared(any_shell)
    first, second, third = (any_shell.rent(one).rental for one in (ann, bob, ann))
    any_shell.run("sms", first.number, "--from", "Yahoo", "--text", "Yahoo: 123456")

    def found(*args: object) -> list[int]:
        return [one["id"] for one in any_shell.json("rentals", *args)]

    assert found() == [third.id, second.id, first.id]
    assert found("--account", "ann") == [third.id, first.id]
    assert found("--state", "received") == [first.id]
    assert found("--account", "bob", "--state", "received") == []
    assert found("--limit", 1) == [third.id]


def test_what_a_dealer_said_of_a_line_is_shown(shell: Shell) -> None:
    ann, _ = prepared(shell)
    rental = shell.rent(ann).rental
    note = "rings\x1b[2J engaged\nsince noon"
    write(report_rental, ann, rental.id, ReportReason.LINE_DEAD, note, now_ms())

    (shown,) = shell.json("rentals")

    assert (shown["state"], shown["report"], shown["note"]) == ("cancelled", "line_dead", note)
    titles, line = shell.run("rentals").stdout.splitlines()
    assert titles.split()[-2:] == ["REPORT", "NOTE"]
    assert line.rstrip().endswith("line_dead  rings�[2J engaged since noon")


def test_without_any_people_are_told_so(shell: Shell) -> None:
    assert shell.run("rentals").stdout == "There are no such rentals.\n"


def test_a_state_or_limit_that_is_none_is_wrong_use(shell: Shell) -> None:
    shell.error("rentals", "--state", "lost", code=WRONG_USE)
    shell.error("rentals", "--limit", "0", code=WRONG_USE)
