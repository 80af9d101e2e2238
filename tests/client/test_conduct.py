"""What is tried again, what is waited for, and what is raised: the same for both clients."""

import asyncio
from typing import Any

import httpx2
import pytest

from client.canned import (
    DOWN,
    EXPIRED,
    LOST,
    RECEIVED,
    RENTAL,
    REQUEST,
    TOKEN,
    URL,
    Asyncio,
    Blocking,
    Canned,
    Driven,
    Wire,
    ok,
    problem,
)
from simlet import __version__
from simlet.client import (
    Client,
    Conflict,
    Fault,
    InsufficientFunds,
    Invalid,
    NoCode,
    NotConfigured,
    NotFound,
    OutOfStock,
    Problem,
    RateLimited,
    SimletError,
    StillWaiting,
    Unauthenticated,
    Unreachable,
)

BALANCE = {"object": "balance", "available_dong": 5, "held_dong": 2}


def test_a_request_names_its_account_and_its_maker(driven: Driven) -> None:
    wire = Wire([ok(BALANCE)])
    balance = driven.call(wire, "balance")
    assert (balance.available_dong, balance.held_dong) == (5, 2)
    (sent,) = wire.sent
    assert str(sent.url) == f"{URL}/v1/balance"
    assert sent.headers["authorization"] == f"Bearer {TOKEN}"
    assert sent.headers["user-agent"] == f"simlet-python/{__version__}"


@pytest.mark.parametrize("passing", [LOST, DOWN, *(httpx2.Response(n) for n in (502, 503, 504))])
def test_what_passes_is_tried_again_with_the_same_key(driven: Driven, passing: Canned) -> None:
    wire = Wire([passing, passing, ok(RENTAL)])
    assert driven.call(wire, "cancel", 1000001).id == 1000001
    assert len(set(wire.keys())) == 1
    assert len(wire.keys()) == 3
    assert wire.pauses == [0.5, 1.0]


def test_two_calls_have_two_keys(driven: Driven) -> None:
    wire = Wire([ok(RENTAL, 201)])
    driven.call(wire, "rent", 97)
    driven.call(wire, "rent", 97)
    first, second = wire.keys()
    assert first != second


def test_a_key_of_ones_own_is_sent(driven: Driven) -> None:
    wire = Wire([ok(RENTAL, 201)])
    driven.call(wire, "rent", 97, idempotency_key="order-17")
    assert wire.keys() == ["order-17"]


def test_reading_has_no_key(driven: Driven) -> None:
    wire = Wire([ok(BALANCE)])
    driven.call(wire, "balance")
    assert wire.keys() == [None]


def test_after_five_tries_it_is_given_up(driven: Driven) -> None:
    wire = Wire([DOWN])
    with pytest.raises(Unreachable) as raised:
        driven.call(wire, "balance")
    assert isinstance(raised.value.__cause__, httpx2.ConnectError)
    assert len(wire.sent) == 5
    assert wire.pauses == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("lost", "tries"), [(LOST, 1), (httpx2.Response(504), 1), (DOWN, 5), (httpx2.Response(503), 5)]
)
def test_a_change_without_a_key_is_sent_again_only_if_it_was_not_done(
    driven: Driven, lost: Canned, tries: int
) -> None:
    wire = Wire([lost])
    with pytest.raises(SimletError):
        driven.call(wire, "change_callback", 3, rotate_secret=True)
    assert len(wire.sent) == tries


def test_the_servers_pause_is_kept(driven: Driven) -> None:
    wire = Wire([problem(429, "rate_limited", retry_after_s=3), ok(BALANCE)])
    driven.call(wire, "balance")
    assert wire.pauses == [3.5]


def test_a_pause_that_is_too_long_is_told_to_the_caller(driven: Driven) -> None:
    wire = Wire([problem(429, "rate_limited", retry_after_s=61)])
    with pytest.raises(RateLimited) as raised:
        driven.call(wire, "balance")
    assert raised.value.retry_after_s == 61
    assert wire.pauses == []


@pytest.mark.parametrize("code", ["waiting_limit", "too_soon", "callback_limit"])
def test_a_limit_of_the_account_is_an_answer(driven: Driven, code: str) -> None:
    wire = Wire([problem(429, code, retry_after_s=1)])
    with pytest.raises(RateLimited):
        driven.call(wire, "rent", 97)
    assert len(wire.sent) == 1


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "unauthenticated", Unauthenticated),
        (402, "insufficient_funds", InsufficientFunds),
        (403, "something", Problem),
        (404, "rental_unknown", NotFound),
        (409, "out_of_stock", OutOfStock),
        (409, "cancel_too_early", Conflict),
        (409, "some_new_code", Conflict),
        (422, "invalid", Invalid),
        (418, "teapot", Problem),
    ],
)
def test_a_refusal_is_raised_by_its_kind(
    driven: Driven, status: int, code: str, kind: type[Problem]
) -> None:
    wire = Wire([problem(status, code)])
    with pytest.raises(Problem) as raised:
        driven.call(wire, "account")
    assert type(raised.value) is kind
    error = raised.value
    assert (error.code, error.status, error.request_id) == (code, status, "r-1")
    assert (error.title, error.detail, error.remedy) == ("A title.", "A detail.", "A remedy.")
    assert str(error) == "A detail. A remedy."


def test_wrong_inputs_are_named(driven: Driven) -> None:
    wrong = {"name": "limit", "reason": "expected a whole number"}
    wire = Wire([problem(422, "invalid", errors=[wrong])])
    with pytest.raises(Invalid) as raised:
        driven.call(wire, "balance")
    assert raised.value.errors == (Fault("limit", "expected a whole number"),)


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"", b"\xff", b"[]", b'"x"'])
@pytest.mark.parametrize("status", [200, 302, 404, 500])
def test_an_answer_that_is_not_simlets_is_told_as_that(
    driven: Driven, status: int, body: bytes
) -> None:
    wire = Wire([httpx2.Response(status, content=body)])
    with pytest.raises(Problem) as raised:
        driven.call(wire, "balance")
    assert (raised.value.code, raised.value.status) == ("unreadable_answer", status)


def test_fields_and_words_of_a_newer_server_do_no_harm(driven: Driven) -> None:
    newer = RENTAL | {"state": "paused", "colour": "blue", "kind": "pigeon"}
    wire = Wire([ok(newer)])
    assert driven.call(wire, "rental", 1000001).state == "paused"


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
        "02.97",
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


def _services(*named: tuple[int, str]) -> httpx2.Response:
    figures = {"samples": 0, "delivery_rate": None, "median_s": None}
    services = [
        {
            "object": "service",
            "id": service_id,
            "name": name,
            "store": "01",
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


def test_the_code_is_waited_for_in_long_polls(driven: Driven) -> None:
    wire = Wire([ok(RENTAL, 201), ok(RENTAL), ok(RENTAL), ok(RECEIVED)])
    rental = driven.call(wire, "rent", 97)
    assert driven.then(wire, rental, "wait_for_code", timeout_s=110.5) == "529310"
    asked = [one.url.params["wait_s"] for one in wire.sent[1:]]
    assert asked == ["50", "50", "10"]
    assert all(one.extensions["timeout"]["read"] >= 20 for one in wire.sent[1:])
    assert wire.pauses == []


def test_a_code_that_is_there_is_not_asked_for_again(driven: Driven) -> None:
    wire = Wire([ok(RECEIVED, 201)])
    rental = driven.call(wire, "rent", 97, wait_s=30)
    assert driven.then(wire, rental, "wait_for_code") == "529310"
    assert len(wire.sent) == 1


@pytest.mark.parametrize("timeout_s", [0, 0.4, 3, 70])
def test_a_time_out_is_kept_and_the_rental_told(driven: Driven, timeout_s: float) -> None:
    wire = Wire([ok(RENTAL)])
    rental = driven.call(wire, "rental", 1000001)
    began_s = wire.now_s
    with pytest.raises(StillWaiting) as raised:
        driven.then(wire, rental, "wait_for_code", timeout_s=timeout_s)
    assert isinstance(raised.value, TimeoutError)
    assert raised.value.rental.state == "waiting"
    assert wire.now_s - began_s == pytest.approx(timeout_s)


@pytest.mark.parametrize("state", ["expired", "cancelled"])
def test_a_rental_that_ends_without_a_code_says_so(driven: Driven, state: str) -> None:
    wire = Wire([ok(RENTAL), ok(RENTAL | {"state": state})])
    rental = driven.call(wire, "rental", 1000001)
    with pytest.raises(NoCode, match=state) as raised:
        driven.then(wire, rental, "wait_for_code")
    assert raised.value.rental.state == state


def test_a_call_without_a_code_is_to_be_heard(driven: Driven) -> None:
    call = RECEIVED | {"code": None, "kind": "call", "recording_url": f"{URL}/recordings/x"}
    wire = Wire([ok(call)])
    rental = driven.call(wire, "rental", 1000001)
    with pytest.raises(NoCode, match="recording"):
        driven.then(wire, rental, "wait_for_code")


def test_a_server_that_answers_waits_at_once_is_not_asked_in_a_hurry(driven: Driven) -> None:
    wire = Wire([ok(RENTAL), ok(RENTAL), ok(RENTAL), ok(RECEIVED)], took_s=lambda _: 0.0)
    rental = driven.call(wire, "rental", 1000001)
    driven.then(wire, rental, "wait_for_code")
    assert wire.pauses == [1.0, 1.0]


def test_out_of_stock_the_queue_is_waited_in(driven: Driven) -> None:
    filled = REQUEST | {"state": "filled", "rental_id": 1000001}
    wire = Wire([ok(REQUEST, 202), ok(REQUEST), ok(filled), ok(RENTAL)])
    assert driven.call(wire, "rent", 97, wait_for_stock_s=60).id == 1000001
    assert wire.lines() == [
        "POST /v1/rentals",
        "GET /v1/requests/5?wait_s=50",
        "GET /v1/requests/5?wait_s=50",
        "GET /v1/rentals/1000001",
    ]


@pytest.mark.parametrize(
    ("ended", "kind"),
    [
        ({"state": "expired"}, OutOfStock),
        ({"state": "cancelled"}, OutOfStock),
        ({"state": "refused", "refusal": "insufficient_funds"}, InsufficientFunds),
        ({"state": "refused", "refusal": "some_new_code"}, Problem),
    ],
)
def test_a_queue_that_gives_nothing_is_a_refusal(
    driven: Driven, ended: dict[str, Any], kind: type[Problem]
) -> None:
    wire = Wire([ok(REQUEST, 202), ok(REQUEST | ended)])
    with pytest.raises(Problem) as raised:
        driven.call(wire, "rent", 97, wait_for_stock_s=60)
    assert type(raised.value) is kind


class Interrupted(Wire):
    """A wire on which the third request is interrupted."""

    cancels: type[BaseException] = KeyboardInterrupt

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if len(self.sent) == 2:
            self.sent.append(request)
            raise self.cancels
        return super().__call__(request)


def test_whoever_stops_waiting_leaves_the_queue() -> None:
    wire = Interrupted([ok(REQUEST, 202), ok(REQUEST), ok(REQUEST | {"state": "cancelled"})])
    with pytest.raises(KeyboardInterrupt):
        Blocking().call(wire, "rent", 97, wait_for_stock_s=60)
    assert wire.lines()[-1] == "POST /v1/requests/5/cancel"


def test_whoever_is_cancelled_leaves_the_queue() -> None:
    wire = Interrupted([ok(REQUEST, 202), ok(REQUEST), ok(REQUEST | {"state": "cancelled"})])
    wire.cancels = asyncio.CancelledError
    with pytest.raises(asyncio.CancelledError):
        Asyncio().call(wire, "rent", 97, wait_for_stock_s=60)
    assert wire.lines()[-1] == "POST /v1/requests/5/cancel"


def test_a_line_that_came_while_the_queue_was_left_is_given_back() -> None:
    filled = REQUEST | {"state": "filled", "rental_id": 1000001}
    wire = Interrupted([ok(REQUEST, 202), ok(REQUEST), ok(filled), ok(EXPIRED)])
    with pytest.raises(KeyboardInterrupt):
        Blocking().call(wire, "rent", 97, wait_for_stock_s=60)
    assert wire.lines()[-1] == "POST /v1/rentals/1000001/cancel"


def test_a_queue_that_cannot_be_left_changes_nothing_of_the_interruption() -> None:
    wire = Interrupted([ok(REQUEST, 202), ok(REQUEST), problem(404, "request_unknown")])
    with pytest.raises(KeyboardInterrupt):
        Blocking().call(wire, "rent", 97, wait_for_stock_s=60)


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
