"""More headers than are read: each API says so in its own way."""

import pytest

from simlet.testing.site import Site

pytestmark = pytest.mark.anyio


def request(path: str, header_bytes: int) -> bytes:
    header = "x" * header_bytes
    return f"GET {path} HTTP/1.1\r\nHost: simlet.test\r\nX-Large: {header}\r\n\r\n".encode()


@pytest.mark.parametrize("path", ["/v1/balance", "/v1/events?after=0"])
async def test_on_v1_it_is_a_problem(site: Site, path: str) -> None:
    reply = await site.raw(request(path, 70_000))
    assert (reply.status, reply.headers["content-type"]) == (431, "application/problem+json")
    assert (reply.json["code"], reply.json["status"]) == ("headers_too_large", 431)
    assert "65536" in reply.json["detail"]
    assert reply.headers["connection"] == "close"


async def test_on_the_first_api_it_is_an_answer_of_its_own(site: Site) -> None:
    reply = await site.raw(request("/api/?show=balance", 70_000))
    assert (reply.status, reply.json["status_code"]) == (200, -1)


async def test_elsewhere_it_is_a_bad_request(site: Site) -> None:
    assert (await site.raw(request("/docs", 70_000))).status == 400


async def test_fewer_are_read(site: Site) -> None:
    assert (await site.raw(request("/v1/balance", 60_000))).status == 401
