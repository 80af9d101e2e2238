"""The commands of those who run a server; they need what the server needs."""

import click

from simlet.cli.account import account
from simlet.cli.backup import backup, restore
from simlet.cli.books import books
from simlet.cli.demo import demo
from simlet.cli.gateway import gateway
from simlet.cli.gateways import gateways
from simlet.cli.line import line
from simlet.cli.lines import lines
from simlet.cli.migrate import migrate
from simlet.cli.network import network
from simlet.cli.quarantine import quarantine
from simlet.cli.rentals import rentals
from simlet.cli.serve import serve, serve_sibling
from simlet.cli.service import service
from simlet.cli.sms import sms
from simlet.cli.timeline import timeline

COMMANDS: tuple[click.Command, ...] = (
    serve,
    serve_sibling,
    demo,
    migrate,
    backup,
    restore,
    account,
    service,
    line,
    lines,
    gateway,
    gateways,
    network,
    rentals,
    timeline,
    quarantine,
    sms,
    books,
)
