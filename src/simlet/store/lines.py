"""Statements for lines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from simlet.domain.phone import NATIONAL_DIGITS
from simlet.store.sql import Sql, Tx, ids_array, table_of, texts_array

_BY_NUMBER = Sql("SELECT id, state FROM lines WHERE number = :number AND state <> 'retired'")
_RECEIVING = Sql(
    "SELECT id, number, gateway_id FROM lines WHERE number = :number AND state <> 'retired'"
)
_RECEIVING_SIM = Sql(
    "SELECT id, number, gateway_id FROM lines WHERE iccid = :iccid AND state <> 'retired'"
)
_LOCK = Sql(
    "SELECT number FROM lines WHERE id = :line_id AND state = 'active' AND out_reason IS NULL "
    "{for_update}"
)
_HELD_SIMS = Sql(
    "SELECT gateway_id, iccid, number, network_id, store, holder, contract FROM lines "
    "WHERE iccid IN {texts} AND state <> 'retired'"
)
_HELD_NUMBERS = Sql("SELECT number FROM lines WHERE number IN {texts} AND state <> 'retired'")
_NUMBERED = Sql(
    "SELECT id, number FROM lines WHERE number BETWEEN :first AND :last AND state <> 'retired' "
    "LIMIT :limit"
)
_ADD = Sql(
    "INSERT INTO lines (id, iccid, number, network_id, store, state, holder, contract, gateway_id, "
    "created_at_ms) SELECT CAST(value ->> 0 AS BIGINT), value ->> 1, value ->> 2, "
    "CAST(value ->> 3 AS SMALLINT), value ->> 4, 'active', value ->> 5, value ->> 6, "
    "CAST(:gateway_id AS BIGINT), CAST(:now_ms AS BIGINT) FROM {table}"
)
_RETIRE = Sql("UPDATE lines SET state = 'retired', retired_at_ms = :now_ms WHERE id = :line_id")
_LOCK_IN_USE = Sql(
    "SELECT id, gateway_id FROM lines WHERE id IN {ids} AND state <> 'retired' "
    "ORDER BY id {for_update}"
)
_LOCK_OF_GATEWAY = Sql(
    "SELECT id, gateway_id FROM lines WHERE gateway_id = :gateway_id AND state <> 'retired' "
    "ORDER BY id LIMIT :limit {for_update}"
)
_COUNT_OF_GATEWAY = Sql(
    "SELECT count(*) FROM lines WHERE gateway_id = :gateway_id AND state <> 'retired'"
)
_PAGE = Sql(
    "SELECT l.id, l.iccid, l.number, n.name, l.store, l.state, l.holder, l.contract, g.name "
    "FROM lines l JOIN networks n ON n.id = l.network_id "
    "LEFT JOIN gateways g ON g.id = l.gateway_id "
    "WHERE l.id > :after ORDER BY l.id LIMIT :limit"
)


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line as it is imported; the number is E.164."""

    iccid: str
    number: str
    network_id: int
    store: str
    holder: str
    contract: str


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line as lists show it."""

    id: int
    iccid: str
    number: str
    network: str
    store: str
    state: str
    holder: str
    contract: str
    gateway: str | None


class HeldSim(NamedTuple):
    """A line in use as it was imported, and the gateway that it has now."""

    line: NewLine
    gateway_id: int | None


class ReceivingLine(NamedTuple):
    """A line that a message came to; with a gateway, no other one speaks for its number."""

    id: int
    number: str
    gateway_id: int | None


def receiving_line(
    tx: Tx, number: str, iccid: str | None, *, has_sim: bool = False
) -> ReceivingLine | None:
    """The line of a SIM, or else of a number; None when no line in use has it.

    Where the equipment holds the SIM itself (`has_sim`), no number stands in for its ICCID.
    """
    row = None if iccid is None else tx.row(_RECEIVING_SIM, iccid=iccid)
    if row is None and number and not (iccid and has_sim):
        row = tx.row(_RECEIVING, number=number)
    return None if row is None else ReceivingLine(*row)


def line_by_number(tx: Tx, number: str) -> int | None:
    """The id of the line that has a number now; None when there is none."""
    row = tx.row(_BY_NUMBER, number=number)
    return None if row is None else row[0]


def lock_line(tx: Tx, line_id: int) -> str | None:
    """The number of a line, which no other transaction rents meanwhile; None out of the pool."""
    row = tx.row(_LOCK, line_id=line_id)
    return None if row is None else row[0]


def held_sims(tx: Tx, iccids: Sequence[str]) -> dict[str, HeldSim]:
    """The lines in use that have one of the ICCIDs, by their ICCIDs."""
    rows = tx.rows(_HELD_SIMS, texts=texts_array(iccids))
    return {row[1]: HeldSim(NewLine(*row[1:]), row[0]) for row in rows}


def known_numbers(tx: Tx, numbers: Sequence[str]) -> set[str]:
    """Those of the numbers that a line in use has already."""
    return {row[0] for row in tx.rows(_HELD_NUMBERS, texts=texts_array(numbers))}


def add_lines(
    tx: Tx, lines: Iterable[tuple[int, NewLine]], gateway_id: int | None, now_ms: int
) -> None:
    """Adds lines with the ids that `stock.allot` gave."""
    table = [
        (line_id, one.iccid, one.number, one.network_id, one.store, one.holder, one.contract)
        for line_id, one in lines
    ]
    tx.run(_ADD, table=table_of(table), gateway_id=gateway_id, now_ms=now_ms)


def retire(tx: Tx, line_id: int, now_ms: int) -> None:
    """Marks a line as retired: it is rented no more, and its number and its SIM may come again."""
    tx.run(_RETIRE, line_id=line_id, now_ms=now_ms)


def lock_in_use(tx: Tx, line_ids: Iterable[int]) -> dict[int, int | None]:
    """The gateways of those of the lines that are in use, by the lines' ids, locked."""
    rows = tx.rows(_LOCK_IN_USE, ids=ids_array(line_ids))
    return {row[0]: row[1] for row in rows}


def lock_of_gateway(tx: Tx, gateway_id: int, limit: int) -> dict[int, int | None]:
    """As `lock_in_use`, of a gateway's first lines."""
    rows = tx.rows(_LOCK_OF_GATEWAY, gateway_id=gateway_id, limit=limit)
    return {row[0]: row[1] for row in rows}


def count_of_gateway(tx: Tx, gateway_id: int) -> int:
    """How many lines in use a gateway has."""
    row = tx.row(_COUNT_OF_GATEWAY, gateway_id=gateway_id)
    return row[0] if row else 0


def lines_after(tx: Tx, after: int, limit: int) -> list[LineRow]:
    """Lines in the order of their ids, from behind one."""
    return [LineRow(*row) for row in tx.rows(_PAGE, after=after, limit=limit)]


def lines_numbered(tx: Tx, prefixes: Sequence[str], limit: int) -> list[tuple[int, str]] | None:
    """The lines whose numbers start with one of the prefixes; None when there are more.

    Returns:
        Ids and numbers (E.164), a line once for each prefix that it starts with.
    """
    found: list[tuple[int, str]] = []
    for prefix in prefixes:
        first, last = ("+84" + prefix.ljust(NATIONAL_DIGITS, digit) for digit in "09")
        rows = tx.rows(_NUMBERED, first=first, last=last, limit=limit + 1)
        found += [(row[0], row[1]) for row in rows]
        if len(found) > limit:
            return None
    return found
