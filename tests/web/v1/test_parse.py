"""Parameters and bodies: every wrong one is told by name, and none makes a fault."""

from collections.abc import Callable
from typing import Annotated, Literal, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from simlet.domain.errors import UNSUPPORTED_MEDIA_TYPE, Refused
from simlet.web.v1.parse import (
    MAX_PARAMETERS,
    MAX_QUERY_BYTES,
    expected_of,
    read_body,
    read_parameters,
)
from simlet.web.v1.problems import Malformed
from simlet.web.v1.table import OPERATIONS


class Parameters(Struct, forbid_unknown_fields=True, rename={"from_at": "from"}):
    id: Annotated[int, Meta(ge=1, le=1000)]
    state: Literal["one", "two"] | None = None
    ratio: float = 1.0
    wide: bool = False
    from_at: Annotated[str, Meta(max_length=5)] | None = None


class Body(Struct, forbid_unknown_fields=True):
    service: Annotated[int, Meta(ge=1, le=1000)]
    names: Annotated[list[Annotated[str, Meta(max_length=3)]], Meta(max_length=2)] = []
    notes: dict[str, str] = {}
    note: str | None = None
    most: int | None = None
    first: list[
        Annotated[str, Meta(pattern="^[0-9]+$", extra={"expected": "first digits, as 96"})]
    ] = []
    named: dict[Annotated[str, Meta(min_length=1)], str] = {}


def encoded(read: Callable[[], object]) -> bytes:
    """What is told of an input, or the input as it was read: both can be written."""
    try:
        return msgspec.json.encode(read())
    except Malformed as malformed:
        return msgspec.json.encode(malformed.errors)


def wrong(query: str) -> dict[str, str]:
    with pytest.raises(Malformed) as raised:
        read_parameters(Parameters, {"id": "7"}, query.encode())
    return {one.name: one.reason for one in raised.value.errors}


def wrong_body(body: bytes) -> dict[str, str]:
    with pytest.raises(Malformed) as raised:
        read_body(Body, "application/json", body)
    return {one.name: one.reason for one in raised.value.errors}


def test_parameters_are_read_by_their_types() -> None:
    query = b"state=two&ratio=2.5&wide=true&from=%C4%91"
    read = read_parameters(Parameters, {"id": "007"}, query)
    assert read == Parameters(7, "two", 2.5, wide=True, from_at="đ")


def test_what_is_left_out_has_its_default() -> None:
    assert read_parameters(Parameters, {"id": "7"}, b"") == Parameters(7)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("state=three", "state"),
        ("state=", "state"),
        ("ratio=1e5", "ratio"),
        ("ratio=nan", "ratio"),
        ("wide=1", "wide"),
        ("from=toolong", "from"),
        ("from=%00", "from"),
        ("from_at=x", "from_at"),
        ("State=one", "State"),
        ("unknown=1", "unknown"),
        ("wide=true&wide=true", "wide"),
        ("id=7", "id"),
        ("from=%ff", "query"),
        ("from=%ed%a0%80", "query"),
        ("from=" + "0" * MAX_QUERY_BYTES, "query"),
        ("&".join(f"a{number}=1" for number in range(MAX_PARAMETERS + 1)), "query"),
    ],
)
def test_a_wrong_parameter_is_told_by_its_name(query: str, name: str) -> None:
    assert list(wrong(query)) == [name]


@pytest.mark.parametrize("text", ["0", "1001", "x", "", "1.0", "-1", "9" * 400, "１", "+7", " 7"])
def test_a_wrong_number_in_the_path_is_told(text: str) -> None:
    with pytest.raises(Malformed) as raised:
        read_parameters(Parameters, {"id": text}, b"")
    assert [one.name for one in raised.value.errors] == ["id"]


def test_all_wrong_parameters_are_told_at_once() -> None:
    assert set(wrong("state=x&wide=x&more=x")) == {"state", "wide", "more"}


def test_a_choice_is_told_with_what_may_be_chosen() -> None:
    assert wrong("state=three")["state"] == "expected one of one, two"


def test_a_body_is_read_by_its_types() -> None:
    raw = b'{"service":1,"names":["a"],"notes":{"b":"c"},"note":null}'
    assert read_body(Body, "application/json; charset=utf-8", raw) == Body(1, ["a"], {"b": "c"})


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"{", "body"),
        (b"[]", "body"),
        (b"null", "body"),
        (b'"text"', "body"),
        (b"\xff", "body"),
        (b'{"service":1e999}', "body"),
        (b"[" * 10_000, "body"),
        (b'{"service":' + b"9" * 5000 + b"}", "body"),
        (b"{}", "service"),
        (b'{"service":null}', "service"),
        (b'{"service":true}', "service"),
        (b'{"service":"1"}', "service"),
        (b'{"service":1.5}', "service"),
        (b'{"service":0}', "service"),
        (b'{"service":' + b"9" * 400 + b"}", "service"),
        (b'{"service":1,"names":"a"}', "names"),
        (b'{"service":1,"names":["a",1]}', "names"),
        (b'{"service":1,"names":["abcd"]}', "names"),
        (b'{"service":1,"names":["a","b","c"]}', "names"),
        (b'{"service":1,"names":null}', "names"),
        (b'{"service":1,"notes":{"a":1}}', "notes"),
        (b'{"service":1,"notes":{"a":"\\u0000"}}', "notes"),
        (b'{"service":1,"notes":{"\\u0000":"a"}}', "notes"),
        (b'{"service":1,"note":"\\u0000"}', "note"),
        (b'{"service":1,"note":' + b"[" * 50 + b"]" * 50 + b"}", "note"),
        (b'{"service":1,"Service":1}', "Service"),
        (b'{"service":1,"":1}', ""),
    ],
)
def test_a_wrong_body_is_told_by_the_name_of_the_field(body: bytes, name: str) -> None:
    assert list(wrong_body(body)) == [name]


def test_what_is_expected_is_told_in_words() -> None:
    body = b'{"service":1.5,"most":"5","first":["96","x"],"named":{"":"a"},"names":[1]}'
    assert wrong_body(body) == {
        "service": "expected a whole number, got a number",
        "most": "expected a whole number, got a text",
        "first": "expected first digits, as 96 at [1]",
        "named": "expected a text of length >= 1 in one of its names",
        "names": "expected a text, got a whole number at [0]",
    }


def patterned(kind: object) -> bool:
    """Whether a type is checked by a pattern, at any depth."""
    inner = get_args(kind)
    return any((isinstance(one, Meta) and one.pattern) or patterned(one) for one in inner)


def test_every_pattern_of_an_input_is_told_in_words() -> None:
    inputs = {kind for one in OPERATIONS for kind in (one.parameters, one.body)}
    fields = [one for kind in inputs for one in msgspec.structs.fields(kind)]
    checked = [one for one in fields if patterned(one.type)]
    assert len(checked) >= 4
    assert [one.name for one in checked if expected_of(one.type) is None] == []


def test_what_was_sent_is_not_repeated() -> None:
    told = wrong_body(b'{"service":"a secret","names":["a secret"],"notes":{"a":5550123}}')
    assert set(told) == {"service", "names", "notes"}
    assert not any("secret" in reason or "5550123" in reason for reason in told.values())


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/jsonx", "multipart/form"])
def test_a_body_that_is_not_said_to_be_json_is_refused(content_type: str) -> None:
    with pytest.raises(Refused) as raised:
        read_body(Body, content_type, b'{"service":1}')
    assert raised.value.refusal is UNSUPPORTED_MEDIA_TYPE


@given(st.binary(max_size=200))
def test_no_bytes_of_a_query_make_a_fault(query: bytes) -> None:
    assert encoded(lambda: read_parameters(Parameters, {"id": "7"}, query))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from(["service", "names", "notes", "note", "x"]), _json))
def test_no_json_makes_a_fault(values: dict[str, object]) -> None:
    try:
        raw = msgspec.json.encode(values)
    except UnicodeEncodeError:
        return
    assert encoded(lambda: read_body(Body, "application/json", raw))


@given(st.binary(min_size=1, max_size=200))
def test_no_bytes_of_a_body_make_a_fault(body: bytes) -> None:
    assert encoded(lambda: read_body(Body, "application/json", body))
