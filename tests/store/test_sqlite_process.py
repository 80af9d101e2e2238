"""Flows handed to the process that writes: what arrives, and what becomes of it when that ends."""

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio.lowlevel
import pytest

from simlet.domain.errors import OUT_OF_STOCK, Refused
from simlet.store.database import Database, open_database
from simlet.store.sql import Call, DatabaseFault, Raised, Tx
from simlet.store.sqlite import SqliteDatabase
from simlet.store.sqlite_frames import Inbox, to_frame
from simlet.store.sqlite_process import WriterProcess
from simlet.store.sqlite_thread import WriterThread
from store.keeping import commits_in_wal, keep, names, opened
from store.writing import PATIENCE_S, gate_of, keep_at_gate, listening, office

pytestmark = pytest.mark.anyio

NO_PATIENCE_S = 0.0


@pytest.fixture
def address(file: Path) -> Path:
    return file.with_name("writer")


@asynccontextmanager
async def writing_for(
    file: Path, address: Path, patience_s: float = PATIENCE_S
) -> AsyncIterator[WriterProcess]:
    process = WriterProcess(address, lambda: WriterThread(file, 256, 20), patience_s)
    try:
        yield process
    finally:
        await asyncio.wait_for(process.close(), PATIENCE_S)


def call(flow: Callable[..., Any], *args: Any) -> Call:
    return Call(flow, args, {})


async def begun(process: WriterProcess, *calls: Call) -> "asyncio.Task[list[Any]]":
    """One caller's flows, when they have been handed over as far as they can be."""
    task = asyncio.create_task(process.write_all(list(calls)))
    for _ in range(3):
        await anyio.lowlevel.checkpoint()
    return task


async def in_file(url: str) -> list[str]:
    async with opened(url) as db:
        return await db.read(names)


def refuse(_: Tx) -> None:
    raise Refused(OUT_OF_STOCK)


def wrote_itself(process: WriterProcess) -> bool:
    return process._here is not None


class CannotBeMade:
    """It can be sent, and not be read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("nonsense",)


# ------------------------------------------------------------------------------------ all is well


async def test_flows_are_written_by_the_other_process(file: Path, address: Path) -> None:
    with office(file):
        async with writing_for(file, address) as process:
            assert await process.write_all([call(keep, "a"), call(names)]) == ["a", ["a"]]
            assert not wrote_itself(process)


async def test_what_one_turn_of_the_loop_brings_is_one_commit(file: Path, address: Path) -> None:
    with office(file):
        async with writing_for(file, address) as process:
            await process.write_all([call(names)])
            before = commits_in_wal(file)
            several = [f"{n:03}" for n in range(100)]
            outcomes = await asyncio.gather(
                *(process.write_all([call(keep, one)]) for one in several)
            )
            assert outcomes == [[one] for one in several]
            assert commits_in_wal(file) == before + 1


async def test_a_database_with_a_writer_writes_there(sqlite_url: str, address: Path) -> None:
    with office(Path(sqlite_url.removeprefix("sqlite:///"))):
        db: Database = open_database(sqlite_url, writer=address)
        assert await db.write(keep, "a") == "a"
        with pytest.raises(Refused) as refused:
            await db.write(refuse)
        assert refused.value.refusal is OUT_OF_STOCK
        await db.close()
        assert isinstance(db.engine, SqliteDatabase)
        assert isinstance(db.engine._writer, WriterProcess)
        assert not wrote_itself(db.engine._writer)
        with pytest.raises(DatabaseFault, match="closing"):
            await db.write(keep, "b")


async def test_what_cannot_be_pickled_is_written_here_and_its_neighbours_there(
    file: Path, address: Path
) -> None:
    with office(file):
        async with writing_for(file, address) as process:
            flows = [call(keep, "a"), call(lambda tx: keep(tx, "b")), call(keep, "c")]
            outcomes = await asyncio.gather(*(process.write_all([one]) for one in flows))
            assert outcomes == [["a"], ["b"], ["c"]]
            assert wrote_itself(process)
            assert await process.write_all([call(names)]) == [["a", "b", "c"]]


async def test_a_caller_that_was_cancelled_has_its_flow_written(file: Path, address: Path) -> None:
    with office(file), gate_of("theirs") as gate:
        async with writing_for(file, address) as process:
            await process.write_all([call(names)])
            theirs = await begun(process, call(keep_at_gate, "theirs"))
            await gate.reached()
            not_sent = asyncio.create_task(process.write_all([call(keep, "not sent yet")]))
            await anyio.lowlevel.checkpoint()
            for task in (theirs, not_sent):
                task.cancel()
            gate.open()
            assert await process.write_all([call(keep, "mine")]) == ["mine"]
            assert await process.write_all([call(names)]) == [["mine", "not sent yet", "theirs"]]


async def test_closing_waits_for_the_commit_of_what_is_under_way(
    sqlite_url: str, file: Path, address: Path
) -> None:
    with office(file), gate_of("a") as gate:
        async with writing_for(file, address) as process:
            await process.write_all([call(names)])
            at_gate = await begun(process, call(keep_at_gate, "a"))
            await gate.reached()
            here = asyncio.create_task(process.write_all([call(lambda tx: keep(tx, "b"))]))
            last = asyncio.create_task(process.write_all([call(keep, "c")]))
            await anyio.lowlevel.checkpoint()
            closing = asyncio.create_task(process.close())
            await anyio.lowlevel.checkpoint()
            assert not closing.done()
            gate.open()
            await asyncio.wait_for(closing, PATIENCE_S)
            assert [at_gate.result(), here.result(), last.result()] == [["a"], ["b"], ["c"]]
    assert await in_file(sqlite_url) == ["a", "b", "c"]


async def test_one_that_wrote_nothing_can_be_closed(file: Path, address: Path) -> None:
    async with writing_for(file, address):
        pass


# ------------------------------------------------------------------- the other process is not there


async def test_a_process_that_is_there_only_later_is_waited_for(file: Path, address: Path) -> None:
    async with writing_for(file, address) as process:
        waiting = [await begun(process, call(keep, one)) for one in "abc"]
        with office(file):
            assert await asyncio.gather(*waiting) == [["a"], ["b"], ["c"]]
            assert not wrote_itself(process)
            await process.close()


async def test_where_there_is_no_process_the_flows_are_written_here(
    file: Path, address: Path
) -> None:
    async with writing_for(file, address, NO_PATIENCE_S) as process:
        several = [f"{n:03}" for n in range(20)]
        outcomes = await asyncio.gather(*(process.write_all([call(keep, one)]) for one in several))
        assert outcomes == [[one] for one in several]
        assert await process.write_all([call(names)]) == [several]
        assert wrote_itself(process)


async def test_a_process_that_comes_back_writes_again(file: Path, address: Path) -> None:
    async with writing_for(file, address, NO_PATIENCE_S) as process:
        assert await process.write_all([call(keep, "here")]) == ["here"]
        with office(file):
            while (looking := process._looking) is not None:
                await asyncio.wait([looking])
            process._here, here = None, process._here
            assert await process.write_all([call(keep, "there")]) == ["there"]
            assert not wrote_itself(process)
            assert here is not None
            await here.close()
            await process.close()


async def test_closing_while_a_process_is_looked_for_keeps_what_was_accepted(
    sqlite_url: str, file: Path, address: Path
) -> None:
    async with writing_for(file, address) as process:
        waiting = await begun(process, call(keep, "a"))
        await asyncio.wait_for(process.close(), PATIENCE_S)
        assert await waiting == ["a"]
    assert await in_file(sqlite_url) == ["a"]


async def test_a_file_that_cannot_be_opened_here_is_the_outcome_of_each_flow(
    address: Path,
) -> None:
    def make() -> WriterThread:
        raise DatabaseFault("no such file")

    process = WriterProcess(address, make, NO_PATIENCE_S)
    outcomes = await process.write_all([call(keep, "a"), call(keep, "b")])
    assert [str(one.error) for one in outcomes] == ["no such file"] * 2
    await process.close()


async def test_an_address_that_no_socket_can_have_is_as_if_nobody_were_there(file: Path) -> None:
    address = Path(tempfile.gettempdir()) / ("long" * 50)
    async with writing_for(file, address, NO_PATIENCE_S) as process:
        assert await process.write_all([call(keep, "a")]) == ["a"]


# ------------------------------------------------------------------------ the other process ends


class Faulty:
    """A process that reads one frame of each visitor, says something, and ends the connection."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener

    def answer(self, said: bytes) -> list[Any]:
        """Answers the next visitor; what that one had sent."""
        visitor, _ = self._listener.accept()
        with visitor:
            visitor.settimeout(PATIENCE_S)
            inbox = Inbox()
            while True:
                for jobs in inbox.values(visitor.recv(1 << 16)):
                    visitor.sendall(said)
                    return list(jobs)


@pytest.fixture
def faulty(address: Path) -> Iterator[Faulty]:
    with listening(address) as listener:
        yield Faulty(listener)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(to_frame([(1, ["a"])])[:-1], id="half an answer"),
        pytest.param(to_frame([(77, ["a"])]), id="an answer to nobody"),
        pytest.param(to_frame(CannotBeMade()), id="what cannot be read"),
        pytest.param(b"\x03\x00\x00\x00abc", id="no answer at all"),
    ],
)
async def test_without_an_answer_each_flow_has_a_fault_for_its_outcome(
    said: bytes, faulty: Faulty, file: Path, address: Path
) -> None:
    async with writing_for(file, address) as process:
        answering = asyncio.create_task(asyncio.to_thread(faulty.answer, said))
        outcomes = await asyncio.wait_for(
            process.write_all([call(keep, "a"), call(keep, "b")]), PATIENCE_S
        )
        assert len(await answering) == 1
        assert [type(one) for one in outcomes] == [Raised] * 2
        assert [type(one.error) for one in outcomes] == [DatabaseFault] * 2
        assert "ended before it said what is kept" in str(outcomes[0].error)
        assert not wrote_itself(process)


async def test_what_was_answered_before_the_end_is_told(
    faulty: Faulty, file: Path, address: Path
) -> None:
    async with writing_for(file, address) as process:
        said = to_frame([(1, ["first"])]) + to_frame([(2, ["second"])])[:-1]
        answering = asyncio.create_task(asyncio.to_thread(faulty.answer, said))
        first, second = await asyncio.gather(
            process.write_all([call(keep, "a")]), process.write_all([call(keep, "b")])
        )
        await answering
        assert first == ["first"]
        assert isinstance(second[0], Raised)


async def test_what_was_sent_is_never_sent_again_and_what_comes_later_is(
    faulty: Faulty, file: Path, address: Path
) -> None:
    async with writing_for(file, address) as process:
        answering = asyncio.create_task(asyncio.to_thread(faulty.answer, b""))
        await process.write_all([call(keep, "lost")])
        assert [calls[0][1] for _, calls in await answering] == [("lost",)]
        answering = asyncio.create_task(asyncio.to_thread(faulty.answer, to_frame([(2, ["b"])])))
        assert await process.write_all([call(keep, "b")]) == ["b"]
        assert [calls[0][1] for _, calls in await answering] == [("b",)]


async def test_what_was_not_sent_when_the_process_ended_is_written_by_the_next_one(
    file: Path, address: Path
) -> None:
    async with writing_for(file, address) as process:
        with office(file) as first:
            assert await process.write_all([call(keep, "a")]) == ["a"]
            first_connection = process._connection
            assert first_connection is not None
            first.leave()
            assert first_connection._transport is not None
            first_connection._transport.abort()
            assert await asyncio.to_thread(first.ended)
        waiting = await begun(process, call(keep, "b"))
        assert not waiting.done()
        with office(file):
            assert await waiting == ["b"]
            assert await process.write_all([call(names)]) == [["a", "b"]]
            await process.close()
