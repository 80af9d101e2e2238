"""What is waited for, for how long, and how a wait ends: the same for both clients."""

import asyncio
from typing import Any

import httpx2
import pytest

from client.canned import (
    EXPIRED,
    RECEIVED,
    RENTAL,
    REQUEST,
    URL,
    Asyncio,
    Blocking,
    Driven,
    Wire,
    ok,
    problem,
)
from simlet.client import InsufficientFunds, NoCode, OutOfStock, Problem, StillWaiting


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


@pytest.mark.parametrize(
    ("driven", "stop"), [(Blocking(), KeyboardInterrupt), (Asyncio(), asyncio.CancelledError)]
)
def test_a_line_that_came_before_it_could_be_told_is_given_back(
    driven: Driven, stop: type[BaseException]
) -> None:
    filled = REQUEST | {"state": "filled", "rental_id": 1000001}
    wire = Interrupted([ok(REQUEST, 202), ok(filled), ok(filled), ok(EXPIRED)])
    wire.cancels = stop
    with pytest.raises(stop):
        driven.call(wire, "rent", 97, wait_for_stock_s=60)
    assert wire.lines()[2:] == [
        "GET /v1/rentals/1000001",
        "POST /v1/requests/5/cancel",
        "POST /v1/rentals/1000001/cancel",
    ]


def test_a_queue_that_cannot_be_left_changes_nothing_of_the_interruption() -> None:
    wire = Interrupted([ok(REQUEST, 202), ok(REQUEST), problem(404, "request_unknown")])
    with pytest.raises(KeyboardInterrupt):
        Blocking().call(wire, "rent", 97, wait_for_stock_s=60)
