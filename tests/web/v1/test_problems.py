"""Refusals as problems: every entry of the catalogue has one, with nothing left unsaid."""

import msgspec
import pytest

from simlet.domain.errors import (
    CATALOGUE,
    INSUFFICIENT_FUNDS,
    RATE_LIMITED,
    UNAUTHENTICATED,
    Kind,
    Refusal,
    Refused,
    invalid,
)
from simlet.web.v1.problems import (
    PROBLEM_JSON,
    STATUSES,
    FieldError,
    Malformed,
    Problem,
    documented,
    fault_problem,
    problem_headers,
    problem_of,
)


def read(body: bytes) -> Problem:
    return msgspec.json.decode(body, type=Problem)


def test_every_kind_has_a_status() -> None:
    assert set(STATUSES) == set(Kind)


@pytest.mark.parametrize("refusal", CATALOGUE, ids=lambda one: one.code)
def test_every_entry_is_documented_whole(refusal: Refusal) -> None:
    problem = documented(refusal, STATUSES[refusal.kind])
    assert problem.type == f"urn:simlet:problem:{refusal.code}"
    assert problem.title
    assert problem.remedy
    assert "{" not in problem.title + problem.detail


def test_a_refusal_is_told_with_its_details() -> None:
    status, body = problem_of(Refused(RATE_LIMITED, wait_s=7))
    problem = read(body)
    assert status == problem.status == 429
    assert problem.detail == ("This token makes more calls than its rate allows: try again in 7 s.")
    assert problem.title == "This token makes more calls than its rate allows: try again in … s."
    assert problem.retry_after_s == 7
    assert problem_headers(body) == (PROBLEM_JSON, ((b"retry-after", b"7"),))


def test_who_is_not_known_is_told_how_to_say_it() -> None:
    _, headers = problem_headers(problem_of(Refused(UNAUTHENTICATED))[1])
    assert dict(headers) == {b"www-authenticate": b'Bearer realm="simlet"'}


def test_what_asks_for_no_wait_has_no_time_to_wait() -> None:
    _, body = problem_of(Refused(INSUFFICIENT_FUNDS))
    assert read(body).retry_after_s is None
    assert problem_headers(body)[1] == ()


def test_one_wrong_input_is_told_as_a_list_of_one() -> None:
    _, body = problem_of(invalid("limit", "expected a whole number"))
    assert read(body).errors == [FieldError("limit", "expected a whole number")]


def test_all_wrong_inputs_are_told() -> None:
    errors = [FieldError("a", "one"), FieldError("b", "two")]
    status, body = problem_of(Malformed(errors))
    assert status == 422
    assert read(body).errors == errors
    assert read(body).detail == "a: one."


def test_braces_in_what_was_sent_are_no_fields() -> None:
    _, body = problem_of(Malformed([FieldError("{name}", "{0}")]))
    assert read(body).detail == "{name}: {0}."


def test_a_fault_says_nothing_of_its_cause() -> None:
    status, body = fault_problem()
    problem = read(body)
    assert status == 503
    assert problem.code == "fault"
    assert problem.retry_after_s == 1
