"""Events as they happen: none is skipped and none is told twice, whatever the connection does."""

import httpx2
import msgspec
import pytest

from client.canned import DOWN, LOST, RECEIVED, Canned, Driven, Wire, problem
from simlet.client import Problem, SimletError, Unauthenticated, Unreachable


def frame(seq: int, kind: str = "rental.received") -> str:
    event = {
        "object": "event",
        "id": f"evt_{seq}",
        "type": kind,
        "at": "2026-11-23T12:00:01.000Z",
        "rental": RECEIVED,
        "request": None,
        "message": None,
        "amount_dong": None,
        "data": {},
    }
    return f"id: evt_{seq}\nevent: {kind}\ndata: {msgspec.json.encode(event).decode()}\n\n"


def stream(*frames: str) -> httpx2.Response:
    headers = {"content-type": "text/event-stream; charset=utf-8"}
    return httpx2.Response(200, content="".join(frames).encode(), headers=headers)


START = "retry: 1000\nid: evt_7\n\n"
HEARTBEAT = ": still here\n\n"


def positions(wire: Wire) -> list[str | None]:
    return [one.headers.get("last-event-id") for one in wire.sent]


def test_events_are_told_as_they_come(driven: Driven) -> None:
    wire = Wire([stream(START, frame(8), HEARTBEAT, frame(9, "a.new.kind"))])
    first, second = driven.take(wire, 2, "events")
    assert (first.id, first.type, first.rental.code) == ("evt_8", "rental.received", "529310")
    assert (second.id, second.type) == ("evt_9", "a.new.kind")
    (sent,) = wire.sent
    assert sent.headers["accept"] == "text/event-stream"
    assert str(sent.url).endswith("/v1/events")


def test_a_new_connection_goes_on_behind_the_last_event(driven: Driven) -> None:
    wire = Wire([stream(START, frame(8)), LOST, stream(frame(8), frame(11))])
    assert [one.id for one in driven.take(wire, 2, "events")] == ["evt_8", "evt_11"]
    assert positions(wire) == [None, "evt_8", "evt_8"]


def test_cut_off_before_the_first_event_nothing_is_skipped(driven: Driven) -> None:
    wire = Wire([stream(START), stream(frame(9))])
    assert [one.id for one in driven.take(wire, 1, "events")] == ["evt_9"]
    assert positions(wire) == [None, "evt_7"]


def test_half_an_event_is_not_told_and_comes_whole_again(driven: Driven) -> None:
    half = frame(8)[:-30]
    wire = Wire([stream(START, half), stream(frame(8))])
    assert [one.id for one in driven.take(wire, 1, "events")] == ["evt_8"]
    assert positions(wire) == [None, "evt_7"]


def test_it_begins_where_it_is_asked_to_and_tells_what_is_asked_for(driven: Driven) -> None:
    wire = Wire([stream(frame(4), frame(5))])
    types = ["rental.received", "rental.expired"]
    assert [one.id for one in driven.take(wire, 1, "events", after="evt_4", types=types)] == [
        "evt_5"
    ]
    assert positions(wire) == ["evt_4"]
    assert wire.sent[0].url.params["types"] == "rental.received,rental.expired"


def test_a_server_that_was_there_is_waited_for_as_long_as_it_takes(driven: Driven) -> None:
    gone: list[Canned] = [DOWN, httpx2.Response(502), problem(503, "fault", retry_after_s=1)] * 4
    wire = Wire([stream(START), *gone, stream(frame(8))])
    assert [one.id for one in driven.take(wire, 1, "events")] == ["evt_8"]
    assert max(wire.pauses) == 9.0
    assert len(wire.pauses) == 13


@pytest.mark.parametrize("never", [DOWN, httpx2.Response(503)])
def test_a_server_that_was_never_there_is_told(driven: Driven, never: Canned) -> None:
    wire = Wire([never])
    with pytest.raises((Unreachable, Problem)):
        driven.take(wire, 1, "events")
    assert len(wire.sent) == 5


def test_what_is_no_stream_is_no_server_of_ours(driven: Driven) -> None:
    wire = Wire([httpx2.Response(200, content=b"<html>", headers={"content-type": "text/html"})])
    with pytest.raises(Problem) as raised:
        driven.take(wire, 1, "events")
    assert (raised.value.code, len(wire.sent)) == ("unreadable_answer", 1)


def test_a_token_that_holds_no_longer_ends_it(driven: Driven) -> None:
    wire = Wire([stream(START, frame(8)), problem(401, "unauthenticated")])
    with pytest.raises(Unauthenticated):
        driven.take(wire, 2, "events")


def test_what_is_no_event_is_told(driven: Driven) -> None:
    wire = Wire([stream("id: evt_8\ndata: {}\n\n")])
    with pytest.raises(SimletError, match="not an event"):
        driven.take(wire, 1, "events")


def test_where_it_begins_must_be_an_event(driven: Driven) -> None:
    with pytest.raises(ValueError, match="evt_9"):
        driven.take(Wire([stream()]), 1, "events", after="9")


def test_a_server_that_was_restored_from_a_backup_is_told(driven: Driven) -> None:
    wire = Wire([stream(START, frame(8)), stream(START, frame(8))])
    with pytest.raises(SimletError, match=r"backup.*after='evt_7'"):
        driven.take(wire, 2, "events")
