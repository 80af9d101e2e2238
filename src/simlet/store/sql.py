"""Statements, and the transaction they run in.

A statement is written once as text, with `:name` for its inputs and a few `{words}` that the two
databases spell differently. It is prepared once and then runs on the bare driver: on the hot path
SQLAlchemy's own execution costs ten times the statement itself.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import msgspec

Row = Sequence[Any]
Inputs = Mapping[str, Any]

LISTS_AT_ONCE = 3
"""The most lists that a database reads at a time for one process."""

# A text between quotes holds no inputs, and `::` is a cast.
_INPUT = re.compile(r"'[^']*'|(?<![:\w]):([a-z_][a-z0-9_]*)")

_SQLITE_WORDS = {
    "for_update": "",
    "in_order_for_update_of_r": "",
    "lock_stock": "",
    "lock_catalogue": "1",
    "lock_numbering": "1",
    "lock_parts": ":key",
    "skip_locked": "",
    "ids": "(SELECT value FROM json_each(:ids))",
    "texts": "(SELECT value FROM json_each(:texts))",
    "table": "json_each(:table)",
    "next_seq": "(SELECT coalesce(max(seq), 0) + 1 FROM events)",
    "returning_id": "",
    "place_of": "instr",
}
# No flow changes a key or deletes a row that others refer to, so rows are locked against changes
# and not against references: a message must not wait for a renting only because both name a line.
_POSTGRES_WORDS = {
    "for_update": "FOR NO KEY UPDATE",
    # In one order, or two transactions that lock the same rows would wait for each other.
    "in_order_for_update_of_r": "ORDER BY r.id FOR NO KEY UPDATE OF r",
    # The share lock makes the block's row the newest one, not the one of the snapshot.
    "lock_stock": "FOR NO KEY UPDATE OF s FOR SHARE OF b",
    "lock_catalogue": "pg_advisory_xact_lock(1936289132, 1)",
    "lock_numbering": "pg_advisory_xact_lock(1936289132, 2)",
    "lock_parts": "pg_advisory_xact_lock(1936289133, hashtext(:key))",
    "ids": "(SELECT CAST(jsonb_array_elements_text(CAST(:ids AS jsonb)) AS BIGINT))",
    "texts": "(SELECT jsonb_array_elements_text(CAST(:texts AS jsonb)))",
    "table": "jsonb_array_elements(CAST(:table AS jsonb))",
    "skip_locked": "FOR NO KEY UPDATE SKIP LOCKED",
    "next_seq": "NULL",
    "returning_id": "RETURNING id",
    "place_of": "strpos",
}


class Sql:
    """One statement in the spelling of each database.

    The words that lock (`{for_update}`, `{skip_locked}`, `{lock_…}`) say nothing on SQLite, which
    has one writer; `{next_seq}` numbers an event; `{returning_id}` ends what `Tx.add` runs;
    `{place_of}` is the function that finds a text in another one;
    `{ids}` and `{texts}` are sets of whole numbers and of texts, each given as a JSON array in the
    input of that name (see `ids_array`, `texts_array`); `{table}` is a table given as a JSON array
    of arrays in the input `table`, of whose rows `value ->> 0` is the first cell: the fastest way
    to add many rows.

    Attributes:
        adds_event: whether it adds an event, which is to be numbered after the commit.
        sqlite: with numbers in the place of the names of its inputs: SQLite looks each name up.
        in_order: the values of its inputs, by those numbers.
    """

    __slots__ = ("adds_event", "in_order", "postgres", "sqlite")

    def __init__(self, text: str) -> None:
        self.adds_event = "{next_seq}" in text
        self.sqlite, names = _numbered(_worded(text, _SQLITE_WORDS))
        self.in_order = _picker(names)
        self.postgres = _INPUT.sub(_input, _worded(text.replace("%", "%%"), _POSTGRES_WORDS))


def ids_array(ids: Iterable[int]) -> str:
    """Whole numbers as the input of `{ids}`."""
    return msgspec.json.encode(list(ids)).decode()


def table_of(rows: Iterable[Sequence[object]]) -> str:
    """Rows as the input of `{table}`."""
    return msgspec.json.encode(list(rows)).decode()


def texts_array(texts: Iterable[str]) -> str:
    """Texts as the input of `{texts}`."""
    return msgspec.json.encode(list(texts)).decode()


def _input(found: re.Match[str]) -> str:
    return f"%({found[1]})s" if found[1] else found[0]


def _numbered(text: str) -> tuple[str, list[str]]:
    """A statement with numbered inputs, and the names that those had, by number."""
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        name = found[1]
        if not name:
            return found[0]
        if name not in names:
            names.append(name)
        return f"?{names.index(name) + 1}"

    return _INPUT.sub(number, text), names


def _picker(names: list[str]) -> Callable[[Inputs], tuple[Any, ...]]:
    if not names:
        return _nothing
    if len(names) == 1:
        (name,) = names
        return lambda inputs: (inputs[name],)
    return itemgetter(*names)


def _nothing(_: Inputs) -> tuple[Any, ...]:
    return ()


def _worded(text: str, words: Mapping[str, str]) -> str:
    for word, spelling in words.items():
        text = text.replace("{" + word + "}", spelling)
    return text.rstrip()


class Tx(Protocol):
    """A transaction in which statements run; a flow gets one, and never ends it itself.

    Attributes:
        alone: whether no other transaction writes meanwhile, so that what was read stays true.
    """

    @property
    def alone(self) -> bool:
        """See above."""
        ...

    def run(self, statement: Sql, /, **inputs: Any) -> int:
        """Runs a statement; the number of rows it changed."""
        ...

    def add(self, statement: Sql, /, **inputs: Any) -> int:
        """Runs a statement that adds a row and ends with `{returning_id}`; the row's id."""
        ...

    def add_once(self, statement: Sql, /, **inputs: Any) -> int | None:
        """As `add`; None when the statement added nothing, because there is such a row."""
        ...

    def row(self, statement: Sql, /, **inputs: Any) -> Row | None:
        """The first row of a statement's answer; None when there is none."""
        ...

    def rows(self, statement: Sql, /, **inputs: Any) -> list[Row]:
        """All rows of a statement's answer."""
        ...

    def run_many(self, statement: Sql, many: Iterable[Inputs], /) -> None:
        """Runs a statement once for each set of inputs."""
        ...


class Call(NamedTuple):
    """A flow with all its inputs but the transaction."""

    flow: Callable[..., Any]
    args: tuple[Any, ...]
    inputs: Mapping[str, Any]

    def __call__(self, tx: Tx) -> Any:
        """Runs the flow."""
        return self.flow(tx, *self.args, **self.inputs)


@dataclass(frozen=True, slots=True)
class Raised:
    """The outcome of a flow that refused or failed, among the outcomes of others."""

    error: BaseException


class DatabaseFault(Exception):  # noqa: N818 - a fault is what the house calls it
    """The database could not do what was asked; nothing of the flow is kept."""


class SchemaMismatch(DatabaseFault):
    """The database's schema is not the one this version of simlet works with."""


class DatabaseInUse(DatabaseFault):
    """Another process has the database, as nobody else may meanwhile."""


class NotDone(Exception):  # noqa: N818 - nothing failed
    """What was asked for the database as a whole is not to be had; nothing is changed."""
