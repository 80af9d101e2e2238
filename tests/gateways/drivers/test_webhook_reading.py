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


# Texts


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
    ("text", "settings", "read_as", "damaged"),
    [
        ("TcOj", {"text_form": "base64"}, "Mã", False),
        ("AE0A4w==", {"text_form": "base64", "charset": "utf-16-be"}, "Mã", False),
        ("004D00E3", {"text_form": "hex", "charset": "utf-16-be"}, "Mã", False),
        ("4dc3a3", {"text_form": "hex"}, "Mã", False),
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
