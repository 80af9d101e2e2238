"""The process that writes for others, over a real socket: who is told what, and who is dropped."""

from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from logged import logged
from simlet.domain.errors import OUT_OF_STOCK, Refused
from simlet.store import sqlite_server
from simlet.store.sql import DatabaseFault, Raised, Sql, Tx
from simlet.store.sqlite_frames import to_frame
from store.keeping import ADD, commits_in_wal, fill, keep, names, pragma
from store.writing import PATIENCE_S, gate_of, job, keep_at_gate, office

HIDDEN = "Hidden-Text-918273"


def in_file(file: Path) -> list[str]:
    connection = apsw.Connection(str(file))
    try:
        return [row[0] for row in connection.execute("SELECT name FROM cursors ORDER BY name")]
    finally:
        connection.close()


def refuse(_: Tx) -> None:
    raise Refused(OUT_OF_STOCK)


def stumble(_: Tx, text: str) -> None:
    raise KeyError(text)


def add_twice(tx: Tx, name: str) -> None:
    tx.run(ADD, name=name)
    tx.run(ADD, name=name)


def large(_: Tx, size: int) -> bytes:
    return bytes(size)


def take(_: Tx, data: bytes) -> int:
    return len(data)


def keep_and_give_what_cannot_travel(tx: Tx, name: str) -> Any:
    keep(tx, name)
    return lambda: None


class CannotTravel(Exception):  # noqa: N818
    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


def raise_what_cannot_travel(_: Tx) -> None:
    raise CannotTravel(HIDDEN, HIDDEN)


class CannotBeMade:
    """It can be sent, and not be read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, (HIDDEN,)


# ---------------------------------------------------------------------------------------- answers


def test_each_job_is_answered_under_its_number_after_the_commit(file: Path) -> None:
    with office(file) as there, there.visitor() as visitor:
        visitor.send(job(7, keep, "a"), (9, [(keep, ("b",), {}), (keep, (), {"name": "c"})]))
        assert visitor.outcomes(7) == ["a"]
        assert visitor.outcomes(9) == ["b", "c"]
        assert in_file(file) == ["a", "b", "c"]


def test_what_several_sent_while_it_was_busy_becomes_one_commit(file: Path) -> None:
    with office(file) as there, there.visitor() as one, there.visitor() as other:
        before = commits_in_wal(file)
        with gate_of("first") as gate:
            one.send(job(1, keep_at_gate, "first"))
            assert gate._reached.wait(PATIENCE_S)
            for n in range(20):
                one.send(job(100 + n, keep, f"a{n:02}"))
                other.send(job(100 + n, keep, f"b{n:02}"))
            gate.open()
            for n in range(20):
                assert one.outcomes(100 + n) == [f"a{n:02}"]
                assert other.outcomes(100 + n) == [f"b{n:02}"]
        assert commits_in_wal(file) == before + 2


def test_a_group_is_no_longer_than_the_limit_but_a_job_is_never_divided(file: Path) -> None:
    with office(file, group_limit=4) as there, there.visitor() as visitor:
        before = commits_in_wal(file)
        six: list[Any] = [(keep, (f"six {n}",), {}) for n in range(6)]
        visitor.send(*(job(n, keep, f"{n}") for n in range(10)), (10, six))
        assert visitor.outcomes(10) == [f"six {n}" for n in range(6)]
        assert commits_in_wal(file) == before + 4


def test_a_large_job_and_a_large_answer_arrive_whole(file: Path) -> None:
    size = 30_000_000
    with office(file) as there, there.visitor() as visitor, there.visitor() as other:
        visitor.send(job(1, take, bytes(size)))
        assert visitor.outcomes(1) == [size]
        visitor.send(job(2, large, size))
        other.send(job(1, keep, "meanwhile"))
        assert other.outcomes(1) == ["meanwhile"]
        assert visitor.outcomes(2) == [bytes(size)]


def test_one_that_reads_nothing_holds_up_nobody_and_finds_its_answers_later(file: Path) -> None:
    with office(file) as there, there.visitor() as lazy, there.visitor() as other:
        for n in range(100):
            lazy.send(job(n, large, 100_000))
        for n in range(10):
            other.send(job(n, keep, f"{n}"))
            assert other.outcomes(n) == [f"{n}"]
        assert [lazy.outcomes(n) for n in range(100)] == [[bytes(100_000)]] * 100


# ----------------------------------------------------------------------------- refusals and faults


def test_a_refusal_is_one_of_the_same_entry_of_the_catalogue(file: Path) -> None:
    with office(file) as there, there.visitor() as visitor:
        visitor.send(job(1, refuse), job(2, keep, "a"))
        (outcome,) = visitor.outcomes(1)
        assert outcome.error.refusal is OUT_OF_STOCK
        assert visitor.outcomes(2) == ["a"]


def test_a_fault_keeps_its_type_and_tells_the_lines_of_code_that_it_came_from(file: Path) -> None:
    with office(file) as there, there.visitor() as visitor:
        visitor.send(job(1, stumble, "x"), job(2, add_twice, "twice"), job(3, keep, "a"))
        (stumbled,), (added,) = visitor.outcomes(1), visitor.outcomes(2)
        assert visitor.outcomes(3) == ["a"]
        assert in_file(file) == ["a"]
    assert isinstance(stumbled.error, KeyError)
    assert isinstance(added.error, apsw.ConstraintError)
    for error, place in ((stumbled.error, "in stumble"), (added.error, "in add_twice")):
        (note,) = error.__notes__
        assert note.startswith("in the writer:\n")
        assert place in note


def test_the_note_on_a_fault_holds_no_values(file: Path) -> None:
    with office(file) as there, there.visitor() as visitor:
        visitor.send(job(1, stumble, HIDDEN))
        (outcome,) = visitor.outcomes(1)
    assert HIDDEN not in "".join(outcome.error.__notes__)


def test_a_fault_of_a_whole_group_is_noted_once_with_what_led_to_it(file: Path) -> None:
    with office(file) as there, there.visitor() as visitor:
        visitor.send(job(1, pragma, "page_count"))
        (pages,) = visitor.outcomes(1)
        visitor.send(job(2, pragma, f"max_page_count = {pages + 2}"))
        visitor.outcomes(2)
        visitor.send(*(job(n, fill, f"{n}") for n in range(10, 20)))
        outcomes = [visitor.outcomes(n)[0] for n in range(10, 20)]
    assert [type(one.error) for one in outcomes] == [DatabaseFault] * 10
    for one in outcomes:
        (note,) = one.error.__notes__
        assert "in fill" in note


def test_a_fault_that_cannot_travel_is_told_by_its_type_alone(file: Path) -> None:
    with office(file) as there, there.visitor() as visitor:
        visitor.send(job(1, raise_what_cannot_travel), job(2, keep, "a"))
        (outcome,) = visitor.outcomes(1)
        assert visitor.outcomes(2) == ["a"]
    assert isinstance(outcome.error, DatabaseFault)
    assert str(outcome.error) == "an outcome cannot be handed over: CannotTravel"


def test_a_result_that_cannot_travel_is_a_fault_for_its_caller_alone(file: Path) -> None:
    with office(file) as there, there.visitor() as visitor:
        visitor.send(job(1, keep_and_give_what_cannot_travel, "a"), job(2, keep, "b"))
        (outcome,) = visitor.outcomes(1)
        assert isinstance(outcome, Raised)
        assert isinstance(outcome.error, DatabaseFault)
        assert visitor.outcomes(2) == ["b"]
        assert in_file(file) == ["a", "b"]


def test_a_file_that_another_program_has_locked_is_a_fault_until_it_is_free(file: Path) -> None:
    with office(file, busy_timeout_s=0.05) as there, there.visitor() as visitor:
        other = apsw.Connection(str(file))
        other.execute("BEGIN IMMEDIATE")
        visitor.send(job(1, keep, "a"))
        (outcome,) = visitor.outcomes(1)
        assert isinstance(outcome.error, DatabaseFault)
        assert "locked" in str(outcome.error)
        other.close()
        visitor.send(job(2, keep, "b"))
        assert visitor.outcomes(2) == ["b"]


# ------------------------------------------------------------------------------- those that vanish


def test_what_one_sent_before_it_vanished_is_written(file: Path) -> None:
    with office(file) as there, there.visitor() as other:
        with gate_of("first") as gate, there.visitor() as visitor:
            visitor.send(job(1, names))
            assert visitor.outcomes(1) == [[]]
            other.send(job(1, keep_at_gate, "first"))
            assert gate._reached.wait(PATIENCE_S)
            visitor.send(job(2, keep, "last words"))
            visitor.socket.close()
            gate.open()
        assert other.outcomes(1) == ["first"]
        other.socket.close()
        there.leave()
        assert there.ended()
    assert in_file(file) == ["first", "last words"]


def test_half_a_frame_of_one_that_vanishes_is_forgotten(file: Path) -> None:
    with office(file) as there, there.visitor() as other:
        with there.visitor() as visitor:
            visitor.socket.sendall(to_frame([job(1, keep, "a"), job(2, keep, "b")])[:-1])
        other.send(job(1, keep, "c"))
        assert other.outcomes(1) == ["c"]
        assert in_file(file) == ["c"]


def test_one_that_sends_what_cannot_be_read_is_dropped_alone_and_nothing_of_it_is_logged(
    file: Path,
) -> None:
    with (
        logged() as stream,
        office(file) as there,
        there.visitor() as other,
        there.visitor() as visitor,
    ):
        visitor.send(job(1, keep, CannotBeMade()))
        assert visitor.is_dismissed()
        other.send(job(1, keep, "a"))
        assert other.outcomes(1) == ["a"]
    (line,) = stream.getvalue().splitlines()
    told = msgspec.json.decode(line)
    assert (told["event"], told["fault"]) == ("job_unreadable", "ValueError")
    assert HIDDEN not in line


# ------------------------------------------------------------------------------------- leaving


def test_it_leaves_when_it_is_told_to_and_nobody_is_there(file: Path) -> None:
    with office(file) as there:
        with there.visitor() as visitor:
            visitor.send(job(1, keep, "a"))
            visitor.outcomes(1)
        there.leave()
        assert there.ended()


def test_it_serves_who_is_there_still_when_it_was_told_to_leave(file: Path) -> None:
    with office(file) as there:
        with there.visitor() as visitor:
            visitor.send(job(1, keep, "a"))
            assert visitor.outcomes(1) == ["a"]
            there.leave()
            visitor.send(job(2, keep, "b"))
            assert visitor.outcomes(2) == ["b"]
            with there.visitor() as late:
                late.send(job(1, keep, "c"))
                assert late.outcomes(1) == ["c"]
        assert there.ended()
        assert in_file(file) == ["a", "b", "c"]


def test_it_waits_for_one_that_stays_no_longer_than_it_may(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_server, "_LEAVE_WITHIN_S", 0.05)
    with office(file) as there, there.visitor() as visitor:
        there.leave()
        assert there.ended()
        assert visitor.is_dismissed()


def test_all_that_was_read_is_written_before_it_leaves(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_server, "_LEAVE_WITHIN_S", 0.0)
    with office(file, group_limit=1) as there, there.visitor() as visitor:
        with gate_of("0") as gate:
            visitor.send(job(0, keep_at_gate, "0"), *(job(n, keep, f"{n}") for n in range(1, 9)))
            assert gate._reached.wait(PATIENCE_S)
            there.leave()
            gate.open()
            assert there.ended()
        assert [visitor.outcomes(n) for n in range(9)] == [[f"{n}"] for n in range(9)]
    assert in_file(file) == [f"{n}" for n in range(9)]


def test_statements_of_one_group_are_undone_with_the_flow_that_raised(file: Path) -> None:
    with office(file) as there, there.visitor() as visitor:
        visitor.send(job(1, keep, "a"), job(2, keep_and_stumble, "b"), job(3, keep, "c"))
        assert visitor.outcomes(1) == ["a"]
        assert isinstance(visitor.outcomes(2)[0].error, KeyError)
        assert visitor.outcomes(3) == ["c"]
        assert in_file(file) == ["a", "c"]


def keep_and_stumble(tx: Tx, name: str) -> None:
    tx.run(Sql("INSERT INTO cursors (name, seq) VALUES (:name, 2)"), name=name)
    raise KeyError(name)
