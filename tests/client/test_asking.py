"""What a client asks of the server, and in whose name: the same for both clients."""

from datetime import UTC, datetime

import httpx2
import pytest

from client.canned import BALANCE, LOST, RENTAL, TOKEN, URL, Driven, Wire, ok, problem
from simlet import __version__
from simlet.client import Client, Invalid, NotConfigured, NotFound


def test_a_request_names_its_account_and_its_maker(driven: Driven) -> None:
    wire = Wire([ok(BALANCE)])
    balance = driven.call(wire, "balance")
    assert (balance.available_dong, balance.held_dong) == (5, 2)
    (sent,) = wire.sent
    assert str(sent.url) == f"{URL}/v1/balance"
    assert sent.headers["authorization"] == f"Bearer {TOKEN}"
    assert sent.headers["user-agent"] == f"simlet-python/{__version__}"


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("", TOKEN),
        (URL, ""),
        ("simlet.test", TOKEN),
        ("ftp://simlet.test", TOKEN),
        ("http://", TOKEN),
        ("http://[::1", TOKEN),
        (URL, "two words"),
        (URL, "mật"),
        (URL, "a\nb"),
    ],
)
def test_without_a_right_address_and_token_there_is_no_client(url: str, token: str) -> None:
    with pytest.raises(NotConfigured) as raised:
        Client(url, token)
    assert len(token) < 3 or token not in str(raised.value)


def test_the_environment_says_what_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMLET_URL", f"{URL}/")
    monkeypatch.setenv("SIMLET_TOKEN", f"{TOKEN}\n")
    wire = Wire([ok(BALANCE)])
    with httpx2.Client(transport=httpx2.MockTransport(wire)) as http:
        Client(http=http).balance()
    assert str(wire.sent[0].url) == f"{URL}/v1/balance"
    assert wire.sent[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_token_is_never_shown() -> None:
    with Client(URL, TOKEN) as client:
        assert TOKEN not in repr(vars(client))


def test_what_is_rented_is_said_in_full(driven: Driven) -> None:
    wire = Wire([ok(RENTAL | {"callback_secret": "whsec_x"}, 201)])
    rental = driven.call(
        wire,
        "rent",
        97,
        networks=["VIETTEL"],
        prefixes=("096",),
        prefixes_unwanted="090",
        max_price_dong=500,
        metadata={"order": "A-17"},
        callback_url="https://dealer.example/simlet",
        wait_s=9,
        wait_for_stock_s=60,
    )
    assert wire.body() == {
        "service": 97,
        "networks": ["VIETTEL"],
        "prefixes": ["096"],
        "prefixes_unwanted": ["090"],
        "max_price_dong": 500,
        "metadata": {"order": "A-17"},
        "callback_url": "https://dealer.example/simlet",
        "wait_s": 9,
        "wait_for_stock_s": 60,
    }
    assert rental.callback_secret == "whsec_x"
    assert rental.metadata == {"order": "A-17"}


def test_what_is_left_out_is_not_sent(driven: Driven) -> None:
    wire = Wire([ok(RENTAL, 201)])
    driven.call(wire, "rent", 97)
    assert wire.body() == {"service": 97}


def _services(*named: tuple[int, str], store: str = "01") -> httpx2.Response:
    figures = {"samples": 0, "delivery_rate": None, "median_s": None}
    services = [
        {
            "object": "service",
            "id": service_id,
            "name": name,
            "store": store,
            "category": "general",
            "price_dong": 470,
            "waiting_s": 300,
            "stock": 3,
            "last_24h": figures,
            "last_7d": figures,
        }
        for service_id, name in named
    ]
    return ok({"object": "list", "data": services, "next_cursor": None})


def test_a_service_is_found_by_its_name(driven: Driven) -> None:
    wire = Wire([_services((4, "Yahoo"), (5, "Yahoo Japan")), ok(RENTAL, 201)])
    driven.call(wire, "rent", "yahoo")
    assert wire.body()["service"] == 4


@pytest.mark.parametrize("named", [(), ((4, "Yahoo"), (5, "YAHOO"))])
def test_a_name_without_a_service_of_its_own_is_refused(
    driven: Driven, named: tuple[tuple[int, str], ...]
) -> None:
    wire = Wire([_services(*named)])
    with pytest.raises(NotFound, match="Yahoo"):
        driven.call(wire, "rent", "Yahoo")
    assert wire.lines() == ["GET /v1/services"]


@pytest.mark.parametrize("spelled", ["97", "02.97", "2.97", " 97 "])
def test_a_service_is_named_by_its_id_as_text(driven: Driven, spelled: str) -> None:
    wire = Wire([_services((4, "Yahoo"), (97, "Google"), store="02"), ok(RENTAL, 201)])
    driven.call(wire, "rent", spelled)
    assert wire.body()["service"] == 97


def test_an_id_that_the_list_does_not_show_is_left_to_the_server(driven: Driven) -> None:
    wire = Wire([_services((4, "Yahoo")), ok(RENTAL, 201)])
    driven.call(wire, "rent", "97")
    assert wire.body()["service"] == 97


@pytest.mark.parametrize("named", ["Game v1.4", "game V1.4", "1.4.4", ".4", "v.4", "٤"])
def test_a_name_that_closes_with_digits_is_no_id(driven: Driven, named: str) -> None:
    wire = Wire([_services((4, "Yahoo"), (1688, named.title())), ok(RENTAL, 201)])
    driven.call(wire, "rent", named)
    assert wire.body()["service"] == 1688


@pytest.mark.parametrize(
    ("named", "services"),
    [
        ("1688", ((1688, "Game"), (1000, "1688"))),
        ("1688", ((1000, "1688"),)),
        ("01.4", ((4, "Yahoo"), (1000, "01.4"))),
        ("02.4", ((4, "Yahoo"),)),
    ],
)
def test_a_text_that_may_mean_another_service_rents_nothing(
    driven: Driven, named: str, services: tuple[tuple[int, str], ...]
) -> None:
    wire = Wire([_services(*services)])
    with pytest.raises(NotFound, match=named):
        driven.call(wire, "rent", named)
    assert wire.lines() == ["GET /v1/services"]


def test_a_number_is_always_the_id(driven: Driven) -> None:
    wire = Wire([ok(RENTAL, 201)])
    driven.call(wire, "rent", 1688)
    assert (wire.lines(), wire.body()) == (["POST /v1/rentals"], {"service": 1688})


def test_lists_are_read_to_their_end(driven: Driven) -> None:
    other = RENTAL | {"id": 1000000}
    wire = Wire(
        [
            ok({"object": "list", "data": [RENTAL], "next_cursor": "a/b"}),
            ok({"object": "list", "data": [other], "next_cursor": None}),
        ]
    )
    found = driven.take(wire, 99, "rentals", state="waiting")
    assert [one.id for one in found] == [1000001, 1000000]
    assert wire.lines() == [
        "GET /v1/rentals?state=waiting&limit=100",
        "GET /v1/rentals?state=waiting&limit=100&cursor=a%2Fb",
    ]


def test_pages_are_fetched_when_they_are_needed(driven: Driven) -> None:
    wire = Wire([ok({"object": "list", "data": [RENTAL, RENTAL], "next_cursor": "a"})])
    driven.take(wire, 2, "rentals")
    assert len(wire.sent) == 1


def _table(rows: str, next_cursor: str | None = None) -> httpx2.Response:
    headers = {"content-type": "text/csv; charset=utf-8"}
    if next_cursor is not None:
        headers["Next-Cursor"] = next_cursor
    return httpx2.Response(200, text=f"id,kind\r\n{rows}", headers=headers)


def test_a_statement_as_a_table_is_whole_and_has_its_head_once(driven: Driven) -> None:
    wire = Wire([_table('9,"a\r\nb"\r\n', "a/b"), LOST, _table("8,hold\r\n", "c"), _table("")])
    begin = datetime(2026, 11, 23, tzinfo=UTC)
    text = driven.call(wire, "statement_csv", begin=begin, limit=1)
    assert text == 'id,kind\r\n9,"a\r\nb"\r\n8,hold\r\n'
    asked = "GET /v1/ledger?from=2026-11-23T00%3A00%3A00.000Z&format=csv&limit=1"
    assert wire.lines() == [asked, *[f"{asked}&cursor=a%2Fb"] * 2, f"{asked}&cursor=c"]


def test_of_a_statement_that_is_refused_midway_no_part_is_given(driven: Driven) -> None:
    wire = Wire([_table("9,hold\r\n", "a"), problem(422, "invalid")])
    with pytest.raises(Invalid):
        driven.call(wire, "statement_csv")
