"""The settings: one tree, parsed once at the start.

Three layers, the later one wins: `defaults.toml` in this package (which is also the documentation
of every setting), a TOML file of the operator, environment variables. Each layer is checked whole,
so that a wrong line in the file is told even where a variable overrules it.
"""

import difflib
import importlib.resources
import ipaddress
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args, get_origin
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct, inspect

PREFIX = "SIMLET_"
PATH_VARIABLE = "SIMLET_CONFIG"
# What simlet.client reads: both sides may run in one environment.
CLIENT_VARIABLES = frozenset({"SIMLET_URL", "SIMLET_TOKEN"})
DEFAULTS_NAME = "defaults.toml"
USUAL_FILE = Path("simlet.toml")

DatabaseKind = Literal["sqlite", "postgresql"]

_SHOWN_CHARS = 40
_SQLITE = "sqlite:///"
_LISTEN = re.compile(r"(?:\[([^\]]+)\]|([^:\[\]]+)):([0-9]{1,5})")
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?")
_ONLY_NUMBERS = re.compile(r"[0-9.]+")
_DATABASE_URL = re.compile(r"(?:sqlite:///[^?#\x00-\x1f]+|postgresql://[^\s\x00-\x1f]+)")
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,30}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})")
_TOKEN = re.compile(r"[!-~]{16,200}")
_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_WIDEST_MASK = {4: 8, 6: 7}


class SettingsError(Exception):
    """The settings cannot be used; the process must not start.

    Args:
        problems: one sentence for each wrong setting, fit to be shown: no sentence holds the value
            of a setting that may be secret.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _parse_listen(text: str) -> tuple[str, int]:
    parts = _LISTEN.fullmatch(text)
    if parts is None or int(parts[3]) > 65535:
        raise ValueError
    if parts[1]:
        return str(ipaddress.IPv6Address(parts[1])), int(parts[3])
    if _ONLY_NUMBERS.fullmatch(parts[2]):
        return str(ipaddress.IPv4Address(parts[2])), int(parts[3])
    if not _HOST_NAME.fullmatch(parts[2]):
        raise ValueError
    return parts[2], int(parts[3])


def _parse_database_url(text: str) -> DatabaseKind:
    if not _DATABASE_URL.fullmatch(text) or text == "sqlite:///:memory:":
        raise ValueError
    return "sqlite" if text.startswith(_SQLITE) else "postgresql"


def _parse_public_url(text: str) -> None:
    if not text:
        return
    url = urlsplit(text)
    right = (
        text.startswith(("http://", "https://"))
        and text.isprintable()
        and not re.search(r"[\s?#\\@]", text)
        and not text.endswith("/")
        and url.hostname
        and url.port != 0
    )
    if not right:
        raise ValueError


def _parse_network(text: str) -> None:
    network = ipaddress.ip_network(text)
    if network.prefixlen < _WIDEST_MASK[network.version]:
        raise ValueError


def _parse_folder(text: str) -> None:
    if not text.isprintable():
        raise ValueError


def _parse_token(text: str) -> None:
    if text and not _TOKEN.fullmatch(text):
        raise ValueError


@dataclass(frozen=True)
class _Rule:
    """What a text must be beyond text; `parse` raises ValueError where it is not."""

    expected: str
    parse: Callable[[str], object]
    secret: bool = False

    def meta(self) -> Meta:
        return Meta(extra={"rule": self})


_Listen = Annotated[
    str,
    _Rule("host:port, as 127.0.0.1:8080 or [::1]:8080, port 0 to 65535,", _parse_listen).meta(),
]
_DatabaseUrl = Annotated[
    str,
    _Rule(
        "sqlite:///relative/path, sqlite:////absolute/path or postgresql://user@host/name",
        _parse_database_url,
        secret=True,
    ).meta(),
]
_PublicUrl = Annotated[
    str,
    _Rule(
        "an http:// or https:// address without closing slash, user, query or fragment",
        _parse_public_url,
        secret=True,
    ).meta(),
]
_Network = Annotated[
    str,
    _Rule(
        "a network, as 10.20.0.0/16 or fd00:1::/64, no wider than /8 (IPv6: /7)", _parse_network
    ).meta(),
]
_Folder = Annotated[
    str, _Rule("the path of a folder, without control characters", _parse_folder).meta()
]
_Token = Annotated[
    str,
    _Rule(
        "16 to 200 printable ASCII characters without blanks, or nothing",
        _parse_token,
        secret=True,
    ).meta(),
]
_Port = Annotated[int, Meta(ge=1, le=65535)]


class DatabaseSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[database]`: how the store works."""

    readers: Annotated[int, Meta(ge=1, le=64)] = 4
    pool_size: Annotated[int, Meta(ge=1, le=1000)] = 8
    group_limit: Annotated[int, Meta(ge=1, le=10000)] = 256
    busy_timeout_s: Annotated[float, Meta(ge=0.1, le=3600)] = 60.0


class WebSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[web]`: limits of the HTTP server."""

    processes: Annotated[int, Meta(ge=0, le=64)] = 0
    body_limit_bytes: Annotated[int, Meta(ge=1024, le=67108864)] = 4194304
    shutdown_grace_s: Annotated[float, Meta(ge=0, le=9)] = 8.0
    metrics_token: _Token = ""


class RetentionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[retention]`: how long what is personal is kept."""

    texts_hours: Annotated[int, Meta(ge=1, le=8760)] = 24
    callbacks_days: Annotated[int, Meta(ge=1, le=365)] = 7


class CallbackSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[callbacks]`: how dealers' servers are called, and which may be reached."""

    timeout_s: Annotated[float, Meta(ge=0.1, le=60)] = 5.0
    concurrency: Annotated[int, Meta(ge=1, le=1000)] = 128
    ports: Annotated[tuple[_Port, ...], Meta(min_length=1)] = (80, 443, 8080, 8443)
    private_networks: tuple[_Network, ...] = ()


class ExpirySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[expiry]`: how closely deadlines are watched."""

    tick_s: Annotated[float, Meta(ge=0.01, le=0.5)] = 0.25


class LogSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[log]`: what is logged, in which form."""

    level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    format: Literal["json", "console"] = "json"


class RecordingSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[recordings]`: limits of recorded calls."""

    size_limit_bytes: Annotated[int, Meta(ge=1024, le=16777216)] = 2097152


class PartSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[parts]`: messages that come in parts."""

    patience_s: Annotated[float, Meta(ge=1, le=86400)] = 30.0


class SpoolSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[spool]`: where messages wait that the database cannot take."""

    folder: _Folder = ""
    limit_mb: Annotated[int, Meta(ge=0, le=65536)] = 64
    after_s: Annotated[float, Meta(ge=0.1, le=60)] = 5.0


class LineSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[lines]`: when lines leave the pool, and for how long."""

    fails_before_rest: Annotated[int, Meta(ge=1, le=1000)] = 5
    rest_s: Annotated[int, Meta(ge=1, le=604800)] = 600
    longest_rest_s: Annotated[int, Meta(ge=1, le=2592000)] = 86400
    gateway_grace_s: Annotated[int, Meta(ge=0, le=86400)] = 30


class V1Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[v1]`: limits of `/v1`."""

    calls_per_s: Annotated[float, Meta(ge=0.1, le=100000)] = 50.0
    burst: Annotated[int, Meta(ge=1, le=1000000)] = 100
    heartbeat_s: Annotated[float, Meta(ge=0.1, le=300)] = 15.0
    open_per_account: Annotated[int, Meta(ge=1, le=1000000)] = 1000


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Every setting; `defaults.toml` tells what each one means. Made by `load_settings`."""

    listen: _Listen = "127.0.0.1:8080"
    database_url: _DatabaseUrl = "sqlite:///simlet.db"
    public_url: _PublicUrl = ""
    database: DatabaseSettings = DatabaseSettings()
    web: WebSettings = WebSettings()
    retention: RetentionSettings = RetentionSettings()
    callbacks: CallbackSettings = CallbackSettings()
    expiry: ExpirySettings = ExpirySettings()
    log: LogSettings = LogSettings()
    recordings: RecordingSettings = RecordingSettings()
    parts: PartSettings = PartSettings()
    spool: SpoolSettings = SpoolSettings()
    lines: LineSettings = LineSettings()
    v1: V1Settings = V1Settings()

    @property
    def host(self) -> str:
        """The host of `listen`, an IPv6 address without its brackets."""
        return _parse_listen(self.listen)[0]

    @property
    def port(self) -> int:
        """The port of `listen`; 0 lets the system pick one."""
        return _parse_listen(self.listen)[1]

    @property
    def database_kind(self) -> DatabaseKind:
        """Which of the two databases `database_url` names."""
        return _parse_database_url(self.database_url)

    @property
    def spool_folder(self) -> Path:
        """The folder of the spool."""
        if self.spool.folder:
            return Path(self.spool.folder)
        if self.database_kind == "sqlite":
            file = Path(self.database_url.removeprefix(_SQLITE))
            return file.with_name(file.name + "-spool")
        return Path("simlet-spool")

    def recording_base(self, bound_port: int | None = None) -> str:
        """What the addresses of recordings begin with, without a closing slash.

        Args:
            bound_port: the port that the server got, where `listen` asks for port 0.
        """
        if self.public_url:
            return self.public_url
        host = _reachable(self.host)
        bracketed = f"[{host}]" if ":" in host else host
        return f"http://{bracketed}:{self.port if bound_port is None else bound_port}"


def _reachable(host: str) -> str:
    """Nobody can call the address that means "every interface"; the loopback one stands for it."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"


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


def _rule(kind: Any) -> _Rule | None:
    node = inspect.type_info(kind)
    extra = node.extra if isinstance(node, inspect.Metadata) else None
    return cast("_Rule", extra["rule"]) if extra else None


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
        case inspect.Metadata(extra={"rule": _Rule(expected=expected)}):
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
