"""What is tried again, and what is raised: the same for both clients."""

import httpx2
import pytest

from client.canned import BALANCE, DOWN, LOST, RENTAL, Canned, Driven, Wire, ok, problem
from simlet.client import (
    Conflict,
    Fault,
    InsufficientFunds,
    Invalid,
    NotFound,
    OutOfStock,
    Problem,
    RateLimited,
    SimletError,
    Unauthenticated,
    Unreachable,
)


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


@pytest.mark.parametrize("key", ["", "Đơn 1", "a\nb", "a" * 256, " x", "x ", "a\x7f"])
def test_a_key_that_no_header_takes_is_refused_before_anything_is_sent(
    driven: Driven, key: str
) -> None:
    wire = Wire([ok(RENTAL, 201)])
    with pytest.raises(Invalid) as raised:
        driven.call(wire, "rent", 97, idempotency_key=key)
    assert [one.name for one in raised.value.errors] == ["idempotency_key"]
    assert "idempotency_key" in str(raised.value)
    assert wire.sent == []


def test_what_cannot_be_sent_is_not_tried_again(driven: Driven) -> None:
    wire = Wire([httpx2.LocalProtocolError])
    with pytest.raises(Unreachable):
        driven.call(wire, "balance")
    assert (len(wire.sent), wire.pauses) == (1, [])


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
    ("lost", "tries"),
    [
        (LOST, 1),
        *((httpx2.Response(status), 1) for status in (502, 503, 504)),
        (DOWN, 5),
        (problem(429, "rate_limited"), 5),
    ],
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
