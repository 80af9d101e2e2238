import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateways.drivers.cases_android import DEVICE, FIRST, KEY, SECOND, SETTINGS, recorded, signed
from simlet.domain.errors import Refused
from simlet.domain.health import GatewayReport, LineReport, Reception
from simlet.domain.inbound import Inbound
from simlet.flows.manage_gateways import add_gateway
from simlet.gateways.contract import HttpAnswer, HttpRequest, Result, Value
from simlet.gateways.drivers.android import CLOCK_LEEWAY_S, KIND
from simlet.gateways.settings import check_settings, redacted
from simlet.testing.clock import START_MS
from simlet.testing.driver_kit import FakeSupervisor
from simlet.testing.site import Site

pytestmark = pytest.mark.anyio

NOW_S = START_MS // 1000


async def ask(
    request: HttpRequest, supervisor: FakeSupervisor | None = None, /, **settings: Value
) -> tuple[HttpAnswer, list[Inbound]]:
    """The answer to a request, and what was handed over for it."""
    supervisor = supervisor or FakeSupervisor()
    driver = KIND.make(supervisor.context(KIND, {**SETTINGS, **settings}))
    return await driver.answer(request), supervisor.handed_over


def event(payload: dict[str, Any] | None = None, **changed: Any) -> HttpRequest:
    """A received SMS, with other or further fields."""
    inner = {"message": "486460", "phoneNumber": "Yahoo", "simNumber": 1} | (payload or {})
    whole = {"id": "e1", "event": "sms:received", "deviceId": DEVICE, "payload": inner} | changed
    return signed(json.dumps(whole).encode())


@given(body=st.binary(max_size=200), at_s=st.integers(NOW_S - 300, NOW_S + 300))
async def test_any_body_that_is_signed_is_read_or_refused_and_no_other_is(
    body: bytes, at_s: int
) -> None:
    assert (await ask(signed(body, at_s=at_s)))[0].status in {200, 400}
    assert (await ask(signed(body, key="x", at_s=at_s)))[0].status == 401


@pytest.mark.parametrize(
    ("away_s", "status"),
    [
        (CLOCK_LEEWAY_S, 200),
        (-CLOCK_LEEWAY_S, 200),
        (CLOCK_LEEWAY_S + 1, 401),
        (-CLOCK_LEEWAY_S - 1, 401),
    ],
)
async def test_a_stamp_may_be_five_minutes_away(away_s: int, status: int) -> None:
    supervisor = FakeSupervisor()
    supervisor.clock.set_now_ms((NOW_S + away_s) * 1000)
    answer, handed = await ask(event(), supervisor)
    assert (answer.status, len(handed)) == (status, int(status == 200))


async def test_what_is_signed_is_the_body_and_the_stamp() -> None:
    request = event()
    for name, value in (("x-timestamp", str(NOW_S + 1)), ("x-timestamp", ""), ("x-signature", "é")):
        changed = HttpRequest("POST", "events", {**request.headers, name: value}, request.body)
        assert (await ask(changed))[0].status == 401
    changed = HttpRequest("POST", "events", request.headers, request.body + b" ")
    assert (await ask(changed))[0].status == 401


async def test_the_key_is_in_no_answer_and_in_no_list() -> None:
    answer, _ = await ask(signed(b"{}", key="wrong"))
    assert KEY.encode() not in answer.body
    assert KEY not in str(redacted(KIND, check_settings(KIND, SETTINGS)))


async def test_the_id_is_the_events_and_not_that_of_the_content() -> None:
    _, handed = await ask(event({"messageId": "same"}, id="e2"))
    assert [one.source_id for one in handed] == ["e2"]


async def test_an_event_without_an_id_is_refused_and_not_kept_without_one() -> None:
    answer, handed = await ask(event(id=None))
    assert (answer.status, handed) == (400, [])
    assert b"id" in answer.body


@pytest.mark.parametrize(
    ("numbers", "payload", "to"),
    [
        (f"{DEVICE}/1=0912345678", {}, FIRST),
        ("1=0912345678,2=0987654321", {"simNumber": 2}, SECOND),
        (f"{DEVICE}=0987654321", {"simNumber": None}, SECOND),
        (f"1=0912345678 {DEVICE}/1=0987654321", {}, SECOND),
        ("1=0912345678", {"recipient": "+84987654321"}, FIRST),
        ("", {"recipient": "0987654321"}, SECOND),
        ("", {"recipient": "unknown"}, ""),
        ("", {"recipient": None, "simNumber": None}, ""),
        ("1=0912345678", {"simNumber": True}, ""),
        ("1=0912345678,2=0987654321", {"simNumber": "2"}, SECOND),
        ("1=0912345678", {"simNumber": "one"}, ""),
        ("other/1=0912345678", {}, ""),
    ],
)
async def test_the_line_is_told_by_what_was_set_and_else_by_the_phone(
    numbers: str, payload: dict[str, Any], to: str
) -> None:
    answer, handed = await ask(event(payload), numbers=numbers)
    assert answer.status == 200
    assert [one.to for one in handed] == [to]


async def test_a_sim_that_is_not_set_is_shown_to_the_operator() -> None:
    supervisor = FakeSupervisor()
    await ask(event({"simNumber": 2}), supervisor)
    (report,) = supervisor.reports
    assert isinstance(report, GatewayReport)
    assert "SIM 2" in report.detail


async def test_a_sim_that_is_not_set_is_shown_until_the_settings_are_changed() -> None:
    supervisor = FakeSupervisor()
    driver = KIND.make(supervisor.context(KIND, SETTINGS))
    for request in (event({"simNumber": 9}), event(), recorded("android_ping.json")):
        await driver.answer(request)
    told = [one.detail for one in supervisor.reports if isinstance(one, GatewayReport)]
    assert told == [f"no number is set for SIM 9 of device {DEVICE}: set numbers"] * 3


async def test_a_message_is_a_sign_of_life_of_its_gateway() -> None:
    supervisor = FakeSupervisor()
    await ask(event(), supervisor)
    assert GatewayReport(up=True) in supervisor.reports


@pytest.mark.parametrize(
    ("phone_behind_s", "received_at", "came_before_ms"),
    [
        # In milliseconds: the phone's clock, as wrong as the signed stamp is.
        (240, "2023-11-14T22:09:19.900Z", 100),
        (-240, "2023-11-14T22:17:19.900Z", 100),
        (240, "2023-11-14T22:07:20.500Z", 119_500),  # sent again two minutes later
        (240, "2023-11-14T22:09:20.500Z", 0),  # never later than now
        (2, "2023-11-14T22:13:15.500Z", 4_500),  # so long a request may take
        (3, "2023-11-14T22:13:15.500Z", 1_500),
        # In whole seconds: the network's, which is right.
        (240, "2023-11-14T22:13:10.000Z", 10_000),
        (-240, "2023-11-14T22:13:10.000Z", 10_000),
    ],
)
async def test_the_stamp_of_a_phone_is_corrected_by_what_its_clock_is_wrong(
    phone_behind_s: int, received_at: str, came_before_ms: int
) -> None:
    whole = {"message": "486460", "sender": "Yahoo", "simNumber": 1, "receivedAt": received_at}
    body = {"id": "e1", "event": "sms:received", "deviceId": DEVICE, "payload": whole}
    _, (one,) = await ask(signed(json.dumps(body).encode(), at_s=NOW_S - phone_behind_s))
    assert one.sent_at_ms == START_MS - came_before_ms


@pytest.mark.parametrize("stamp", ["yesterday", "1970-01-01T00:00:00.000Z", {}, True, 486460])
async def test_a_message_with_a_wrong_stamp_is_taken_without_it_and_that_is_told(
    stamp: object,
) -> None:
    with capture_logs() as logs:
        answer, (one,) = await ask(event({"receivedAt": stamp}))
    assert (answer.status, one.text, one.sent_at_ms) == (200, "486460", None)
    (line,) = [log for log in logs if log["event"] == "time_stamp_not_read"]
    assert "486460" not in str(line)


async def test_a_ping_tells_of_the_lines_of_its_phone_alone() -> None:
    supervisor = FakeSupervisor()
    numbers = f"{DEVICE}/1=0912345678,2=0987654321,other/1=0901234567"
    answer, handed = await ask(recorded("android_ping.json"), supervisor, numbers=numbers)
    assert (answer.status, handed) == (200, [])
    assert supervisor.reports == [
        GatewayReport(up=True),
        LineReport(f"{DEVICE}/1", Reception.READY, number=FIRST),
        LineReport(f"{DEVICE}/2", Reception.READY, number=SECOND),
    ]


async def test_of_a_batch_the_good_messages_are_kept_and_the_bad_one_is_told() -> None:
    messages = [
        {"message": "one", "sender": "A", "simNumber": 1},
        {"message": "two", "simNumber": 1},
        {"message": "three", "sender": "C", "simNumber": 1},
    ]
    answer, handed = await ask(event(event="sms:batch:received", payload={"messages": messages}))
    assert answer.status == 400
    assert b"sender" in answer.body
    assert [one.text for one in handed] == ["one", "three"]


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (Result.KEPT, 200),
        (Result.DUPLICATE, 200),
        (Result.FAILED, 503),
        (Result.REFUSED, 200),
    ],
)
async def test_only_what_is_to_come_again_is_no_200(result: Result, status: int) -> None:
    assert (await ask(event(), FakeSupervisor(result=result)))[0].status == status


@pytest.mark.parametrize(
    "changed",
    [
        {"payload": None},
        {"payload": []},
        {"payload": {"message": "x"}},
        {"payload": {"message": {}, "sender": "x"}},
        {"payload": {"message": "x", "sender": "x" * 65}},
        {"deviceId": "x" * 65},
        {"event": None},
        {"event": "sms:batch:received", "payload": {"messages": [1]}},
        {"event": "sms:data-received", "payload": {"sender": "x", "data": "no base64"}},
    ],
    ids=str,
)
async def test_what_cannot_be_read_is_told_and_costs_nothing_else(changed: dict[str, Any]) -> None:
    whole = {"id": "e1", "event": "sms:received", "deviceId": DEVICE} | changed
    answer, handed = await ask(signed(json.dumps(whole).encode()))
    assert (answer.status, handed) == (400, [])


async def test_half_a_pair_and_a_nul_are_kept_as_what_no_character_is() -> None:
    _, handed = await ask(event({"message": "a\ud83d\0b", "phoneNumber": "x\0"}))
    assert [(one.text, one.sender) for one in handed] == [("a\ufffd\ufffdb", "x\ufffd")]


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000, b"\xff", b""])
async def test_a_body_that_is_no_event_is_refused(body: bytes) -> None:
    assert (await ask(signed(body)))[0].status == 400


@pytest.mark.parametrize(("method", "route", "status"), [("GET", "events", 405), ("POST", "", 404)])
async def test_other_methods_and_addresses_are_none(method: str, route: str, status: int) -> None:
    request = event()
    changed = HttpRequest(method, route, request.headers, request.body)
    assert (await ask(changed))[0].status == status


@pytest.mark.parametrize(
    "numbers", ["0912345678", "1=x", "1=0912345678,1=0912345678", "=0912345678"]
)
def test_numbers_that_cannot_be_read_are_refused_when_they_are_set(numbers: str) -> None:
    with pytest.raises(Refused, match="numbers"):
        check_settings(KIND, {**SETTINGS, "numbers": numbers})


async def test_a_signed_event_reaches_its_rental_through_the_server(site: Site) -> None:
    world = site.world
    settings = check_settings(KIND, SETTINGS)
    await world.db.write(add_gateway, "phones", KIND.name, settings, None, world.clock.now_ms())
    await world.service(4)
    await world.lines("0912345678", gateway="phones")
    dealer = await world.dealer()
    rented = await world.rent(dealer, 4)

    request = event()
    headers = dict(request.headers)
    path = "/gateways/phones/events"
    replies = [
        await site.request("POST", path, headers=headers, data=request.body) for _ in range(2)
    ]
    forged = await site.request("POST", path, headers=headers, data=request.body + b" ")
    assert [reply.json for reply in replies] == [{"result": "kept"}, {"result": "duplicate"}]
    assert forged.status == 401
    assert (await world.rental(dealer, rented.rental.id)).code == "486460"
