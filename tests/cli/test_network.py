"""`simlet network`."""

from cli.shell import Shell


def test_an_installation_begins_with_the_five_of_the_contract(shell: Shell) -> None:
    assert [(one["id"], one["name"]) for one in shell.json("network", "list")] == [
        (1, "MOBIFONE"),
        (2, "VINAPHONE"),
        (3, "VIETTEL"),
        (4, "VIETNAMOBILE"),
        (5, "ITELECOM"),
    ]


def test_a_further_network_takes_a_new_id(shell: Shell) -> None:
    assert shell.json("network", "add", "wintel") == {"id": 6, "name": "WINTEL"}
    assert shell.run("network", "add", "local").stdout == (
        "Network 'LOCAL' is added with the id 7.\n"
    )
    assert "WINTEL" in shell.run("network", "list").stdout


def test_a_name_is_taken_once_in_whatever_case(shell: Shell) -> None:
    assert shell.error("network", "add", "Viettel")["code"] == "network_exists"


def test_a_name_that_is_none_is_refused(shell: Shell) -> None:
    assert shell.error("network", "add", "a|b")["code"] == "invalid"
