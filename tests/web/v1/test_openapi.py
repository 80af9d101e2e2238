"""The OpenAPI document tells everything of every operation."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from simlet.config import V1Settings
from simlet.testing.world import World
from simlet.web.v1 import shapes
from simlet.web.v1.openapi import document
from simlet.web.v1.operation import AnyOperation
from simlet.web.v1.table import OPERATIONS
from web.v1.api import V1

DOCUMENT: dict[str, Any] = msgspec.json.decode(document(OPERATIONS, V1Settings()))
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)


def told(operation: AnyOperation) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][operation.path][operation.method.lower()]
    return found


def references(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        if "$ref" in tree:
            yield tree["$ref"]
        for value in tree.values():
            yield from references(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from references(value)


@pytest.mark.anyio
async def test_it_is_served_to_everybody(world: World) -> None:
    reply = await V1(world).call("GET", "/v1/openapi.json")
    assert reply.status == 200
    assert reply.json == DOCUMENT
    assert reply.json["openapi"].startswith("3.1.")


def test_names_of_operations_are_unique() -> None:
    assert len({one.id for one in OPERATIONS}) == len(OPERATIONS)


@each_operation
def test_every_operation_is_described(operation: AnyOperation) -> None:
    tree = told(operation)
    assert tree["operationId"] == operation.id
    assert tree["summary"]
    assert len(tree["description"]) > 60
    assert "Permission: the token of an approved dealer" in tree["description"]
    assert tree["security"] == [{"token": []}]
    assert {tag["name"] for tag in DOCUMENT["tags"]} >= set(tree["tags"])


@each_operation
def test_every_operation_has_an_example_of_its_answer(operation: AnyOperation) -> None:
    for status, answer in told(operation)["responses"].items():
        assert answer["description"]
        if status < "400" and status != "204":
            assert all("example" in media for media in answer["content"].values())


@each_operation
def test_every_operation_that_takes_a_body_has_an_example_of_it(operation: AnyOperation) -> None:
    if not operation.takes_body:
        assert "requestBody" not in told(operation)
        return
    media = told(operation)["requestBody"]["content"]["application/json"]
    assert media["examples"]
    for example in media["examples"].values():
        msgspec.convert(example["value"], operation.body)


@each_operation
def test_every_operation_tells_its_refusals(operation: AnyOperation) -> None:
    responses = told(operation)["responses"]
    codes = {
        code
        for answer in responses.values()
        for code in answer.get("content", {})
        .get("application/problem+json", {})
        .get("examples", {})
    }
    assert {one.code for one in operation.refusals} <= codes
    assert {"unauthenticated", "rate_limited", "invalid", "fault"} <= codes
    assert ("idempotency_key_reused" in codes) == (operation.method == "POST")
    for status in ("401", "422", "429", "503"):
        assert responses[status]["description"].count("- `") >= 1


@each_operation
def test_every_parameter_is_told(operation: AnyOperation) -> None:
    tree = told(operation)
    names = [one.encode_name for one in msgspec.structs.fields(operation.parameters)]
    assert [one["name"] for one in tree["parameters"] if "name" in one] == names
    for one in tree["parameters"]:
        if "name" in one:
            assert one["required"] == (one["in"] == "path")
            assert one["schema"]
            assert {"type": "null"} not in one["schema"].get("anyOf", [])
    assert bool(re.search(r"\{id\}", operation.path)) == ("id" in names)


@each_operation
def test_a_post_takes_a_key(operation: AnyOperation) -> None:
    keys = [one for one in told(operation)["parameters"] if "$ref" in one]
    assert bool(keys) == (operation.method == "POST")


def test_every_reference_leads_somewhere() -> None:
    for one in set(references(DOCUMENT)):
        found: Any = DOCUMENT
        for step in one.removeprefix("#/").split("/"):
            found = found[step]
        assert found


def test_no_schema_is_there_twice_or_for_nothing() -> None:
    used = {one.rpartition("/")[2] for one in references(DOCUMENT) if "/schemas/" in one}
    assert set(DOCUMENT["components"]["schemas"]) == used


def schemas(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        if "enum" in tree or "const" in tree:
            yield tree
        for value in tree.values():
            yield from schemas(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from schemas(value)


def test_every_choice_has_a_type_for_generated_clients() -> None:
    found = list(schemas(DOCUMENT))
    assert len(found) > 30
    assert [one for one in found if one.get("type") != "string"] == []


def test_every_page_has_a_name_for_generated_clients() -> None:
    for operation in OPERATIONS:
        for answer in operation.answers:
            if answer.listed:
                media = told(operation)["responses"][str(answer.status)]["content"]
                title = media["application/json"]["schema"]["title"]
                assert title == f"{answer.shape.__name__}List"


def test_generated_clients_pass_over_events_and_errors_that_are_new() -> None:
    of = DOCUMENT["components"]["schemas"]
    for told in (of["Event"]["properties"]["type"], of["Problem"]["properties"]["code"]):
        assert told["type"] == "string"
        assert "enum" not in told
    assert "rental.received" in of["Event"]["properties"]["type"]["examples"]


@pytest.mark.parametrize("key", ["k", "order A-17, number 1", "~" * 255])
def test_the_key_that_is_told_is_the_key_that_is_taken(key: str) -> None:
    schema = DOCUMENT["components"]["parameters"]["IdempotencyKey"]["schema"]
    assert re.search(schema["pattern"], key)
    assert len(key) <= schema["maxLength"]


def test_every_field_of_an_answer_is_always_there() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert set(schema["required"]) == set(schema["properties"]), name


def test_examples_are_what_the_shapes_say() -> None:
    for operation in OPERATIONS:
        for answer in operation.answers:
            if answer.shape is not None:
                encoded = shapes.encode(answer.example)
                assert msgspec.json.decode(encoded, type=answer.shape) == answer.example


def test_problems_of_the_document_are_whole() -> None:
    for code, example in DOCUMENT["components"]["examples"].items():
        assert example["value"]["code"] == code
        assert example["value"]["remedy"]
