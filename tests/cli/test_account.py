"""`simlet account`."""

import getpass

import pytest
from standardwebhooks import Webhook

from cli.shell import Shell
from simlet.cli.account import DEFAULT_WAITING_LIMIT
from simlet.cli.database import read
from simlet.cli.failure import WRONG_USE
from simlet.domain.events import EventKind
from simlet.domain.signing import hash_secret, token_is_well_formed
from simlet.flows.browse import account_of_token
from simlet.store.endpoints import first_api_endpoint
from simlet.store.events import events_after


def told(kind: EventKind) -> dict[str, object]:
    """The data of the newest event of a kind."""
    found = [one.data for one in read(events_after, 0, 100) if one.kind is kind]
    return dict(found[-1])


def test_an_account_waits_for_its_approval(shell: Shell) -> None:
    added = shell.json("account", "add", "ann")
    assert added == {
        "id": 1,
        "name": "ann",
        "tier": "member",
        "state": "pending",
        "waiting_limit": DEFAULT_WAITING_LIMIT,
        "callback_url": None,
        "callback_secret": None,
    }


def test_the_list_shows_what_each_account_has(shell: Shell) -> None:
    shell.dealer("ann", 10_000)
    shell.run("account", "add", "bob", "--waiting-limit", 3)
    assert shell.json("account", "list") == [
        {
            "id": 1,
            "name": "ann",
            "tier": "dealer",
            "state": "approved",
            "waiting_count": 0,
            "waiting_limit": DEFAULT_WAITING_LIMIT,
            "available_dong": 10_000,
            "held_dong": 0,
        },
        {
            "id": 2,
            "name": "bob",
            "tier": "member",
            "state": "pending",
            "waiting_count": 0,
            "waiting_limit": 3,
            "available_dong": 0,
            "held_dong": 0,
        },
    ]
    assert shell.run("account", "list").stdout.splitlines()[1].split() == [
        *("ann", "dealer", "approved", "0", "20", "10000", "0")
    ]


def test_a_name_is_taken_once(shell: Shell) -> None:
    shell.run("account", "add", "ann")
    assert shell.error("account", "add", "ann")["code"] == "account_exists"


def test_a_refused_approval_adds_no_account(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "")
    shell.error("account", "add", "ann", "--approve", code=WRONG_USE)
    assert shell.json("account", "list") == []


@pytest.mark.parametrize("limit", ["0", "1000001", "many"])
def test_a_waiting_limit_that_is_none_is_refused(shell: Shell, limit: str) -> None:
    code = WRONG_USE if limit == "many" else 1
    shell.error("account", "add", "ann", "--waiting-limit", limit, code=code)


def test_the_person_who_approves_is_recorded(shell: Shell) -> None:
    shell.run("account", "add", "ann", "--tier", "dealer", "--approve", "--by", "Bà Hai")
    assert told(EventKind.ACCOUNT_APPROVED) == {"by": "Bà Hai"}


def test_without_a_name_it_is_who_is_logged_in(shell: Shell) -> None:
    shell.run("account", "add", "ann")
    assert shell.json("account", "approve", "ann")["approved_by"] == "tester"
    assert told(EventKind.ACCOUNT_APPROVED) == {"by": "tester"}


def test_where_nobody_is_logged_in_a_name_is_asked_for(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    shell.run("account", "add", "ann")
    error = shell.error("account", "approve", "ann", code=WRONG_USE)
    assert "--by" in error["sentence"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 129, "two\nlines"])
def test_a_name_that_cannot_be_recorded_is_wrong_use(shell: Shell, name: str) -> None:
    shell.run("account", "add", "ann")
    shell.error("account", "approve", "ann", "--by", name, code=WRONG_USE)


def test_a_token_is_shown_once_and_stands_for_its_account(shell: Shell) -> None:
    shell.dealer()
    made = shell.json("account", "token", "ann")
    assert set(made) == {"account", "token"}
    assert token_is_well_formed(made["token"])
    assert read(account_of_token, hash_secret(made["token"])).name == "ann"


def test_a_token_for_people_stands_on_a_line_of_its_own(shell: Shell) -> None:
    shell.dealer()
    assert token_is_well_formed(shell.run("account", "token", "ann").stdout.splitlines()[-1])


def test_before_the_approval_there_is_no_token(shell: Shell) -> None:
    shell.run("account", "add", "ann", "--tier", "dealer")
    assert shell.error("account", "token", "ann")["code"] == "account_not_approved"


def test_a_member_gets_no_token(shell: Shell) -> None:
    shell.run("account", "add", "ann", "--approve")
    assert shell.error("account", "token", "ann")["code"] == "tier_without_token"


def test_revoking_ends_all_tokens(shell: Shell) -> None:
    shell.dealer()
    shell.run("account", "token", "ann")
    shell.run("account", "token", "ann")
    assert shell.json("account", "revoke", "ann") == {"name": "ann", "revoked": 2}
    assert shell.json("account", "revoke", "ann")["revoked"] == 0


def test_an_account_is_suspended_and_resumed(shell: Shell) -> None:
    shell.dealer()
    assert shell.json("account", "suspend", "ann") == {"name": "ann", "state": "suspended"}
    assert shell.json("account", "list")[0]["state"] == "suspended"
    assert shell.error("account", "token", "ann")["code"] == "account_suspended"
    assert shell.json("account", "resume", "ann") == {"name": "ann", "state": "approved"}


def test_resuming_gives_no_approval_that_was_not_there(shell: Shell) -> None:
    shell.run("account", "add", "ann")
    shell.run("account", "suspend", "ann")
    assert shell.json("account", "resume", "ann")["state"] == "pending"


def test_a_credit_is_available_at_once(shell: Shell) -> None:
    shell.dealer(amount=1000)
    done = shell.json("account", "credit", "ann", 500, "--reason", "cash")
    assert (done["amount_dong"], done["available_dong"], done["repeated"]) == (500, 1500, False)


def test_without_a_reference_each_credit_counts(shell: Shell) -> None:
    shell.dealer(amount=1000)
    for _ in range(2):
        shell.run("account", "credit", "ann", 500, "--reason", "cash")
    assert shell.json("account", "list")[0]["available_dong"] == 2000


def test_a_credit_with_a_reference_counts_once(shell: Shell) -> None:
    shell.dealer(amount=1000)
    credit = ("account", "credit", "ann", 500, "--reason", "cash", "--reference", "bank-7")
    assert not shell.json(*credit)["repeated"]
    assert shell.json(*credit)["repeated"]
    assert shell.json("account", "list")[0]["available_dong"] == 1500


def test_a_reference_with_another_amount_is_refused(shell: Shell) -> None:
    shell.dealer(amount=1000)
    more = ("--reason", "cash", "--reference", "bank-7")
    shell.run("account", "credit", "ann", 500, *more)
    assert shell.error("account", "credit", "ann", 501, *more)["code"] == "credit_reused"


@pytest.mark.parametrize(
    ("amount", "code"), [("0", 1), ("-5", WRONG_USE), ("1.5", WRONG_USE), (str(10**13), 1)]
)
def test_an_amount_that_is_none_is_refused(shell: Shell, amount: str, code: int) -> None:
    shell.dealer(amount=1000)
    shell.error("account", "credit", "ann", amount, "--reason", "cash", code=code)
    assert shell.json("account", "list")[0]["available_dong"] == 1000


def test_a_credit_needs_its_reason(shell: Shell) -> None:
    shell.dealer()
    shell.error("account", "credit", "ann", 500, code=WRONG_USE)
    assert shell.error("account", "credit", "ann", 500, "--reason", " ")["code"] == "invalid"


@pytest.mark.parametrize("reference", ["", "x" * 65, "a\tb"])
def test_a_reference_that_cannot_be_kept_is_wrong_use(shell: Shell, reference: str) -> None:
    shell.dealer()
    more = ("--reason", "cash", "--reference", reference)
    shell.error("account", "credit", "ann", 500, *more, code=WRONG_USE)


def test_a_wrong_credit_is_taken_back(shell: Shell) -> None:
    shell.run("account", "add", "ann")
    shell.run("account", "credit", "ann", 500, "--reason", "cash")
    debit = ("account", "debit", "ann", 450, "--reason", "50 were meant", "--reference", "w-1")
    assert shell.json(*debit)["available_dong"] == 50
    again = shell.json(*debit)
    assert (again["available_dong"], again["repeated"]) == (50, True)


def test_a_debit_takes_no_more_than_is_available(shell: Shell) -> None:
    shell.run("account", "add", "ann")
    told = shell.error("account", "debit", "ann", 1, "--reason", "a payout")
    assert told["code"] == "balance_too_low"


def test_a_callback_gets_a_secret_of_its_own(shell: Shell) -> None:
    url = "https://dealer.example/in"
    added = shell.json("account", "add", "ann", "--callback", url)
    target = read(first_api_endpoint, added["id"])
    assert target is not None
    assert (added["callback_url"], added["callback_secret"]) == (target.url, target.secret)
    assert Webhook(added["callback_secret"])


def test_a_new_callback_has_a_new_secret(shell: Shell) -> None:
    url = "https://dealer.example/in"
    before = shell.json("account", "add", "ann", "--callback", url)
    after = shell.json("account", "callback", "ann", f"{url}/2")
    assert after["callback_url"] == f"{url}/2"
    assert after["callback_secret"] not in {None, before["callback_secret"]}


def test_callbacks_can_be_ended(shell: Shell) -> None:
    added = shell.json("account", "add", "ann", "--callback", "https://dealer.example/in")
    ended = shell.json("account", "callback", "ann", "--off")
    assert (ended["callback_url"], ended["callback_secret"]) == (None, None)
    assert read(first_api_endpoint, added["id"]) is None


def test_a_callback_to_our_own_network_is_refused_and_nothing_is_added(shell: Shell) -> None:
    shell.error("account", "add", "ann", "--callback", "http://10.1.2.3/in")
    shell.error("account", "add", "ann", "--callback", "http://localhost/in")
    assert shell.json("account", "list") == []


def test_a_private_network_that_the_operator_named_is_reached(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMLET_CALLBACKS_PRIVATE_NETWORKS", "10.1.0.0/16")
    shell.run("account", "add", "ann", "--callback", "http://10.1.2.3:9999/in")
    shell.error("account", "callback", "ann", "http://10.2.2.3/in")


def test_either_an_address_or_off_is_given(shell: Shell) -> None:
    shell.run("account", "add", "ann")
    shell.error("account", "callback", "ann", code=WRONG_USE)
    shell.error("account", "callback", "ann", "https://a.example/", "--off", code=WRONG_USE)


@pytest.mark.parametrize(
    "command",
    [
        ("approve", "nobody", "--by", "Bo"),
        ("suspend", "nobody"),
        ("resume", "nobody"),
        ("token", "nobody"),
        ("revoke", "nobody"),
        ("credit", "nobody", "5", "--reason", "cash"),
        ("callback", "nobody", "--off"),
    ],
)
def test_an_account_that_is_not_there_is_refused(shell: Shell, command: tuple[str, ...]) -> None:
    assert shell.error("account", *command)["code"] == "account_unknown"


def test_each_command_tells_people_what_it_did(shell: Shell) -> None:
    said = [
        shell.run("account", *args).stdout.splitlines()[0]
        for args in (
            ("add", "ann", "--tier", "dealer", "--callback", "https://a.example/"),
            ("approve", "ann", "--by", "Bo"),
            ("credit", "ann", "500", "--reason", "cash", "--reference", "r"),
            ("credit", "ann", "500", "--reason", "cash", "--reference", "r"),
            ("token", "ann"),
            ("suspend", "ann"),
            ("resume", "ann"),
            ("revoke", "ann"),
            ("callback", "ann", "https://b.example/"),
            ("callback", "ann", "--off"),
        )
    ]
    assert said == [
        "Account 'ann' is added, pending.",
        "Account 'ann' is approved by Bo.",
        "Account 'ann' is credited: 500 đồng; 500 đồng are available.",
        "Account 'ann' was credited before under this reference: 500 đồng; 500 đồng are available.",
        "A token of account 'ann', shown this once:",
        "Account 'ann' is suspended.",
        "The suspension of account 'ann' is taken back; it is approved.",
        "Account 'ann' has no token any more; 1 were revoked.",
        "The callbacks of account 'ann' go to their new address.",
        "The callbacks of account 'ann' have ended.",
    ]
