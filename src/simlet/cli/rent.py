"""`simlet rent`: a dealer's rental from the command line, on any server."""

import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.live import Live
from rich.text import Text

from simlet.cli.failure import DONE, INTERRUPTED
from simlet.cli.output import harmless
from simlet.client import Client, Conflict, LiveRental, NoCode, Rental, SimletError

NO_CODE = 3
_REFRESHED_PER_S = 4


@click.command()
@click.argument("service")
@click.option("--network", "networks", multiple=True, metavar="NAME", help="Only this network.")
@click.option("--prefix", "prefixes", multiple=True, metavar="09…", help="Only such numbers.")
@click.option("--not-prefix", "unwanted", multiple=True, metavar="09…", help="No such numbers.")
@click.option("--number", metavar="NUMBER", help="The number to rent again.")
@click.option("--max-price", type=click.IntRange(min=0), metavar="ĐỒNG", help="No higher price.")
@click.option(
    "--wait-for-stock",
    type=click.IntRange(0, 3600),
    default=0,
    metavar="S",
    help="Wait for a free line, so many seconds at most.",
)
@click.option("--wait/--no-wait", default=True, help="Wait for the code.  [default: wait]")
@click.option("--url", metavar="URL", help="The server; without it SIMLET_URL.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file that holds the token; without it SIMLET_TOKEN.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON line when it is rented and when it ended."
)
def rent(
    *,
    service: str,
    networks: tuple[str, ...],
    prefixes: tuple[str, ...],
    unwanted: tuple[str, ...],
    number: str | None,
    max_price: int | None,
    wait_for_stock: int,
    wait: bool,
    url: str | None,
    token_file: Path | None,
    as_json: bool,
) -> int:
    """Rent a number for SERVICE (its id or name), and wait for the code.

    The number comes first and the code last, each on a line of its own. Ctrl-C cancels the rental.
    Exit codes: 0 here is the code, 1 refused or not reached, 2 wrong use, 3 no code came, 130
    interrupted.
    """
    with Client(url, _token(token_file)) as client:
        rental = client.rent(
            service,
            networks=networks,
            prefixes=prefixes,
            prefixes_unwanted=unwanted,
            number=number,
            max_price_dong=max_price,
            wait_for_stock_s=wait_for_stock,
        )
        shown = RentOutput(as_json)
        try:
            shown.rented(rental)
            if not wait:
                return DONE
            with shown.progress(rental):
                ended = rental.wait()
        except KeyboardInterrupt:
            return _give_back(rental, shown)
        return shown.ended(ended)


@dataclass(frozen=True, slots=True)
class RentOutput:
    """What is told of a rental: results on standard output, the rest beside it."""

    json: bool

    def rented(self, rental: Rental) -> None:
        """Tells the number at once: whoever reads it has to type it in somewhere."""
        if self.json:
            self._line(rental)
            return
        click.echo(rental.number)
        service = harmless(rental.service_name)
        what = f"{service}, rental {rental.id}, {rental.price_dong:,} đồng"
        click.echo(f"{rental.national_number} for {what}", err=True)

    def progress(self, rental: Rental) -> AbstractContextManager[object]:
        """On a terminal a line that counts the seconds while it is waited."""
        console = Console(stderr=True, highlight=False)
        if self.json or not console.is_terminal:
            return nullcontext()
        # By this machine's clock alone: the server's may show another time.
        ends = time.monotonic() + (rental.deadline_at - rental.created_at).total_seconds()
        return Live(
            get_renderable=lambda: progress_line(rental, ends - time.monotonic()),
            console=console,
            refresh_per_second=_REFRESHED_PER_S,
            transient=True,
        )

    def ended(self, rental: Rental) -> int:
        """Tells how it ended; the exit code."""
        if self.json:
            self._line(rental)
        elif rental.code is not None:
            click.echo(rental.code)
        else:
            click.echo(str(NoCode(rental)), err=True)
        return NO_CODE if rental.code is None else DONE

    def say(self, sentence: str) -> None:
        """Tells people something that is no result."""
        click.echo(harmless(sentence), err=True)

    def _line(self, rental: Rental) -> None:
        click.echo(msgspec.json.encode(rental))
        sys.stdout.flush()


def progress_line(rental: Rental, left_s: float) -> Text:
    """The line that people see while they wait."""
    minutes, seconds = divmod(max(0, round(left_s)), 60)
    return Text(f"{rental.national_number}  waiting for the code, {minutes}:{seconds:02} left")


def _give_back(rental: LiveRental, shown: RentOutput) -> int:
    """After Ctrl-C: the rental is cancelled, where that is possible."""
    try:
        ended = rental.cancel()
    except Conflict as error:
        shown.say(f"Interrupted; not cancelled: {error} Its price comes back if no code comes.")
        return INTERRUPTED
    except SimletError as error:
        shown.say(f"Interrupted; whether rental {rental.id} was cancelled is not known: {error}")
        return INTERRUPTED
    if ended.code is not None:
        shown.say("Interrupted; the code had come already.")
        return shown.ended(ended)
    shown.say(f"Interrupted; rental {ended.id} is {ended.state} and its price is back.")
    if shown.json:
        shown.ended(ended)
    return INTERRUPTED


def _token(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        token = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise click.BadParameter("the file cannot be read", param_hint="--token-file") from None
    if not token:
        raise click.BadParameter("the file is empty", param_hint="--token-file")
    return token
