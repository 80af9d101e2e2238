"""Who answers for a decision: the person that `--by` names, else the one who is logged in."""

import getpass

import click

from simlet.domain.principal import MAX_PERSON_CHARS

by_option = click.option(
    "--by",
    metavar="PERSON",
    help="Who decides this; recorded. Without it, the name you are logged in with.",
)


def person(by: str | None) -> str:
    """The name of the person who decides.

    Raises:
        click.UsageError: there is no name, or it is no name that can be recorded.
    """
    name = (_login_name() if by is None else by).strip()
    if not 1 <= len(name) <= MAX_PERSON_CHARS or not name.isprintable():
        raise click.BadParameter(
            f"expected a name of 1 to {MAX_PERSON_CHARS} characters.", param_hint="--by"
        )
    return name


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):
        raise click.UsageError("Say with --by NAME who decides this.") from None
