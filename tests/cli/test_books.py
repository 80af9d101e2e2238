"""`simlet books`."""

import apsw
import msgspec

from cli.shell import Shell, row


def test_books_agree_after_money_moved(any_shell: Shell) -> None:
    any_shell.service(4)
    any_shell.lines(row(1, "0961000001"))
    any_shell.rent(any_shell.dealer())
    any_shell.run("sms", "0961000001", "--from", "Yahoo", "--text", "Yahoo: 123456")
    assert any_shell.json("books", "check") == {"agree": True, "findings": []}
    assert any_shell.run("books", "check").stdout == "Every figure agrees.\n"


def test_a_figure_that_does_not_agree_is_named_and_is_the_exit_code(shell: Shell) -> None:
    shell.dealer(amount=1000)
    connection = apsw.Connection(shell.url.removeprefix("sqlite:///"))
    connection.execute("UPDATE accounts SET available_dong = 999")
    connection.close()
    found = shell.json("books", "check", code=1)
    assert found["agree"] is False
    assert found["findings"] == ["account 1: available is 999, its postings say 1000"]
    for_people = shell.run("books", "check", code=1)
    assert for_people.stdout.splitlines() == found["findings"]
    assert msgspec.json.encode(found)
