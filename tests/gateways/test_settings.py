from random import Random

import pytest

from simlet.domain.errors import INVALID, Refused
from simlet.gateways.contract import Driver, DriverContext, DriverKind, Setting, Settings, Value
from simlet.gateways.registry import KINDS
from simlet.gateways.settings import MAX_TEXT_CHARS, REDACTED, check_settings, redacted


def _make(_: DriverContext) -> Driver:
    raise NotImplementedError


def _check(settings: Settings) -> None:
    if settings["password"] == settings["host"]:
        raise Refused(INVALID, name="password", reason="expected another text than host")


KIND = DriverKind(
    name="made-up",
    title="Of these tests.",
    settings=(
        Setting("host", "the host's name", "localhost", required=True),
        Setting("port", "its port", 2775, least=1, most=65535),
        Setting("pause_s", "seconds between two tries", 2.5, least=0.5),
        Setting("tls", "whether it is encrypted", False),
        Setting("mode", "how it is bound", "both", choices=("both", "in")),
        Setting("password", "its password", "", secret=True),
    ),
    setup="",
    make=_make,
    check=_check,
)
WHOLE: dict[str, Value] = {
    "host": "a", "port": 2775, "pause_s": 2.5, "tls": False, "mode": "both", "password": "",
}  # fmt: skip


def test_what_is_not_set_has_its_default() -> None:
    assert check_settings(KIND, {"host": "a"}) == WHOLE


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("port", "7", 7),
        ("pause_s", "3", 3.0),
        ("pause_s", "0.75", 0.75),
        ("tls", "true", True),
        ("tls", "false", False),
        ("password", "0123", "0123"),
        ("password", "true", "true"),
        ("host", "1.5", "1.5"),
    ],
)
def test_a_text_is_read_as_the_type_that_is_declared(name: str, text: str, value: Value) -> None:
    read = check_settings(KIND, {"host": "a", name: text})[name]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "host"),
        ({"host": ""}, "host"),
        ({"host": 1}, "host"),
        ({"host": "a", "colour": "red"}, "colour"),
        ({"host": "a", "port": 0}, "port"),
        ({"host": "a", "port": 65536}, "port"),
        ({"host": "a", "port": True}, "port"),
        ({"host": "a", "port": "7.5"}, "port"),
        ({"host": "a", "port": "9" * 30}, "port"),
        ({"host": "a", "pause_s": float("nan")}, "pause_s"),
        ({"host": "a", "pause_s": "-1"}, "pause_s"),
        ({"host": "a", "tls": "yes"}, "tls"),
        ({"host": "a", "tls": 1}, "tls"),
        ({"host": "a", "mode": "out"}, "mode"),
        ({"host": "x" * (MAX_TEXT_CHARS + 1)}, "host"),
        ({"host": "a", "password": "a"}, "password"),
    ],
)
def test_settings_that_are_not_usable_are_refused_by_name(settings: Settings, name: str) -> None:
    with pytest.raises(Refused) as refused:
        check_settings(KIND, settings)
    assert (refused.value.refusal, refused.value.details["name"]) == (INVALID, name)


def test_a_refusal_never_shows_what_was_set() -> None:
    secret = f"hidden-{Random(1).random()}"
    for name in ("port", "mode", "tls"):
        with pytest.raises(Refused) as refused:
            check_settings(KIND, {"host": "a", name: secret})
        assert secret not in refused.value.sentence


def test_secrets_are_not_shown() -> None:
    shown = redacted(KIND, {**WHOLE, "password": "a-secret"})
    assert shown == {**WHOLE, "password": REDACTED}


def test_a_secret_that_is_not_set_is_shown_as_missing() -> None:
    assert redacted(KIND, WHOLE)["password"] == ""


def test_of_an_unknown_kind_nothing_is_shown() -> None:
    assert set(redacted(None, {"host": "a", "port": 7}).values()) == {REDACTED}


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_every_kind_has_a_set_up_page_and_settings_of_its_own(kind: DriverKind) -> None:
    names = [one.name for one in kind.settings]
    assert len(set(names)) == len(names)
    shown = {one.name: one.default for one in kind.settings if not one.secret}
    page = kind.setup.format(**{**shown, "name": "mine", "address": "https://here/gateways/mine"})
    assert page.strip()
    assert all(one.meaning for one in kind.settings)
