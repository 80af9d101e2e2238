"""`simlet gateway`."""

import pytest

from cli.shell import Shell, row
from simlet.cli.database import read
from simlet.cli.failure import WRONG_USE
from simlet.cli.gateway import _setting
from simlet.domain.signing import gateway_secret_is_well_formed, hash_secret
from simlet.flows.browse import find_gateway


def test_an_http_gateway_gets_a_secret_that_is_kept_as_its_hash(shell: Shell) -> None:
    added = shell.json("gateway", "add", "gate", "--kind", "http")
    assert gateway_secret_is_well_formed(added["secret"])
    kept = read(find_gateway, "gate")
    assert kept is not None
    assert kept.secret_hash == hash_secret(added["secret"])


def test_the_secret_for_people_stands_on_a_line_of_its_own(shell: Shell) -> None:
    shown = shell.run("gateway", "add", "gate", "--kind", "http").stdout.splitlines()
    assert gateway_secret_is_well_formed(shown[-1])


def test_pretend_lines_have_settings_and_no_secret(shell: Shell) -> None:
    settings = ("--set", "delay_min_s=0.5", "--set", "delay_max_s=1", "--set", "seed=7")
    added = shell.json("gateway", "add", "sim", "--kind", "simulator", *settings)
    assert added["secret"] is None
    kept = read(find_gateway, "sim")
    assert kept is not None
    assert (kept.settings["delay_min_s"], kept.settings["delay_max_s"]) == (0.5, 1)
    assert kept.settings["seed"] == 7
    assert kept.secret_hash is None


@pytest.mark.parametrize(
    "pair", ["delay_min_s=soon", "delay_min_s=true", "colour=red", "delay_min_s="]
)
def test_a_setting_that_the_kind_does_not_take_is_refused(shell: Shell, pair: str) -> None:
    error = shell.error("gateway", "add", "sim", "--kind", "simulator", "--set", pair)
    assert error["code"] == "invalid"
    assert shell.json("gateway", "list") == []


def test_a_value_may_hold_equal_signs_or_be_empty() -> None:
    assert _setting("query=a=b") == ("query", "a=b")
    assert _setting("name=") == ("name", "")


@pytest.mark.parametrize("pair", ["delay_min_s", "=5", ""])
def test_a_setting_without_name_or_value_is_wrong_use(shell: Shell, pair: str) -> None:
    shell.error("gateway", "add", "sim", "--kind", "simulator", "--set", pair, code=WRONG_USE)


def test_an_unknown_kind_is_wrong_use(shell: Shell) -> None:
    shell.error("gateway", "add", "gate", "--kind", "fax", code=WRONG_USE)


def test_a_name_is_taken_once(shell: Shell) -> None:
    shell.run("gateway", "add", "gate", "--kind", "http")
    error = shell.error("gateway", "add", "gate", "--kind", "simulator")
    assert error["code"] == "gateway_exists"


@pytest.mark.parametrize("name", ["a b", "a/b", "", "console"])
def test_a_name_that_cannot_stand_in_an_address_or_is_ours_is_refused(
    shell: Shell, name: str
) -> None:
    assert shell.error("gateway", "add", name, "--kind", "http")["code"] == "invalid"


def test_the_list_shows_no_secret(shell: Shell) -> None:
    secret = shell.json("gateway", "add", "gate", "--kind", "http")["secret"]
    shell.run("gateway", "add", "sim", "--kind", "simulator", "--set", "late_s=9")
    listed = shell.run("gateway", "list").stdout
    assert "late_s=9" in listed
    assert secret not in listed
    assert [set(one) for one in shell.json("gateway", "list")] == [
        {"id", "name", "kind", "settings"}
    ] * 2


def test_a_gateway_shows_what_to_enter_at_the_other_side(shell: Shell) -> None:
    added = shell.run(
        "gateway",
        "add",
        "phones",
        "--kind",
        "android",
        "--set",
        "signing_key=hidden-key",
        "--set",
        "numbers=1=0967000001",
    )
    shown = shell.json("gateway", "show", "phones")
    assert "/gateways/phones" in shown["setup"]
    assert shown["settings"]["signing_key"] == "•••"
    assert "hidden-key" not in str(shown)
    assert shown["setup"].splitlines()[0] in added.stdout


def test_an_unknown_gateway_is_not_shown(shell: Shell) -> None:
    assert shell.error("gateway", "show", "nobody")["code"] == "gateway_unknown"


def test_settings_are_changed_and_put_back(shell: Shell) -> None:
    shell.run(
        "gateway", "add", "sim", "--kind", "simulator", "--set", "late_s=9", "--set", "seed=7"
    )

    changed = shell.json("gateway", "set", "sim", "seed=8", "late_s=")["settings"]

    (listed,) = shell.json("gateway", "list")
    assert listed["settings"] == {"seed": 8}
    assert changed["seed"] == 8
    assert shell.json("gateway", "show", "sim")["settings"] == changed


@pytest.mark.parametrize("pair", ["seed=soon", "colour=red", "colour="])
def test_a_change_that_the_kind_does_not_take_changes_nothing(shell: Shell, pair: str) -> None:
    shell.run("gateway", "add", "sim", "--kind", "simulator", "--set", "seed=7")
    before = shell.json("gateway", "show", "sim")

    error = shell.error("gateway", "set", "sim", "late_s=5", pair)

    assert error["code"] == "invalid"
    assert shell.json("gateway", "show", "sim") == before


def test_a_change_names_settings(shell: Shell) -> None:
    shell.run("gateway", "add", "sim", "--kind", "simulator")
    shell.error("gateway", "set", "sim", code=WRONG_USE)
    shell.error("gateway", "set", "sim", "seed", code=WRONG_USE)


def test_a_secret_that_is_changed_is_hidden(shell: Shell) -> None:
    shell.run("gateway", "add", "phones", "--kind", "android", "--set", "signing_key=old")
    changed = shell.run("gateway", "set", "phones", "signing_key=hidden-key", "--json").stdout
    assert "hidden-key" not in changed
    assert "•••" in changed


def test_a_new_secret_takes_the_place_of_the_old_one(shell: Shell) -> None:
    old = shell.json("gateway", "add", "gate", "--kind", "http")["secret"]
    new = shell.json("gateway", "rotate", "gate")["secret"]
    kept = read(find_gateway, "gate")
    assert kept is not None
    assert kept.secret_hash == hash_secret(new)
    assert new != old
    assert gateway_secret_is_well_formed(shell.run("gateway", "rotate", "gate").stdout.split()[-1])


def test_a_removed_gateway_is_not_listed_and_its_name_is_free(shell: Shell) -> None:
    shell.run("gateway", "add", "gate", "--kind", "http")
    shell.run("gateway", "remove", "gate")
    assert shell.json("gateway", "list") == []
    assert shell.json("gateways") == []
    assert shell.error("gateway", "remove", "gate")["code"] == "gateway_unknown"
    shell.run("gateway", "add", "gate", "--kind", "simulator")


def test_who_removes_a_gateway_is_told_of_its_lines_and_what_to_do(any_shell: Shell) -> None:
    gateway_id = any_shell.json("gateway", "add", "gate", "--kind", "http")["id"]
    numbers = [f"096100000{one}" for one in (1, 2, 3)]
    file = any_shell.file(*(row(one, number) for one, number in enumerate(numbers, 1)))
    any_shell.run("line", "import", file, "--gateway", "gate")
    any_shell.run("line", "retire", numbers[2])

    shown = any_shell.run("gateway", "remove", "gate").stdout

    assert "Its 2 lines are" in shown
    (command,) = [one for one in shown.splitlines() if "line attach" in one]
    any_shell.run("gateway", "add", "gate", "--kind", "http")
    given = command.replace("NAME", "gate").removeprefix("simlet ").split()
    assert any_shell.json(*given) == {"gateway": "gate", "moved": 2}
    assert any_shell.json("gateway", "remove", "gate") == {
        "name": "gate",
        "name_now": f"gate~{gateway_id + 1}",
        "lines": 2,
    }


def test_a_gateway_without_lines_leaves_none(shell: Shell) -> None:
    shell.run("gateway", "add", "gate", "--kind", "http")
    assert shell.run("gateway", "remove", "gate").stdout == "Gateway 'gate' is removed.\n"


SMPP = ("--kind", "smpp", "--set", "host=smsc.example.net", "--set", "system_id=us")


def password_of(name: str) -> object:
    found = read(find_gateway, name)
    assert found is not None
    return found.settings["password"]


def test_a_password_may_stand_in_a_file(shell: Shell) -> None:
    file = shell.folder / "password"
    file.write_bytes(b" pa=ss word \r\n")
    added = shell.run("gateway", "add", "smsc", *SMPP, "--set-file", f"password={file}")
    assert password_of("smsc") == " pa=ss word "
    assert "pa=ss" not in added.stdout

    file.write_text("other")
    shell.run("gateway", "set", "smsc", "port=2776", "--set-file", f"password={file}")
    assert password_of("smsc") == "other"
    shell.run(*("gateway", "set", "smsc", "--set-file", "password=-"), stdin=b"a third one\n")
    assert password_of("smsc") == "a third one"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("password", "expected KEY=PATH"),
        ("password=nowhere", "nowhere cannot be read"),
        ("password=.", ". cannot be read"),
        ("password=empty", "empty is empty"),
        ("password=binary", "binary is not UTF-8 text"),
    ],
)
def test_a_file_that_gives_no_value_is_wrong_use_and_nothing_is_added(
    shell: Shell, given: str, reason: str
) -> None:
    (shell.folder / "empty").write_text("\n")
    (shell.folder / "binary").write_bytes(b"\xff\xfe")
    error = shell.error("gateway", "add", "smsc", *SMPP, "--set-file", given, code=WRONG_USE)
    assert reason in error["sentence"]
    assert shell.json("gateway", "list") == []


def test_a_file_for_a_setting_that_the_kind_has_not_is_refused(shell: Shell) -> None:
    file = shell.folder / "value"
    file.write_text("x")
    error = shell.error("gateway", "add", "gate", *SMPP, "--set-file", f"colour={file}")
    assert error["code"] == "invalid"
