"""Where settings come from, and what is said where they are wrong.

Three layers, the later one wins: `defaults.toml` in this package (which is also the documentation
of every setting), a TOML file of the operator, environment variables. Each layer is checked whole,
so that a wrong line in the file is told even where a variable overrules it.
"""

import difflib
import importlib.resources
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast, get_args, get_origin

import msgspec
from msgspec import Struct, inspect

from simlet.config import Settings
from simlet.config_values import Rule

PREFIX = "SIMLET_"
PATH_VARIABLE = "SIMLET_CONFIG"
# What simlet.client reads: both sides may run in one environment.
CLIENT_VARIABLES = frozenset({"SIMLET_URL", "SIMLET_TOKEN"})
DEFAULTS_NAME = "defaults.toml"
USUAL_FILE = Path("simlet.toml")

_SHOWN_CHARS = 40
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,30}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})")
_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class SettingsError(Exception):
    """The settings cannot be used; the process must not start.

    Args:
        problems: one sentence for each wrong setting, fit to be shown: no sentence holds the value
            of a setting that may be secret.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_settings(environ: Mapping[str, str], file: Path | None = None) -> Settings:
    """Reads all layers and gives the settings that hold.

    Args:
        environ: the environment; only names that begin with `SIMLET_` are looked at.
        file: the TOML file. Without it the path in `SIMLET_CONFIG` is used, else `simlet.toml` in
            the working directory where there is one.

    Raises:
        SettingsError: a file cannot be read, or settings are unknown or wrong; all of them are
            told, each in a sentence.
    """
    layers = [*_shipped(), *_from_file(environ, file), *_from_environment(environ)]
    problems = [sentence for given in layers for sentence in _problems(given)]
    if problems:
        raise SettingsError(*problems)
    tree: dict[str, Any] = {}
    for given in layers:
        _put(tree, given)
    return msgspec.convert(tree, Settings)


@dataclass(frozen=True)
class _Setting:
    """A leaf of the tree: its dotted name, its variable, its annotated type."""

    name: str
    variable: str
    kind: Any

    @property
    def secret(self) -> bool:
        rule = _rule(self.kind)
        return rule is not None and rule.secret


@dataclass(frozen=True)
class _Given:
    """A value that a layer brought, its source, and the setting if there is one of that name."""

    name: str
    value: object
    source: str
    setting: _Setting | None


def _sections(tree: type[Struct]) -> dict[str, type[Struct]]:
    fields = msgspec.structs.fields(tree)
    return {
        field.name: field.type
        for field in fields
        if isinstance(field.type, type) and issubclass(field.type, Struct)
    }


def _leaves(tree: type[Struct], section: str = "") -> Iterator[_Setting]:
    sections = _sections(tree)
    for field in msgspec.structs.fields(tree):
        name = section + field.name
        if field.name in sections:
            yield from _leaves(field.type, f"{name}.")
        else:
            yield _Setting(name, PREFIX + name.replace(".", "_").upper(), field.type)


_SECTIONS = _sections(Settings)
_BY_NAME = {setting.name: setting for setting in _leaves(Settings)}
_BY_VARIABLE = {setting.variable: setting for setting in _BY_NAME.values()}


def _shipped() -> Iterator[_Given]:
    text = importlib.resources.files("simlet").joinpath(DEFAULTS_NAME).read_text("utf-8")
    return _from_table(tomllib.loads(text), DEFAULTS_NAME)


def _from_file(environ: Mapping[str, str], file: Path | None) -> Iterator[_Given]:
    named = environ.get(PATH_VARIABLE, "")
    path = file or (Path(named) if named else USUAL_FILE)
    if path is USUAL_FILE and not path.exists():
        return iter(())
    return _from_table(_read_toml(path), str(path))


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(
            f"The settings file {path} cannot be read: {error.strerror}."
        ) from error
    except UnicodeDecodeError:
        # Not chained: that error carries the whole file, passwords too.
        raise SettingsError(f"The settings file {path} is not UTF-8 text.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The settings file {path} is not TOML: {error}.") from error


def _from_table(table: Mapping[str, object], source: str) -> Iterator[_Given]:
    for key, value in table.items():
        if key in _SECTIONS and isinstance(value, dict):
            names = {f"{key}.{inner}": each for inner, each in value.items()}
        else:
            names = {key: value}
        for name, each in names.items():
            yield _Given(name, each, source, _BY_NAME.get(name))


def _from_environment(environ: Mapping[str, str]) -> Iterator[_Given]:
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable in {PATH_VARIABLE, *CLIENT_VARIABLES}:
            continue
        setting = _BY_VARIABLE.get(variable)
        if setting is None:
            yield _Given(variable, environ[variable], "the environment", None)
        else:
            value = _from_text(environ[variable], setting.kind)
            yield _Given(setting.name, value, variable, setting)


def _item_kind(kind: Any) -> Any:
    """The type of a list's elements; None where the type is no list."""
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return get_args(bare)[0] if get_origin(bare) is tuple else None


def _rule(kind: Any) -> Rule | None:
    node = inspect.type_info(kind)
    extra = node.extra if isinstance(node, inspect.Metadata) else None
    return cast(Rule, extra["rule"]) if extra else None


def _from_text(text: str, kind: Any) -> object:
    """A variable's text as the type that is expected; as it is where it cannot be read so."""
    item_kind = _item_kind(kind)
    if item_kind is not None:
        parts = [part.strip() for part in text.split(",")]
        return [_from_text(part, item_kind) for part in parts] if text.strip() else []
    node = inspect.type_info(kind)
    bare = text.strip()
    if isinstance(node, inspect.IntType) and _WHOLE_NUMBER.fullmatch(bare):
        return int(bare)
    if isinstance(node, inspect.FloatType) and _NUMBER.fullmatch(bare):
        return float(bare)
    if isinstance(node, inspect.BoolType):
        return _TRUTHS.get(bare.lower(), text)
    return text


def _problems(given: _Given) -> Iterator[str]:
    if given.setting is None:
        yield _unknown(given)
        return
    for name, value, expected in _faults(given.name, given.value, given.setting.kind):
        described = _described(value, secret=given.setting.secret)
        yield f"{name} (from {given.source}): {described} was given, but {expected} is expected."


def _faults(name: str, value: object, kind: Any) -> Iterator[tuple[str, object, str]]:
    """Name, value and expectation of each part of a value that is not as it must be."""
    item_kind = _item_kind(kind)
    if item_kind is not None and isinstance(value, list) and value:
        for position, item in enumerate(value):
            yield from _faults(f"{name}[{position}]", item, item_kind)
    elif not _fits(value, kind):
        yield name, value, _expected(inspect.type_info(kind))


def _fits(value: object, kind: Any) -> bool:
    rule = _rule(kind)
    try:
        checked = msgspec.convert(value, kind)
        if rule is not None:
            rule.parse(checked)
    except ValueError:
        return False
    return True


def _expected(node: inspect.Type) -> str:
    match node:
        case inspect.Metadata(extra={"rule": Rule(expected=expected)}):
            return expected
        case inspect.IntType(ge=low, le=high):
            return f"a whole number from {low} to {high}"
        case inspect.FloatType(ge=low, le=high):
            return f"a number from {low:g} to {high:g}"
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(str(value) for value in values)
        case inspect.VarTupleType(item_type=item, min_length=least):
            size = f"of at least {least}, " if least else ""
            return f"a list {size}each {_expected(item)}"
        case _:
            return "true or false" if isinstance(node, inspect.BoolType) else "text"


def _described(value: object, *, secret: bool) -> str:
    """The type of a value in words, with the value where it is short and cannot be secret."""
    word = _type_word(value)
    if secret or not isinstance(value, bool | int | float | str):
        return word
    shown = repr(value[:_SHOWN_CHARS]) if isinstance(value, str) else str(value)
    return f"{word} ({shown})"


def _type_word(value: object) -> str:
    words: tuple[tuple[type, str], ...] = (
        (bool, "a truth value"),  # before int, of which it is a kind
        (int, "a whole number"),
        (float, "a number"),
        (str, "text"),
        (list, "a list"),
        (dict, "a section"),
    )
    return next((word for kind, word in words if isinstance(value, kind)), "a date or time")


def _unknown(given: _Given) -> str:
    described = _described(given.value, secret=True)
    if given.name in _SECTIONS:
        return (
            f"{given.name} (from {given.source}): {described} was given, but a section is expected."
        )
    near = difflib.get_close_matches(given.name, [*_BY_NAME, *_BY_VARIABLE, *_SECTIONS], 1, 0.75)
    hint = f", perhaps {near[0]}" if near else ""
    return (
        f"{given.name} (from {given.source}): {described} was given, but no setting has this name; "
        f"a name from {DEFAULTS_NAME} is expected{hint}."
    )


def _put(tree: dict[str, Any], given: _Given) -> None:
    section, _, key = given.name.rpartition(".")
    table = tree.setdefault(section, {}) if section else tree
    table[key] = given.value
