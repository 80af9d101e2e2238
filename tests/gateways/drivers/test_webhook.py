import base64
import json
from dataclasses import replace
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.drivers.asking import ONE, TO, ask, form, kannel, posted, read
from gateways.drivers.cases_webhook import BEARER, FORM, JSON, get, post
from simlet.domain.errors import Refused
from simlet.domain.health import GatewayReport
from simlet.domain.signing import hash_secret
from simlet.flows.manage_gateways import add_gateway
from simlet.gateways.contract import HttpAnswer, HttpRequest, Result, Value
from simlet.gateways.drivers.webhook import KIND, TEMPLATES
from simlet.gateways.posted import MAX_ID_CHARS, MAX_MESSAGES, MAX_SENDER_CHARS, MAX_TEXT_CHARS
from simlet.gateways.settings import check_settings
from simlet.testing.clock import START_MS
from simlet.testing.driver_kit import SECRET, FakeSupervisor
from simlet.testing.site import Site

pytestmark = pytest.mark.anyio

# Where the secret is


def _basic(text: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


SHOWN = [
    ({}, BEARER, {}, ""),
    ({}, {"authorization": SECRET}, {}, ""),
    ({"secret_name": "X-Api-Key"}, {"x-api-key": SECRET}, {}, ""),
    ({"secret_in": "query", "secret_name": "key"}, {}, {}, f"key={quote(SECRET)}"),
    ({"secret_in": "body", "secret_name": "auth.key"}, {}, {"auth": {"key": SECRET}}, ""),
    ({"secret_in": "basic"}, _basic(f"anybody:{SECRET}"), {}, ""),
]


@pytest.mark.parametrize(("settings", "headers", "more", "query"), SHOWN)
async def test_the_secret_is_shown_where_it_was_set(
    settings: dict[str, Value], headers: dict[str, str], more: dict[str, Any], query: str
) -> None:
    body = json.dumps(ONE | more).encode()
    request = HttpRequest("POST", "", {"content-type": JSON, **headers}, body, query=query)
    assert (await ask(request, **settings))[0].status == 200


@pytest.mark.parametrize("settings", [shown[0] for shown in SHOWN], ids=str)
async def test_a_wrong_secret_is_refused_wherever_it_is_and_not_repeated(
    settings: dict[str, Value],
) -> None:
    wrong = "sg_a-wrong-one"
    body = json.dumps(ONE | {"auth": {"key": wrong}}).encode()
    for header in ({"authorization": f"Bearer {wrong}", "x-api-key": wrong}, _basic(f"a:{wrong}")):
        headers = {"content-type": JSON, **header}
        request = HttpRequest("POST", "", headers, body, query=f"key={wrong}&secret={wrong}")
        answer, handed = await ask(request, **settings)
        assert (answer.status, handed) == (401, [])
        assert wrong.encode() not in answer.body


async def test_a_secret_of_the_body_is_not_taken_from_the_query() -> None:
    settings: dict[str, Value] = {"secret_in": "body", "secret_name": "secret"}
    request = replace(posted(ONE, query=f"secret={SECRET}"), headers={})
    assert (await ask(request, **settings))[0].status == 401
    assert (await ask(posted([]), **settings))[0].status == 401


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !", "Basic /w==", "Bearer", f"Basic {SECRET}", "", "é"]
)
async def test_a_header_that_holds_no_secret_is_refused(header: str) -> None:
    for where in ("basic", "header"):
        request = replace(posted(ONE), headers={"authorization": header})
        assert (await ask(request, secret_in=where))[0].status == 401


# Where the fields are


async def test_fields_are_found_at_paths_and_a_whole_name_comes_first() -> None:
    body = {
        "event": {"data": [{"number": "0912345678", "who": {"name": "Yahoo"}, "say": "1"}]},
        "event.id": "7",
        "event.data.0.say": "2",
    }
    settings: dict[str, Value] = {
        "to": "event.data.0.number",
        "from": "event.data.0.who.name",
        "text": "event.data.0.say",
        "id": "event.id",
    }
    one = await read(posted(body), **settings)
    assert (one.to, one.sender, one.text, one.source_id) == (TO, "Yahoo", "2", "7")


async def test_what_an_item_does_not_tell_is_told_by_the_whole() -> None:
    body = {"to": "0912345678", "data": {"list": [{"from": "A", "text": "1"}, {"text": "2"}]}}
    _, handed = await ask(posted(body | {"from": "Z"}), items="data.list")
    assert [(one.to, one.sender, one.text) for one in handed] == [(TO, "A", "1"), (TO, "Z", "2")]


async def test_the_number_of_the_only_line_holds_where_none_is_told() -> None:
    told = await read(posted(ONE), number="0987654321")
    untold = await read(posted({"from": "x", "text": "y"}), number="0987654321")
    never = await read(posted(ONE), number="0987654321", to="-")
    assert (told.to, untold.to, never.to) == (TO, "+84987654321", "+84987654321")


async def test_a_message_of_a_port_that_is_not_set_is_kept_and_shown_to_the_operator() -> None:
    supervisor = FakeSupervisor()
    body = {"port": "9", "from": "x", "text": "y"}
    answer, handed = await ask(posted(body), supervisor, port="port", numbers="1=0912345678")
    assert answer.status == 200
    assert [one.to for one in handed] == [""]
    assert supervisor.reports == [
        GatewayReport(up=True, detail="no number is set for port '9': set numbers")
    ]


async def test_a_port_that_is_not_set_is_told_until_the_settings_are_changed() -> None:
    supervisor = FakeSupervisor()
    driver = KIND.make(supervisor.context(KIND, {"port": "port", "numbers": "1=0912345678"}))
    for port in ("9", "8", "1"):
        await driver.answer(posted({"port": port, "from": "x", "text": "y"}))
    assert supervisor.reports[-1] == GatewayReport(
        up=True, detail="no number is set for port '9' and 1 more: set numbers"
    )


@pytest.mark.parametrize("body", [b'{"sender": "x", "body": "486460", "to": "1"}', b"{486460"])
@pytest.mark.parametrize("secret_in", ["header", "body"])
async def test_a_map_that_does_not_fit_is_shown_to_the_operator_until_it_does(
    body: bytes, secret_in: str
) -> None:
    supervisor = FakeSupervisor()
    driver = KIND.make(
        supervisor.context(KIND, {"secret_in": secret_in, "secret_name": "authorization"})
    )
    secret = {} if secret_in == "header" else {"authorization": SECRET}
    if body.endswith(b"}"):
        body = json.dumps(json.loads(body) | secret).encode()
    assert (await driver.answer(post(body))).status == 400
    assert (await driver.answer(posted(ONE | secret))).status == 200
    *wrong, fine = supervisor.reports
    assert fine == GatewayReport(up=True)
    # What is no JSON shows no secret in it: whoever sent it is not known.
    told = [one.detail for one in wrong if isinstance(one, GatewayReport)]
    assert len(told) == (0 if secret_in == "body" and body == b"{486460" else 1)
    assert all(one.startswith("not read: ") and "486460" not in one for one in told)


async def test_whoever_does_not_know_the_secret_reports_nothing() -> None:
    supervisor = FakeSupervisor()
    request = HttpRequest("POST", "", {"content-type": JSON}, b"{}")
    assert (await ask(request, supervisor))[0].status == 401
    assert supervisor.reports == []


@pytest.mark.parametrize(
    ("iccid", "known"),
    [("89840200011234567890", True), ("8984020001123456789F", True), ("123", False)],
)
async def test_the_iccid_tells_the_line_when_it_is_one(iccid: str, known: bool) -> None:
    body = {"sim": iccid, "from": "x", "text": "y"}
    answer, handed = await ask(posted(body), iccid="sim", to="-")
    assert answer.status == (200 if known else 400)
    assert [one.iccid for one in handed] == ([iccid.rstrip("F")] if known else [])


@pytest.mark.parametrize(
    ("gone", "named"), [("to", "to"), ("from", "from"), ("text", "text")], ids=str
)
async def test_a_missing_field_is_named(gone: str, named: str) -> None:
    answer, handed = await ask(posted({k: v for k, v in ONE.items() if k != gone}))
    assert (answer.status, handed) == (400, [])
    assert json.loads(answer.body)["error"].startswith(f"{named}:")
    assert b"486460" not in answer.body


@pytest.mark.parametrize(
    "changed",
    [
        {"to": "nobody"},
        {"to": "1" * 16},
        {"to": ["0912345678"]},
        {"to": {}},
        {"text": True},
        {"text": "x" * (MAX_TEXT_CHARS + 1)},
        {"from": "x" * (MAX_SENDER_CHARS + 1)},
        {"id": "x" * (MAX_ID_CHARS + 1)},
    ],
    ids=lambda changed: str(changed)[:40],
)
async def test_a_message_that_cannot_be_one_is_refused_beside_a_good_one(
    changed: dict[str, Any],
) -> None:
    answer, handed = await ask(posted([ONE, ONE | changed]))
    assert answer.status == 400
    assert len(handed) == 1
    assert b"486460" not in answer.body


@pytest.mark.parametrize(
    "spelled",
    [
        "0912345678",
        "912345678",
        912345678,
        "84912345678",
        "+84 912.345.678",
        "(0912) 345-678",
        "0084 912 345 678",
    ],
)
async def test_a_number_is_the_same_in_every_spelling(spelled: object) -> None:
    assert (await read(posted(ONE | {"to": spelled}))).to == TO


async def test_an_empty_text_and_an_empty_sender_are_kept() -> None:
    one = await read(form(ONE | {"from": "", "text": "", "id": ""}))
    assert (one.sender, one.text, one.source_id) == ("", "", None)


@pytest.mark.parametrize(
    "body", [b"", b"[" * 100_000, b"{}", b"[1]", b'"x"', b"\xff{", b"{" + b'"a":{' * 9000, b"%%%"]
)
async def test_a_body_that_holds_no_message_is_refused(body: bytes) -> None:
    for content_type in (JSON, FORM, "text/plain"):
        answer, handed = await ask(post(body, content_type))
        assert (answer.status, handed) == (400, [])


async def test_too_many_messages_and_too_many_fields_are_refused() -> None:
    assert (await ask(posted([ONE] * (MAX_MESSAGES + 1))))[0].status == 400
    assert (await ask(post(b"a=&" * 300, FORM)))[0].status == 400
    assert (await ask(get("a=&" * 300), secret_in="query"))[0].status == 400


# Answers


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (Result.KEPT, 200),
        (Result.DUPLICATE, 200),
        (Result.FAILED, 503),
        (Result.REFUSED, 403),
    ],
)
async def test_what_became_of_the_message_is_the_status(result: Result, status: int) -> None:
    assert (await ask(posted(ONE), FakeSupervisor(result=result)))[0].status == status


async def test_kannel_is_not_told_to_ask_again_for_what_is_another_gateways() -> None:
    refused = FakeSupervisor(result=Result.REFUSED)
    assert (await ask(kannel(), refused, template="kannel"))[0].status == 200
    assert (await ask(kannel(), refused, template="kannel", refused_status=410))[0].status == 410


async def test_the_answer_is_what_was_set() -> None:
    told, _ = await ask(posted(ONE), answer="ACK", answer_type="text/x-ack", answer_status=202)
    assert told == HttpAnswer(202, b"ACK", "text/x-ack")
    assert (await ask(posted(ONE)))[0].body == b"OK"
    assert (await ask(posted(ONE), answer="-"))[0].body == b""


async def test_as_long_as_one_message_is_to_come_again_all_are() -> None:
    supervisor = FakeSupervisor(result=Result.FAILED)
    answer, _ = await ask(posted([ONE, ONE | {"to": "nobody"}]), supervisor)
    assert answer.status == 503


@pytest.mark.parametrize(("method", "route", "status"), [("HEAD", "", 405), ("GET", "x", 404)])
async def test_other_methods_and_addresses_are_none(method: str, route: str, status: int) -> None:
    assert (await ask(HttpRequest(method, route, BEARER, b"")))[0].status == status


@pytest.mark.parametrize(
    "settings",
    [
        {"sent_at_form": "%H:%M"},
        {"sent_at_form": "nonsense"},
        {"sent_at_form": "%"},
        {"zone": "Asia/Saigon"},
        {"zone": "+25:00"},
        {"numbers": "1"},
        {"number": "nobody"},
        {"text": "-"},
        {"to": "-"},
        {"charset": "punycode"},
        {"secret_in": "nowhere"},
        {"answer_type": "a\r\nb"},
        {"refused_status": 100},
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_refused_when_they_are_set(
    settings: dict[str, Value],
) -> None:
    with pytest.raises(Refused):
        check_settings(KIND, settings)


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_works_as_it_is(template: str) -> None:
    check_settings(KIND, {"template": template})


@given(
    body=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["to", "from", "text", "sms", "id", "sent_at"]), inner
            )
        ),
    ),
    template=st.sampled_from(sorted(TEMPLATES)),
)
async def test_any_json_is_taken_or_refused(body: Any, template: str) -> None:
    request = replace(posted(body), query=f"secret={SECRET}")
    assert (await ask(request, template=template))[0].status in {200, 400}


# Through the server


async def test_every_way_to_post_reaches_a_rental_through_the_server(site: Site) -> None:
    world = site.world
    settings, now_ms = check_settings(KIND, {"secret_in": "query", "secret_name": "key"}), START_MS
    await world.db.write(add_gateway, "w", KIND.name, settings, hash_secret(SECRET), now_ms)
    await world.service(4)
    await world.lines("0912345678", gateway="w")
    dealer = await world.dealer()
    rented = await world.rent(dealer, 4)

    path = f"/gateways/w?key={SECRET}"
    multipart = aiohttp.FormData(default_to_multipart=True)
    for name, value in (ONE | {"id": "2"}).items():
        multipart.add_field(name, value)
    replies = [
        await site.get(f"{path}&{urlencode(ONE | {'id': '1'})}"),
        await site.request("POST", path, data=multipart),
        await site.request("POST", path, data=ONE | {"id": "3"}),
        await site.post(path, ONE | {"id": "4"}),
        await site.post(path, ONE | {"id": "4"}),
        await site.post("/gateways/w?key=wrong", ONE | {"id": "5"}),
        await site.request("POST", path, data=BytesIO(bytes(10_000_000))),
    ]
    assert [one.status for one in replies] == [200, 200, 200, 200, 200, 401, 413]
    assert (await world.rental(dealer, rented.rental.id)).code == "486460"
    assert len(await world.rows("SELECT id FROM messages")) == 4


@pytest.mark.parametrize("answer", ["", "ACK"])
async def test_what_is_answered_with_204_has_no_body_whatever_is_set(
    site: Site, answer: str
) -> None:
    world = site.world
    set_so: dict[str, Value] = {"secret_in": "query", "answer_status": 204, "answer": answer}
    settings = check_settings(KIND, set_so)
    await world.db.write(add_gateway, "w", KIND.name, settings, hash_secret(SECRET), START_MS)
    path = f"/gateways/w?authorization={SECRET}"
    for way in ("POST", "PUT"):
        reply = await site.request(way, path, data=ONE)
        assert (reply.status, reply.raw) == (204, b"")
        assert "content-length" not in reply.headers
