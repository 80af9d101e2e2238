"""SQLite: many flows in one commit.

Waiting for the disk is what a durable commit costs. So while one group is being committed, the
flows that come in wait together and become the next group.

A refusal or a fault undoes only its own flow. Hardly any flow refuses after it has written: so a
group runs without savepoints first, which cost more than a statement each, and only where a flow
must be undone the whole group is, and runs again with a savepoint for each. A flow that is alone in
its group is undone with it, and does not run again. Where one refuses like that, others may soon
(requests under a key, while there is no stock): the next groups have savepoints from the start.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from simlet.store.sql import Call, DatabaseFault, Raised, Tx
from simlet.store.sqlite_checkpoint import Checkpoints
from simlet.store.sqlite_file import SqliteTx, connect
from simlet.store.turn import Turn

CAREFUL_GROUPS = 50
"""So many groups have savepoints from the start after one that had to run again."""

CACHE_MB = 16
"""A larger cache is slower: after nearly each commit SQLite goes through all of it, once a page was
put in order through its last possible number (`balance_nonroot`). What is not here is in the
system's memory."""

_Run = Callable[[Call], Any]


class _Undo(Exception):  # noqa: N818 - no error: it says that the group is undone
    """A flow that has written must be undone, because of an error of its own."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class GroupWriter:
    """The one connection of a process on which flows write; used by one thread at a time.

    Args:
        path: the database.
        busy_timeout_s: how long a writer of another program is waited for.

    Raises:
        DatabaseFault: the database cannot be opened.
    """

    def __init__(self, path: Path, busy_timeout_s: float) -> None:
        self._connection = connect(path, busy_timeout_s, CACHE_MB)
        self._tx: Tx = SqliteTx(self._connection)
        self._careful_groups = 0
        self._turn = Turn(path)
        self._checkpoints = Checkpoints(path, self._connection)

    def write(self, calls: list[Call]) -> list[Any]:
        """Runs flows in one commit, in order; each outcome is a result or `Raised`.

        Where the commit fails, that is the outcome of each; nothing is kept then.
        """
        try:
            with self._turn.taken():
                return self._write(calls)
        except Exception as error:  # noqa: BLE001 - every caller of the group is told
            fault = DatabaseFault(f"SQLite could not commit: {error}")
            fault.__cause__ = error
            return [Raised(fault) for _ in calls]

    def close(self) -> None:
        """Closes the connection; a second time does no harm."""
        self._checkpoints.close()
        self._connection.close()
        self._turn.close()

    def _write(self, calls: list[Call]) -> list[Any]:
        if self._careful_groups:
            self._careful_groups -= 1
            return self._commit(calls, self._run_undoably)
        try:
            return self._commit(calls, self._run_plainly)
        except _Undo as undo:
            if len(calls) == 1:
                return [Raised(undo.error)]
        self._careful_groups = CAREFUL_GROUPS
        return self._commit(calls, self._run_undoably)

    def _commit(self, calls: list[Call], run: _Run) -> list[Any]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [run(call) for call in calls]
            self._connection.execute("COMMIT")
        except BaseException:
            # Before the turn is given back: the next process must not find the file locked.
            self._roll_back()
            raise
        self._checkpoints.after_commit()
        return outcomes

    def _run_plainly(self, call: Call) -> Any:
        changes_before = self._connection.total_changes()
        try:
            outcome = call(self._tx)
        except Exception as error:
            self._raise_if_ended()
            if self._connection.total_changes() != changes_before:
                raise _Undo(error) from error
            return Raised(error)
        if not self._connection.in_transaction:
            # Each statement of those behind it would be a commit of its own.
            raise DatabaseFault("a flow hid that the transaction had ended")
        return outcome

    def _run_undoably(self, call: Call) -> Any:
        execute = self._connection.execute
        execute("SAVEPOINT flow")
        try:
            outcome = call(self._tx)
        except Exception as error:  # noqa: BLE001 - the caller is told
            self._raise_if_ended()
            outcome = Raised(error)
            execute("ROLLBACK TO flow")
        execute("RELEASE flow")
        return outcome

    def _raise_if_ended(self) -> None:
        """Some errors (a full disk) end the whole transaction: the group is told together."""
        if not self._connection.in_transaction:
            raise  # noqa: PLE0704 - it is called where an error is being handled

    def _roll_back(self) -> None:
        # Where even this fails the group is told nevertheless, and so is the next one.
        with contextlib.suppress(apsw.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
