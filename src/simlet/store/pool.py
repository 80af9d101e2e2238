"""Statements that take lines out of the pool for a while, and put them back.

A line is in the pool when it is active and has no reason to be out; its bit in `blocks.active` is
set then and only then. What is changed is locked in the order in which a renting does: stock,
block, line.
"""

from collections.abc import Mapping, Sequence

from simlet.domain.allocate import block_of, place_of, places_from_bytes, places_to_bytes
from simlet.domain.line_health import OutReason
from simlet.store.sql import Row, Sql, Tx, ids_array
from simlet.store.stock import lock_catalogue

_STOCK_ROWS = Sql("SELECT block_id, count(*) FROM stock WHERE block_id IN {ids} GROUP BY block_id")
_LOCK_STOCK = Sql(
    "SELECT service_id, block_id, taken, left_count FROM stock "
    "WHERE block_id IN {ids} ORDER BY service_id, block_id {for_update}"
)
_LOCK_BLOCKS = Sql("SELECT id, active FROM blocks WHERE id IN {ids} ORDER BY id {for_update}")
_LOCK_LINES = Sql(
    "SELECT id, out_reason FROM lines "
    "WHERE id IN {ids} AND state = 'active' ORDER BY id {for_update}"
)
_SET_REASON = Sql("UPDATE lines SET out_reason = :reason WHERE id IN {ids}")
_SET_ACTIVE = Sql("UPDATE blocks SET active = :active WHERE id = :block_id")
_SET_LEFT = Sql(
    "UPDATE stock SET left_count = :left_count "
    "WHERE service_id = :service_id AND block_id = :block_id"
)


def stock_rows(tx: Tx, block_ids: Sequence[int]) -> dict[int, int]:
    """How many rows of the stock change where a block does: one for each service of its store."""
    return {row[0]: row[1] for row in tx.rows(_STOCK_ROWS, ids=ids_array(block_ids))}


def set_reasons(tx: Tx, reasons: Mapping[int, OutReason | None]) -> set[int]:
    """Takes lines out of the pool, each for its reason, or with None puts them back.

    Lines that were retired meanwhile stay as they are, and so do those whose reason it is already.

    Args:
        tx: the transaction.
        reasons: by the lines' ids; few enough that nobody waits long for the writer.

    Returns:
        The ids of the lines that changed.
    """
    # A service that is added meanwhile must count the lines as they will be.
    lock_catalogue(tx)
    blocks = ids_array(sorted({block_of(one) for one in reasons}))
    stock = tx.rows(_LOCK_STOCK, ids=blocks)
    before = {row[0]: places_from_bytes(row[1]) for row in tx.rows(_LOCK_BLOCKS, ids=blocks)}
    changed = {
        line_id: reasons[line_id]
        for line_id, reason in tx.rows(_LOCK_LINES, ids=ids_array(sorted(reasons)))
        if reason != _word(reasons[line_id])
    }
    after = _with(before, changed)
    _set_places(tx, before, after)
    tx.run_many(_SET_LEFT, _left(stock, before, after))
    for reason in set(changed.values()):
        line_ids = sorted(one for one, other in changed.items() if other is reason)
        tx.run(_SET_REASON, reason=_word(reason), ids=ids_array(line_ids))
    return set(changed)


def _word(reason: OutReason | None) -> str | None:
    return None if reason is None else reason.value


def _with(before: Mapping[int, int], changed: Mapping[int, OutReason | None]) -> dict[int, int]:
    """The blocks' active places once the lines have changed."""
    after = dict(before)
    for line_id, reason in changed.items():
        block_id, bit = block_of(line_id), 1 << place_of(line_id)
        after[block_id] = after[block_id] | bit if reason is None else after[block_id] & ~bit
    return after


def _set_places(tx: Tx, before: Mapping[int, int], after: Mapping[int, int]) -> None:
    tx.run_many(
        _SET_ACTIVE,
        [
            {"block_id": block_id, "active": places_to_bytes(places)}
            for block_id, places in after.items()
            if places != before[block_id]
        ],
    )


def _left(
    stock: Sequence[Row], before: Mapping[int, int], after: Mapping[int, int]
) -> list[dict[str, int]]:
    """The rows of the stock in which another number of lines is left now."""
    rows = []
    for service_id, block_id, taken, left_count in stock:
        if before[block_id] == after[block_id]:
            continue
        left = (after[block_id] & ~places_from_bytes(taken)).bit_count()
        if left != left_count:
            rows.append({"service_id": service_id, "block_id": block_id, "left_count": left})
    return rows
