"""The operator's commands where only the client is installed: each says what it lacks."""

import click

from simlet import __name__ as own_name

NAMES = (
    "serve",
    "serve-sibling",
    "demo",
    "migrate",
    "backup",
    "restore",
    "account",
    "service",
    "line",
    "lines",
    "gateway",
    "gateways",
    "network",
    "rentals",
    "timeline",
    "quarantine",
    "sms",
    "books",
)
"""What they are called; they cannot be asked themselves."""

_ANYTHING = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def absent_commands(missing: ModuleNotFoundError) -> tuple[click.Command, ...]:
    """Stands in for the operator's commands.

    Args:
        missing: what their import ended with.

    Raises:
        ModuleNotFoundError: it is a module of simlet itself that is missing: a broken installation.
    """
    lacking = missing.name
    if lacking is None or lacking.partition(".")[0] == own_name:
        raise missing
    return tuple(_absent(name, lacking) for name in NAMES)


def _absent(name: str, lacking: str) -> click.Command:
    def refuse(args: tuple[str, ...]) -> None:  # noqa: ARG001 - whatever they are
        raise click.ClickException(
            f"`simlet {name}` needs the server's parts, and {lacking} is not installed: "
            "pip install 'simlet[server]'"
        )

    return click.Command(
        name,
        callback=refuse,
        params=[click.Argument(["args"], nargs=-1, type=click.UNPROCESSED)],
        context_settings=dict(_ANYTHING),
        hidden=True,
    )
