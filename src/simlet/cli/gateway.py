"""`simlet gateway`: configured equipment, and the secrets of those who post to us."""

import secrets
from collections.abc import Iterable, Mapping

import click

from simlet.cli.database import command_settings, now_ms, read, write
from simlet.cli.output import Output, json_option
from simlet.domain.errors import GATEWAY_UNKNOWN, Refused, invalid
from simlet.domain.signing import TOKEN_RANDOM_BYTES, format_gateway_secret, hash_secret
from simlet.flows import browse, manage_gateways
from simlet.flows.manage_gateways import Removed
from simlet.gateways.contract import DriverKind, Settings, Value
from simlet.gateways.registry import KINDS
from simlet.gateways.settings import check_names, check_settings, other_than_default, redacted
from simlet.store.gateways import Gateway

_COLUMNS = {"id": "ID", "name": "NAME", "kind": "KIND", "settings": "SETTINGS"}
_FILE = "--set-file"

_from_files = click.option(
    _FILE,
    "files",
    multiple=True,
    metavar="KEY=PATH",
    help="A setting whose value is what stands in a file, as a password; - is standard input.",
)


@click.group()
def gateway() -> None:
    """Gateways: equipment, and what posts messages to us."""


@gateway.command()
@click.argument("name")
@click.option("--kind", required=True, type=click.Choice(sorted(KINDS)), help="What it is.")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A setting of its kind.")
@_from_files
@json_option
def add(
    output: Output, name: str, kind: str, pairs: tuple[str, ...], files: tuple[str, ...]
) -> None:
    """Add a gateway; its secret, if its kind has one, is shown this once.

    Other users of this machine see what stands in a command: give passwords with --set-file.
    """
    if name == manage_gateways.CONSOLE:
        raise invalid("name", f"{name} is kept for `simlet sms`")
    given = dict(_setting(pair) for pair in pairs) | _read_settings(files)
    settings = check_settings(KINDS[kind], given)
    secret = None
    if KINDS[kind].takes_secret:
        secret = format_gateway_secret(secrets.token_bytes(TOKEN_RANDOM_BYTES))
    hashed = None if secret is None else hash_secret(secret)
    gateway_id = write(manage_gateways.add_gateway, name, kind, settings, hashed, now_ms())
    words = f"Gateway {name!r} is added.\n\n{_setup_page(name, kind, settings)}"
    if secret is not None:
        words += f"\n\nIts secret, shown this once:\n{secret}"
    shown = redacted(KINDS[kind], settings)
    facts = {"id": gateway_id, "name": name, "kind": kind, "settings": shown, "secret": secret}
    output.say(words, facts)


def _setting(pair: str, hint: str = "--set") -> tuple[str, str]:
    name, given, text = pair.partition("=")
    if not name or not given:
        form = "KEY=PATH" if hint == _FILE else "KEY=VALUE"
        raise click.BadParameter(f"expected {form}.", param_hint=hint)
    return name, text


def _read_settings(files: Iterable[str]) -> dict[str, str]:
    """Settings whose values stand in files, each without the end of its last line."""
    return {name: _read_value(path) for name, path in (_setting(one, _FILE) for one in files)}


def _read_value(path: str) -> str:
    try:
        with click.open_file(path, encoding="utf-8") as file:
            text: str = file.read().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise click.BadParameter(f"{path} cannot be read: {reason}.", param_hint=_FILE) from error
    except UnicodeDecodeError:
        raise click.BadParameter(f"{path} is not UTF-8 text.", param_hint=_FILE) from None
    if not text:
        raise click.BadParameter(f"{path} is empty.", param_hint=_FILE)
    return text


@gateway.command()
@click.argument("name")
@json_option
def show(output: Output, name: str) -> None:
    """Show a gateway: its settings, and what to enter at the other side."""
    found = read(browse.find_gateway, name)
    if found is None or found.kind not in KINDS:
        raise Refused(GATEWAY_UNKNOWN, name=name)
    shown = redacted(KINDS[found.kind], found.settings)
    page = _setup_page(name, found.kind, found.settings)
    listed = "\n".join(f"{key} = {value}" for key, value in shown.items())
    words = f"Gateway {name!r} is of kind {found.kind}.\n{listed}\n\n{page}"
    facts = {"id": found.id, "name": name, "kind": found.kind, "settings": shown, "setup": page}
    output.say(words, facts)


def _setup_page(name: str, kind: str, settings: Mapping[str, Value]) -> str:
    """What to enter where; an address in it is the one under which this server is reached."""
    known = KINDS[kind].settings
    open_ones = {one.name: settings.get(one.name, one.default) for one in known if not one.secret}
    address = f"{command_settings().recording_base()}/gateways/{name}"
    return KINDS[kind].setup.format(**{**open_ones, "name": name, "address": address}).rstrip()


@gateway.command("list")
@json_option
def list_gateways(output: Output) -> None:
    """List all gateways, each with the settings that are not as its kind has them."""
    rows = [
        {
            "id": one.id,
            "name": one.name,
            "kind": one.kind,
            "settings": _set_ones(KINDS.get(one.kind), one.settings),
        }
        for one in read(browse.list_gateways)
    ]
    output.rows(rows, _COLUMNS, "There are no gateways.")


def _set_ones(kind: DriverKind | None, settings: Settings) -> dict[str, Value]:
    return redacted(kind, other_than_default(kind, settings))


@gateway.command("set")
@click.argument("name")
@click.argument("pairs", nargs=-1, metavar="[KEY=VALUE]…")
@_from_files
@json_option
def change(output: Output, name: str, pairs: tuple[str, ...], files: tuple[str, ...]) -> None:
    """Change settings of a gateway; KEY= puts a setting back to what its kind has.

    A running server starts its driver again within some seconds.
    """
    given = dict(_setting(pair, "KEY=VALUE") for pair in pairs) | _read_settings(files)
    if not given:
        raise click.UsageError("Name a setting: KEY=VALUE, or --set-file KEY=PATH.")

    def with_given(found: Gateway) -> dict[str, Value]:
        kind = _kind(found)
        check_names(kind, given)
        kept = {key: value for key, value in found.settings.items() if key not in given}
        return check_settings(kind, {**kept, **{key: text for key, text in given.items() if text}})

    changed = write(manage_gateways.change_gateway, name, with_given, now_ms())
    shown = redacted(_kind(changed), changed.settings)
    page = _setup_page(name, changed.kind, changed.settings)
    facts = {"id": changed.id, "name": name, "kind": changed.kind, "settings": shown}
    output.say(f"Gateway {name!r} is changed.\n\n{page}", facts)


@gateway.command()
@click.argument("name")
@json_option
def rotate(output: Output, name: str) -> None:
    """Give a gateway a new secret, shown this once; the old one ends within some seconds."""
    secret = format_gateway_secret(secrets.token_bytes(TOKEN_RANDOM_BYTES))
    write(manage_gateways.rotate_secret, name, hash_secret(secret), now_ms())
    words = f"Gateway {name!r} has a new secret, shown this once:\n{secret}"
    output.say(words, {"name": name, "secret": secret})


@gateway.command()
@click.argument("name")
@json_option
def remove(output: Output, name: str) -> None:
    """Remove a gateway; its lines leave the pool until another one gets them.

    A modem gets the lines whose SIMs it sees; any gateway gets those that `simlet line attach`
    gives it. Messages that it brought in stay as they are. Its name is free for another gateway.
    """
    removed = write(manage_gateways.remove_gateway, name, now_ms())
    words = f"Gateway {name!r} is removed." + (_stranded(removed) if removed.lines else "")
    output.say(words, {"name": name, "name_now": removed.name, "lines": removed.lines})


def _stranded(removed: Removed) -> str:
    """What becomes of the lines that a gateway leaves, and what to do."""
    count = "Its line is" if removed.lines == 1 else f"Its {removed.lines} lines are"
    return (
        f"\n\n{count} rented no more, until a modem sees the SIM, or you name a gateway:\n"
        f"simlet line attach --from {removed.name} --gateway NAME\n"
        f"simlet line detach --from {removed.name}    # or any gateway may bring messages"
    )


def _kind(found: Gateway) -> DriverKind:
    if found.kind not in KINDS:
        raise Refused(GATEWAY_UNKNOWN, name=found.name)
    return KINDS[found.kind]
