"""Addresses that are looked at before they are kept: taken, or refused with a reason."""

import ipaddress
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.errors import Refused
from simlet.outbound import OutboundPolicy, check_address


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "https://example.com/",
        "HTTPS://Example.COM/Hook",
        "https://example.com./hook",
        "https://example.com:8443/hook?token=a%20b&x=[1]",
        "http://1.1.1.1:8080/hook",
        "https://[2606:4700:4700::1111]/hook",
        "https://my_app.example.com/hook#part",
        "https://xn--bcher-kva.example/",
        "https://bücher.example/đường",
        "https://" + "a" * 63 + ".example/",
    ],
)
def test_an_address_that_can_be_posted_to_is_taken(url: str) -> None:
    check_address(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "http or https"),
        ("example.com/hook", "http or https"),
        ("ftp://example.com/", "http or https"),
        ("file:///etc/passwd", "http or https"),
        ("gopher://example.com/", "http or https"),
        ("javascript:alert(1)", "http or https"),
        ("http://", "http or https"),
        ("http:///hook", "http or https"),
        ("http://:80/", "http or https"),
        ("http://example.com:99999/", "http or https"),
        ("http://example.com:http/", "http or https"),
        ("http://[::1", "http or https"),
        ("https://u:p@example.com/", "user or password"),
        ("https://u@example.com/", "user or password"),
        ("https://:p@example.com/", "user or password"),
        ("https://example.com/a b", "blank"),
        ("https://example.com/\n", "blank"),
        ("\thttps://example.com/", "blank"),
        ("https://example.com/\x00", "blank"),
        ("https://example.com/\u202e", "blank"),
        ("https://example.com/\ud800", "blank"),
        ("https://example.com\\@127.0.0.1/", "blank"),
        ("https://example..com/", "plain IP"),
        ("https://-a.example/", "plain IP"),
        ("https://" + "a" * 64 + ".example/", "plain IP"),
        ("https://" + "a." * 127 + "example/", "plain IP"),
        ("http://0x7f.1/", "plain IP"),
        ("http://2130706433/", "plain IP"),
        ("http://0177.0.0.1/", "plain IP"),
        ("http://1.2.3/", "plain IP"),
        ("http://foo.0x/", "plain IP"),
        ("http://localhost/", "public Internet"),
        ("http://a.localhost/", "public Internet"),
        ("http://LOCALHOST./", "public Internet"),
        ("http://127.0.0.1/", "public Internet"),
        ("http://10.0.0.1/", "public Internet"),
        ("http://169.254.169.254/latest/meta-data/", "public Internet"),
        ("http://127。0。0。1/", "public Internet"),
        ("http://[::1]/", "public Internet"),
        ("http://[::ffff:10.0.0.1]/", "public Internet"),
        ("http://[fe80::1%25eth0]/", "public Internet"),
        ("http://example.com:22/", "one of the ports 80, 443, 8080, 8443"),
        ("http://1.1.1.1:22/", "one of the ports 80, 443, 8080, 8443"),
        ("https://example.com/" + "a" * 2000, "at most 2000"),
    ],
)
def test_an_address_that_cannot_is_refused_with_a_reason(url: str, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        check_address(url)
    assert caught.value.refusal.code == "invalid"
    assert caught.value.details["name"] == "callback"
    assert reason in caught.value.sentence


def test_the_longest_address_is_taken_and_one_character_more_is_not() -> None:
    longest = "https://example.com/".ljust(2000, "a")
    check_address(longest)
    with pytest.raises(Refused):
        check_address(longest + "a")


def test_a_refused_address_is_not_repeated_in_the_refusal() -> None:
    with pytest.raises(Refused) as caught:
        check_address("https://u:hidden@example.com/")
    assert "hidden" not in caught.value.sentence
    assert caught.value.__cause__ is None


def test_an_address_in_a_network_of_the_operator_s_is_taken_on_any_port() -> None:
    rules = OutboundPolicy(allowed=(ipaddress.ip_network("127.0.0.0/8"),))
    check_address("http://127.0.0.1:9999/", rules)
    check_address("http://localhost:9999/", rules)
    # The name may lead into that network; if it does not, the guard refuses the connect.
    check_address("http://dealer.lan:9999/", rules)
    with pytest.raises(Refused):
        check_address("http://10.0.0.1/", rules)
    with pytest.raises(Refused):
        check_address("http://1.1.1.1:9999/", rules)


@given(st.text() | st.text().map("http://".__add__) | st.text("0123456789abcdefx.:[]@%/"))
def test_any_text_is_taken_or_refused_and_never_a_fault(text: str) -> None:
    with suppress(Refused):
        check_address(text)
