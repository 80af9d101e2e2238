"""`simlet service`."""

import pytest

from cli.shell import Shell
from simlet.cli.database import read
from simlet.cli.failure import WRONG_USE
from simlet.domain.events import EventKind
from simlet.domain.service import Category
from simlet.store.events import events_after

ADD = ("service", "add", "--store", "02", "--id", "97", "--name", "DV KHÁC", "--price", "1450")


def test_a_service_is_added_as_the_contract_writes_it(shell: Shell) -> None:
    added = shell.json(*ADD, "--seconds", 300, "--catch-all")
    assert added == {
        "id": 97,
        "code": "02.97",
        "store": "02",
        "name": "DV KHÁC",
        "price_member_dong": 1450,
        "price_dealer_dong": 1450,
        "price_distributor_dong": 1450,
        "waiting_s": 300,
        "cancel_after_s": 0,
        "extend_s": 0,
        "extend_times": 0,
        "catch_all": True,
        "senders": [],
        "texts": [],
        "code_pattern": None,
        "category": "general",
        "state": "offered",
        "rentable": True,
    }
    assert shell.json("service", "list") == [added]


def test_the_list_shows_each_service_in_a_line(shell: Shell) -> None:
    shell.run(*ADD, "--seconds", 300, "--sender", "Zalo", "--sender", "ZALO OA")
    words = shell.run("service", "list").stdout.splitlines()[1]
    assert words.startswith("02.97")
    assert "Zalo, ZALO OA" in words


def test_a_tier_can_have_a_price_of_its_own(shell: Shell) -> None:
    own = ("--price-dealer", 1000, "--price-distributor", 900)
    added = shell.json(*ADD, "--seconds", 300, "--catch-all", *own)
    assert (
        added["price_member_dong"],
        added["price_dealer_dong"],
        added["price_distributor_dong"],
    ) == (1450, 1000, 900)


def test_senders_texts_and_a_pattern_of_the_code_are_kept(shell: Shell) -> None:
    rules = ("--sender", "A", "--sender", "B", "--text", "ma OTP", "--code-pattern", r"G-(\d{6})")
    added = shell.json(*ADD, "--seconds", 60, *rules)
    assert (added["senders"], added["texts"]) == (["A", "B"], ["ma OTP"])
    assert added["code_pattern"] == r"G-(\d{6})"


@pytest.mark.parametrize(
    "more",
    [
        ("--seconds", "300"),
        ("--seconds", "0", "--catch-all"),
        ("--seconds", "300", "--catch-all", "--price-dealer", "0"),
        ("--seconds", "300", "--sender", " "),
        ("--seconds", "300", "--text", "(unclosed"),
        ("--seconds", "300", "--catch-all", "--code-pattern", "(a)(b)"),
    ],
)
def test_a_service_that_cannot_work_is_refused(shell: Shell, more: tuple[str, ...]) -> None:
    shell.error(*ADD, *more)
    assert shell.json("service", "list") == []


@pytest.mark.parametrize("store", ["2", "002", "ab", ""])
def test_a_store_has_two_digits(shell: Shell, store: str) -> None:
    more = ("--price", 5, "--seconds", 300, "--catch-all")
    shell.error("service", "add", "--store", store, "--id", 1, "--name", "A", *more)


def test_an_id_is_taken_once_over_all_stores(shell: Shell) -> None:
    shell.run(*ADD, "--seconds", 300, "--catch-all")
    again = ("--name", "A", "--price", 5, "--seconds", 300, "--catch-all")
    error = shell.error("service", "add", "--store", "01", "--id", "97", *again)
    assert error["code"] == "service_exists"


def test_what_is_missing_is_wrong_use(shell: Shell) -> None:
    shell.error(*ADD, "--catch-all", code=WRONG_USE)


def test_a_service_can_be_added_paused(shell: Shell) -> None:
    assert shell.json(*ADD, "--seconds", 300, "--catch-all", "--paused")["state"] == "paused"


def test_a_service_is_paused_and_resumed(shell: Shell) -> None:
    shell.service(4)
    assert shell.json("service", "pause", 4) == {"id": 4, "paused": True}
    assert shell.json("service", "list")[0]["state"] == "paused"
    assert shell.json("service", "resume", 4) == {"id": 4, "paused": False}
    assert shell.json("service", "list")[0]["rentable"]


@pytest.mark.parametrize("category", [one.value for one in Category if one.closed])
def test_a_closed_category_needs_an_opening_with_its_reason(shell: Shell, category: str) -> None:
    added = shell.json(*ADD, "--seconds", 300, "--catch-all", "--category", category)
    assert (added["state"], added["rentable"]) == ("closed", False)
    shell.error("service", "open", 97, code=WRONG_USE)
    opened = shell.json("service", "open", 97, "--reason", "own staff", "--by", "Bà Hai")
    assert opened == {"id": 97, "opened": True, "opened_by": "Bà Hai", "reason": "own staff"}
    assert shell.json("service", "list")[0]["rentable"]
    events = [one for one in read(events_after, 0, 100) if one.kind is EventKind.SERVICE_OPENED]
    assert events[0].data == {"service_id": 97, "by": "Bà Hai", "reason": "own staff"}
    assert shell.json("service", "close", 97) == {"id": 97, "opened": False}
    assert not shell.json("service", "list")[0]["rentable"]


def test_people_are_told_that_a_category_is_closed(shell: Shell) -> None:
    said = shell.run(*ADD, "--seconds", 300, "--catch-all", "--category", "health").stdout
    assert "simlet service open 97 --reason" in said


def test_an_open_category_needs_no_opening(shell: Shell) -> None:
    shell.service(4)
    assert shell.error("service", "open", 4, "--reason", "why")["code"] == "invalid"


@pytest.mark.parametrize("verb", ["pause", "resume", "close"])
def test_a_service_that_is_not_there_is_refused(shell: Shell, verb: str) -> None:
    assert shell.error("service", verb, 5)["code"] == "service_unknown"


@pytest.mark.parametrize("service_id", ["0", "x", "02.97", str(10**20)])
def test_what_is_no_id_is_wrong_use(shell: Shell, service_id: str) -> None:
    shell.error("service", "pause", service_id, code=WRONG_USE)


def test_each_command_tells_people_what_it_did(shell: Shell) -> None:
    shell.run(*ADD, "--seconds", 300, "--catch-all", "--category", "crypto")
    assert [
        shell.run("service", *args).stdout
        for args in (
            ("pause", 97),
            ("resume", 97),
            ("open", 97, "--reason", "own staff", "--by", "Bo"),
            ("close", 97),
        )
    ] == [
        "Service 97 is paused.\n",
        "Service 97 is no longer paused.\n",
        "Service 97 is opened by Bo.\n",
        "Service 97 is closed.\n",
    ]


def test_when_rentals_may_be_cancelled_and_extended_is_the_services(shell: Shell) -> None:
    terms = ("--cancel-after", 60, "--extend-by", 120, "--extend-times", 2)
    added = shell.json(*ADD, "--seconds", 300, "--catch-all", *terms)
    assert (added["cancel_after_s"], added["extend_s"], added["extend_times"]) == (60, 120, 2)
    words = shell.run("service", "list").stdout.splitlines()
    assert "CANCEL AFTER (s)" in words[0]
    assert " 60 " in words[1]


def test_a_service_is_changed(shell: Shell) -> None:
    shell.run(*ADD, "--seconds", 300, "--catch-all", "--cancel-after", 60)
    changed = shell.json("service", "change", 97, "--extend-by", 30, "--extend-times", 1)
    assert (changed["cancel_after_s"], changed["extend_s"], changed["extend_times"]) == (60, 30, 1)
    assert "changed" in shell.run("service", "change", 97, "--cancel-after", 0).stdout
    (listed,) = shell.json("service", "list")
    assert (listed["cancel_after_s"], listed["extend_s"]) == (0, 30)


@pytest.mark.parametrize(
    "more", [("--cancel-after", "-1"), ("--extend-by", "30"), ("--extend-times", "1")]
)
def test_a_change_that_means_nothing_is_refused(shell: Shell, more: tuple[str, ...]) -> None:
    shell.run(*ADD, "--seconds", 300, "--catch-all")
    before = shell.json("service", "list")
    assert shell.error("service", "change", 97, *more)["code"] == "invalid"
    assert shell.error("service", "change", 98, "--cancel-after", 1)["code"] == "service_unknown"
    assert shell.json("service", "list") == before


def test_a_change_of_nothing_is_wrong_use(shell: Shell) -> None:
    shell.run(*ADD, "--seconds", 300, "--catch-all")
    shell.error("service", "change", 97, code=WRONG_USE)


def test_one_price_changes_all_tiers_but_those_that_are_given_their_own(shell: Shell) -> None:
    shell.run(*ADD, "--seconds", 300, "--catch-all")
    changed = shell.json("service", "change", 97, "--price", 900, "--price-member", 1000)
    prices = [changed[f"price_{tier}_dong"] for tier in ("member", "dealer", "distributor")]
    assert prices == [1000, 900, 900]


def test_senders_and_texts_are_replaced_or_taken_away(shell: Shell) -> None:
    shell.run(*ADD, "--seconds", 300, "--sender", "Yahoo", "--text", "code")
    replaced = shell.json("service", "change", 97, "--sender", "Zalo", "--sender", "VNG")
    assert (replaced["senders"], replaced["texts"]) == (["Zalo", "VNG"], ["code"])
    without = shell.json("service", "change", 97, "--no-texts", "--seconds", 60, "--name", "Zalo")
    assert (without["texts"], without["waiting_s"], without["name"]) == ([], 60, "Zalo")


def test_a_service_keeps_some_rule(shell: Shell) -> None:
    shell.run(*ADD, "--seconds", 300, "--sender", "Yahoo")
    assert shell.error("service", "change", 97, "--no-senders")["code"] == "invalid"


def test_senders_and_none_at_once_are_wrong_use(shell: Shell) -> None:
    shell.run(*ADD, "--seconds", 300, "--sender", "Yahoo")
    shell.error("service", "change", 97, "--sender", "Zalo", "--no-senders", code=WRONG_USE)
