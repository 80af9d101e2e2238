from dataclasses import replace

import pytest

from simlet.domain.endpoint import (
    BodyFormat,
    Endpoint,
    EndpointScope,
    EndpointState,
    check_events,
    rest_ms,
)
from simlet.domain.errors import INVALID, Refused
from simlet.domain.events import DEALER_EVENTS, EventKind

ENDPOINT = Endpoint(
    id=1,
    account_id=1,
    scope=EndpointScope.ACCOUNT,
    url="https://dealer.example/",
    failover_url=None,
    events=("*",),
    format=BodyFormat.V1,
    secret="whsec_new",
    old_secret="whsec_old",
    old_secret_until_ms=1000,
    state=EndpointState.ACTIVE,
    disabled_reason=None,
    created_at_ms=0,
    failing_since_ms=None,
    fails_in_row=0,
    resting_until_ms=None,
)


def test_a_star_takes_whatever_a_dealer_is_told_but_tests_of_others() -> None:
    taken = {kind for kind in EventKind if ENDPOINT.takes(kind)}
    assert taken == DEALER_EVENTS - {EventKind.CALLBACK_TEST}


def test_named_events_alone_are_taken() -> None:
    one = replace(ENDPOINT, events=("rental.received", "callback.test"))
    assert {kind for kind in EventKind if one.takes(kind)} == {EventKind.RENTAL_RECEIVED}


def test_the_first_api_s_format_has_words_for_its_two_events_and_a_test() -> None:
    one = replace(ENDPOINT, format=BodyFormat.FIRST_API)
    both = {EventKind.RENTAL_RECEIVED, EventKind.RENTAL_EXPIRED}
    assert {kind for kind in EventKind if one.takes(kind)} == both
    assert {kind for kind in EventKind if one.can_tell(kind)} == both | {EventKind.CALLBACK_TEST}


def test_the_old_secret_signs_until_its_time_is_over() -> None:
    assert ENDPOINT.old_secret_at(999) == "whsec_old"
    assert ENDPOINT.old_secret_at(1000) is None
    assert replace(ENDPOINT, old_secret_until_ms=None).old_secret_at(0) is None


def test_an_endpoint_rests_until_its_time_is_over() -> None:
    resting = replace(ENDPOINT, resting_until_ms=1000)
    assert resting.rests_at(999)
    assert not resting.rests_at(1000)
    assert not ENDPOINT.rests_at(0)


def test_events_are_kept_once_each_in_a_steady_order() -> None:
    names = ["rental.received", "message.kept", "rental.received"]
    assert check_events(names, BodyFormat.V1) == ("message.kept", "rental.received")
    assert check_events(["*"], BodyFormat.FIRST_API) == ("*",)


@pytest.mark.parametrize(
    ("names", "body_format"),
    [
        ([], BodyFormat.V1),
        (["*", "rental.received"], BodyFormat.V1),
        (["rental.gone"], BodyFormat.V1),
        (["line.rested"], BodyFormat.V1),
        (["rental.waiting"], BodyFormat.FIRST_API),
        (["callback.test"], BodyFormat.FIRST_API),
    ],
)
def test_events_that_are_not_to_be_had_are_refused(
    names: list[str], body_format: BodyFormat
) -> None:
    with pytest.raises(Refused) as refused:
        check_events(names, body_format)
    assert refused.value.refusal is INVALID
    assert refused.value.details["name"] == "events"


def test_rests_begin_at_the_fifth_failure_and_grow_to_five_minutes() -> None:
    rests = [rest_ms(fails) // 1000 for fails in range(13)]
    assert rests == [0, 0, 0, 0, 0, 10, 20, 40, 80, 160, 300, 300, 300]
    assert rest_ms(10**9) == 300_000
