import asyncio
from collections.abc import AsyncIterator
from io import BytesIO

import msgspec
import pytest
from yarl import URL

from gateways.drivers.http_gate import PATIENCE_S, Gate, results, sms

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("route", ["messages", "calls"])
async def test_a_secret_that_is_missing_or_wrong_is_refused(gate: Gate, route: str) -> None:
    _, other = await gate.world.gateway("other")
    wrong = gate.secret[:-1] + ("A" if gate.secret[-1] != "A" else "B")
    shown = [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {wrong}",
        f"Bearer {other}",
        f"Bearer {gate.dealer.token}",
        f"Bearer {gate.secret}x",
        f"Bearer {gate.secret[:-1]}",
        f"Basic {gate.secret}",
        gate.secret,
        "Bearer \xff\xfe",
    ]
    for header in shown:
        headers = {} if header is None else {"authorization": header}
        reply = await gate.site.request(
            "POST",
            f"/gateways/gate/{route}",
            headers=headers,
            data=msgspec.json.encode(sms()),
        )
        assert reply.status == 401, header
        assert "error" in reply.json
    assert await gate.kept("id") == []


async def test_the_scheme_of_the_secret_is_taken_in_any_case(gate: Gate) -> None:
    headers = {"authorization": f"bEARER  {gate.secret} "}
    reply = await gate.site.request(
        "POST", "/gateways/gate/messages", headers=headers, data=msgspec.json.encode(sms())
    )
    assert results(reply) == ["kept"]


async def test_addresses_that_are_not_there_answer_404(gate: Gate) -> None:
    await gate.world.gateway("pretend", kind="simulator")
    await gate.world.gateway("console", kind="console")
    paths = [
        "/gateways/nobody/messages",
        "/gateways/Gate/messages",
        "/gateways/pretend/messages",
        "/gateways/console/messages",
        "/gateways/gate%00/messages",
        "/gateways/%F0%9F%98%80/messages",
        "/gateways/" + "g" * 5000 + "/messages",
        "/gateways/gate/sms",
        "/gateways/gate/messages/1",
        "/gateways/gate",
        "/gateways/gate/",
        "/gateways//messages",
        "/gateways/",
        "/gateways",
    ]
    found = {path: (await gate.site.post(path, sms(), gate.secret)).status for path in paths}
    assert found == dict.fromkeys(paths, 404)


async def test_only_post_is_taken(gate: Gate) -> None:
    headers = {"authorization": f"Bearer {gate.secret}"}
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
        for route in ("messages", "calls"):
            reply = await gate.site.request(method, f"/gateways/gate/{route}", headers=headers)
            assert reply.status == 405, method


DEEP = b"[" * 100_000
MALFORMED = {
    "empty": b"",
    "blank": b" \n",
    "no JSON": b"to=0967000001&text=hello",
    "cut short": b'{"to":"0967000001","from":"Yahoo","te',
    "an array cut short": b'[{"to":"0967000001","from":"Yahoo","text":"x"},',
    "something behind it": b'{"to":"0967000001","from":"Yahoo","text":"x"} x',
    "not UTF-8": b'{"to":"0967000001","from":"Yahoo","text":"\xff"}',
    "a surrogate in UTF-8": b'{"to":"0967000001","from":"Yahoo","text":"\xed\xa0\x80"}',
    "UTF-16": '{"to":"0967000001","from":"Yahoo","text":"x"}'.encode("utf-16"),
    "deep arrays": DEEP,
    "deep arrays, closed": DEEP + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "depth in a field of no name": b'{"x":' + DEEP + b"]" * 100_000 + b"}",
    "not a number": b'{"to":"0967000001","from":"Yahoo","text":"x","y":NaN}',
    "a bad escape": b'{"to":"0967000001","from":"Yahoo","text":"\\q"}',
    "a NUL as it is": b'{"to":"0967000001","from":"Yahoo","text":"\x00"}',
    "half an escape": b'{"to":"0967000001","from":"Yahoo","text":"\\ud8"}',
}


@pytest.mark.parametrize("route", ["messages", "calls"])
async def test_a_malformed_body_is_refused(gate: Gate, route: str) -> None:
    path = f"/gateways/gate/{route}"
    for what, body in MALFORMED.items():
        reply = await gate.site.post(path, body, gate.secret)
        assert reply.status == 400, what
        assert reply.json["error"].startswith("body: expected "), what
    assert await gate.kept("id") == []


async def test_json_that_is_no_message_is_refused(gate: Gate) -> None:
    for body in (b"7", b'"text"', b"null", b"true", b'{"to":1}', b"{}"):
        reply = await gate.messages(body)
        assert reply.status == 400, body
        assert reply.json["results"][0]["result"] == "error", body


async def test_a_body_over_the_limit_is_refused_and_the_server_goes_on(gate: Gate) -> None:
    headers = {"authorization": f"Bearer {gate.secret}"}
    body = BytesIO(b" " * 5_000_000)
    reply = await gate.site.request("POST", "/gateways/gate/messages", headers=headers, data=body)

    assert reply.status == 413
    assert results(await gate.messages(sms())) == ["kept"]


async def _in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_a_body_without_a_length_is_limited_as_well(gate: Gate) -> None:
    headers = {"authorization": f"Bearer {gate.secret}"}
    small = _in_pieces(b"[", msgspec.json.encode(sms("in ")), b"]")
    large = _in_pieces(*[b" " * 100_000] * 50)

    kept = await gate.site.request("POST", "/gateways/gate/messages", headers=headers, data=small)
    refused = await gate.site.request(
        "POST", "/gateways/gate/messages", headers=headers, data=large
    )

    assert results(kept) == ["kept"]
    assert refused.status == 413
    assert await gate.kept("body") == [("in ",)]


async def test_half_a_body_is_nothing(gate: Gate) -> None:
    body = msgspec.json.encode(sms("whole"))
    head = (
        f"POST /gateways/gate/messages HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {gate.secret}\r\nContent-Length: {len(body) + 1}\r\n\r\n"
    )
    url = URL(gate.site.base_url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(head.encode() + body)
    await writer.drain()
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
    writer.close()

    assert answer == b""
    assert results(await gate.messages(sms("after it"))) == ["kept"]
    assert await gate.kept("body") == [("after it",)]
