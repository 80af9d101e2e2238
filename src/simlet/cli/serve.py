"""`simlet serve`: the server, until SIGTERM or SIGINT."""

import sys

import click
import msgspec

from simlet.cli.database import command_settings
from simlet.cli.output import Output, json_option
from simlet.config import Settings
from simlet.service import Ready, run, run_sibling
from simlet.siblings import SERVE_BESIDE, Instructions


@click.command()
@json_option
def serve(output: Output) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    An empty database gets its schema. The log goes to standard error.
    """
    serve_settings(
        command_settings(),
        lambda address: output.say(f"simlet is listening on {address}", {"address": address}),
    )


@click.command(SERVE_BESIDE[-1], hidden=True)
def serve_sibling() -> None:
    """Run a further process of a server; the first one starts it."""
    run_sibling(msgspec.json.decode(sys.stdin.buffer.readline(), type=Instructions))


def serve_settings(settings: Settings, ready: Ready) -> None:
    """Runs the server with these settings.

    Args:
        settings: the whole tree.
        ready: is called once with the address, when the server takes requests.

    Raises:
        click.ClickException: the address cannot be listened on.
        DatabaseFault: the database cannot be used, or has another schema.
    """
    try:
        run(settings, ready)
    except OSError as error:
        raise click.ClickException(cannot_serve(settings.listen, error)) from error


def cannot_serve(listen: str, error: OSError) -> str:
    """The sentence for an address that cannot be listened on."""
    return f"Cannot listen on {listen}: {error.strerror or type(error).__name__}."
