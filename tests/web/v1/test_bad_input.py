"""Every parameter of every operation, wrong in every way: a clear problem, and nothing changed.

The wrong values are made from the types that the operations take, so that a new parameter is
tested as soon as it is there.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from conftest import world_in
from simlet.testing.world import Dealer, World
from simlet.web.v1.operation import AnyOperation
from simlet.web.v1.table import OPERATIONS
from web.v1.api import V1

pytestmark = pytest.mark.anyio

_UNLIKE: dict[str, list[Any]] = {
    "str": [1, 1.5, True, [], {}],
    "int": ["1", "x", 1.5, True, [], {}, 10**400],
    "float": ["1", True, [], {}],
    "bool": ["true", 1, [], {}],
    "list": ["x", 1, True, {}, [1], [[]], ["\0"]],
    "object": ["x", 1, True, [], {"a": 1}, {"a": []}, {"a": "\0"}],
}
_TEXTS = {
    "int": ["x", "", "1.5", "-", "0x1", "1e3", "9" * 400, "%00", "%D9%A1"],
    "float": ["x", "", "nan", "inf", "9" * 400],
    "bool": ["x", "", "1", "TRUE"],
    "str": ["%00", "a" * 5000],
}


def _kind(type_: Any) -> tuple[str, Any]:
    """What a type is, and its limits."""
    node: Any = inspect.type_info(type_)
    while isinstance(node, inspect.Metadata):
        node = node.type
    if isinstance(node, inspect.UnionType):
        of = [
            one for one in node.types if not isinstance(one, inspect.NoneType | inspect.CustomType)
        ]
        node = next(
            one.type if isinstance(one, inspect.Metadata) else one
            for one in of
            if type(one).__name__ != "UnsetType"
        )
    names: dict[Any, str] = {
        inspect.StrType: "str",
        inspect.LiteralType: "str",
        inspect.IntType: "int",
        inspect.FloatType: "float",
        inspect.BoolType: "bool",
        inspect.ListType: "list",
        inspect.DictType: "object",
    }
    return names[type(node)], node


def _wrong_texts(type_: Any) -> Iterator[str]:
    kind, node = _kind(type_)
    yield from _TEXTS[kind]
    if kind == "int":
        yield from (str(one) for one in (_below(node), _above(node)) if one is not None)
    if isinstance(node, inspect.LiteralType):
        yield "none of them"


def _wrong_values(type_: Any) -> Iterator[Any]:
    kind, node = _kind(type_)
    yield from _UNLIKE[kind]
    if kind == "int":
        yield from (one for one in (_below(node), _above(node)) if one is not None)
    if kind == "str":
        yield from ("\0", "a" * 5000)
    if kind == "list":
        yield ["x"] * 2000
    if kind == "object":
        yield {"a" * 41: ""}
        yield {"a": "b" * 501}


def _below(node: inspect.IntType) -> int | None:
    return None if node.ge is None else node.ge - 1


def _above(node: inspect.IntType) -> int | None:
    return None if node.le is None else node.le + 1


def _fields(kind: type[msgspec.Struct]) -> list[tuple[str, Any]]:
    return [(one.encode_name, one.type) for one in msgspec.structs.fields(kind)]


QUERIES = [
    pytest.param(one, name, type_, id=f"{one.id}-{name}")
    for one in OPERATIONS
    for name, type_ in _fields(one.parameters)
]
FIELDS = [
    pytest.param(one, name, type_, id=f"{one.id}-{name}")
    for one in OPERATIONS
    for name, type_ in _fields(one.body)
]
_GOOD_BODIES: dict[str, dict[str, Any]] = {
    "rent_number": {"service": 1},
    "report_rental": {"reason": "other"},
    "add_callback": {"url": "https://dealer.example/simlet"},
}


@pytest.fixture
async def world(sqlite_url: str) -> AsyncIterator[World]:
    """A world on SQLite alone: all of this is refused before the database is asked."""
    async with world_in(sqlite_url) as world:
        yield world


@pytest.fixture
async def dealer(world: World) -> Dealer:
    """A dealer with a rental, a request and a line to rent."""
    await world.service(1, extend_s=60, extend_times=1)
    await world.lines("0912345671", "0912345672")
    dealer = await world.dealer()
    await world.rent(dealer, 1)
    return dealer


async def refused(
    v1: V1, dealer: Dealer, operation: AnyOperation, path: str, body: Any, name: str
) -> None:
    reply = await v1.call(operation.method, path, token=dealer.token, body=body)
    assert reply.status == 422, (path[:200], body, reply.raw)
    assert reply.json["code"] == "invalid"
    told = [one["name"] for one in reply.json["errors"]]
    assert told == [name], (path[:200], body, reply.raw)


def _path(operation: AnyOperation, name: str, text: str) -> str:
    if "{" + name + "}" in operation.path:
        return operation.path.replace("{" + name + "}", text)
    return operation.path.replace("{id}", "1000001") + f"?{name}={text}"


@pytest.mark.parametrize(("operation", "name", "type_"), QUERIES)
async def test_a_wrong_parameter(
    v1: V1, dealer: Dealer, operation: AnyOperation, name: str, type_: Any
) -> None:
    before = await v1.rows()
    body = _GOOD_BODIES.get(operation.id)
    for text in _wrong_texts(type_):
        if not text and "{" + name + "}" in operation.path:
            continue  # another address
        await refused(v1, dealer, operation, _path(operation, name, text), body, name)
    assert await v1.rows() == before


@pytest.mark.parametrize(("operation", "name", "type_"), FIELDS)
async def test_a_wrong_field(
    v1: V1, dealer: Dealer, operation: AnyOperation, name: str, type_: Any
) -> None:
    before = await v1.rows()
    path = operation.path.replace("{id}", "1000001")
    for value in _wrong_values(type_):
        body = {**_GOOD_BODIES.get(operation.id, {}), name: value}
        await refused(v1, dealer, operation, path, body, name)
    assert await v1.rows() == before


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
async def test_an_unknown_parameter_and_one_given_twice(
    v1: V1, dealer: Dealer, operation: AnyOperation
) -> None:
    before = await v1.rows()
    path = operation.path.replace("{id}", "1000001")
    body = _GOOD_BODIES.get(operation.id)
    await refused(v1, dealer, operation, f"{path}?unknown=1", body, "unknown")
    in_query = [name for name, _ in _fields(operation.parameters) if name not in operation.path]
    for name in in_query:
        reply = await v1.call(
            operation.method, f"{path}?{name}=1&{name}=1", token=dealer.token, body=body
        )
        assert "it is given twice" in reply.raw.decode()
    assert await v1.rows() == before


WRITING = [one for one in OPERATIONS if one.method in {"POST", "PATCH"}]


@pytest.mark.parametrize("operation", WRITING, ids=lambda one: one.id)
async def test_an_unknown_field(v1: V1, dealer: Dealer, operation: AnyOperation) -> None:
    before = await v1.rows()
    path = operation.path.replace("{id}", "1000001")
    body = {**_GOOD_BODIES.get(operation.id, {}), "unknown": 1}
    await refused(v1, dealer, operation, path, body, "unknown")
    assert await v1.rows() == before


@pytest.mark.parametrize("operation", WRITING, ids=lambda one: one.id)
@pytest.mark.parametrize("raw", [b"{", b"[]", b"1", b"\xff", b"[" * 9000, b"\0", b'{"a":1e999}'])
async def test_a_body_that_is_no_object(
    v1: V1, dealer: Dealer, operation: AnyOperation, raw: bytes
) -> None:
    before = await v1.rows()
    reply = await v1.call(
        operation.method,
        operation.path.replace("{id}", "1000001"),
        token=dealer.token,
        raw=raw,
        headers={"content-type": "application/json"},
    )
    assert reply.status == 422
    assert [one["name"] for one in reply.json["errors"]] == ["body"]
    assert await v1.rows() == before
