import base64
import hashlib
import hmac
import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from gateways.drivers.cases_twilio import FORM, SETTINGS, TOKEN, URL, signed_form
from simlet.domain.errors import Refused
from simlet.domain.health import GatewayReport
from simlet.domain.inbound import Inbound
from simlet.flows.manage_gateways import add_gateway
from simlet.gateways.contract import HttpAnswer, HttpRequest, Result, Value
from simlet.gateways.drivers.twilio import KIND, MAX_FIELDS
from simlet.gateways.settings import check_settings, redacted
from simlet.testing.driver_kit import FakeSupervisor
from simlet.testing.site import Site

pytestmark = pytest.mark.anyio

PARAMS = {"From": "Yahoo", "To": "+84912345678", "Body": "486460", "MessageSid": "SM1"}
ORACLE = RequestValidator(TOKEN)


async def ask(
    request: HttpRequest, supervisor: FakeSupervisor | None = None, /, **settings: Value
) -> tuple[HttpAnswer, list[Inbound]]:
    """The answer to a request, and what was handed over for it."""
    supervisor = supervisor or FakeSupervisor()
    driver = KIND.make(supervisor.context(KIND, {**SETTINGS, **settings}))
    return await driver.answer(request), supervisor.handed_over


def form(**changed: str) -> HttpRequest:
    return signed_form(urlencode(PARAMS | changed).encode())


def with_header(request: HttpRequest, **headers: str) -> HttpRequest:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(request, headers={**request.headers, **more})


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(params=st.dictionaries(texts, texts, max_size=8), query=st.dictionaries(texts, texts))
async def test_whatever_the_oracle_signs_is_signed(
    params: dict[str, str], query: dict[str, str]
) -> None:
    params = PARAMS | params | PARAMS
    asked = urlencode(query)
    url = f"{URL}?{asked}" if asked else URL
    signature = ORACLE.compute_signature(url, params)
    headers = {"content-type": FORM, "x-twilio-signature": signature}
    body = urlencode(params).encode()
    answer, handed = await ask(HttpRequest("POST", "messages", headers, body, query=asked))
    assert (answer.status, len(handed)) == (200, 1)


@given(
    params=st.dictionaries(st.sampled_from(list(PARAMS)), texts),
    signed=st.dictionaries(st.sampled_from(list(PARAMS)), texts),
    suffix=st.sampled_from(["", "?a=b", "/", "x"]),
)
async def test_what_the_oracle_does_not_take_is_not_taken(
    params: dict[str, str], signed: dict[str, str], suffix: str
) -> None:
    signature = ORACLE.compute_signature(URL + suffix, PARAMS | signed)
    body = urlencode(PARAMS | params).encode()
    headers = {"content-type": FORM, "x-twilio-signature": signature}
    answer, handed = await ask(HttpRequest("POST", "messages", headers, body))
    fits = ORACLE.validate(URL, PARAMS | params, signature)
    assert (answer.status == 403) is not fits
    assert fits or handed == []


@pytest.mark.parametrize(
    ("public_url", "signed_url"),
    [
        ("https://a.test/sms", "https://a.test/sms"),
        ("https://a.test/sms", "https://a.test:443/sms"),
        ("https://a.test:8443/sms", "https://a.test:8443/sms"),
        ("https://a.test:8443/sms", "https://a.test/sms"),
        ("http://a.test/sms#rc=5&rp=all", "http://a.test/sms"),
        ("http://a.test", "http://a.test:80"),
    ],
)
async def test_the_address_is_signed_as_twilio_calls_it_with_or_without_its_port(
    public_url: str, signed_url: str
) -> None:
    request = signed_form(urlencode(PARAMS).encode(), url=signed_url)
    answer, handed = await ask(request, public_url=public_url)
    assert (answer.status, len(handed)) == (200, 1)
    assert (await ask(request))[0].status == 403


async def test_a_field_that_comes_twice_is_signed_with_both_values_and_the_first_counts() -> None:
    class Twice(dict[str, str]):
        def getall(self, name: str) -> list[str]:
            return ["first", "other"] if name == "Body" else [self[name]]

    body = urlencode({**PARAMS, "Body": "first"}) + "&Body=other"
    signature = ORACLE.compute_signature(URL, Twice(PARAMS))
    headers = {"content-type": FORM, "x-twilio-signature": signature}
    answer, handed = await ask(HttpRequest("POST", "messages", headers, body.encode()))
    assert answer.status == 200
    assert [one.text for one in handed] == ["first"]


async def test_a_newer_algorithm_is_the_one_that_the_header_names() -> None:
    signature = ORACLE.compute_signature(URL, PARAMS, "HMAC_SHA256")
    request = with_header(form(), x_twilio_signature=signature)
    named = with_header(request, x_twilio_webhooks_signature_settings="key=k,algorithm=HMAC_SHA256")
    unknown = with_header(form(), x_twilio_webhooks_signature_settings="algorithm=HMAC_MD5")
    assert (await ask(named))[0].status == 200
    assert (await ask(request))[0].status == 403
    assert (await ask(unknown))[0].status == 403


async def test_a_body_of_json_counts_only_when_the_address_tells_its_hash() -> None:
    body = json.dumps(PARAMS).encode()
    asked = f"bodySHA256={hashlib.sha256(body).hexdigest()}"

    def request(body: bytes, query: str) -> HttpRequest:
        url = f"{URL}?{query}" if query else URL
        signature = ORACLE.compute_signature(url, {})
        headers = {"content-type": "application/json", "x-twilio-signature": signature}
        return HttpRequest("POST", "messages", headers, body, query=query)

    assert (await ask(request(body, asked)))[0].status == 200
    assert (await ask(request(body + b" ", asked)))[0].status == 403
    assert (await ask(request(body, "")))[0].status == 403


async def test_the_answer_is_empty_twiml_so_that_nothing_is_sent_back() -> None:
    answer, _ = await ask(form())
    assert answer.content_type == "text/xml; charset=utf-8"
    assert answer.body.endswith(b"<Response/>")


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
    assert (await ask(form(), FakeSupervisor(result=result)))[0].status == status


async def test_each_missing_field_is_named_and_nothing_that_came_is() -> None:
    request = signed_form(b"From=Yahoo&Body=486460")
    answer, handed = await ask(request)
    assert answer.status == 400
    assert b"To, MessageSid" in answer.body
    assert b"486460" not in answer.body
    assert handed == []


@pytest.mark.parametrize(
    "changed",
    [{"To": "whatsapp:+84912345678"}, {"To": "1" * 40}, {"MessageSid": "x" * 201}],
    ids=str,
)
async def test_a_message_that_cannot_be_one_is_refused(changed: dict[str, str]) -> None:
    answer, handed = await ask(form(**changed))
    assert (answer.status, handed) == (400, [])


async def test_a_text_with_a_nul_and_broken_utf_8_is_kept_as_far_as_it_can_be() -> None:
    raw = urlencode({**PARAMS, "Body": ""}).encode().replace(b"Body=", b"Body=a%00%FFb")
    # The oracle signs texts; Twilio signs what it sends.
    fields = {**PARAMS, "Body": "a\0\udcffb"}
    signed = URL + "".join(name + fields[name] for name in sorted(fields))
    mac = hmac.digest(TOKEN.encode(), signed.encode("utf-8", "surrogateescape"), "sha1")
    headers = {"content-type": FORM, "x-twilio-signature": base64.b64encode(mac).decode()}
    answer, handed = await ask(HttpRequest("POST", "messages", headers, raw))
    assert answer.status == 200
    assert [one.text for one in handed] == ["a\ufffd\ufffdb"]


async def test_more_fields_than_twilio_has_are_not_read() -> None:
    body = "&".join(f"f{index}=" for index in range(MAX_FIELDS + 1)).encode()
    assert (await ask(signed_form(body)))[0].status == 400


@pytest.mark.parametrize(
    ("method", "route", "status"), [("PUT", "messages", 405), ("POST", "", 404)]
)
async def test_other_methods_and_addresses_are_none(method: str, route: str, status: int) -> None:
    assert (await ask(replace(form(), method=method, route=route)))[0].status == status


async def test_a_signed_message_is_a_sign_of_life_and_a_forged_one_is_none() -> None:
    supervisor = FakeSupervisor()
    await ask(with_header(form(), x_twilio_signature="x"), supervisor)
    assert supervisor.reports == []
    await ask(form(), supervisor)
    assert supervisor.reports == [GatewayReport(up=True)]


@pytest.mark.parametrize(
    "url", ["a.test/sms", "ftp://a.test/", "https://a.test/?x=1", "https:///x"]
)
def test_an_address_that_twilio_cannot_call_is_refused(url: str) -> None:
    with pytest.raises(Refused, match="public_url"):
        check_settings(KIND, {**SETTINGS, "public_url": url})


def test_the_token_is_asked_for_and_not_shown() -> None:
    with pytest.raises(Refused, match="auth_token"):
        check_settings(KIND, {})
    assert TOKEN not in str(redacted(KIND, check_settings(KIND, SETTINGS)))


async def test_a_signed_form_reaches_its_rental_through_the_server(site: Site) -> None:
    world = site.world
    settings = check_settings(KIND, SETTINGS)
    await world.db.write(add_gateway, "tw", KIND.name, settings, None, world.clock.now_ms())
    await world.service(4)
    await world.lines("0912345678", gateway="tw")
    dealer = await world.dealer()
    rented = await world.rent(dealer, 4)

    url = f"{site.base_url}/gateways/tw/messages"
    request = signed_form(urlencode(PARAMS).encode(), url=url)
    headers = dict(request.headers)
    replies = [
        await site.request("POST", "/gateways/tw/messages", headers=headers, data=request.body)
        for _ in range(2)
    ]
    forged = await site.request(
        "POST", "/gateways/tw/messages", headers=headers, data=request.body + b"1"
    )
    assert [reply.status for reply in replies] == [200, 200]
    assert replies[0].headers["content-type"] == "text/xml; charset=utf-8"
    assert forged.status == 403
    assert (await world.rental(dealer, rented.rental.id)).code == "486460"
    assert len(await world.rows("SELECT id FROM messages")) == 1
