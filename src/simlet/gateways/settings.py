"""The settings of a gateway: checked against what its kind declares, completed, redacted."""

import re

from simlet.domain.errors import invalid
from simlet.gateways.contract import DriverKind, Setting, Settings, Value

REDACTED = "•••"
MAX_TEXT_CHARS = 4000
_TRUTHS = {"true": True, "false": False}
_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?", re.ASCII)
_TYPES: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number"}


def check_settings(kind: DriverKind, given: Settings) -> dict[str, Value]:
    """The settings of a gateway, each with a value.

    Raises:
        Refused: INVALID, for the first one that is unknown, missing, or not what it should be.
    """
    check_names(kind, given)
    checked = {one.name: _checked(one, given) for one in kind.settings}
    kind.check(checked)
    return checked


def check_names(kind: DriverKind, given: Settings) -> None:
    """Checks that a kind has such settings.

    Raises:
        Refused: INVALID, for the first one that is unknown.
    """
    known = {one.name: one for one in kind.settings}
    for name in given:
        if name not in known:
            raise invalid(name, _known_names(known))


def redacted(kind: DriverKind | None, settings: Settings) -> dict[str, Value]:
    """Settings as lists may show them; of a kind that is not known no value is."""
    secret = {one.name: one.secret for one in kind.settings} if kind else {}
    return {
        name: REDACTED if value != "" and secret.get(name, True) else value
        for name, value in settings.items()
    }


def other_than_default(kind: DriverKind | None, settings: Settings) -> dict[str, Value]:
    """The settings that somebody set; of a kind that is not known all of them."""
    defaults = {one.name: one.default for one in kind.settings} if kind else {}
    return {
        name: value
        for name, value in settings.items()
        if name not in defaults or value != defaults[name]
    }


def _known_names(known: dict[str, Setting]) -> str:
    if not known:
        return "expected nothing: this kind has no settings"
    return "expected one of " + ", ".join(known)


def _checked(setting: Setting, given: Settings) -> Value:
    if setting.name not in given:
        if setting.required:
            raise invalid(setting.name, f"expected {setting.meaning}")
        return setting.default
    value = _typed(setting, given[setting.name])
    if isinstance(value, str):
        _check_text(setting, value)
    elif not isinstance(value, bool):
        _check_limits(setting, value)
    return value


def _typed(setting: Setting, value: Value) -> Value:
    """The value in the setting's type; a text is read as that type is written."""
    wanted = type(setting.default)
    if type(value) is wanted:
        return value
    if wanted is float and type(value) is int:
        return float(value)
    if isinstance(value, str):
        read = _read(wanted, value)
        if read is not None:
            return read
    raise invalid(setting.name, "expected " + _TYPES.get(wanted, "a text"))


def _read(wanted: type, text: str) -> Value | None:
    if wanted is bool:
        return _TRUTHS.get(text)
    if wanted is int and _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if wanted is float and _NUMBER.fullmatch(text) else None


def _check_text(setting: Setting, text: str) -> None:
    if setting.choices and text not in setting.choices:
        raise invalid(setting.name, "expected one of " + ", ".join(setting.choices))
    if setting.required and not text:
        raise invalid(setting.name, f"expected {setting.meaning}")
    if len(text) > MAX_TEXT_CHARS:
        raise invalid(setting.name, f"expected at most {MAX_TEXT_CHARS} characters")


def _check_limits(setting: Setting, number: float) -> None:
    # A number that is none of both is neither below nor above.
    if setting.least is not None and not number >= setting.least:
        raise invalid(setting.name, f"expected at least {setting.least:g}")
    if setting.most is not None and not number <= setting.most:
        raise invalid(setting.name, f"expected at most {setting.most:g}")
