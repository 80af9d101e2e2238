"""`simlet line attach` and `simlet line detach`: whose lines they are."""

from dataclasses import dataclass

import click

from simlet.cli.database import command_settings, now_ms, with_database, write
from simlet.cli.line_import import PAUSE_SHARE
from simlet.cli.output import Output, json_option
from simlet.clock import Clock, SystemClock
from simlet.flows.attach_lines import attach_lines, attach_lines_of
from simlet.store.database import Database

PAGE_LINES = 1_000

_numbers = click.argument("numbers", nargs=-1, metavar="[NUMBER]…")


@click.command()
@_numbers
@click.option(
    "--from",
    "before",
    metavar="OLD",
    help="All lines of this gateway; of a removed one the name that `line list` shows.",
)
@click.option("--gateway", required=True, metavar="NAME", help="The gateway that gets them.")
@json_option
def attach(output: Output, numbers: tuple[str, ...], before: str | None, gateway: str) -> None:
    """Give the lines with these NUMBERs to a gateway, or all lines --from another one.

    From then on they take messages from that gateway alone. Rentals go on as they are, and lines
    that were out because of the gateway before come back within seconds.
    """
    count = _moved(numbers, before, gateway)
    words = f"{_lines(count)} moved to gateway {gateway!r}."
    output.say(words, {"gateway": gateway, "moved": count})


@click.command()
@_numbers
@click.option("--from", "before", metavar="OLD", help="All lines of this gateway.")
@json_option
def detach(output: Output, numbers: tuple[str, ...], before: str | None) -> None:
    """Take the lines with these NUMBERs from their gateways, or all lines --from one.

    From then on they take messages from any gateway.
    """
    count = _moved(numbers, before, None)
    words = f"{_lines(count)} taken from their gateways: any may bring messages for them."
    output.say(words, {"gateway": None, "moved": count})


def _lines(count: int) -> str:
    return f"{count} {'line was' if count == 1 else 'lines were'}"


def _moved(numbers: tuple[str, ...], before: str | None, gateway: str | None) -> int:
    if bool(numbers) == (before is not None):
        raise click.UsageError("Name lines by their NUMBERs, or a gateway with --from.")
    if before is None:
        return write(attach_lines, numbers, gateway, now_ms())
    settings = command_settings()
    pause_share = PAUSE_SHARE if settings.database_kind == "sqlite" else 0
    return with_database(settings, _Moving(before, gateway, pause_share, SystemClock()).run)


@dataclass(frozen=True, slots=True)
class _Moving:
    """All lines of a gateway move, page by page: a running server is never held up for long."""

    before: str
    gateway: str | None
    pause_share: float
    clock: Clock

    async def run(self, db: Database) -> int:
        moved = 0
        while True:
            started_s = self.clock.monotonic_s()
            count = await db.write(
                attach_lines_of, self.before, self.gateway, PAGE_LINES, self.clock.now_ms()
            )
            if not count:
                return moved
            moved += count
            await self.clock.sleep(self.pause_share * (self.clock.monotonic_s() - started_s))
