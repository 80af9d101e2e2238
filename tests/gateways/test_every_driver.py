"""The laws that every driver keeps, over the recorded cases of every kind.

Each `drivers/cases_NAME.py` gives its recorded cases as `UNDER_TEST`, and may give more of them
(for other settings) under other names.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logged import log_as_it_was
from simlet.gateways.contract import DriverKind, HttpRequest
from simlet.gateways.registry import KINDS
from simlet.testing.driver_kit import LAWS, Case, FakeSupervisor, Law, UnderTest

FOLDER = Path(__file__).parent / "drivers"


def _under_tests() -> Iterator[tuple[str, UnderTest]]:
    for file in sorted(FOLDER.glob("cases_*.py")):
        module = importlib.import_module(f"gateways.drivers.{file.stem}")
        assert isinstance(module.UNDER_TEST, UnderTest), file.name
        for name, one in vars(module).items():
            if isinstance(one, UnderTest):
                yield f"{file.stem.removeprefix('cases_')}.{name.lower()}", one


UNDER_TESTS = dict(_under_tests())


def _laws_of_cases() -> Iterator[object]:
    for name, under_test in UNDER_TESTS.items():
        for case in under_test.cases:
            for law in LAWS:
                yield pytest.param(law, under_test, case, id=f"{name}-{case.name}-{law.__name__}")


@pytest.fixture
def _log_as_it_was() -> Iterator[None]:
    """A law sends the log elsewhere; afterwards it is as it was."""
    with log_as_it_was():
        yield


@pytest.mark.anyio
@pytest.mark.usefixtures("_log_as_it_was")
@pytest.mark.parametrize(("law", "under_test", "case"), [*_laws_of_cases()])
async def test_a_driver_keeps_each_law_for_each_recorded_case(
    law: Law, under_test: UnderTest, case: Case
) -> None:
    await law(under_test, case)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_recorded_cases_with_messages_in_them(kind: str) -> None:
    cases = [case for one in UNDER_TESTS.values() if one.kind.name == kind for case in one.cases]
    assert any(case.inbound for case in cases)


@pytest.mark.parametrize("name", UNDER_TESTS)
def test_recorded_cases_have_names_of_their_own(name: str) -> None:
    names = [case.name for case in UNDER_TESTS[name].cases]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_a_set_up_page_asks_for_nothing_secret(kind: DriverKind) -> None:
    shown = {one.name for one in kind.settings if not one.secret} | {"address", "name"}
    assert {field for _, field, _, _ in Formatter().parse(kind.setup) if field} <= shown


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_a_setting_of_a_kind_has_a_default_that_it_would_take(kind: DriverKind) -> None:
    for one in kind.settings:
        assert one.required or not one.choices or one.default in one.choices


HEADERS = (
    "authorization",
    "content-type",
    "x-signature",
    "x-timestamp",
    "x-twilio-signature",
    "x-twilio-webhooks-signature-settings",
)


def requests() -> st.SearchStrategy[HttpRequest]:
    """Requests of somebody who knows the addresses and nothing else."""
    latin = st.text(st.characters(max_codepoint=255), max_size=40)
    return st.builds(
        HttpRequest,
        method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS"]),
        route=st.sampled_from(["", "messages", "calls", "events"]) | st.text(max_size=20),
        headers=st.dictionaries(
            st.sampled_from(HEADERS),
            latin | st.sampled_from(["Basic Og==", "Bearer x", "application/json", "1700000000"]),
        ),
        body=st.binary(max_size=100) | st.sampled_from([b"{}", b"[]", b"to=1&from=2&text=3"]),
        fields=st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=3),
        query=latin | st.sampled_from(["secret=x", "to=1&from=2&text=3", "bodySHA256=1"]),
    )


@pytest.mark.anyio
@pytest.mark.parametrize("name", UNDER_TESTS)
@given(request=requests())
async def test_a_stranger_is_refused_and_hands_over_nothing(
    name: str, request: HttpRequest
) -> None:
    supervisor = FakeSupervisor()
    kind = UNDER_TESTS[name].kind
    driver = kind.make(supervisor.context(kind, UNDER_TESTS[name].settings))
    answer = await driver.answer(request)
    assert 400 <= answer.status < 500
    assert supervisor.handed_over == []
