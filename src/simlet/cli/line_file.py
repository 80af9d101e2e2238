"""The file that lines are imported from: CSV with a header row, read strictly.

What is wrong with the file as a whole (its header, its encoding, a quote that never closes) is a
refusal that names the line; nothing of such a file is imported. What is wrong with a row is told
with the row, and the others go on. CSV is that of RFC 4180, in UTF-8, with or without a mark at
the beginning.
"""

import csv
import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from simlet.domain.errors import Refused, invalid
from simlet.flows.manage_lines import COLUMNS, BadRow, parse_line
from simlet.store.lines import NewLine

MAX_LINE_BYTES = 1_000_000
_MARK = b"\xef\xbb\xbf"
_FILE = "file"


@dataclass(slots=True)
class LineFile:
    """What a file holds.

    Attributes:
        good: lines, each with the number of the line in the file where its row begins.
        bad: the rows that are no lines, or repeat one that stands before.
    """

    good: list[tuple[int, NewLine]] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)


_Row = tuple[int, list[str]]
"""The line of the file where a row begins, and the row's cells."""


@dataclass(slots=True)
class _Reading:
    """What must be remembered from row to row."""

    header: Sequence[str]
    network_ids: Mapping[str, int]
    iccids: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def line(self, at: int, row: list[str]) -> NewLine:
        """The line of a row.

        Raises:
            Refused: what is wrong with it.
        """
        if len(row) != len(self.header):
            raise invalid("row", f"expected {len(self.header)} fields, {len(row)} were found")
        _check_encoding(row)
        cells = dict(zip(self.header, row, strict=True))
        # The same few texts stand in many rows; each is kept once.
        for name in ("store", "holder", "contract"):
            cells[name] = self.texts.setdefault(cells[name], cells[name])
        line = parse_line(cells, self.network_ids)
        self._remember(line, at)
        return line

    def _remember(self, line: NewLine, at: int) -> None:
        before = self.iccids.get(line.iccid)
        if before is not None:
            raise invalid("iccid", f"line {before} of the file has it already")
        before = self.numbers.get(line.number)
        if before is not None:
            raise invalid("number", f"line {before} of the file has it already")
        self.iccids[line.iccid] = self.numbers[line.number] = at


def read_line_file(stream: IO[bytes], network_ids: Mapping[str, int]) -> LineFile:
    """Reads a whole file.

    Args:
        stream: the bytes of the file.
        network_ids: the ids of networks by their names.

    Raises:
        Refused: INVALID, when the file as a whole cannot be used.
    """
    rows = _rows(stream)
    reading = _Reading(_header(rows), network_ids)
    found = LineFile()
    with _without_collector():
        for at, row in rows:
            try:
                found.good.append((at, reading.line(at, row)))
            except Refused as refused:
                found.bad.append(BadRow(at, _clause(refused)))
    return found


@contextmanager
def _without_collector() -> Iterator[None]:
    """Rows hold no circles; to look for some among a million rows takes a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _check_encoding(row: list[str]) -> None:
    try:
        "".join(row).encode("utf-8")
    except UnicodeEncodeError as error:
        raise invalid("row", "expected UTF-8") from error


def _clause(refused: Refused) -> str:
    return refused.sentence.removesuffix(".")


def _header(rows: Iterator[_Row]) -> list[str]:
    first = next(rows, None)
    expected = ", ".join(COLUMNS)
    if first is None:
        raise invalid(_FILE, f"it is empty; expected a header row with {expected}")
    at, cells = first
    header = [cell.strip().lower() for cell in cells]
    for name in header:
        if name not in COLUMNS:
            raise invalid(
                _FILE, f"line {at}: expected a header row with {expected}; found {name!r:.80}"
            )
        if header.count(name) > 1:
            raise invalid(_FILE, f"line {at}: the column {name} stands twice in the header")
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        lacks = ", ".join(missing)
        raise invalid(_FILE, f"line {at}: the header lacks {lacks}")
    return header


def _rows(stream: IO[bytes]) -> Iterator[_Row]:
    """The rows of the file that are not empty, each with the line where it begins."""
    reader = csv.reader(_texts(stream), strict=True)
    at = 1
    try:
        for cells in reader:
            if cells:
                yield at, cells
            at = reader.line_num + 1
    except csv.Error as error:
        raise invalid(_FILE, f"line {at}: it is not CSV: {_csv_words(error)}") from error


def _csv_words(error: csv.Error) -> str:
    words = str(error)
    if words.startswith(("unexpected end of data", "field larger")):
        return f"a quoted field never closes, or is longer than {csv.field_size_limit()} characters"
    if words.startswith("new-line character"):
        return "a line ends with a carriage return alone"
    return words


def _texts(stream: IO[bytes]) -> Iterator[str]:
    at = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        at += 1
        if len(line) > MAX_LINE_BYTES:
            raise invalid(_FILE, f"line {at}: it is longer than {MAX_LINE_BYTES} bytes")
        if b"\0" in line:
            raise invalid(_FILE, f"line {at}: it holds a zero byte; expected a text in UTF-8")
        # Bytes that are no UTF-8 make a bad row of theirs, and not a bad file.
        yield (line.removeprefix(_MARK) if at == 1 else line).decode("utf-8", "surrogateescape")
