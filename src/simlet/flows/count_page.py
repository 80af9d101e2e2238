"""Count the event log page by page, each once: what those who count it have in common.

A page is read first, in a read, so that the joins of it keep nobody from writing; then it is
counted in one short write, which moves the reader's cursor.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from simlet.store import events
from simlet.store.sql import Tx

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LogPage(Generic[T]):
    """A page of the event log, as a reader of it sees it.

    Attributes:
        after: the event behind which it begins.
        seq: the last event of it; `after` where it is empty.
        full: whether there may be more.
        items: what in it concerns the reader.
    """

    after: int
    seq: int
    full: bool
    items: Sequence[T]


def next_page(
    tx: Tx, reader: str, limit: int, load: Callable[[Tx, int, int], Sequence[T]]
) -> LogPage[T]:
    """The page behind what a reader has counted.

    Args:
        tx: the transaction; a read will do.
        reader: the name of the reader's cursor.
        limit: how many events a page has at most.
        load: what concerns the reader behind one event and up to another, by their numbers.
    """
    after = events.position(tx, reader) or 0
    newest = events.last_seq(tx)
    last = min(after + limit, newest)
    return LogPage(after, last, last < newest, load(tx, after, last))


def begin_page(tx: Tx, reader: str, page: LogPage[T]) -> bool:
    """Moves a reader behind a page; False when it was counted meanwhile, or is empty."""
    if page.seq == page.after or (events.cursor(tx, reader) or 0) != page.after:
        return False
    events.set_cursor(tx, reader, page.seq)
    return True
