"""`simlet demo`."""

import os
import socket
import subprocess
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from cli.process import get, started
from cli.shell import Shell
from simlet.cli.database import read, write
from simlet.cli.demo import _tell, round_commands
from simlet.cli.demo_seed import BALANCE_DONG, seed
from simlet.cli.failure import FAULT
from simlet.cli.output import Output
from simlet.domain.errors import UNAUTHENTICATED, Refused
from simlet.domain.phone import prefix_of
from simlet.flows import browse


def test_it_begins_with_the_services_of_the_contract(shell: Shell) -> None:
    write(seed, b"1" * 32, 1)
    fields = ("code", "name", "price_dealer_dong", "waiting_s", "catch_all", "senders")
    assert [tuple(one[name] for name in fields) for one in shell.json("service", "list")] == [
        ("02.97", "DV KHÁC (TEST)", 1450, 300, True, []),
        ("01.4", "Yahoo", 470, 300, False, ["Yahoo"]),
    ]


def test_it_begins_with_fifty_lines_over_stores_networks_and_prefixes(shell: Shell) -> None:
    write(seed, b"1" * 32, 1)
    lines = shell.json("line", "list")
    assert Counter(one["store"] for one in lines) == {"01": 25, "02": 25}
    for store in ("01", "02"):
        networks = Counter(one["network"] for one in lines if one["store"] == store)
        assert set(networks.values()) == {5}
        assert len(networks) == 5
    assert len({prefix_of(one["number"]) for one in lines}) == 9
    assert {one["gateway"] for one in lines} == {"simulator"}
    assert {(one["holder"], one["contract"]) for one in lines} == {("simlet demo", "demo")}
    assert all(one["iccid"].startswith("8984") for one in lines)


def test_its_dealer_is_approved_and_has_a_million(shell: Shell) -> None:
    write(seed, b"1" * 32, 1)
    (dealer,) = shell.json("account", "list")
    assert (dealer["name"], dealer["tier"], dealer["state"]) == ("demo", "dealer", "approved")
    assert dealer["available_dong"] == 1_000_000 == BALANCE_DONG


def test_begun_again_it_adds_nothing_but_a_token_that_replaces_the_old_one(shell: Shell) -> None:
    write(seed, b"1" * 32, 1)
    before = [shell.json(one, "list") for one in ("service", "line", "account", "gateway")]
    write(seed, b"2" * 32, 2)
    assert before == [shell.json(one, "list") for one in ("service", "line", "account", "gateway")]
    assert read(browse.account_of_token, b"2" * 32).name == "demo"
    with pytest.raises(Refused) as refused:
        read(browse.account_of_token, b"1" * 32)
    assert refused.value.refusal is UNAUTHENTICATED


def test_the_lines_it_prints_are_a_whole_round(tmp_path: Path) -> None:
    with started("demo", "--port", 0, "--data", tmp_path / "data", "--json") as server:
        commands = [one for _, one in round_commands(server["address"], server["token"])]
        ended = subprocess.run(
            ["sh"],
            input="\n".join(commands).encode(),
            capture_output=True,
            check=True,
            env={"PATH": os.environ["PATH"]},
        )
    answers = [msgspec.json.decode(line) for line in ended.stdout.splitlines()]
    balance, networks, services, rented, rental_id, waiting, received, after, history, once = (
        answers
    )
    assert balance["data"] == {"balance": 1_000_000}
    assert len(networks["data"]) == 5
    assert [one["ID"] for one in services["data"]] == [97, 4]
    assert rented["data"]["request_id"] == str(rental_id)
    assert waiting["ResponseCode"] == 1
    assert received["ResponseCode"] == 0
    assert received["Result"]["Code"].isdigit()
    assert after["data"] == {"balance": 998_550}
    assert [one["ID"] for one in history["data"]] == [rental_id]
    assert history["data"][0]["Code"] == received["Result"]["Code"]
    assert (once["object"], once["state"]) == ("rental", "received")
    assert once["code"].isdigit()


def test_it_starts_on_the_data_it_left(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with started("demo", "--port", 0, "--data", data, "--json") as first:
        rent = f"{first['address']}/api/register-service/?serviceId=97&token={first['token']}"
        assert get(rent)["Balance"] == 998_550
    with started("demo", "--port", 0, "--data", data, "--json") as second:
        balance = f"{second['address']}/api/?show=balance&token="
        assert get(balance + second["token"])["data"] == {"balance": 998_550}
        assert get(balance + first["token"])["status_code"] == 401


def test_a_second_demo_on_the_port_leaves_the_first_its_token(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = shell.folder / "data"
    data.mkdir()
    monkeypatch.setenv("SIMLET_DATABASE_URL", f"sqlite:///{data}/simlet.db")
    shell.run("migrate")
    write(seed, b"1" * 32, 1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        error = shell.error("demo", "--port", port, "--data", data, code=FAULT)
    taken = f"Cannot listen on 127.0.0.1:{port}: Address already in use."
    assert error["sentence"] == taken
    assert read(browse.account_of_token, b"1" * 32).name == "demo"


def test_a_second_demo_on_the_data_leaves_the_first_its_token(shell: Shell) -> None:
    data = shell.folder / "data"
    with started("demo", "--port", 0, "--data", data, "--json") as first:
        error = shell.error("demo", "--port", 0, "--data", data, code=FAULT)
        balance = f"{first['address']}/api/?show=balance&token={first['token']}"
        assert get(balance)["data"] == {"balance": 1_000_000}
    busy = f"Another demo is using the folder {data}; give another one with --data."
    assert error["sentence"] == busy


def test_people_see_address_token_and_every_line_to_type_unbroken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _tell(Output(json=False), "http://127.0.0.1:8080", "simlet_" + "x" * 36)
    shown = capsys.readouterr().out.splitlines()
    assert any("http://127.0.0.1:8080" in line for line in shown[:3])
    assert any(line.endswith("simlet_" + "x" * 36) for line in shown[:4])
    for _, command in round_commands("http://127.0.0.1:8080", "simlet_" + "x" * 36):
        assert command in shown
