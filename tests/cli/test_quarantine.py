from cli.shell import Shell


def put(shell: Shell, text: str) -> None:
    shell.run("sms", "0967000001", "--from", "Yahoo", "--text", text)


def test_what_no_rental_owns_is_listed_without_its_text(shell: Shell) -> None:
    put(shell, "code 486460")
    (row,) = shell.json("quarantine")
    assert (row["gateway"], row["to"], row["reason"]) == (
        "console",
        "+84967000001",
        "unknown_number",
    )
    assert "text" not in row


def test_texts_are_shown_to_whoever_asks_for_them(shell: Shell) -> None:
    put(shell, "code 486460")
    (row,) = shell.json("quarantine", "--texts")
    assert (row["sender"], row["text"]) == ("Yahoo", "code 486460")


def test_it_can_be_filtered(shell: Shell) -> None:
    put(shell, "code 486460")
    assert shell.json("quarantine", "--reason", "damaged") == []
    assert shell.json("quarantine", "--gateway", "other") == []
    assert len(shell.json("quarantine", "--gateway", "console", "--reason", "unknown_number")) == 1
