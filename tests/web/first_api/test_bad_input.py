"""Whatever comes in, the first API answers 200 with JSON, and nothing is changed by it."""

import io
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simlet.testing.site import Site
from simlet.testing.world import Dealer
from simlet.web.first_api.query import MAX_PARAMETERS, MAX_QUERY_BYTES
from simlet.web.protocol import MAX_URL_BYTES
from web.first_api.answers import invalid
from web.first_api.api import HEADERS
from web.first_api.raw import checked, nothing_changes, request, sent, status_and_text

pytestmark = pytest.mark.anyio

# One running server takes all examples of a test: it must bear them one after another.
fuzzed = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


# ---------------------------------------------------------------------------------------- Any bytes


@fuzzed
@given(query=st.binary(max_size=200))
async def test_any_bytes_as_the_query_are_answered(site: Site, query: bytes) -> None:
    await sent(site, request(b"/api/?" + query))


@fuzzed
@given(path=st.binary(max_size=100))
async def test_any_bytes_as_the_path_are_answered(site: Site, path: bytes) -> None:
    await sent(site, request(b"/api/" + path))


@fuzzed
@given(name=st.binary(max_size=20), value=st.binary(max_size=100))
async def test_any_bytes_as_a_header_are_answered(site: Site, name: bytes, value: bytes) -> None:
    await sent(site, request(b"/api/?show=balance", name + b": " + value))


@fuzzed
@given(method=st.from_regex(rb"[!-~]{1,20}", fullmatch=True))
async def test_any_word_as_the_method_is_answered(site: Site, method: bytes) -> None:
    if method != b"HEAD":  # its answer has no body
        await sent(site, request(b"/api/?show=balance", method=method))


PATHS = ("/api/", "/api/register-service/", "/api/rephone/", "/api/other")

SHOWS = ("balance", "networks", "service", "code", "history", "")

NAMES = [
    "show",
    "ID",
    "requestId",
    "serviceId",
    "carries",
    "yPrefix",
    "nPrefix",
    "orderId",
    "phone",
    "thuesim1",
    "service",
    "status",
    "limit",
    "fromDate",
    "toDate",
    "token",
]

numbers_as_written = st.one_of(
    st.integers(min_value=-(10**400), max_value=10**400).map(str),
    st.floats().map(str),
    st.text("0123456789٠١٢３４５.-+eE|,_ ", max_size=30),
    st.dates().map(str),
)

contents = st.one_of(
    st.binary(max_size=40), numbers_as_written.map(str.encode), st.text(max_size=20).map(str.encode)
)


@fuzzed
@given(
    path=st.sampled_from(PATHS),
    show=st.sampled_from(SHOWS),
    parameters=st.lists(st.tuples(st.sampled_from(NAMES), contents), max_size=6),
    garbled=st.booleans(),
)
async def test_any_parameters_of_a_dealer_are_answered(
    site: Site,
    dealer: Dealer,
    path: str,
    show: str,
    parameters: list[tuple[str, bytes]],
    garbled: bool,
) -> None:
    pairs = "&".join(f"{name}={quote_from_bytes(content)}" for name, content in parameters)
    if garbled:  # percent signs with nothing behind them that fits
        pairs = pairs.replace("%", "%%2")
    async with nothing_changes(site.world):
        await sent(site, request(f"{path}?show={show}&{pairs}&token={dealer.token}".encode()))


HUGE = (
    "1" + "0" * 400,
    "-1",
    "-" + "9" * 30,
    str(2**31),
    str(2**63),
    str(2**64),
    "1e400",
    "NaN",
    "٣",
    "２",
    "²",
    "1" * 5000,
)


async def test_numbers_of_any_size_are_answered(site: Site, dealer: Dealer) -> None:
    paths = ("/api/?show=code&", "/api/?show=history&", *(path + "?" for path in PATHS))
    async with nothing_changes(site.world):
        for name in ("ID", "serviceId", "thuesim1", "phone", "service", "status", "limit"):
            for number in HUGE:
                written = f"{name}={quote_from_bytes(number.encode())}&token={dealer.token}"
                for path in paths:
                    await sent(site, request((path + written).encode()))


async def test_bytes_that_are_no_text_find_nothing(site: Site, dealer: Dealer) -> None:
    await site.world.lines("0967000001")
    async with nothing_changes(site.world):
        for garbage in ("%FF", "%00", "%C3%28", "%ED%A0%80", "%F4%90%80%80", "%", "%zz"):
            target = f"/api/register-service/?serviceId=4{garbage}&token={dealer.token}"
            assert (await sent(site, request(target.encode())))["status_code"] == -4
            target = f"/api/register-service/?serviceId=4&carries={garbage}&token={dealer.token}"
            assert status_and_text(await sent(site, request(target.encode()))) == invalid("carries")


# ------------------------------------------------------------------------------------------ Methods


async def test_another_method_is_an_error_and_rents_nothing(site: Site, dealer: Dealer) -> None:
    await site.world.lines("0967000001")
    target = f"/api/register-service/?serviceId=4&token={dealer.token}".encode()

    async with nothing_changes(site.world):
        for method in b"POST PUT PATCH DELETE OPTIONS TRACE PURGE QUERY CONNECT".split():
            body = await sent(site, request(target, method=method))
            assert status_and_text(body) == invalid("method"), method


async def test_an_unknown_method_is_an_error_and_rents_nothing(site: Site, dealer: Dealer) -> None:
    await site.world.lines("0967000001")
    target = f"/api/register-service/?serviceId=4&token={dealer.token}".encode()

    async with nothing_changes(site.world):
        for method in (b"FOO", b"get", b"G\x00T", b"GET/", "GÉT".encode()):
            body = await sent(site, request(target, method=method))
            assert status_and_text(body) == invalid("request"), method
            assert (body["ResponseCode"], body["Message"]) == (-1, body["message"])


async def test_head_gets_the_headers_alone_and_rents_nothing(site: Site, dealer: Dealer) -> None:
    await site.world.lines("0967000001")

    async with nothing_changes(site.world):
        reply = await site.request(
            "HEAD", f"/api/register-service/?serviceId=4&token={dealer.token}"
        )

    assert (reply.status, reply.raw) == (200, b"")
    assert {name: reply.headers.get(name) for name in HEADERS} == HEADERS


async def test_a_posted_body_is_not_read(site: Site, dealer: Dealer) -> None:
    await site.world.lines("0967000001")
    path = f"/api/register-service/?serviceId=4&token={dealer.token}"

    async with nothing_changes(site.world):
        for body in (b"", b'{"serviceId":4}', b"serviceId=4", b"\xff\x00", b"x" * 5_000_000):
            reply = await site.request("POST", path, data=io.BytesIO(body))
            assert status_and_text(checked(reply)) == invalid("method")


# -------------------------------------------------------------------------------------------- Sizes


async def test_a_query_of_a_megabyte_is_refused_by_its_name(site: Site, dealer: Dealer) -> None:
    async with nothing_changes(site.world):
        target = f"/api/?show=balance&token={dealer.token}&x=".encode() + b"y" * 1_000_000
        assert status_and_text(await sent(site, request(target))) == invalid("query")


async def test_a_query_is_taken_up_to_its_limit(site: Site, dealer: Dealer) -> None:
    query = f"show=balance&token={dealer.token}&x="
    longest = query.ljust(MAX_QUERY_BYTES, "y")

    assert (await sent(site, request(f"/api/?{longest}".encode())))["status_code"] == 200
    too_long = await sent(site, request(f"/api/?{longest}y".encode()))
    assert status_and_text(too_long) == invalid("query")


async def test_an_address_of_any_length_is_answered(site: Site, dealer: Dealer) -> None:
    await site.world.lines("0967000001")
    target = f"/api/register-service/?serviceId=4&token={dealer.token}&x=".encode()

    async with nothing_changes(site.world):
        for length in (MAX_URL_BYTES, MAX_URL_BYTES + 1, 65_535, 65_536, 2_000_000):
            body = await sent(site, request(target.ljust(length, b"y")))
            assert status_and_text(body) == invalid("query"), length
            assert (body["ResponseCode"], body["Message"]) == (-1, body["message"])


async def test_a_path_of_a_megabyte_is_an_unknown_path(site: Site, dealer: Dealer) -> None:
    token = f"Authorization: Bearer {dealer.token}".encode()

    body = await sent(site, request(b"/api/" + b"x" * 1_000_000, token))

    assert status_and_text(body) == invalid("method")


async def test_ten_thousand_parameters_are_refused(site: Site, dealer: Dealer) -> None:
    target = f"/api/?show=balance&token={dealer.token}" + "&a" * 10_000

    assert status_and_text(await sent(site, request(target.encode()))) == invalid("query")


async def test_a_hundred_parameters_are_taken(site: Site, dealer: Dealer) -> None:
    target = f"/api/?show=balance&token={dealer.token}" + "&a=b" * (MAX_PARAMETERS - 2)

    assert (await sent(site, request(target.encode())))["status_code"] == 200


async def test_a_list_of_thousands_is_refused_by_its_name(site: Site, dealer: Dealer) -> None:
    for name in ("carries", "yPrefix", "nPrefix"):
        path = f"/api/register-service/?serviceId=4&{name}="
        target = f"{path}{'96|' * 5_000}&token={dealer.token}"

        assert status_and_text(await sent(site, request(target.encode()))) == invalid(name)


async def test_a_list_of_empty_elements_asks_for_nothing(site: Site, dealer: Dealer) -> None:
    await site.world.lines("0967000001")
    target = f"/api/register-service/?serviceId=4&carries={'|' * 10_000}&token={dealer.token}"

    assert (await sent(site, request(target.encode())))["success"] is True


async def test_headers_of_sixty_thousand_bytes_are_borne(site: Site, dealer: Dealer) -> None:
    target = f"/api/?show=balance&token={dealer.token}".encode()

    body = await sent(site, request(target, b"X-Long: " + b"y" * 60_000))

    assert body["data"] == {"balance": 100_000}


async def test_a_header_of_a_megabyte_is_refused(site: Site, dealer: Dealer) -> None:
    target = f"/api/?show=balance&token={dealer.token}".encode()

    body = await sent(site, request(target, b"X-Long: " + b"y" * 1_000_000))

    assert body["status_code"] == -1
