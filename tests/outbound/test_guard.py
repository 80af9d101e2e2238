"""Which addresses and ports the guard lets through, and what it calls the others."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outbound.posting import posting
from simlet.outbound import PUBLIC_ONLY, AddressRefused, Outbound, OutboundPolicy, refusal_of

pytestmark = pytest.mark.anyio


REFUSED = [
    ("0.0.0.0", "unspecified"),
    ("0.1.2.3", "this_network"),
    ("10.0.0.1", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.1", "cgnat"),
    ("100.127.255.255", "cgnat"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("169.254.169.254", "link_local"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.1", "protocol"),
    ("192.0.0.170", "protocol"),
    ("192.0.2.1", "documentation"),
    ("192.88.99.1", "6to4"),
    ("192.168.0.1", "private"),
    ("192.168.255.255", "private"),
    ("198.18.0.1", "benchmark"),
    ("198.19.255.255", "benchmark"),
    ("198.51.100.1", "documentation"),
    ("203.0.113.1", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.250", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.254", "reserved"),
    ("255.255.255.255", "broadcast"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::7f00:1", "embedded_ipv4"),
    ("::8.8.8.8", "embedded_ipv4"),
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:10.0.0.1", "private"),
    ("::ffff:a9fe:a9fe", "link_local"),
    ("::ffff:0.0.0.0", "unspecified"),
    ("::ffff:100.64.0.1", "cgnat"),
    ("::ffff:0:127.0.0.1", "embedded_ipv4"),
    ("64:ff9b::127.0.0.1", "nat64"),
    ("64:ff9b::8.8.8.8", "nat64"),
    ("64:ff9b:1::10.0.0.1", "nat64"),
    ("64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "nat64"),
    ("64:ff9b:2::1", "reserved"),
    ("100::1", "discard"),
    ("2001::1", "teredo"),
    ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "teredo"),
    ("2001:2::1", "protocol"),
    ("2001:10::1", "protocol"),
    ("2001:db8::1", "documentation"),
    ("2002:7f00:1::", "6to4"),
    ("2002:808:808::1", "6to4"),
    ("3fff::1", "documentation"),
    ("4000::1", "reserved"),
    ("5f00::1", "segment_routing"),
    ("fc00::1", "private"),
    ("fd12:3456:789a::1", "private"),
    ("fe80::1", "link_local"),
    ("fe80::1%1", "link_local"),
    ("::1%lo", "loopback"),
    ("fec0::1", "site_local"),
    ("feff::1", "site_local"),
    ("ff02::1", "multicast"),
    ("ff0e::1", "multicast"),
    ("0177.0.0.1", "malformed"),
    ("0x7f.0.0.1", "malformed"),
    ("0x7f000001", "malformed"),
    ("2130706433", "malformed"),
    ("127.1", "malformed"),
    ("127.0.1", "malformed"),
    ("127.0.0.1.", "malformed"),
    (" 127.0.0.1", "malformed"),
    ("127.0.0.1\n", "malformed"),
    ("١٢٧.٠.٠.١", "malformed"),
    ("[::1]", "malformed"),
    ("::ffff:0177.0.0.1", "malformed"),
    ("localhost", "malformed"),
    ("", "malformed"),
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.1",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2003::1",
    "2606:4700:4700::1111",
    "2a00::1",
]


@pytest.mark.parametrize(("ip", "reason"), REFUSED)
def test_an_address_that_is_not_public_is_refused_with_its_reason(ip: str, reason: str) -> None:
    assert refusal_of(ip, 443, PUBLIC_ONLY) == reason


@pytest.mark.parametrize("ip", PUBLIC)
def test_a_public_address_is_let_through(ip: str) -> None:
    assert refusal_of(ip, 443, PUBLIC_ONLY) is None


@pytest.mark.parametrize(
    ("port", "reason"),
    [
        (80, None),
        (443, None),
        (8080, None),
        (8443, None),
        (0, "port"),
        (22, "port"),
        (25, "port"),
        (5432, "port"),
        (6379, "port"),
        (65535, "port"),
    ],
)
def test_a_public_address_is_let_through_on_named_ports_only(port: int, reason: str | None) -> None:
    assert refusal_of("8.8.8.8", port, PUBLIC_ONLY) == reason
    assert refusal_of("2606:4700:4700::1111", port, PUBLIC_ONLY) == reason


def test_the_operator_names_the_ports() -> None:
    rules = OutboundPolicy(ports=frozenset({9000}))
    assert refusal_of("8.8.8.8", 9000, rules) is None
    assert refusal_of("8.8.8.8", 443, rules) == "port"


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("10.1.0.0/16", "10.1.2.3", "10.2.0.1"),
        ("10.1.0.0/16", "::ffff:10.1.2.3", "::ffff:10.2.0.1"),
        ("127.0.0.2/32", "127.0.0.2", "127.0.0.1"),
        ("100.64.0.0/24", "100.64.0.9", "100.64.1.9"),
        ("fd00:1::/32", "fd00:1::5", "fd00:2::5"),
        ("::1/128", "::1", "127.0.0.1"),
        ("64:ff9b::/96", "64:ff9b::8.8.8.8", "64:ff9b:1::8.8.8.8"),
    ],
)
def test_a_network_that_the_operator_names_is_let_through_on_every_port(
    network: str, inside: str, outside: str
) -> None:
    rules = OutboundPolicy(allowed=(ipaddress.ip_network(network),))
    assert refusal_of(inside, 5000, rules) is None
    assert refusal_of(outside, 443, rules) not in {None, "port"}


def test_naming_a_network_opens_no_port_elsewhere() -> None:
    rules = OutboundPolicy(allowed=(ipaddress.ip_network("10.0.0.0/8"),))
    assert refusal_of("8.8.8.8", 5000, rules) == "port"


@given(st.ip_addresses(v=4))
def test_what_the_guard_lets_through_is_global_and_one_host(ip: ipaddress.IPv4Address) -> None:
    refused = refusal_of(str(ip), 443, PUBLIC_ONLY) is not None
    assert refused or (ip.is_global and not ip.is_multicast)


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_as_the_ipv4_address_in_it(ip: ipaddress.IPv4Address) -> None:
    mapped = f"::ffff:{ip}"
    assert refusal_of(mapped, 443, PUBLIC_ONLY) == refusal_of(str(ip), 443, PUBLIC_ONLY)


@given(st.ip_addresses(v=6).map(int).map(ipaddress.IPv6Address))
def test_only_global_unicast_is_let_through_on_ipv6(ip: ipaddress.IPv6Address) -> None:
    if ip.ipv4_mapped is not None:
        return
    refused = refusal_of(str(ip), 443, PUBLIC_ONLY) is not None
    assert refused or (ip.is_global and ip in ipaddress.ip_network("2000::/3"))


@given(st.text())
def test_the_guard_has_an_answer_to_any_text(text: str) -> None:
    reason = refusal_of(text, 443, PUBLIC_ONLY)
    assert reason is None or reason.replace("_", "").isalnum()


@pytest.mark.parametrize("port", [1, 22, 25, 2375, 3306, 5432, 6379, 9200, 11211])
async def test_no_other_port_of_a_public_address_is_connected_to(port: int) -> None:
    async with posting(PUBLIC_ONLY) as outbound:
        answer = await outbound.post(f"http://8.8.8.8:{port}/", b"{}", {})
    assert answer.error == "refused_address"


def test_the_guard_opens_a_socket_for_a_public_address_and_none_for_another() -> None:
    outbound = Outbound()
    kind, protocol = socket.SOCK_STREAM, socket.IPPROTO_TCP
    public = (socket.AF_INET, kind, protocol, "", ("8.8.8.8", 443))
    with outbound._guarded_socket(public) as opened:
        assert opened.family == socket.AF_INET
    with pytest.raises(AddressRefused) as caught:
        outbound._guarded_socket((socket.AF_INET, kind, protocol, "", ("10.0.0.1", 443)))
    assert caught.value.reason == "private"
