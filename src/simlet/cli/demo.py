"""`simlet demo`: a server with an embedded database and pretend lines, and what to try on it."""

import fcntl
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.text import Text

from simlet.cli.database import log_as_command, now_ms, with_database
from simlet.cli.demo_seed import seed
from simlet.cli.output import Output, console, json_option
from simlet.cli.serve import cannot_serve, serve_settings
from simlet.config import Settings
from simlet.domain.signing import TOKEN_RANDOM_BYTES, format_token, hash_secret
from simlet.load_config import load_settings

HOST = "127.0.0.1"
DATABASE_NAME = "simlet.db"
LOCK_NAME = "demo.lock"


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="0 lets the system pick a free one.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="The folder of the demo's database; delete it to begin anew.",
)
@json_option
def demo(output: Output, port: int, data: Path) -> None:
    """Try simlet: 50 pretend lines, a dealer with 1,000,000 đồng, and the lines to type."""
    data.mkdir(parents=True, exist_ok=True)
    settings = _settings(port, data)
    log_as_command(settings)
    _check_port(port)
    with _claimed(data):
        token = format_token(secrets.token_bytes(TOKEN_RANDOM_BYTES))
        hashed = hash_secret(token)
        with_database(settings, lambda db: db.write(seed, hashed, now_ms()), may_make=True)
        serve_settings(settings, lambda address: _tell(output, address, token))


def _settings(port: int, data: Path) -> Settings:
    """The settings of the environment, with the demo's address and database."""
    own = {
        "SIMLET_LISTEN": f"{HOST}:{port}",
        "SIMLET_DATABASE_URL": f"sqlite:///{data.absolute() / DATABASE_NAME}",
    }
    # People read this log between the lines they try; what the environment asks for wins.
    quiet = {"SIMLET_LOG_FORMAT": "console", "SIMLET_LOG_LEVEL": "warning"}
    return load_settings(quiet | dict(os.environ) | own)


def _check_port(port: int) -> None:
    """Before the token changes: a second demo must not take it from the one that runs."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise click.ClickException(cannot_serve(f"{HOST}:{port}", error)) from error


@contextmanager
def _claimed(data: Path) -> Iterator[None]:
    """Keeps the folder for one demo at a time: each makes its token the only one."""
    with (data / LOCK_NAME).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            sentence = f"Another demo is using the folder {data}; give another one with --data."
            raise click.ClickException(sentence) from error
        yield


def _tell(output: Output, address: str, token: str) -> None:
    if output.json:
        output.document({"address": address, "token": token})
        return
    shown = console()
    shown.print(Text(f"\nsimlet is listening on {address}", style="bold"))
    shown.print(Text(f"The token of the dealer, shown this once: {token}"), soft_wrap=True)
    shown.print(Text("A whole round, to be pasted into another terminal line by line:"))
    for title, command in round_commands(address, token):
        shown.print(Text(f"\n# {title}", style="dim"))
        # As it is: a line that was broken at the edge could not be pasted.
        click.echo(command)
    shown.print(Text("\nCtrl-C stops it."))


def round_commands(address: str, token: str) -> list[tuple[str, str]]:
    """The lines of a whole round for a shell, each with what it does.

    Args:
        address: where the server is, without a closing slash.
        token: the dealer's.
    """

    def show(query: str) -> str:
        return f"curl -s '{address}/api/?show={query}&token={token}'; echo"

    json = "-H 'content-type: application/json'"
    body = """-d '{"service":97,"wait_s":30}'"""
    once = f"curl -s '{address}/v1/rentals' -H 'authorization: Bearer {token}' {json} {body}; echo"
    rent = f"R=$(curl -s '{address}/api/register-service/?serviceId=02.97&token={token}')"
    code = f'curl -s "{address}/api/?show=code&ID=$N&token={token}"; echo'
    keep = """N=$(echo "$R" | sed 's/.*"request_id":"\\([0-9]*\\)".*/\\1/'); echo "$N\""""
    return [
        ("the balance", show("balance")),
        ("the networks", show("networks")),
        ("the services", show("service")),
        ("rent a number for service 02.97", f'{rent}; echo "$R"'),
        ("keep the id of the rental", keep),
        ("ask for the code: it is waited for", code),
        ("a pretend SMS arrives within 4 seconds", "sleep 5"),
        ("ask again: here is the code", code),
        ("the balance, less the price", show("balance")),
        ("the history", show("history")),
        ("the same by /v1, in one call: it answers when the code is there", once),
    ]
