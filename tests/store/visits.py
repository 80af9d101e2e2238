"""How much of a database a flow goes through, whatever the time that takes."""

from collections.abc import Callable
from typing import Any

import apsw

from simlet.store.postgres import PostgresTx
from simlet.store.sql import Row, Sql, Tx
from simlet.store.sqlite_file import SqliteTx


def visited(tx: Tx, flow: Callable[[Tx], object]) -> int:
    """Rows that a flow's reads go through on PostgreSQL; on SQLite steps of its machine.

    A row of SQLite takes some steps, so that who goes through few steps goes through few rows.
    """
    if isinstance(tx, SqliteTx):
        return _steps(tx, flow)
    counting = _Counting(tx)
    flow(counting)
    return counting.count


def _steps(tx: SqliteTx, flow: Callable[[Tx], object]) -> int:
    connection: apsw.Connection = tx._execute.__self__  # type: ignore[attr-defined]
    steps: list[int] = []

    def note(told: dict[str, Any]) -> None:
        steps.append(told["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])

    connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, note)
    try:
        flow(tx)
    finally:
        connection.trace_v2(0, None)
    return sum(steps)


class _Counting(PostgresTx):
    """Has the rows counted that its statements go through."""

    __slots__ = ("count",)

    def __init__(self, tx: Tx) -> None:
        assert isinstance(tx, PostgresTx)
        super().__init__(tx._connection)
        self.count = 0

    def row(self, statement: Sql, /, **inputs: Any) -> Row | None:
        self._explain(statement, inputs)
        return super().row(statement, **inputs)

    def rows(self, statement: Sql, /, **inputs: Any) -> list[Row]:
        self._explain(statement, inputs)
        return super().rows(statement, **inputs)

    def _explain(self, statement: Sql, inputs: dict[str, Any]) -> None:
        told = self._connection.execute(
            "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + statement.postgres, inputs
        ).fetchone()
        assert told is not None
        self.count += _rows_of(told[0][0]["Plan"])


def _rows_of(node: dict[str, Any]) -> int:
    rows = node["Actual Rows"] + sum(node.get(name, 0) for name in _REMOVED)
    return int(rows * node["Actual Loops"]) + sum(map(_rows_of, node.get("Plans", ())))


_REMOVED = (
    "Rows Removed by Filter",
    "Rows Removed by Join Filter",
    "Rows Removed by Index Recheck",
)
