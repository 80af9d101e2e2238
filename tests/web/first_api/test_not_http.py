"""What is not HTTP, or hardly, is answered by the first API as the rest."""

import asyncio
import json

import aiohttp
import pytest

from logged import Log
from simlet.testing.site import Site
from simlet.testing.world import Dealer
from web.first_api.answers import invalid
from web.first_api.raw import checked, request, sent, status_and_text

pytestmark = pytest.mark.anyio

NOT_HTTP = [
    request("/api/?show=số dư".encode()),
    request(b"/api/?show=a b"),
    request(b"/api/?show=\x00"),
    request(b"/api/\xff\xfe"),
    request(b"/api/", b"X: a\x00b"),
    request(b"/api/", b"X Y: b"),
    request(b"/api/", b": b"),
    request(b"/api/", b"no colon"),
    request(b"/api/", b"Content-Length: many"),
    request(b"/api/", b"Content-Length: 5", b"Content-Length: 6"),
    request(b"/api/", b"Transfer-Encoding: chunked", b"Content-Length: 6"),
    b"GET /api/ HTTP/9.9\r\n\r\n",
    b"GET /api/ SMTP/1.1\r\n\r\n",
]

UNUSUAL_HTTP = [
    b"GET /api/?show=balance&token=%b HTTP/1.0\r\n\r\n",
    b"GET http://elsewhere/api/?show=balance&token=%b HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /api/?show=balance&token=%b#fragment HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /api/?show=balance&token=%b HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"GET /%%61pi/?show=balance&token=%b HTTP/1.1\r\nHost:\r\n\r\n",
]


async def test_what_is_not_http_is_answered_as_the_rest(site: Site) -> None:
    for raw_request in NOT_HTTP:
        assert status_and_text(await sent(site, raw_request)) == invalid("request"), raw_request


async def test_what_turns_out_not_to_be_http_later_is_answered_as_the_rest(site: Site) -> None:
    begun, garbage = request(b"/api/?show=balance")[:-2], b"no colon\r\n\r\n"
    host, port = site.base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(begun)
    # When this is answered, the server has read what was sent before it.
    await site.get("/health")

    writer.write(garbage)
    answer = await reader.read()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    body = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert status_and_text(body) == invalid("request")


async def test_unusual_http_is_taken(site: Site, dealer: Dealer) -> None:
    for raw_request in UNUSUAL_HTTP:
        body = await sent(site, raw_request % dealer.token.encode())
        assert body.get("data") == {"balance": 100_000}, raw_request


async def test_elsewhere_what_is_not_http_is_a_bad_request(site: Site) -> None:
    for target in (b"/", b"/apis", b"/gateways/x/messages?a=/api/", b"*"):
        assert (await site.raw(request(target, method=b"FOO"))).status == 400, target


async def test_a_malformed_request_ends_its_own_connection_alone(
    site: Site, dealer: Dealer
) -> None:
    path = f"/api/?show=balance&token={dealer.token}"
    assert checked(await site.get(path))["success"] is True

    await sent(site, b"\x16\x03\x01 /api/ garbage\r\n\r\n")

    assert checked(await site.get(path))["success"] is True


async def test_requests_sent_at_one_go_are_answered_in_order(site: Site, dealer: Dealer) -> None:
    token = dealer.token.encode()
    asked = [b"/api/?show=balance", b"/api/?show=" + b"y" * 70_000, b"/api/?show=networks"]
    reader, writer = await asyncio.open_connection(
        *site.base_url.removeprefix("http://").split(":")
    )
    writer.write(b"".join(request(one, b"Authorization: Bearer " + token) for one in asked))
    writer.write(request(b"/api/", b"Connection: close"))

    answers = await reader.read()
    writer.close()

    bodies = [part.partition(b"\r\n\r\n")[2] for part in answers.split(b"HTTP/1.1 200 OK")[1:]]
    codes = [json.loads(body)["status_code"] for body in bodies]
    assert codes == [200, -1, 200, 401]


async def test_what_is_malformed_leaves_nothing_of_itself_in_the_log(
    site: Site, dealer: Dealer, log: Log
) -> None:
    target = f"/api/?phone=0967000001&token={dealer.token}&x=\x00".encode()

    await sent(site, request(target))
    await sent(site, request(b"/api/0967000001" + b"x" * 70_000))

    lines = str(log.take())
    assert "967000001" not in lines
    assert dealer.token not in lines


async def test_a_client_that_goes_away_harms_no_other(site: Site, dealer: Dealer) -> None:
    path = f"/api/?show=balance&token={dealer.token}"
    host, port = site.base_url.removeprefix("http://").split(":")
    for part in (b"", b"GET", b"GET /api/?show=ba", request(path.encode())):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(part)
        writer.transport.abort()

    async with aiohttp.ClientSession() as client, client.get(site.base_url + path) as answer:
        assert (await answer.json())["data"] == {"balance": 100_000}
