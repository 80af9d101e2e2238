"""The addresses as a whole: what is answered without ASGI is answered as over ASGI."""

import string
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from simlet.config import Settings
from simlet.gateways.contract import HttpAnswer, HttpRequest
from simlet.gateways.drivers.http import HttpDriver
from simlet.testing.site import Reply, Site, site_of
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

SMALL_BYTES = 2048

# One running server takes all examples of a test: it must bear them one after another.
fuzzed = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
async def dealer(world: World) -> Dealer:
    """A dealer with money, and a service without a number in stock: nothing can be rented."""
    await world.service(4)
    return await world.dealer()


def told(reply: Reply) -> tuple[int, dict[str, str], bytes]:
    headers = {name: value for name, value in reply.headers.items() if name != "date"}
    return reply.status, headers, reply.raw


def over_asgi(path: str) -> str:
    """The same path with an escape in it, which is not taken on the short way."""
    first, slash, rest = path.partition("i")
    return f"{first}%{ord('i'):x}{rest}" if slash else path


NAMES = ["show", "ID", "requestId", "serviceId", "carries", "yPrefix", "orderId", "x", ""]
VALUES = st.one_of(
    st.sampled_from(["balance", "networks", "service", "code", "history", "1.4", "4", "1", "-1"]),
    st.text(string.ascii_letters + string.digits + "|.-+%&= ", max_size=20),
)


@fuzzed
@given(
    path=st.sampled_from(["/api", "/api/", "/api/register-service/", "/api/x"]),
    pairs=st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=5),
    with_token=st.booleans(),
)
async def test_the_first_api_answers_the_same_on_either_way(
    site: Site, dealer: Dealer, path: str, pairs: list[tuple[str, str]], with_token: bool
) -> None:
    token = [("token", dealer.token)] if with_token else []
    query = "&".join(f"{name}={quote(text)}" for name, text in [*pairs, *token])
    short = await site.get(f"{path}?{query}")
    long = await site.get(f"{over_asgi(path)}?{query}")
    assert told(short) == told(long)


@pytest.mark.parametrize(
    "body",
    [
        {"id": "1", "to": "0912345678", "from": "SHOPEE", "text": "one"},
        {"id": "2", "to": "", "from": "SHOPEE", "text": "two"},
        [{"id": "3", "to": "0912345678", "from": "SHOPEE", "text": "three"}],
        b"no JSON",
        b"",
    ],
)
@pytest.mark.parametrize("path", ["/gateways/gw/messages", "/gateways/gw/others", "/gateways/none"])
async def test_a_gateway_answers_the_same_on_either_way(
    site: Site, path: str, body: object
) -> None:
    _, secret = await site.world.gateway("gw")
    await site.post(path, body, secret)  # so that the others are duplicates, each of them
    short = await site.post(path, body, secret)
    long = await site.post(path.replace("w", "%77"), body, secret)
    assert told(short) == told(long)


async def test_a_body_above_a_limit_that_is_set_low_is_refused(world: World) -> None:
    web = msgspec.structs.replace(Settings().web, body_limit_bytes=SMALL_BYTES)
    limited = World(world.db, settings=msgspec.structs.replace(Settings(), web=web))
    _, secret = await limited.gateway("gw")
    async with site_of(limited) as site:
        taken = await site.post("/gateways/gw/messages", b" " * SMALL_BYTES, secret)
        refused = await site.post("/gateways/gw/messages", b" " * (SMALL_BYTES + 1), secret)
    assert (taken.status, refused.status) == (400, 413)
    assert refused.json == {"error": "the body is too large"}


@pytest.mark.parametrize(
    ("kind", "body", "status", "reason"),
    [
        ("multipart/form-data", b"", 400, "form: expected a boundary of 1 to 70 bytes"),
        ("application/json", b" " * (SMALL_BYTES + 1), 413, "the body is too large"),
    ],
)
async def test_what_no_driver_could_read_is_told_to_the_operator(
    world: World, kind: str, body: bytes, status: int, reason: str
) -> None:
    web = msgspec.structs.replace(Settings().web, body_limit_bytes=SMALL_BYTES)
    limited = World(world.db, settings=msgspec.structs.replace(Settings(), web=web))
    _, secret = await limited.gateway("gw")
    async with site_of(limited) as site:
        await site.post("/gateways/gw/messages", [], secret)
        with capture_logs() as logs:
            for gateway in ("gw", "none"):
                path, headers = f"/gateways/{gateway}/messages", {"content-type": kind}
                reply = await site.request("POST", path, headers=headers, data=body)
                assert reply.status == status
    assert [(one["event"], one["gateway"], one["status"], one["reason"]) for one in logs] == [
        ("request_refused", "gw", status, reason)
    ]


async def test_a_driver_that_fails_is_answered_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: HttpDriver, __: HttpRequest) -> HttpAnswer:
        raise LookupError("a driver that fails")

    _, secret = await site.world.gateway("gw")
    monkeypatch.setattr(HttpDriver, "answer", fail)
    for path in ("/gateways/gw/messages", "/gateways/g%77/messages"):
        reply = await site.post(path, b"{}", secret)
        assert reply.status == 503
        assert reply.json == {"error": "it could not be done now; try again"}
