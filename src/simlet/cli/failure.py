"""How a command fails: one sentence on standard error, and an exit code that programs can read.

0 done; 1 refused, or a check found something; 2 wrong use (arguments or settings); 3 a fault (the
database, the network, or simlet itself); 130 interrupted.
"""

import traceback
from dataclasses import dataclass

import click
import msgspec

from simlet.cli.output import harmless
from simlet.client import NotConfigured, Problem, SimletError
from simlet.domain.errors import Refused
from simlet.domain.masking import mask
from simlet.load_config import SettingsError
from simlet.store.sql import DatabaseFault, DatabaseInUse, NotDone

DONE, REFUSED, WRONG_USE, FAULT, INTERRUPTED = 0, 1, 2, 3, 130
UNFORESEEN = "fault"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a command failed: a stable code, a sentence for people, an exit code."""

    code: str
    sentence: str
    exit_code: int


def failure_of(error: Exception) -> Failure:
    """What an error is to the one who called the command."""
    match error:
        case Refused():
            failure = Failure(error.refusal.code, error.sentence, REFUSED)
        case SettingsError():
            failure = Failure("settings", " ".join(error.problems), WRONG_USE)
        case SimletError():
            failure = _of_client(error)
        case NotDone():
            failure = Failure("not_done", _sentence(str(error)), REFUSED)
        case DatabaseFault():
            code = "database_in_use" if isinstance(error, DatabaseInUse) else "database"
            failure = Failure(code, _sentence(str(error)), FAULT)
        case click.Abort():
            failure = Failure("interrupted", _sentence(str(error) or "Interrupted"), INTERRUPTED)
        case click.UsageError():
            failure = Failure("usage", _sentence(error.format_message()), WRONG_USE)
        case click.ClickException():
            failure = Failure("system", _sentence(error.format_message()), FAULT)
        case OSError():
            failure = Failure("system", _sentence(_system_words(error)), FAULT)
        case _:
            failure = Failure(
                UNFORESEEN, _sentence(mask(f"{type(error).__name__}: {error}")), FAULT
            )
    return failure


def _of_client(error: SimletError) -> Failure:
    """What a dealer's command failed with: a server that is not reached is told as a refusal."""
    if isinstance(error, NotConfigured):
        return Failure("settings", _sentence(str(error)), WRONG_USE)
    code = error.code if isinstance(error, Problem) else "server"
    return Failure(code, _sentence(str(error)), REFUSED)


def tell(error: Exception, *, json: bool) -> int:
    """Tells on standard error why a command failed; its exit code."""
    failure = failure_of(error)
    if json:
        facts = {"error": {"code": failure.code, "sentence": failure.sentence}}
        click.echo(msgspec.json.encode(facts), err=True)
    elif isinstance(error, click.UsageError):
        error.show()
    else:
        if failure.code == UNFORESEEN:
            # Nobody foresaw it: whoever mends it needs to see where it happened.
            click.echo(mask("".join(traceback.format_exception(error))), err=True)
        click.echo(f"Error: {harmless(failure.sentence)}", err=True)
    return failure.exit_code


def _system_words(error: OSError) -> str:
    words = error.strerror or type(error).__name__
    return f"{error.filename}: {words}" if error.filename else words


def _sentence(text: str) -> str:
    """The text in one line, as a sentence."""
    words = " ".join(text.split())
    closed = words if words.endswith((".", "!", "?")) else words + "."
    return closed[:1].upper() + closed[1:]
