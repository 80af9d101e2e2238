"""The log: its form, what libraries may write, and what never gets out."""

import io
import json
import logging
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logged import log_as_it_was
from simlet.domain.masking import mask
from simlet.log import configure_log, get_log

NUMBER = "+84901234567"
TOKEN = "simlet_Ab3_dEf456"  # the form of a token, of no account


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    with log_as_it_was():
        yield


@pytest.fixture
def stream() -> io.StringIO:
    stream = io.StringIO()
    configure_log("info", "json", stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def only_line(stream: io.StringIO) -> dict[str, Any]:
    (line,) = lines(stream)
    return line


def fail(error: Exception) -> None:
    raise error


def logged_error(stream: io.StringIO, error: Exception) -> str:
    try:
        fail(error)
    except Exception:  # noqa: BLE001 - whatever the test gave
        get_log("simlet.part").exception("part failed")
    text: str = only_line(stream)["exception"]
    return text


def test_a_line_has_its_time_level_logger_event_and_fields_in_this_order(
    stream: io.StringIO,
) -> None:
    get_log("simlet.part").info("part started", port=8080, host="::1")
    line = only_line(stream)
    assert list(line) == ["time", "level", "logger", "event", "port", "host"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("time"))
    assert line == {
        "level": "info",
        "logger": "simlet.part",
        "event": "part started",
        "port": 8080,
        "host": "::1",
    }


def test_lines_below_the_level_are_left_out(stream: io.StringIO) -> None:
    get_log("simlet.part").debug("detail")
    get_log("simlet.part").info("fact")
    assert [line["event"] for line in lines(stream)] == ["fact"]


def test_a_logger_made_before_the_set_up_follows_it() -> None:
    log = get_log("simlet.part")
    first, second = io.StringIO(), io.StringIO()
    configure_log("info", "json", first)
    log.info("one")
    configure_log("error", "json", second)
    log.info("two")
    log.error("three")
    assert [line["event"] for line in lines(first) + lines(second)] == ["one", "three"]


def test_an_unknown_level_or_format_is_an_error() -> None:
    with pytest.raises(KeyError):
        configure_log("loud", "json", io.StringIO())
    with pytest.raises(KeyError):
        configure_log("info", "xml", io.StringIO())


def test_the_console_form_is_a_plain_line_for_people() -> None:
    stream = io.StringIO()
    configure_log("info", "console", stream)
    get_log("simlet.part").warning("line lost", line=12)
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert "\x1b" not in text
    assert all(word in text for word in ("warning", "line lost", "simlet.part", "line=12"))


def test_the_console_form_shows_a_masked_traceback_without_locals() -> None:
    stream = io.StringIO()
    configure_log("info", "console", stream)
    hidden = "what a local variable holds"
    try:
        fail(ValueError(f"no line {NUMBER}"))
    except ValueError:
        get_log("simlet.part").exception("part failed")
    assert "ValueError: no line …67" in stream.getvalue()
    assert hidden not in stream.getvalue()


def test_libraries_are_heard_from_warning_upwards_whatever_our_level() -> None:
    stream = io.StringIO()
    configure_log("debug", "json", stream)
    library = logging.getLogger("uvicorn.error")
    library.info("started")
    library.warning("slow: %s", "disk")
    line = only_line(stream)
    assert (line["level"], line["logger"], line["event"]) == (
        "warning",
        "uvicorn.error",
        "slow: disk",
    )


def test_libraries_keep_quiet_where_our_level_is_higher() -> None:
    stream = io.StringIO()
    configure_log("error", "json", stream)
    logging.getLogger("asyncio").warning("slow")
    logging.getLogger("asyncio").error("broken")
    assert [line["event"] for line in lines(stream)] == ["broken"]


def test_a_library_that_opened_its_own_level_is_still_held_to_warnings(
    stream: io.StringIO,
) -> None:
    library = logging.getLogger("simlet-test-library")
    library.setLevel(logging.DEBUG)
    library.info("GET /?token=x")
    assert lines(stream) == []


def test_a_library_s_line_is_masked_with_its_arguments(stream: io.StringIO) -> None:
    logging.getLogger("aiohttp").error("lost %s of %s", NUMBER, TOKEN)
    assert only_line(stream)["event"] == "lost …67 of simlet_…"


def test_a_library_s_exception_is_rendered_by_us(stream: io.StringIO) -> None:
    try:
        fail(ValueError(NUMBER))
    except ValueError:
        logging.getLogger("asyncio").exception("task failed")
    assert only_line(stream)["exception"].endswith("builtins.ValueError: …67")


def test_a_library_s_level_of_its_own_becomes_the_one_below(stream: io.StringIO) -> None:
    logging.getLogger("aiohttp").log(35, "odd")
    logging.getLogger("aiohttp").log(99, "odder")
    assert [line["level"] for line in lines(stream)] == ["warning", "critical"]


def test_a_library_s_line_whose_arguments_do_not_fit_is_written_without_them(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    # The test runner's own handlers would raise here.
    root.handlers[:] = [each for each in root.handlers if type(each).__module__ == "simlet.log"]
    logging.getLogger("aiohttp").error("lost %d", NUMBER)
    assert only_line(stream)["event"] == "lost %d"
    assert capsys.readouterr().err == ""


def test_setting_up_twice_does_not_write_twice(stream: io.StringIO) -> None:
    again = io.StringIO()
    configure_log("info", "json", again)
    logging.getLogger("asyncio").error("broken")
    assert (len(lines(stream)), len(lines(again))) == (0, 1)


def test_a_stream_that_is_gone_fails_nobody() -> None:
    stream = io.StringIO()
    configure_log("info", "json", stream)
    stream.close()
    get_log("simlet.part").error("nobody reads this")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (NUMBER, "…67"),
        ("0901234567", "…67"),
        ("0901 234 567", "…67"),
        ("+84 90-123-45-67", "…67"),
        ("090.123.45.67", "…67"),
        ("code 4821, or 123 456", "code …21, or …56"),
        ("391-604", "…04"),
        ("2.9.4.0.1.6", "…16"),
        ("G-284913", "G-…13"),
        ("mã ٤٨٢١٥", "mã …١٥"),
        (f"token {TOKEN} is gone", "token simlet_… is gone"),
        ("whsec_MfKQ9r8G+/KYqTwj=", "whsec_…"),
        ("Authorization: Bearer abc.DEF-ghi", "Authorization: Bearer …"),
        ("authorization: bearer abc", "authorization: bearer …"),
        ("GET /api/?show=code&token=abc&ID=7", "GET /api/?show=code&token=…&ID=7"),
        ("GET /api/?Token=abc", "GET /api/?Token=…"),
        ("/recordings/x?signature=abc&e=1", "/recordings/x?signature=…&e=1"),
        ("postgresql://simlet:pa@ss@db/x", "postgresql://simlet:…@db/x"),
        ("host=db password=hush user=x", "host=db password=… user=x"),
        (f"duplicate key\nDETAIL:  Key (n)=({NUMBER}) already exists.", "duplicate key\nDETAIL: …"),
        ("bad\nCONTEXT:  parameter $1 = 'Mã của bạn'", "bad\nCONTEXT: …"),
        ("[SQL: x]\n[parameters: ('Mã của bạn',)]", "[SQL: x]\n[parameters: …"),
    ],
)
def test_what_is_personal_or_secret_is_masked(text: str, shown: str) -> None:
    assert mask(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "3 of 128 lines, 99.9 %",
        "SQLite 3.53.4",
        "cannot bind 127.0.0.1:8080.",
        "peer 192.168.100.200",
        "0190a1b2-1234-7abc-8def-012345678901",
        "since 2026-11-23T06:15:09.123456+00:00",
        "on 2026-11-23",
        "SIMLET_DATABASE_URL is not set",
        "http://host:80/path",
    ],
)
def test_what_is_harmless_stays_readable(text: str) -> None:
    assert mask(text) == text


@given(st.text(), st.integers(min_value=10**6, max_value=10**15), st.text())
def test_no_number_passes_the_mask_whole(before: str, number: int, after: str) -> None:
    assert str(number) not in mask(f"{before}x{number}x{after}")


@pytest.mark.timeout(5)
@pytest.mark.parametrize("piece", ["://", "token", "1 ", "bearer ", "a:", "://a:", "1.", "DETAIL"])
def test_a_long_text_is_masked_in_little_time(piece: str) -> None:
    assert mask(piece * 20_000)


@given(st.text(alphabet="0123456789+ .-:T/x\n", max_size=80))
def test_masking_twice_is_masking_once(text: str) -> None:
    assert mask(mask(text)) == mask(text)


def test_text_fields_are_masked_at_any_depth(stream: io.StringIO) -> None:
    get_log("simlet.part").info(
        "odd", deep={NUMBER: [{"to": NUMBER}, (NUMBER, {NUMBER})]}, plain=NUMBER
    )
    line = only_line(stream)
    assert line["deep"] == {"…67": [{"to": "…67"}, ["…67", ["…67"]]]}
    assert line["plain"] == "…67"


def test_the_event_itself_is_masked(stream: io.StringIO) -> None:
    get_log("simlet.part").info(f"hello {NUMBER}")
    assert only_line(stream)["event"] == "hello …67"


def test_numbers_are_written_as_they_are(stream: io.StringIO) -> None:
    get_log("simlet.part").info("done", rental=123456, took_s=0.123456, right=True, none=None)
    line = only_line(stream)
    values = (line["rental"], line["took_s"], line["right"], line["none"])
    assert values == (123456, 0.123456, True, None)


def test_other_objects_are_written_as_masked_text(stream: io.StringIO) -> None:
    class Colour(Enum):
        RED = NUMBER

    class Mute:
        def __str__(self) -> str:
            raise RuntimeError

    get_log("simlet.part").info(
        "odd", path=Path("/a/1234567"), error=ValueError(NUMBER), raw=b"12345", mute=Mute()
    )
    line = only_line(stream)
    assert (line["path"], line["error"], line["raw"]) == ("/a/…67", "…67", "b'…45'")
    assert line["mute"] == "<Mute>"
    assert NUMBER not in mask(repr(Colour.RED))


def test_a_structure_that_holds_itself_ends(stream: io.StringIO) -> None:
    circle: list[object] = []
    circle.append(circle)
    get_log("simlet.part").info("odd", circle=circle)
    assert "…" in json.dumps(only_line(stream), ensure_ascii=False)


def test_a_traceback_tells_file_line_function_and_type(stream: io.StringIO) -> None:
    text = logged_error(stream, ValueError("no such line"))
    assert text.startswith("Traceback (most recent call last):\n")
    assert re.search(rf'File "{re.escape(__file__)}", line \d+, in fail\n', text)
    assert text.endswith("\nbuiltins.ValueError: no such line")


def test_a_line_number_of_four_digits_stays_in_a_traceback(stream: io.StringIO) -> None:
    far_down = compile("\n" * 4321 + "raise ValueError('code 4321')", "part4321.py", "exec")
    try:
        exec(far_down)
    except ValueError:
        get_log("simlet.part").exception("part failed")
    text = only_line(stream)["exception"]
    assert 'File "part4321.py", line 4322' in text
    assert text.endswith("ValueError: code …21")


def test_a_traceback_holds_no_local_variables(stream: io.StringIO) -> None:
    text = logged_error(stream, ValueError("x"))
    assert "error = " not in text
    assert "stream" not in text


def test_what_led_to_an_exception_is_told_and_masked(stream: io.StringIO) -> None:
    error = ValueError("outer")
    error.__cause__ = KeyError(f"DETAIL: Key (number)=({NUMBER})")
    text = logged_error(stream, error)
    assert "builtins.KeyError: 'DETAIL: …\nwhich led to:\n" in text
    assert NUMBER not in text


@pytest.mark.parametrize(("put_aside", "told"), [(False, True), (True, False)])
def test_what_an_exception_replaced_is_told_unless_it_was_put_aside(
    stream: io.StringIO, put_aside: bool, told: bool
) -> None:
    error = ValueError("outer")
    error.__context__ = KeyError("inner")
    error.__suppress_context__ = put_aside
    get_log("simlet.part").error("part failed", exc_info=error)
    assert ("KeyError: 'inner'" in only_line(stream)["exception"]) is told


def test_every_exception_of_a_group_and_every_note_is_told_and_masked(
    stream: io.StringIO,
) -> None:
    inner = ValueError(f"first\n{NUMBER}")
    inner.add_note(f"while looking at {NUMBER}")
    text = logged_error(stream, ExceptionGroup("two failed", [inner, KeyError("b")]))
    assert "ExceptionGroup: two failed (2 sub-exceptions)" in text
    assert "  | builtins.ValueError: first\n  | …67\n  | while looking at …67\n" in text
    assert text.endswith("  | builtins.KeyError: 'b'")


def test_exceptions_that_lead_to_each_other_end(stream: io.StringIO) -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__context__, second.__context__ = second, first
    get_log("simlet.part").error("part failed", exc_info=first)
    assert only_line(stream)["exception"].count("ValueError: first") == 1


def test_a_long_chain_of_exceptions_is_told_to_its_end(stream: io.StringIO) -> None:
    error = first = ValueError("first")
    for _ in range(2000):
        later = ValueError("later")
        later.__context__ = error
        error = later
    get_log("simlet.part").error("part failed", exc_info=error)
    text = only_line(stream)["exception"]
    assert text.split("\n")[1] == f"builtins.ValueError: {first}"
    assert text.count("which led to:") == 2000


def test_exc_info_without_an_exception_adds_nothing(stream: io.StringIO) -> None:
    get_log("simlet.part").error("part failed", exc_info=True)
    assert "exception" not in only_line(stream)
