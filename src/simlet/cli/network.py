"""`simlet network`: the mobile operators that lines belong to."""

import click

from simlet.cli.database import read, write
from simlet.cli.output import Output, json_option
from simlet.flows import browse, manage_lines

_COLUMNS = {"id": "ID", "name": "NAME"}


@click.group()
def network() -> None:
    """Networks: mobile operators."""


@network.command("list")
@json_option
def list_networks(output: Output) -> None:
    """List all networks."""
    rows = [{"id": number, "name": name} for number, name in read(browse.list_networks)]
    output.rows(rows, _COLUMNS, "There are no networks.")


@network.command()
@click.argument("name")
@json_option
def add(output: Output, name: str) -> None:
    """Name a further network."""
    network_id = write(manage_lines.add_network, name)
    facts = {"id": network_id, "name": name.strip().upper()}
    output.say(f"Network {facts['name']!r} is added with the id {network_id}.", facts)
