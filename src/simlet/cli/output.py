"""What a command says: a sentence or a table for people, one JSON document for programs."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import click
import msgspec
from rich import box
from rich.cells import cell_len
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

# Where nobody looks at a terminal no value may be cut or broken into two lines.
_UNBROKEN_COLUMNS = 100_000

# Longer values may be broken at a narrow terminal; a number, an id or a state is never so long.
_LONG = 22
# Between two columns, as the table is drawn on a terminal.
_GAP = 3

# What a terminal obeys instead of showing it, and what turns the order of the letters round.
_COMMANDS = [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_ENDS = "\t\n\v\f\r\x85\u2028\u2029"
_SHOWN = dict.fromkeys(_COMMANDS, "�") | dict.fromkeys(map(ord, _ENDS), " ")

Facts = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command's results go: standard output, in one of the two forms."""

    json: bool

    def say(self, sentence: str, facts: object) -> None:
        """One result: a sentence, or the facts as a JSON document."""
        if self.json:
            self.document(facts)
        else:
            click.echo("\n".join(map(harmless, sentence.split("\n"))))

    def document(self, facts: object) -> None:
        """One JSON document, in UTF-8 whatever the terminal speaks."""
        click.echo(msgspec.json.encode(facts))

    def rows(
        self,
        rows: Sequence[Facts],
        columns: Mapping[str, str],
        empty: str,
        minor: Sequence[str] = (),
    ) -> None:
        """Many results: a table, or an array.

        Args:
            rows: the facts of each row.
            columns: the titles of the table's columns by the names of the facts they show.
            empty: the sentence that stands in place of an empty table.
            minor: the facts that a narrow terminal goes without, the first to go first.
        """
        if self.json:
            self.document(rows)
        elif not rows:
            click.echo(empty)
        else:
            shown = console()
            shown.print(table(rows, columns, minor, shown.width))


def _to_output(_context: click.Context, _option: click.Parameter, wanted: bool) -> Output:
    return Output(wanted)


json_option = click.option(
    "--json",
    "output",
    is_flag=True,
    callback=_to_output,
    help="Print one JSON document, for programs.",
)
"""The option of every command; it gives the command its `output`."""


def harmless(text: str) -> str:
    """A text on one line as people may see it: senders of SMS write to no operator's terminal."""
    return text.translate(_SHOWN)


def time_text(at_ms: object) -> str:
    """UTC milliseconds as people read a time; empty for None."""
    if not isinstance(at_ms, int):
        return ""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d %H:%M:%SZ}"


def moment_text(at_ms: int) -> str:
    """As `time_text`, to the millisecond."""
    return f"{time_text(at_ms).removesuffix('Z')}.{at_ms % 1000:03d}Z"


def table(
    rows: Sequence[Facts], columns: Mapping[str, str], minor: Sequence[str], width_columns: int
) -> Group:
    """Rows as people read them, with a line below that names what there was no room for.

    Args:
        rows: as in `Output.rows`, like `columns` and `minor`.
        columns: see `rows`.
        minor: see `rows`.
        width_columns: how many characters stand side by side.
    """
    cells = {name: [_cell(name, row[name]) for row in rows] for name in columns}
    widths = {name: _width(title, cells[name]) for name, title in columns.items()}
    shown = _fitting(widths, minor, width_columns)
    fits = _needed(widths, shown) <= width_columns
    made = Table(box=box.SIMPLE_HEAD if sys.stdout.isatty() else None, pad_edge=False)
    for name in shown:
        unbroken = fits and widths[name] <= _LONG
        made.add_column(Text(columns[name]), overflow="fold", no_wrap=unbroken)
    for row in zip(*(cells[name] for name in shown), strict=True):
        made.add_row(*row)
    left_out = ", ".join(title for name, title in columns.items() if name not in shown)
    if not left_out:
        return Group(made)
    return Group(made, Text(f"No room for {left_out}: see --json."))


def _fitting(widths: Mapping[str, int], minor: Sequence[str], width_columns: int) -> list[str]:
    """The columns for which there is room."""
    shown = list(widths)
    for name in minor:
        if _needed(widths, shown) <= width_columns:
            break
        shown.remove(name)
    return shown


def _needed(widths: Mapping[str, int], shown: Sequence[str]) -> int:
    return sum(min(widths[name], _LONG) + _GAP for name in shown) - 1


def _width(title: str, cells: Iterable[Text]) -> int:
    return max(cell_len(title), *(cell_len(one.plain) for one in cells), 0)


def _cell(name: str, value: object) -> Text:
    if name.endswith("_at_ms"):
        return Text(time_text(value))
    is_figure = isinstance(value, int) and not isinstance(value, bool)
    return Text(harmless(_words(value)), justify="right" if is_figure else "left")


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name}={one}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(one) for one in value)
    return "" if value is None else str(value)


def console() -> Console:
    """Standard output: in colours and as wide as the terminal, plain and unbroken elsewhere."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    # Told apart by the stream alone: FORCE_COLOR and its like must not reach a pipe.
    return Console(
        width=_UNBROKEN_COLUMNS, color_system=None, force_terminal=False, highlight=False
    )
