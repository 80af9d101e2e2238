"""The OpenAPI document, made of the table of operations.

Source: OpenAPI Specification 3.1.1; JSON Schema 2020-12.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec

from simlet.config import V1Settings
from simlet.domain.errors import (
    BODY_TOO_LARGE,
    IDEMPOTENCY_KEY_REUSED,
    INVALID,
    RATE_LIMITED,
    UNAUTHENTICATED,
    UNSUPPORTED_MEDIA_TYPE,
    Refusal,
)
from simlet.web.v1.operation import AnswerDoc, AnyOperation
from simlet.web.v1.parse import BODY_LIMIT_BYTES
from simlet.web.v1.problems import (
    FAULT,
    PROBLEM_JSON,
    RETRY_AFTER_STATUSES,
    STATUSES,
    Problem,
    documented,
)

OPENAPI = "3.1.1"
VERSION = "1"
PERMISSION = "The token of an approved dealer or distributor."

_REFS = "#/components/schemas/{name}"
_TAGS = {
    "rentals": "Numbers rented for one service.",
    "requests": "Places in the queue for a line.",
    "catalogue": "What can be rented.",
    "account": "Money and limits.",
    "events": "What happened, as pages and as a stream.",
    "callbacks": "Addresses to which events are posted.",
}
_RATE_HEADERS = ("RateLimit-Policy", "RateLimit")
_ANY_HEADERS = ("Request-Id",)


def document(operations: tuple[AnyOperation, ...], limits: V1Settings) -> bytes:
    """The document, as JSON."""
    schemas = _schemas(operations)
    tree = {
        "openapi": OPENAPI,
        "info": _info(limits),
        "servers": [{"url": "/", "description": "This server."}],
        "security": [{"token": []}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": _paths(operations, schemas),
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": PERMISSION}
            },
            "examples": _problem_examples(operations),
            "headers": _headers(),
            "parameters": {"IdempotencyKey": _key_parameter()},
        },
    }
    return msgspec.json.encode(_typed(tree))


def _typed(tree: Any) -> Any:
    """A tree in which every choice of texts says that they are texts: generators ask for it."""
    if isinstance(tree, list):
        return [_typed(one) for one in tree]
    if not isinstance(tree, dict):
        return tree
    typed = {name: _typed(value) for name, value in tree.items()}
    choices = typed.get("enum", [typed["const"]] if "const" in typed else [])
    if "type" not in typed and choices and all(isinstance(one, str) for one in choices):
        typed["type"] = "string"
    return typed


class _Schemas:
    """The schemas of all types that the operations name."""

    def __init__(self, shapes: list[Any], inputs: list[Any]) -> None:
        every = [*shapes, *inputs, Problem]
        made, components = msgspec.json.schema_components(every, ref_template=_REFS)
        self._of: dict[Any, dict[str, Any]] = dict(zip(every, made, strict=True))
        # What operations take is told where it is taken.
        self._inputs: dict[Any, dict[str, Any]] = {
            one: components.pop(_name_of(self._of[one])) for one in inputs
        }
        self.components = components

    def of(self, shape: Any) -> dict[str, Any]:
        """The schema of what is answered."""
        return self._of[shape]

    def of_input(self, kind: Any) -> dict[str, Any]:
        """The schema of what is taken."""
        return self._inputs[kind]


def _name_of(reference: dict[str, Any]) -> str:
    """The name of the component that a schema refers to."""
    return str(reference["$ref"]).rpartition("/")[2]


def _schemas(operations: tuple[AnyOperation, ...]) -> _Schemas:
    shapes = {told.shape for one in operations for told in one.answers if told.shape is not None}
    inputs = {kind for one in operations for kind in (one.parameters, one.body)}
    return _Schemas(sorted(shapes, key=str), sorted(inputs, key=str))


def _info(limits: V1Settings) -> dict[str, Any]:
    text = (
        "Rent a number for a service, wait for the code, read it: in one or two calls. Money is "
        "whole đồng, times are RFC 3339 in UTC, numbers E.164. What is unset is null. Errors are "
        "problems (RFC 9457) with a stable `code`.\n\n"
        f"A token may make {limits.calls_per_s:g} calls a second, and {limits.burst} at once. "
        f"Bodies are JSON of at most {BODY_LIMIT_BYTES} bytes; parameters and fields that are not "
        "listed here are refused. Every answer has a `Request-Id`; one that you send is given back."
    )
    return {"title": "simlet", "version": VERSION, "description": text, "license": _LICENSE}


_LICENSE = {"name": "Apache 2.0", "identifier": "Apache-2.0"}


def _paths(operations: Iterable[AnyOperation], schemas: _Schemas) -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schemas)
    return paths


def _operation(operation: AnyOperation, schemas: _Schemas) -> dict[str, Any]:
    parameters = _parameters(operation, schemas)
    if operation.once:
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    tree: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"{operation.description}\n\nPermission: {PERMISSION[0].lower()}"
        f"{PERMISSION[1:]}",
        "security": [{"token": []}],
        "parameters": parameters,
        "responses": _responses(operation, schemas),
    }
    if operation.takes_body:
        tree["requestBody"] = _request_body(operation, schemas)
    return tree


def _parameters(operation: AnyOperation, schemas: _Schemas) -> list[dict[str, Any]]:
    schema = schemas.of_input(operation.parameters)
    required = set(schema.get("required", ()))
    found = []
    for name, of in schema.get("properties", {}).items():
        told = _parameter_schema(of)
        in_path = "{" + name + "}" in operation.path
        found.append(
            {
                "name": name,
                "in": "path" if in_path else "query",
                "required": in_path or name in required,
                **({"description": told.pop("description")} if "description" in told else {}),
                "schema": told,
            }
        )
    return found


def _parameter_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter's text: null cannot be written there."""
    if "anyOf" not in schema:
        return dict(schema)
    (other,) = (one for one in schema["anyOf"] if one != {"type": "null"})
    more = {name: value for name, value in schema.items() if name not in {"anyOf", "default"}}
    return {**other, **more}


def _request_body(operation: AnyOperation, schemas: _Schemas) -> dict[str, Any]:
    schema = schemas.of_input(operation.body)
    content: dict[str, Any] = {"schema": schema}
    if operation.examples:
        content["examples"] = {
            f"example_{number}": {"summary": summary, "value": body}
            for number, (summary, body) in enumerate(operation.examples, 1)
        }
    return {
        "required": bool(schema.get("required")),
        "content": {"application/json": content},
    }


def _responses(operation: AnyOperation, schemas: _Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for told in operation.answers:
        _add_answer(found.setdefault(str(told.status), {}), told, operation, schemas)
    by_status: dict[int, list[Refusal]] = {}
    for refusal in (*operation.refusals, *_common(operation)):
        same = by_status.setdefault(STATUSES[refusal.kind], [])
        if refusal not in same:
            same.append(refusal)
    for status, refusals in sorted(by_status.items()):
        found[str(status)] = _refused(status, refusals, schemas)
    found["503"] = _refused(503, [FAULT], schemas)
    return found


def _common(operation: AnyOperation) -> tuple[Refusal, ...]:
    """What any operation of its sort may refuse with."""
    always = (UNAUTHENTICATED, RATE_LIMITED, INVALID)
    body = (UNSUPPORTED_MEDIA_TYPE, BODY_TOO_LARGE)
    if operation.once:
        return (*always, *body, IDEMPOTENCY_KEY_REUSED)
    return (*always, *body) if operation.takes_body else always


def _add_answer(
    tree: dict[str, Any], told: AnswerDoc, operation: AnyOperation, schemas: _Schemas
) -> None:
    tree["description"] = f"{tree['description']} {told.description}" if tree else told.description
    names = [*_ANY_HEADERS, *_RATE_HEADERS, *(("Idempotent-Replayed",) if operation.once else ())]
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    for name, text in told.headers:
        headers[name] = {"description": text, "schema": {"type": "string"}}  # type: ignore[dict-item]
    tree.setdefault("headers", {}).update(headers)
    if told.shape is None and not told.content_type.startswith("text/"):
        return
    media = _media(told, schemas)
    tree.setdefault("content", {})[told.content_type.partition(";")[0]] = media


def _media(told: AnswerDoc, schemas: _Schemas) -> dict[str, Any]:
    if told.shape is None:
        return {"schema": {"type": "string"}, "example": told.example}
    example = msgspec.to_builtins(told.example)
    if not told.listed:
        return {"schema": schemas.of(told.shape), "example": example}
    return {
        "schema": _list_of(schemas.of(told.shape)),
        "example": {"object": "list", "data": [example], "next_cursor": None},
    }


def _list_of(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": f"{_name_of(schema)}List",
        "type": "object",
        "properties": {
            "object": {"const": "list"},
            "data": {"type": "array", "items": schema},
            "next_cursor": {
                "anyOf": [{"type": "string"}, {"type": "null"}],
                "description": "The `cursor` of the page that follows; null at the end.",
            },
        },
        "required": ["object", "data", "next_cursor"],
    }


def _refused(status: int, refusals: list[Refusal], schemas: _Schemas) -> dict[str, Any]:
    lines = [f"- `{one.code}`: {documented(one, status).title} {one.remedy}" for one in refusals]
    names = list(_ANY_HEADERS) if status == 401 else [*_ANY_HEADERS, *_RATE_HEADERS]
    if status in RETRY_AFTER_STATUSES:
        names.append("Retry-After")
    if status == 401:
        names.append("WWW-Authenticate")
    return {
        "description": f"{HTTPStatus(status).phrase}.\n\n" + "\n".join(lines),
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {
            PROBLEM_JSON: {
                "schema": schemas.of(Problem),
                "examples": {
                    one.code: {"$ref": f"#/components/examples/{one.code}"} for one in refusals
                },
            }
        },
    }


def _problem_examples(operations: tuple[AnyOperation, ...]) -> dict[str, Any]:
    refusals = {one.code: one for of in operations for one in (*of.refusals, *_common(of))}
    told = [documented(one, STATUSES[one.kind]) for _, one in sorted(refusals.items())]
    told.append(documented(FAULT, 503))
    return {one.code: {"value": msgspec.to_builtins(one)} for one in told}


def _headers() -> dict[str, Any]:
    texts = {
        "Request-Id": "The id of this call: yours if you sent one, for questions to the operator.",
        "RateLimit-Policy": "How many calls (`q`) in how many seconds (`w`).",
        "RateLimit": "How many calls may follow at once (`r`), and in how many seconds none of "
        "the limit is used (`t`).",
        "Retry-After": "Whole seconds after which to try again.",
        "WWW-Authenticate": "How to say who you are.",
        "Idempotent-Replayed": "`true` where this is the answer that the key got before.",
    }
    return {
        name: {"description": text, "schema": {"type": "string"}} for name, text in texts.items()
    }


_KEY_PATTERN = "^[!-~]([ -~]*[!-~])?$"  # blanks at the ends are not part of a header's value


def _key_parameter() -> dict[str, Any]:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "A key of your own for this request. For 24 hours the same request under "
        "the same key gets the first answer again, and nothing is done twice. Refusals that pass "
        "(with `Retry-After`, 402, 429, out of stock) are not kept.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": _KEY_PATTERN},
    }
