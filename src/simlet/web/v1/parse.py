"""Parameters and bodies, read by the types of an operation; every wrong one is told."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct, UnsetType
from msgspec.structs import FieldInfo

from simlet.domain.errors import INVALID, UNSUPPORTED_MEDIA_TYPE, Refused
from simlet.web.v1.problems import FieldError, Malformed

BODY_LIMIT_BYTES = 16_384
MAX_QUERY_BYTES = 8_192
MAX_PARAMETERS = 50
MAX_DEPTH = 16
MAX_TOLD = 20
_SHOWN_CHARS = 64

T = TypeVar("T", bound=Struct)

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
_TRUTHS = {"true": True, "false": False}
_AT = re.compile(r" - at `\$(.*)`$")
_AT_NAME = re.compile(r" - at `key` in `\$.*`$")
_OR_NULL = " | null`"
_WORDS = {
    "`int`": "a whole number",
    "`float`": "a number",
    "`str`": "a text",
    "`bool`": "true or false",
    "`array`": "a list",
    "`object`": "an object",
    "`null`": "null",
}


def read_parameters(kind: type[T], path: Mapping[str, str], query: bytes) -> T:
    """The parameters of a call.

    Args:
        kind: the type whose fields they are.
        path: those that stand in the path.
        query: the query as it came.

    Raises:
        Malformed: some are unknown, given twice, missing, or not what the type says.
    """
    errors: list[FieldError] = []
    given: dict[str, str] = dict(path)
    for name, text in _pairs(query):
        if name in given:
            reason = "it stands in the path" if name in path else "it is given twice"
            errors.append(FieldError(_shown(name), reason))
        given.setdefault(name, text)
    fields = _fields(kind)
    values = {
        name: _from_text(text, fields[name].type) if name in fields else text
        for name, text in given.items()
    }
    return _make(kind, values, errors, "there is no such parameter")


def _pairs(query: bytes) -> list[tuple[str, str]]:
    if not query:
        return []
    if len(query) > MAX_QUERY_BYTES:
        raise _malformed("query", f"expected at most {MAX_QUERY_BYTES} bytes")
    try:
        return parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except UnicodeDecodeError:
        raise _malformed("query", "expected UTF-8, percent-encoded") from None
    except ValueError:
        raise _malformed("query", f"expected at most {MAX_PARAMETERS} parameters") from None


def read_body(kind: type[T], content_type: str, body: bytes) -> T:
    """The body of a call; an empty one has the defaults.

    Raises:
        Refused: UNSUPPORTED_MEDIA_TYPE.
        Malformed: it is no JSON object, or not what the type says.
    """
    if not body:
        return _make(kind, {}, [], "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refused(UNSUPPORTED_MEDIA_TYPE)
    try:
        values = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise _malformed("body", "expected JSON in UTF-8") from None
    if not isinstance(values, dict):
        raise _malformed("body", "expected an object")
    return _make(kind, values, [], "there is no such field")


def _make(kind: type[T], values: dict[str, Any], errors: list[FieldError], unknown: str) -> T:
    fields = _fields(kind)
    made: dict[str, Any] = {}
    for name, value in values.items():
        if name not in fields:
            errors.append(FieldError(_shown(name), unknown))
            continue
        reason = _unfit(value, 0)
        try:
            if not reason:
                made[fields[name].name] = msgspec.convert(value, fields[name].type)
        except msgspec.ValidationError as error:
            reason = _reason(str(error), fields[name].type)
        if reason:
            errors.append(FieldError(name, reason))
    errors.extend(_missing(fields, values))
    if errors:
        raise Malformed(errors[:MAX_TOLD])
    return _checked(kind, made)


def _checked(kind: type[T], made: dict[str, Any]) -> T:
    """The object; a type's own `__post_init__` may say what does not go together."""
    try:
        return kind(**made)
    except Refused as refused:
        if refused.refusal is not INVALID or isinstance(refused, Malformed):
            raise
        raise _malformed(str(refused.details["name"]), str(refused.details["reason"])) from None


def _missing(fields: Mapping[str, FieldInfo], values: Mapping[str, Any]) -> Iterator[FieldError]:
    for name, one in fields.items():
        if one.required and name not in values:
            yield FieldError(name, "it is missing")


def _unfit(value: object, depth: int) -> str | None:
    """What no database takes, and what nobody means: whatever the type would say to it."""
    if depth > MAX_DEPTH:
        return f"expected at most {MAX_DEPTH} levels"
    if isinstance(value, str):
        return "expected no NUL character" if "\0" in value else None
    inner: list[Any] = []
    if isinstance(value, dict):
        inner = [*value.keys(), *value.values()]
    elif isinstance(value, list):
        inner = value
    return next((reason for one in inner if (reason := _unfit(one, depth + 1))), None)


@lru_cache(maxsize=256)
def _fields(kind: type[Struct]) -> dict[str, FieldInfo]:
    return {one.encode_name: one for one in msgspec.structs.fields(kind)}


def _from_text(text: str, kind: Any) -> object:
    """A parameter's text as the type that is expected; as it is where it cannot be read so."""
    bare = bare_kind(kind)
    if bare is int and _WHOLE.fullmatch(text):
        return int(text)
    if bare is float and _NUMBER.fullmatch(text):
        return float(text)
    if bare is bool:
        return _TRUTHS.get(text, text)
    return text


def bare_kind(kind: Any) -> Any:
    """A type without its limits, and without null and nothing."""
    origin = get_origin(kind)
    if origin is Annotated:
        return bare_kind(get_args(kind)[0])
    if origin in {Union, UnionType}:
        others = [one for one in get_args(kind) if one not in {type(None), UnsetType}]
        return bare_kind(others[0]) if len(others) == 1 else kind
    return kind


def _reason(message: str, kind: Any) -> str:
    """What msgspec says of a value, in words for people; never the value itself."""
    clause, where = _placed(message)
    bare = bare_kind(kind)
    if get_origin(bare) is Literal:
        return "expected one of " + ", ".join(str(one) for one in get_args(bare))
    if not clause.startswith("Expected"):
        return "expected another value" + where
    if " matching regex " in clause:
        return (expected_of(kind) or "expected another text") + where
    clause = clause.replace(_OR_NULL, "`")
    for word, plain in _WORDS.items():
        clause = clause.replace(word, plain)
    return clause[0].lower() + clause[1:] + where


def _placed(message: str) -> tuple[str, str]:
    """What a message says, and where in the value it is so."""
    named = _AT_NAME.search(message)
    if named is not None:
        return message[: named.start()], " in one of its names"
    found = _AT.search(message)
    if found is None:
        return message, ""
    where = f" at {found[1]}".replace(" at [...]", " in one of its values")
    return message[: found.start()], where


def expected_of(kind: Any) -> str | None:
    """The words for people that stand in `extra` beside a pattern; None where there are none."""
    for one in get_args(kind):
        if isinstance(one, Meta):
            if one.pattern is not None and one.extra is not None:
                return f"expected {one.extra['expected']}"
        elif (inner := expected_of(one)) is not None:
            return inner
    return None


def _shown(name: str) -> str:
    """A name that came from outside, short enough to be told."""
    fit = name.replace("\0", "").encode("utf-8", "replace").decode()
    return fit[:_SHOWN_CHARS]


def _malformed(name: str, reason: str) -> Malformed:
    return Malformed([FieldError(name, reason)])
