import asyncio
import re
import socket
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, quote, urlsplit

import psycopg
import pytest
from psycopg import errors

from simlet.store.database import Database, open_database
from simlet.store.sql import DatabaseFault, Raised, Sql, Tx
from simlet.testing.gate import Gate

pytestmark = pytest.mark.anyio

ADD = Sql("INSERT INTO cursors (name, seq) VALUES (:name, :seq)")
LOCK = Sql("SELECT seq FROM cursors WHERE name = :name {for_update}")
GET = Sql("SELECT seq FROM cursors WHERE name = :name")
COUNT_UP = Sql("UPDATE cursors SET seq = seq + 1 WHERE name = :name")
ALL = Sql("SELECT name, seq FROM cursors ORDER BY name")
OWN_PID = Sql("SELECT pg_backend_pid()")
PATIENCE_S = 20


def with_options(url: str, *settings: str) -> str:
    """The address of the same database, where a session begins with these settings."""
    return f"{url}&options=" + quote(" ".join(f"-c {one}" for one in settings))


@asynccontextmanager
async def opened(url: str, *, pool_size: int = 4) -> AsyncIterator[Database]:
    db = open_database(url, pool_size=pool_size)
    try:
        yield db
    finally:
        await db.close()


@pytest.fixture
async def postgres_db(postgres_url: str) -> AsyncIterator[Database]:
    async with opened(with_options(postgres_url, "deadlock_timeout=20ms")) as db:
        yield db


class Meeting:
    """Two flows meet here the first time they come by; when they run again they pass."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2)
        self.runs: Counter[str] = Counter()

    def attend(self, name: str) -> None:
        self.runs[name] += 1
        if self.runs[name] == 1:
            self._barrier.wait(PATIENCE_S)


def add(tx: Tx, name: str, seq: int = 0) -> None:
    tx.run(ADD, name=name, seq=seq)


def count_up(tx: Tx, name: str) -> int:
    return tx.run(COUNT_UP, name=name)


def figures(tx: Tx) -> dict[str, int]:
    return {row[0]: row[1] for row in tx.rows(ALL)}


def own_pid(tx: Tx) -> int:
    row = tx.row(OWN_PID)
    assert row is not None
    pid: int = row[0]
    return pid


def answer(tx: Tx) -> int:
    row = tx.row(Sql("SELECT 1"))
    assert row is not None
    return int(row[0])


def end_connection(url: str, pid: int) -> None:
    """What an administrator, or the end of the server, does to a connection; it is gone then."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])


# ---------------------------------------------------------------------------------- running again


async def test_of_two_flows_in_a_deadlock_one_runs_again_and_both_are_kept(
    postgres_db: Database,
) -> None:
    meeting = Meeting()

    def lock_both(tx: Tx, first: str, second: str) -> str:
        tx.row(LOCK, name=first)
        meeting.attend(first)
        tx.row(LOCK, name=second)
        count_up(tx, first)
        count_up(tx, second)
        return f"{first}, then {second}"

    await postgres_db.write_all(add, ["a", "b"])
    results: list[str] = await asyncio.gather(
        *(postgres_db.write(lock_both, *names) for names in (("a", "b"), ("b", "a")))
    )
    assert results == ["a, then b", "b, then a"]
    # Three, or more: the one that ran again can be as quick as to meet the other once more.
    assert sum(meeting.runs.values()) >= 3
    assert await postgres_db.read(figures) == {"a": 2, "b": 2}


async def test_a_flow_that_cannot_be_serialized_runs_again(postgres_db: Database) -> None:
    meeting = Meeting()
    strict = Sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    put = Sql("UPDATE cursors SET seq = :seq WHERE name = 'a'")

    def count_strictly(tx: Tx, name: str) -> int:
        tx.run(strict)
        row = tx.row(GET, name="a")
        assert row is not None
        meeting.attend(name)
        tx.run(put, seq=row[0] + 1)
        return int(row[0]) + 1

    await postgres_db.write(add, "a")
    results = await asyncio.gather(
        postgres_db.write(count_strictly, "one"), postgres_db.write(count_strictly, "other")
    )
    assert sorted(results) == [1, 2]
    assert sum(meeting.runs.values()) == 3


async def test_of_two_flows_that_add_the_same_row_one_runs_again_and_finds_it(
    postgres_db: Database,
) -> None:
    meeting = Meeting()

    def add_once(tx: Tx, name: str) -> str:
        found = tx.row(GET, name="a")
        meeting.attend(name)
        if found is not None:
            return "found"
        add(tx, "a")
        return "added"

    results = await asyncio.gather(
        postgres_db.write(add_once, "one"), postgres_db.write(add_once, "other")
    )
    assert sorted(results) == ["added", "found"]
    assert sum(meeting.runs.values()) == 3


async def test_of_two_groups_in_a_deadlock_one_runs_again_and_both_are_kept(
    postgres_db: Database,
) -> None:
    meeting = Meeting()
    order = {"ab": ["a", "b"], "ba": ["b", "a"]}

    def count_and_meet(tx: Tx, step: tuple[str, str]) -> str:
        group, name = step
        count_up(tx, name)
        if name == order[group][0]:
            meeting.attend(group)
        return name

    await postgres_db.write_all(add, ["a", "b"])
    results = await asyncio.gather(
        *(
            postgres_db.write_all(count_and_meet, [(group, name) for name in names])
            for group, names in order.items()
        )
    )
    assert results == [["a", "b"], ["b", "a"]]
    assert sum(meeting.runs.values()) >= 3
    assert await postgres_db.read(figures) == {"a": 2, "b": 2}


async def test_a_group_keeps_nobody_waiting_for_the_server_to_see_a_deadlock(
    postgres_url: str,
) -> None:
    meeting = Meeting()

    def count_and_meet(tx: Tx, name: str) -> str:
        if name == "c":
            raise ValueError(name)
        count_up(tx, name)
        if name == "a":
            meeting.attend("group")
        return name

    def lock_both(tx: Tx) -> None:
        count_up(tx, "b")
        meeting.attend("lone")
        count_up(tx, "a")

    async with opened(with_options(postgres_url, "deadlock_timeout=60s")) as db:
        await db.write_all(add, ["a", "b"])
        async with asyncio.timeout(PATIENCE_S):
            outcomes, _ = await asyncio.gather(
                db.write_all(count_and_meet, ["a", "c", "b"]), db.write(lock_both)
            )
        first, refused, last = outcomes
        assert (first, last) == ("a", "b")
        assert isinstance(refused, Raised)
        assert isinstance(refused.error, ValueError)
        assert await db.read(figures) == {"a": 2, "b": 2}


RAISE = "DO $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{}'; END $$"
# As PostgreSQL numbers them: not serializable, a deadlock, a row that is there already.
RUN_AGAIN = ["40001", "40P01", "23505"]


@pytest.mark.parametrize("code", RUN_AGAIN)
async def test_a_flow_runs_again_as_often_as_it_must_and_on_the_same_connection(
    postgres_db: Database, code: str
) -> None:
    pids = []

    def be_unlucky(tx: Tx) -> None:
        count_up(tx, "a")
        pids.append(own_pid(tx))
        if len(pids) <= 5:
            tx.run(Sql(RAISE.format(code)))

    await postgres_db.write(add, "a")
    await postgres_db.write(be_unlucky)
    assert len(pids) == 6
    assert len(set(pids)) == 1
    assert await postgres_db.read(figures) == {"a": 1}


@pytest.mark.parametrize("code", RUN_AGAIN)
async def test_a_flow_that_is_never_lucky_is_given_up(postgres_db: Database, code: str) -> None:
    runs = []

    def never_be_lucky(tx: Tx) -> None:
        runs.append(1)
        tx.run(Sql(RAISE.format(code)))

    with pytest.raises(psycopg.Error, match="on purpose"):
        await postgres_db.write(never_be_lucky)
    assert 5 < len(runs) < 100


async def test_a_row_that_stays_in_the_way_is_told_to_its_caller(postgres_db: Database) -> None:
    runs = []

    def add_again(tx: Tx) -> None:
        runs.append(1)
        add(tx, "a")

    await postgres_db.write(add, "a")
    with pytest.raises(errors.UniqueViolation):
        await postgres_db.write(add_again)
    assert 1 < len(runs) <= 10


async def test_a_row_that_stays_in_the_way_of_one_of_many_undoes_only_that_one(
    postgres_db: Database,
) -> None:
    outcomes = await postgres_db.write_all(add, ["a", "b", "a", "c"])
    assert [type(one.error) if isinstance(one, Raised) else one for one in outcomes] == [
        None,
        None,
        errors.UniqueViolation,
        None,
    ]
    assert list(await postgres_db.read(figures)) == ["a", "b", "c"]


async def test_a_flow_reads_what_is_committed_whatever_the_server_prefers(
    postgres_url: str,
) -> None:
    level = Sql("SHOW transaction_isolation")
    prefers = with_options(postgres_url, "default_transaction_isolation=serializable")
    async with opened(prefers) as db:
        row = await db.write(lambda tx: tx.row(level))
    assert row is not None
    assert row[0] == "read committed"


async def test_a_flow_that_hides_an_error_is_told_that_nothing_was_kept(
    postgres_db: Database,
) -> None:
    def hide(tx: Tx) -> str:
        add(tx, "a")
        with suppress(psycopg.Error):
            tx.run(ADD, name="b", seq=None)
        return "done"

    with pytest.raises(DatabaseFault):
        await postgres_db.write(hide)
    assert await postgres_db.read(figures) == {}


# ------------------------------------------------------------------------------- lost connections


async def test_a_connection_that_was_ended_between_two_calls_is_replaced(
    postgres_url: str,
) -> None:
    async with opened(postgres_url, pool_size=1) as db:
        await db.write(add, "a")
        before = await db.write(own_pid)
        end_connection(postgres_url, before)
        assert await db.write(count_up, "a") == 1
        assert await db.write(own_pid) != before
        assert await db.read(figures) == {"a": 1}


async def test_when_the_server_ended_all_connections_reads_and_writes_go_on(
    postgres_url: str,
) -> None:
    async with opened(postgres_url) as db:
        for round_ in range(4):
            await asyncio.gather(*(db.write(add, f"{round_} {n}") for n in range(8)))
            with psycopg.connect(postgres_url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            assert len(await db.read(figures)) == 8 * (round_ + 1)


@pytest.mark.parametrize("many", [False, True])
async def test_a_flow_whose_connection_is_lost_in_its_middle_runs_again_and_counts_once(
    postgres_url: str, many: bool
) -> None:
    pids = []

    def count_and_lose_connection(tx: Tx, name: str) -> int:
        count_up(tx, name)
        pids.append(own_pid(tx))
        if len(pids) == 1:
            end_connection(postgres_url, pids[0])
        return count_up(tx, name)

    async with opened(postgres_url) as db:
        await db.write_all(add, ["a", "b"])
        if many:
            assert await db.write_all(count_and_lose_connection, ["a", "b"]) == [1, 1]
            assert await db.read(figures) == {"a": 2, "b": 2}
        else:
            assert await db.write(count_and_lose_connection, "a") == 1
            assert await db.read(figures) == {"a": 2, "b": 0}
    assert pids[0] != pids[1]


async def test_a_read_whose_connection_is_lost_in_its_middle_runs_again(postgres_url: str) -> None:
    pids = []

    def read(tx: Tx) -> dict[str, int]:
        pids.append(own_pid(tx))
        if len(pids) == 1:
            end_connection(postgres_url, pids[0])
        return figures(tx)

    async with opened(postgres_url) as db:
        await db.write(add, "a", 7)
        assert await db.read(read) == {"a": 7}
    assert len(pids) == 2


async def test_a_flow_that_loses_its_connection_each_time_is_a_fault_and_counts_never(
    postgres_url: str,
) -> None:
    runs = []

    def lose_connection(tx: Tx) -> None:
        runs.append(1)
        count_up(tx, "a")
        end_connection(postgres_url, own_pid(tx))
        count_up(tx, "a")

    async with opened(postgres_url) as db:
        await db.write(add, "a")
        with pytest.raises(DatabaseFault):
            await db.write(lose_connection)
        assert len(runs) == 2
        assert await db.read(figures) == {"a": 0}


async def test_after_a_deadlock_a_lost_connection_is_replaced_nevertheless(
    postgres_url: str,
) -> None:
    runs = []

    def be_unlucky(tx: Tx) -> None:
        runs.append(own_pid(tx))
        if len(runs) == 1:
            tx.run(Sql(RAISE.format("40P01")))
        if len(runs) == 2:
            end_connection(postgres_url, runs[-1])
        add(tx, "a")

    async with opened(postgres_url) as db:
        await db.write(be_unlucky)
        assert await db.read(figures) == {"a": 0}
    assert len(runs) == 3


async def test_no_connection_is_left_behind_when_statements_fail_or_the_database_closes(
    postgres_url: str,
) -> None:
    now = Sql("SELECT seq FROM cursors WHERE name = 'a' FOR UPDATE NOWAIT")

    def lock(tx: Tx, gate: Gate) -> None:
        tx.row(LOCK, name="a")
        gate.pass_through()

    def connections() -> int:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'counted'"
            ).fetchone()
            assert row is not None
            count: int = row[0]
            return count

    async with opened(with_options(postgres_url, "application_name=counted"), pool_size=2) as db:
        await db.write(add, "a")
        with Gate() as gate:
            locking = asyncio.create_task(db.write(lock, gate))
            await gate.reached()
            for _ in range(5):
                with pytest.raises(DatabaseFault):
                    await db.write(lambda tx: tx.row(now))
            assert connections() <= 2
            gate.open()
            await locking
    assert connections() == 0


# ----------------------------------------------------------------------------- no server, no base


async def test_a_server_that_does_not_answer_is_a_fault() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        # The port is bound, and nobody listens.
        url = f"postgresql://postgres@127.0.0.1:{taken.getsockname()[1]}/simlet"
        async with opened(url) as db:
            with pytest.raises(DatabaseFault):
                await db.write(add, "a")
            with pytest.raises(DatabaseFault):
                await db.read(figures)
            with pytest.raises(DatabaseFault):
                await db.glance(figures)
            outcomes = await db.write_all(add, ["a", "b"])
    assert [type(one.error) for one in outcomes if isinstance(one, Raised)] == [DatabaseFault] * 2


async def test_a_database_that_comes_back_is_used_again(postgres: str) -> None:
    name = "comes_back"
    with psycopg.connect(postgres.format("postgres"), autocommit=True) as connection:
        try:
            async with opened(postgres.format(name)) as db:
                with pytest.raises(DatabaseFault):
                    await db.write(answer)
                with pytest.raises(DatabaseFault):
                    await db.read(answer)
                connection.execute(f"CREATE DATABASE {name}")
                assert await db.write(answer) == 1
                assert await db.read(answer) == 1
        finally:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


# -------------------------------------------------------------------------- a commit with no answer


class DeafWire:
    """A wire to the server that breaks, once it is told to, when the server answers a COMMIT.

    Args:
        url: the database, at a socket in the file system.
    """

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        (folder,) = parse_qs(address.query)["host"]
        self._server = f"{folder}/.s.PGSQL.5432"
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = f"postgresql://postgres@127.0.0.1:{port}{address.path}"
        self.url += "?sslmode=disable&gssencmode=disable"
        self.breaks = False
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        """Carries a question and its answer in turn, as the two sides of this protocol speak."""
        with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
            server.connect(self._server)
            while question := client.recv(65536):
                server.sendall(question)
                if question.startswith(b"X"):  # the client says goodbye
                    return
                answer = server.recv(65536)
                if self.breaks and b"COMMIT\0" in question:
                    return
                client.sendall(answer)


@pytest.fixture
def deaf_wire(postgres_url: str) -> Iterator[DeafWire]:
    wire = DeafWire(postgres_url)
    yield wire
    wire.close()


@pytest.mark.parametrize("names", [["a"], ["a", "b"]])
async def test_a_commit_without_an_answer_is_a_fault_and_its_flows_do_not_run_again(
    deaf_wire: DeafWire, postgres_url: str, names: list[str]
) -> None:
    runs: Counter[str] = Counter()

    def count(tx: Tx, name: str) -> int:
        runs[name] += 1
        return count_up(tx, name)

    async with opened(deaf_wire.url) as db, opened(postgres_url) as direct:
        await direct.write_all(add, names)
        deaf_wire.breaks = True
        for outcome in await db.write_all(count, names):
            assert isinstance(outcome, Raised)
            assert isinstance(outcome.error, DatabaseFault)
            assert "while committing" in str(outcome.error)
        assert runs == dict.fromkeys(names, 1)
        # The commit was done: had they run again, they would count twice.
        assert await direct.read(figures) == dict.fromkeys(names, 1)
        deaf_wire.breaks = False
        assert await db.write(count_up, "a") == 1


FALL_AT_COMMIT = """
CREATE FUNCTION pg_temp.fall() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
CREATE TEMP TABLE trap (id int);
CREATE CONSTRAINT TRIGGER fall AFTER INSERT ON trap DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION pg_temp.fall();
INSERT INTO trap VALUES (1);
"""


async def test_a_server_that_ends_the_connection_at_the_commit_is_a_fault(
    postgres_url: str,
) -> None:
    statements = [Sql(one) for one in re.split(r";\n", FALL_AT_COMMIT) if one]
    runs = []

    def fall_at_commit(tx: Tx) -> None:
        runs.append(1)
        add(tx, "a")
        for statement in statements:
            tx.run(statement)

    async with opened(postgres_url) as db:
        with pytest.raises(DatabaseFault, match="while committing"):
            await db.write(fall_at_commit)
        assert len(runs) == 1
        assert await db.read(figures) == {}
        await db.write(add, "b")
        assert await db.read(figures) == {"b": 0}
