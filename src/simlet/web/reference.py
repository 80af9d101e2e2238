"""The OpenAPI document as a page of plain HTML."""

import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

import msgspec

_CODE = re.compile(r"`([^`]+)`")
_METHODS = ("get", "post", "patch", "delete")

Tree = dict[str, Any]


def plain_page(document: bytes, style_url: str) -> bytes:
    """The whole page; it loads nothing but its style."""
    tree: Tree = msgspec.json.decode(document)
    info = tree["info"]
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        f"<title>{escape(info['title'])}: the API</title>",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<link rel="stylesheet" href="{escape(style_url)}"></head><body>',
        f"<h1>{escape(info['title'])}: the API</h1>",
        *_prose(info["description"]),
        '<p>The same for programs: <a href="/v1/openapi.json">openapi.json</a>.</p>',
        *_contents(tree),
        *_groups(tree),
        *_objects(tree),
        "</body></html>\n",
    ]
    return "\n".join(parts).encode()


def _contents(tree: Tree) -> Iterator[str]:
    yield "<ul>"
    for operation, method, path in _operations(tree):
        line = f"<code>{method.upper()} {escape(path)}</code> {escape(operation['summary'])}"
        yield f'<li><a href="#{operation["operationId"]}">{line}</a></li>'
    yield "</ul>"


def _operations(tree: Tree) -> Iterator[tuple[Tree, str, str]]:
    for path, methods in tree["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield methods[method], method, path


def _groups(tree: Tree) -> Iterator[str]:
    for tag in tree["tags"]:
        yield f"<h2>{escape(tag['name'].capitalize())}</h2><p>{escape(tag['description'])}</p>"
        for operation, method, path in _operations(tree):
            if tag["name"] in operation["tags"]:
                yield from _operation(tree, operation, f"{method.upper()} {path}")


def _operation(tree: Tree, operation: Tree, call: str) -> Iterator[str]:
    yield f'<h3 id="{operation["operationId"]}">{escape(operation["summary"])}</h3>'
    yield f"<pre>{escape(call)}</pre>"
    yield from _prose(operation["description"])
    parameters = [_resolved(tree, one) for one in operation["parameters"]]
    if parameters:
        rows = ((one["name"], one["in"], one["required"], one) for one in parameters)
        yield from _table(tree, "Parameters", rows)
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]["application/json"]
        yield from _table(tree, "Body", _fields(content["schema"], "body"))
        for example in content.get("examples", {}).values():
            yield f"<p>{escape(example['summary'])}:</p>{_json(example['value'])}"
    for status, answer in operation["responses"].items():
        yield from _answer(status, answer)


def _answer(status: str, answer: Tree) -> Iterator[str]:
    yield f"<h4>{escape(status)}</h4>"
    yield from _prose(answer["description"])
    if status >= "400":
        return
    for media, content in answer.get("content", {}).items():
        kind = _kind(content["schema"])
        yield f"<p><code>{escape(media)}</code>: {kind}</p>"
        example = content["example"]
        shown = f"<pre>{escape(example)}</pre>" if isinstance(example, str) else _json(example)
        yield f"<details><summary>Example</summary>{shown}</details>"


def _objects(tree: Tree) -> Iterator[str]:
    yield "<h2>Objects</h2>"
    for name, schema in tree["components"]["schemas"].items():
        yield f'<h3 id="object-{escape(name)}">{escape(name)}</h3>'
        yield from _prose(schema.get("description", ""))
        yield from _table(tree, "Fields", _fields(schema, ""))


def _fields(schema: Tree, place: str) -> Iterator[tuple[str, str, bool, Tree]]:
    required = schema.get("required", ())
    for name, one in schema.get("properties", {}).items():
        yield name, place, name in required, {"schema": one, **one}


def _table(tree: Tree, title: str, rows: Iterable[tuple[str, str, bool, Tree]]) -> Iterator[str]:
    yield f"<table><tr><th>{title}</th><th>Type</th><th></th></tr>"
    for name, place, required, one in rows:
        schema = _resolved(tree, one["schema"]) if "$ref" not in one["schema"] else one["schema"]
        marks = ", ".join([*([place] if place else []), *(["required"] if required else [])])
        text = " ".join(_inline(one.get("description", "")).split())
        yield (
            f"<tr><td><code>{escape(name)}</code></td><td>{_kind(schema)}{_limits(schema)}</td>"
            f"<td>{escape(marks)} {text}</td></tr>"
        )
    yield "</table>"


def _resolved(tree: Tree, one: Tree) -> Tree:
    reference = one.get("$ref")
    if reference is None:
        return one
    found = tree
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def _kind(schema: Tree) -> str:
    """A type in words, with a link to the object it names."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#object-{escape(name)}">{escape(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    choices = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if choices:
        return " | ".join(f"<code>{escape(str(one))}</code>" for one in choices)
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    if schema.get("properties", {}).get("object", {}).get("const") == "list":
        return f"list of {_kind(schema['properties']['data']['items'])}"
    return escape(str(schema.get("format", schema.get("type", "anything"))))


_LIMITS = {
    "minimum": "≥",
    "maximum": "≤",
    "minLength": "characters ≥",
    "maxLength": "characters ≤",
    "maxItems": "elements ≤",
    "maxProperties": "names ≤",
    "pattern": "as",
    "default": "default",
}


def _limits(schema: Tree) -> str:
    """The limits of a type, of its own or of its one alternative to null."""
    inner = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    of = {**schema, **(inner[0] if len(inner) == 1 else {})}
    found = [
        f"{words} {escape(msgspec.json.encode(of[name]).decode())}"
        for name, words in _LIMITS.items()
        if of.get(name) is not None
    ]
    return "<br>" + ", ".join(found) if found else ""


def _json(value: object) -> str:
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return f"<pre>{escape(text)}</pre>"


def _prose(text: str) -> Iterator[str]:
    """Paragraphs and lists."""
    for block in text.split("\n\n"):
        lines = block.split("\n")
        if all(line.startswith("- ") for line in lines):
            yield "<ul>" + "".join(f"<li>{_inline(line[2:])}</li>" for line in lines) + "</ul>"
        elif block:
            yield f"<p>{_inline(block)}</p>"


def _inline(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))
