"""The one place where refusals become problems.

Source: RFC 9457; RFC 9110, 15.5 and 10.2.3; RFC 6750, 3.
"""

import re
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from simlet.domain.errors import INVALID, Kind, Refusal, Refused

PROBLEM_JSON = "application/problem+json"
TYPE_PREFIX = "urn:simlet:problem:"

STATUSES: dict[Kind, int] = {
    Kind.AUTHENTICATION: 401,
    Kind.FUNDS: 402,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.STOCK: 409,
    Kind.TOO_LARGE: 413,
    Kind.MEDIA: 415,
    Kind.INVALID: 422,
    Kind.LIMIT: 429,
}
RETRY_AFTER_STATUSES = frozenset({409, 429, 503})
"""Where `Retry-After` may stand, for the documentation."""

_FIELD = re.compile(r"\{[^}]*\}")
_INVALID_TITLE = "Something that was sent is not as it must be."


class FieldError(Struct, frozen=True):
    """One wrong input: its name, and what was expected of it."""

    name: str
    reason: str


class Problem(Struct, frozen=True):
    """Why something is not to be had, and what to do about it."""

    type: Annotated[str, Meta(description="`urn:simlet:problem:` and the code.")]
    title: Annotated[str, Meta(description="What problems of this code are.")]
    status: int
    detail: Annotated[str, Meta(description="What this one is.")]
    code: Annotated[str, Meta(description="Stable, for programs.")]
    remedy: Annotated[str, Meta(description="What can be done about it.")]
    errors: Annotated[list[FieldError], Meta(description="Of `invalid`: every wrong input.")]
    retry_after_s: Annotated[float | None, Meta(description="Seconds after which to try again.")]


class Malformed(Refused):
    """Inputs that are not as they must be; all of them are told."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__(INVALID, name=errors[0].name, reason=errors[0].reason)
        self.errors = errors


_METHOD_UNKNOWN = Refusal(
    "method_not_allowed",
    Kind.NOT_FOUND,
    "This address does not take this method.",
    "Use one of the methods that the header `Allow` names.",
)
_HEADERS_TOO_LARGE = Refusal(
    "headers_too_large",
    Kind.TOO_LARGE,
    "The headers are larger than {limit_bytes} bytes.",
    "Send less.",
)
FAULT = Refusal(
    "fault",
    Kind.LIMIT,
    "It could not be done now.",
    "Try again; with the same Idempotency-Key nothing is done twice.",
)


def problem_of(refused: Refused) -> tuple[int, bytes]:
    """The status and the body of a refusal."""
    status = STATUSES[refused.refusal.kind]
    return status, msgspec.json.encode(_problem(refused, status))


def method_problem() -> tuple[int, bytes]:
    """The status and the body where an address does not take a method."""
    return 405, msgspec.json.encode(_problem(Refused(_METHOD_UNKNOWN), 405))


def headers_problem(limit_bytes: int) -> tuple[int, bytes]:
    """The status and the body where a request has more headers than are read."""
    refused = Refused(_HEADERS_TOO_LARGE, limit_bytes=limit_bytes)
    return 431, msgspec.json.encode(_problem(refused, 431))


def fault_problem() -> tuple[int, bytes]:
    """The status and the body of a fault, which says nothing of its cause."""
    return 503, msgspec.json.encode(_problem(Refused(FAULT, wait_s=1), 503))


def title_of(refusal: Refusal) -> str:
    """What problems of a code are, whatever the details."""
    if refusal is INVALID:
        return _INVALID_TITLE
    return _FIELD.sub("…", refusal.sentence)


def documented(refusal: Refusal, status: int) -> Problem:
    """A problem as an example of the documentation."""
    errors = [FieldError("limit", "expected a whole number")] if refusal is INVALID else []
    detail = "limit: expected a whole number." if errors else title_of(refusal)
    return Problem(
        TYPE_PREFIX + refusal.code,
        title_of(refusal),
        status,
        detail,
        refusal.code,
        refusal.remedy,
        errors,
        None,
    )


def problem_headers(body: bytes) -> tuple[str, tuple[tuple[bytes, bytes], ...]]:
    """The content type of a problem, and the headers that its status asks for."""
    problem = msgspec.json.decode(body, type=Problem)
    headers: list[tuple[bytes, bytes]] = []
    if problem.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="simlet"'))
    if problem.retry_after_s is not None:
        seconds = -int(-problem.retry_after_s // 1)
        headers.append((b"retry-after", str(max(1, seconds)).encode()))
    return PROBLEM_JSON, tuple(headers)


def _problem(refused: Refused, status: int) -> Problem:
    refusal = refused.refusal
    return Problem(
        type=TYPE_PREFIX + refusal.code,
        title=title_of(refusal),
        status=status,
        detail=refused.sentence,
        code=refusal.code,
        remedy=refusal.remedy,
        errors=_errors(refused),
        retry_after_s=_wait_s(refused),
    )


def _errors(refused: Refused) -> list[FieldError]:
    if isinstance(refused, Malformed):
        return refused.errors
    if refused.refusal is not INVALID:
        return []
    return [FieldError(str(refused.details["name"]), str(refused.details["reason"]))]


def _wait_s(refused: Refused) -> float | None:
    wait_s = refused.details.get("wait_s")
    return float(wait_s) if isinstance(wait_s, int | float) else None
