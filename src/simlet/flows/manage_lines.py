"""Manage lines: import them with their title, retire them, name further networks."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from simlet.domain.errors import (
    GATEWAY_UNKNOWN,
    LINE_UNKNOWN,
    NETWORK_EXISTS,
    NETWORK_UNKNOWN,
    Refused,
    invalid,
)
from simlet.domain.events import Event, EventKind
from simlet.domain.ids import parse_store
from simlet.domain.numbering import parse_network_name
from simlet.domain.phone import parse_number, prefix_of
from simlet.store import events, gateways, lines, networks, stock
from simlet.store.lines import HeldSim, NewLine
from simlet.store.sql import Tx

COLUMNS = ("iccid", "number", "network", "store", "holder", "contract")
_ICCID = re.compile(r"\d{18,22}", re.ASCII)
MAX_TITLE_CHARS = 200


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was not imported: where it stands in the file, and why."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Imported:
    """How many lines were added, the rows that were not, and how many were there already."""

    added: int
    bad: tuple[BadRow, ...]
    already_there: int = 0


@dataclass(frozen=True, slots=True)
class KnownRows:
    """Rows that cannot be added.

    Attributes:
        same: the rows whose line is there already, the same in every field.
        bad: those that contradict a line in use.
    """

    same: frozenset[int] = frozenset()
    bad: tuple[BadRow, ...] = ()


def parse_line(fields: Mapping[str, str], network_ids: Mapping[str, int]) -> NewLine:
    """A line from the texts of one row; without holder and contract there is no title to it.

    Args:
        fields: a text for each of `COLUMNS`.
        network_ids: the ids of networks by their names.

    Raises:
        Refused: INVALID or NETWORK_UNKNOWN, for the first field that is wrong.
    """
    iccid = fields["iccid"].strip()
    if _ICCID.fullmatch(iccid) is None:
        raise invalid("iccid", "expected 18 to 22 digits")
    number = parse_number(fields["number"].strip())
    network = parse_network_name(fields["network"])
    if network not in network_ids:
        raise Refused(NETWORK_UNKNOWN, name=network)
    return NewLine(
        iccid,
        number,
        network_ids[network],
        parse_store(fields["store"].strip()),
        _title("holder", fields["holder"]),
        _title("contract", fields["contract"]),
    )


def _title(name: str, text: str) -> str:
    title = text.strip()
    if not 1 <= len(title) <= MAX_TITLE_CHARS or not title.isprintable():
        raise invalid(name, f"expected a text of 1 to {MAX_TITLE_CHARS} characters")
    return title


def import_lines(
    tx: Tx, rows: Sequence[tuple[int, NewLine]], gateway: str | None, now_ms: int
) -> Imported:
    """Adds lines; a row whose ICCID or number another line has is left out and named.

    A row whose line is there already, the same in every field, is passed over and counted: so a
    file may be imported again after an interruption.

    The rows are lines with the numbers of their rows; no line stands twice among them. They are
    attached to the gateway of a name, or with None to any.

    Raises:
        Refused: GATEWAY_UNKNOWN.
    """
    gateway_id = _gateway_id(tx, gateway)
    stock.lock_catalogue(tx)
    known = _known_rows(tx, rows, gateway_id)
    left_out = known.same | {one.row for one in known.bad}
    good = sorted((line for row, line in rows if row not in left_out), key=cell_of)
    if good:
        lines.add_lines(tx, _allotted(tx, good), gateway_id, now_ms)
        events.add_event(tx, Event(EventKind.LINES_IMPORTED, now_ms, data={"count": len(good)}))
    return Imported(len(good), known.bad, len(known.same))


def cell_of(line: NewLine) -> tuple[str, int, str]:
    """Store, network and prefix: lines that have them in common stand together in the stock.

    Many lines are imported fastest in the order of their cells.
    """
    return line.store, line.network_id, prefix_of(line.number)


def _allotted(tx: Tx, good: list[NewLine]) -> Iterator[tuple[int, NewLine]]:
    for (store, network_id, prefix), cell in groupby(good, key=cell_of):
        members = list(cell)
        yield from zip(
            stock.allot(tx, store, network_id, prefix, len(members)), members, strict=True
        )


def _gateway_id(tx: Tx, name: str | None) -> int | None:
    if name is None:
        return None
    gateway = gateways.gateway_by_name(tx, name)
    if gateway is None:
        raise Refused(GATEWAY_UNKNOWN, name=name)
    return gateway.id


def known_rows(tx: Tx, rows: Sequence[tuple[int, NewLine]], gateway: str | None) -> KnownRows:
    """The rows that `import_lines` would not add.

    Raises:
        Refused: GATEWAY_UNKNOWN.
    """
    return _known_rows(tx, rows, _gateway_id(tx, gateway))


def _known_rows(tx: Tx, rows: Sequence[tuple[int, NewLine]], gateway_id: int | None) -> KnownRows:
    sims = lines.held_sims(tx, [line.iccid for _, line in rows])
    numbers = lines.known_numbers(tx, [line.number for _, line in rows])
    if not sims and not numbers:
        return KnownRows()
    same, bad = set(), []
    for row, line in rows:
        held = sims.get(line.iccid)
        if held is None and line.number not in numbers:
            continue
        reason = _contradiction(line, held, gateway_id)
        if reason:
            bad.append(BadRow(row, reason))
        else:
            same.add(row)
    return KnownRows(frozenset(same), tuple(bad))


def _contradiction(line: NewLine, held: HeldSim | None, gateway_id: int | None) -> str:
    """What speaks against a row whose ICCID (`held`) or number is taken; nothing if all agrees."""
    if held is None:
        return "number: another line has it already"
    if held.line.number != line.number:
        return "iccid: another line has it already"
    compared = {
        "network": held.line.network_id == line.network_id,
        "store": held.line.store == line.store,
        "holder": held.line.holder == line.holder,
        "contract": held.line.contract == line.contract,
        "gateway": gateway_id in {None, held.gateway_id},
    }
    different = ", ".join(name for name, is_same in compared.items() if not is_same)
    return f"{different}: the line is there already, with something else" if different else ""


def retire_line(tx: Tx, number: str, now_ms: int) -> None:
    """Takes a line out of every service's stock for good.

    What comes in on it from now on is kept in quarantine; a rental that waits on it expires. Its
    SIM and its number may be imported again, as another line.

    Raises:
        Refused: INVALID, LINE_UNKNOWN.
    """
    parsed = parse_number(number)
    # A service that is added meanwhile must not count the line among those in stock.
    stock.lock_catalogue(tx)
    line_id = lines.line_by_number(tx, parsed)
    if line_id is None:
        raise Refused(LINE_UNKNOWN)
    # First its stock, as a renting locks it: neither can wait for the other.
    stock.deactivate(tx, line_id)
    lines.retire(tx, line_id, now_ms)
    events.add_event(tx, Event(EventKind.LINE_RETIRED, now_ms, data={"line_id": line_id}))


def add_network(tx: Tx, name: str) -> int:
    """Names a further network; its id.

    Raises:
        Refused: INVALID, NETWORK_EXISTS.
    """
    parsed = parse_network_name(name)
    known = networks.all_networks(tx)
    if any(parsed == other for _, other in known):
        raise Refused(NETWORK_EXISTS, name=parsed)
    network_id = max(network_id for network_id, _ in known) + 1
    networks.add_network(tx, network_id, parsed)
    return network_id


def network_ids(tx: Tx) -> dict[str, int]:
    """The ids of all networks by their names."""
    return {name: network_id for network_id, name in networks.all_networks(tx)}
