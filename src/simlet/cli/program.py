"""The program `simlet`: all commands, and how each of them ends."""

import io
import sys
from collections.abc import Sequence
from typing import Any

import click

from simlet import __version__
from simlet.cli.absent import absent_commands
from simlet.cli.failure import DONE, tell
from simlet.cli.rent import rent

try:
    from simlet.cli.operator import COMMANDS
except ModuleNotFoundError as missing:
    COMMANDS = absent_commands(missing)


class Program(click.Group):
    """A group of commands whose failures are one sentence and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs one command and ends the process; see `simlet.cli.failure` for exit codes."""
        given = list(sys.argv[1:] if args is None else args)
        _speak_anyhow()
        try:
            _check_texts(given)
            result = super().main(
                given,
                prog_name,
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except Exception as error:
            if not standalone_mode:
                raise
            sys.exit(tell(error, json="--json" in given))
        if not standalone_mode:
            return result
        sys.exit(result if isinstance(result, int) else DONE)


def _speak_anyhow() -> None:
    """A terminal without the letters of Vietnamese shows a mark for each, and nothing fails."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _check_texts(args: Sequence[str]) -> None:
    """What the shell handed over in another encoding could neither be kept nor shown."""
    try:
        "".join(args).encode()
    except UnicodeEncodeError:
        raise click.UsageError("An argument is not UTF-8 text.") from None


@click.group(
    cls=Program,
    commands=[rent, *COMMANDS],
)
@click.version_option(__version__, prog_name="simlet")
def main() -> None:
    """Rent the numbers of your own SIM cards for one-time codes.

    Settings come from simlet.toml and from SIMLET_… variables; commands work while the server
    runs, all but restore and migrate. Exit codes: 0 done, 1 refused, 2 wrong use, 3 a fault.
    """
