"""Many flows in one commit: what is undone alone, what together, and what runs twice for it."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simlet.domain.errors import OUT_OF_STOCK, Refused
from simlet.store.sql import Call, DatabaseFault, Raised, Sql, Tx
from simlet.store.sqlite_group import CAREFUL_GROUPS, GroupWriter
from store.keeping import commits_in_wal, fill, keep, keep_what_cannot_be_committed, names, pragma


@pytest.fixture
def writer(file: Path) -> Iterator[GroupWriter]:
    writer = GroupWriter(file, 20)
    yield writer
    writer.close()


class Runs:
    """Flows that count how often they ran."""

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()

    def keep(self, tx: Tx, name: str) -> str:
        self.of[name] += 1
        return keep(tx, name)

    def refuse(self, _: Tx, name: str) -> str:
        self.of[name] += 1
        raise Refused(OUT_OF_STOCK)

    def keep_and_refuse(self, tx: Tx, name: str) -> str:
        self.keep(tx, name)
        raise Refused(OUT_OF_STOCK)


@pytest.fixture
def runs() -> Runs:
    return Runs()


def call(flow: Callable[..., Any], *args: Any) -> Call:
    return Call(flow, args, {})


def kept(writer: GroupWriter) -> list[str]:
    (found,) = writer.write([call(names)])
    assert isinstance(found, list)
    return found


def is_refused(outcome: Any) -> bool:
    return (
        isinstance(outcome, Raised)
        and isinstance(outcome.error, Refused)
        and outcome.error.refusal is OUT_OF_STOCK
    )


def ways(outcomes: list[Any]) -> list[Any]:
    return ["refused" if is_refused(one) else one for one in outcomes]


def test_flows_run_in_order_and_see_what_those_before_them_wrote(writer: GroupWriter) -> None:
    outcomes = writer.write([call(names), call(keep, "b"), call(names), call(keep, "a")])
    assert outcomes == [[], "b", ["b"], "a"]


def test_a_group_is_one_commit(writer: GroupWriter, file: Path) -> None:
    before = commits_in_wal(file)
    writer.write([call(keep, f"{n:03}") for n in range(100)])
    assert commits_in_wal(file) == before + 1


def test_a_refusal_before_any_write_costs_nobody_a_second_run(
    writer: GroupWriter, runs: Runs
) -> None:
    outcomes = writer.write([call(runs.keep, "a"), call(runs.refuse, "b"), call(runs.keep, "c")])
    assert ways(outcomes) == ["a", "refused", "c"]
    assert runs.of == {"a": 1, "b": 1, "c": 1}
    assert kept(writer) == ["a", "c"]


def test_a_refusal_after_a_write_is_undone_alone_and_the_group_runs_again(
    writer: GroupWriter, runs: Runs, file: Path
) -> None:
    before = commits_in_wal(file)
    outcomes = writer.write(
        [call(runs.keep, "a"), call(runs.keep_and_refuse, "b"), call(runs.keep, "c")]
    )
    assert ways(outcomes) == ["a", "refused", "c"]
    assert runs.of == {"a": 2, "b": 2, "c": 1}
    assert kept(writer) == ["a", "c"]
    assert commits_in_wal(file) == before + 1


def test_after_a_group_that_ran_again_the_next_ones_run_once_whatever_refuses_in_them(
    writer: GroupWriter, runs: Runs
) -> None:
    for n in range(1 + CAREFUL_GROUPS):
        outcomes = writer.write([call(runs.keep, f"{n:02}"), call(runs.keep_and_refuse, "no")])
        assert ways(outcomes) == [f"{n:02}", "refused"]
    assert runs.of["no"] == 2 + CAREFUL_GROUPS
    assert kept(writer) == [f"{n:02}" for n in range(1 + CAREFUL_GROUPS)]
    writer.write([call(runs.keep, "last"), call(runs.keep_and_refuse, "no")])
    assert runs.of["last"] == 2


def test_a_flow_alone_in_its_group_is_undone_without_a_second_run(
    writer: GroupWriter, runs: Runs
) -> None:
    # An import of a million lines would keep everybody from writing for twice as long.
    assert ways(writer.write([call(runs.keep_and_refuse, "a")])) == ["refused"]
    assert runs.of == {"a": 1}
    assert kept(writer) == []
    assert writer.write([call(keep, "b")]) == ["b"]


def test_what_an_undone_flow_raised_leads_back_to_no_other_error(
    writer: GroupWriter, runs: Runs
) -> None:
    (outcome,) = writer.write([call(runs.keep_and_refuse, "a")])
    assert outcome.error.__context__ is None
    assert outcome.error.__cause__ is None


def test_a_statement_that_fails_half_way_is_undone_with_its_flow(writer: GroupWriter) -> None:
    def many(tx: Tx) -> None:
        tx.run_many(
            Sql("INSERT INTO cursors (name, seq) VALUES (:name, 1)"),
            [{"name": "x"}, {"name": "y"}, {"name": "x"}],
        )

    outcomes = writer.write([call(keep, "a"), call(many), call(keep, "b")])
    assert isinstance(outcomes[1].error, apsw.ConstraintError)
    assert kept(writer) == ["a", "b"]


def test_a_delete_of_all_rows_is_a_write_too(writer: GroupWriter) -> None:
    def empty(tx: Tx) -> None:
        tx.run(Sql("DELETE FROM cursors"))
        raise Refused(OUT_OF_STOCK)

    writer.write([call(keep, "a")])
    outcomes = writer.write([call(empty), call(keep, "b")])
    assert ways(outcomes) == ["refused", "b"]
    assert kept(writer) == ["a", "b"]


def test_a_commit_that_fails_is_the_outcome_of_each_flow(writer: GroupWriter) -> None:
    outcomes = writer.write([call(keep, "a"), call(keep_what_cannot_be_committed, "b")])
    assert [type(one.error) for one in outcomes] == [DatabaseFault] * 2
    assert "FOREIGN KEY" in str(outcomes[0].error)
    assert kept(writer) == []
    assert writer.write([call(keep, "c")]) == ["c"]


def test_a_full_disk_is_the_outcome_of_each_flow_and_the_next_group_works(
    writer: GroupWriter,
) -> None:
    (pages,) = writer.write([call(pragma, "page_count")])
    writer.write([call(pragma, f"max_page_count = {pages + 2}")])
    outcomes = writer.write([call(keep, "a"), call(fill, "b"), call(keep, "c")])
    assert [type(one.error) for one in outcomes] == [DatabaseFault] * 3
    assert "full" in str(outcomes[0].error)
    assert writer.write([call(keep, "small")]) == ["small"]
    assert kept(writer) == ["small"]


def test_a_full_disk_in_the_second_run_is_told_as_well(writer: GroupWriter, runs: Runs) -> None:
    (pages,) = writer.write([call(pragma, "page_count")])
    writer.write([call(pragma, f"max_page_count = {pages + 2}")])
    outcomes = writer.write([call(runs.keep_and_refuse, "a"), call(fill, "b")])
    assert [type(one.error) for one in outcomes] == [DatabaseFault] * 2
    assert kept(writer) == []


@pytest.mark.parametrize("undone_before", [False, True])
def test_behind_a_flow_that_hides_that_the_transaction_ended_nothing_is_kept(
    writer: GroupWriter, runs: Runs, *, undone_before: bool
) -> None:
    def fill_and_hide(tx: Tx) -> None:
        with contextlib.suppress(apsw.FullError):
            fill(tx, "b")

    (pages,) = writer.write([call(pragma, "page_count")])
    writer.write([call(pragma, f"max_page_count = {pages + 2}")])
    first = runs.keep_and_refuse if undone_before else runs.keep
    outcomes = writer.write([call(first, "a"), call(fill_and_hide), call(runs.keep, "c")])
    assert [type(one.error) for one in outcomes] == [DatabaseFault] * 3
    assert kept(writer) == []
    assert writer.write([call(keep, "small")]) == ["small"]


def test_a_closed_connection_is_a_fault_of_each_flow(writer: GroupWriter) -> None:
    writer._connection.close()
    outcomes = writer.write([call(keep, "a"), call(keep, "b")])
    assert [type(one.error) for one in outcomes] == [DatabaseFault] * 2


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.lists(st.sampled_from(["keep", "refuse", "keep_and_refuse"]), max_size=12))
def test_whatever_is_grouped_ends_as_if_each_flow_were_alone(
    writer: GroupWriter, kinds: list[str]
) -> None:
    runs = Runs()
    writer.write([call(lambda tx: tx.run(Sql("DELETE FROM cursors")))])
    outcomes = writer.write([call(getattr(runs, kind), f"{n:02}") for n, kind in enumerate(kinds)])
    good = [f"{n:02}" for n, kind in enumerate(kinds) if kind == "keep"]
    assert [one for one in ways(outcomes) if one != "refused"] == good
    assert ways(outcomes).count("refused") == len(kinds) - len(good)
    assert kept(writer) == good
