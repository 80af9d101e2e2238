"""What a webhook reads: times and texts in the forms that were set."""

from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateways.drivers.asking import ONE, kannel, posted, read
from gateways.drivers.cases_webhook import FORM, post
from simlet.domain.inbound import Part
from simlet.gateways.contract import Value
from simlet.testing.clock import START_MS

pytestmark = pytest.mark.anyio

# Times


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("rfc3339", "2023-11-14T22:13:20Z"),
        ("rfc3339", "2023-11-15T05:13:20+07:00"),
        ("rfc3339", "2023-11-15 05:13:20"),
        ("unix_s", 1_700_000_000),
        ("unix_s", "1700000000.000"),
        ("unix_ms", 1_700_000_000_000),
        ("%d/%m/%Y %H:%M:%S", "15/11/2023 05:13:20"),
        ("%Y%m%d%H%M%S %z", "20231114221320 +0000"),
    ],
)
async def test_a_time_is_read_in_the_form_that_was_set(form: str, told: object) -> None:
    one = await read(posted(ONE | {"sent_at": told}), sent_at_form=form)
    assert one.sent_at_ms == START_MS


@pytest.mark.parametrize("told", ["", 0, "0", None])
async def test_a_clock_that_was_not_set_tells_no_time(told: object) -> None:
    for form in ("unix_s", "unix_ms", "rfc3339"):
        assert (await read(posted(ONE | {"sent_at": told}), sent_at_form=form)).sent_at_ms is None


@pytest.mark.parametrize("told", ["486460486460", "yesterday", ["1"], True, "1999-12-31T00:00:00Z"])
async def test_a_message_with_a_wrong_stamp_is_taken_without_it_and_that_is_told(
    told: object,
) -> None:
    with capture_logs() as logs:
        one = await read(posted(ONE | {"sent_at": told}))
    assert (one.text, one.sent_at_ms) == (ONE["text"], None)
    (line,) = [log for log in logs if log["event"] == "time_stamp_not_read"]
    assert line["gateway"] == "kit"
    assert "486460" not in str(line)


@settings(deadline=None)
@given(told=st.text(max_size=20), form=st.sampled_from(["rfc3339", "unix_s", "%Y-%m-%d %H:%M:%S"]))
async def test_whatever_a_stamp_says_its_message_is_taken(told: str, form: str) -> None:
    with capture_logs():
        one = await read(posted(ONE | {"sent_at": told}), sent_at_form=form)
    assert one.text == ONE["text"]


# Numbers


@pytest.mark.parametrize(
    "to", ["0912345678\t", "0912345678\r\n", "0912\u202f345678", "+84 (0)912 345 678", "  "]
)
async def test_the_line_is_found_whatever_blanks_are_around_its_number(to: str) -> None:
    assert (await read(posted(ONE | {"to": to}), number="0912345678")).to == "+84912345678"


# Texts


async def test_json_is_known_behind_a_byte_order_mark() -> None:
    body = b'\xef\xbb\xbf{"to": "0912345678", "from": "Yahoo", "text": "1"}'
    assert (await read(post(body, "text/plain"))).text == "1"


@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60),
    charset=st.sampled_from(["utf-8", "utf-16-be"]),
)
async def test_a_text_of_a_form_is_read_in_its_charset(text: str, charset: str) -> None:
    body = f"to=0912345678&from=Yahoo&text={quote_from_bytes(text.encode(charset))}"
    assert (await read(post(body.encode(), FORM), charset=charset)).text == text


async def test_octets_that_are_no_text_are_kept_in_hex_as_damaged() -> None:
    one = await read(post(b"to=0912345678&from=Yahoo&text=a%FF", FORM))
    assert (one.text, one.damaged) == ("61FF", True)


@pytest.mark.parametrize(
    ("told", "settings", "body", "sender", "text"),
    [
        ("", {"charset": "iso-8859-1"}, b"from=Soci%E9t%E9&text=num%E9ro", "Société", "numéro"),
        ("", {"charset": "iso-8859-1"}, "from=Société&text=1".encode(), "Société", "1"),
        ("", {"charset": "utf-16-be"}, b"from=Yahoo&text=%00M%00%E3", "Yahoo", "Mã"),
        ("", {}, b"from=Soci%E9t%E9&text=1", "Soci�t�", "1"),
        ("; charset=iso-8859-1", {}, b"from=Soci%E9t%E9&text=num%E9ro", "Société", "numéro"),
        ('; Charset="ISO-8859-1"', {}, b"from=A&text=num%E9ro", "A", "numéro"),
        ("; charset=utf-8", {"charset": "iso-8859-1"}, b"from=A&text=M%C3%A3", "A", "Mã"),
        ("; charset=utf-8", {"charset": "iso-8859-1"}, b"from=%E9&text=num%E9ro", "é", "numéro"),
        ("; charset=zip", {}, "from=A&text=Mã".encode(), "A", "Mã"),
        ("; charset=iso-8859-1", {"text_form": "hex"}, b"from=A&text=4dc3a3", "A", "Mã"),
    ],
)
async def test_a_form_is_read_in_the_charset_that_it_tells_or_else_that_was_set(
    told: str, settings: dict[str, Value], body: bytes, sender: str, text: str
) -> None:
    one = await read(post(b"to=0912345678&" + body, FORM + told), **settings)
    assert (one.sender, one.text, one.damaged) == (sender, text, False)


@pytest.mark.parametrize("letter", ["ã", "đ", "ệ", "😀"])
async def test_a_text_that_is_cut_within_its_last_letter_loses_no_more_than_that(
    letter: str,
) -> None:
    cut = quote_from_bytes(f"486460 {letter}".encode()[:-1])
    one = await read(post(f"to=0912345678&from=Yahoo&text={cut}".encode(), FORM))
    assert (one.text, one.damaged) == ("486460 �", False)


@pytest.mark.parametrize(
    ("text", "settings", "read_as", "damaged"),
    [
        ("TcOj", {"text_form": "base64"}, "Mã", False),
        ("AE0A4w==", {"text_form": "base64", "charset": "utf-16-be"}, "Mã", False),
        ("004D00E3", {"text_form": "hex", "charset": "utf-16-be"}, "Mã", False),
        ("4dc3a3", {"text_form": "hex"}, "Mã", False),
        ("4dc3", {"text_form": "hex"}, "4DC3", True),
        ("Mã", {"text_form": "base64"}, "4DC3A3", True),
        ("123", {"text_form": "hex"}, "313233", True),
        ("00", {"text_form": "hex", "charset": "utf-16-be"}, "00", True),
    ],
)
async def test_a_text_is_read_in_the_form_that_was_set(
    text: str,
    settings: dict[str, Value],
    read_as: str,
    damaged: bool,
) -> None:
    one = await read(posted(ONE | {"text": text}), **settings)
    assert (one.text, one.damaged) == (read_as, damaged)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"text": "%00M%00%E3", "coding": "2", "charset": "UTF-16BE"}, "Mã"),
        ({"text": "%00M%00%E3", "coding": "2"}, "Mã"),
        ({"text": "%00M%00%E3", "coding": "2", "charset": "UTF16-BE"}, "Mã"),
        ({"text": "M%C3%A3", "coding": "2", "charset": "UTF-8"}, "Mã"),
        ({"text": "M%E3", "coding": "0", "charset": "ISO-8859-1"}, "Mã"),
        ({"text": "M%C3%A3", "coding": "0", "charset": "zip"}, "Mã"),
        ({"text": "%00%FF", "coding": "1"}, "00FF"),
        ({"text": "Ma+1", "coding": "1", "charset": "8-BIT"}, "Ma 1"),
    ],
)
async def test_kannel_tells_how_a_text_is_coded(fields: dict[str, str], text: str) -> None:
    assert (await read(kannel(**fields), template="kannel")).text == text


@pytest.mark.parametrize(
    ("udh", "part"),
    [
        ("%05%00%03%2A%02%01", Part(42, 2, 1)),
        ("0500032A0201", Part(42, 2, 1)),
        ("%06%08%04%01%02%03%02", Part(258, 3, 2)),
        ("", None),
        ("%05%00%03%2A%02", None),
        ("%FF", None),
        ("%05%00%03%2A%00%00", None),
    ],
)
async def test_a_header_tells_which_part_it_is(udh: str, part: Part | None) -> None:
    assert (await read(kannel(udh=udh), template="kannel")).part == part


async def test_half_a_pair_stays_in_a_part_and_goes_in_a_whole_message() -> None:
    half = {"text": "%00x%D8%3D", "coding": "2", "charset": "UTF-16BE"}
    in_part = await read(kannel(udh="0500032A0201", **half), template="kannel")
    alone = await read(kannel(**half), template="kannel")
    assert (in_part.text, alone.text) == ("x\ud83d", "x\ufffd")
