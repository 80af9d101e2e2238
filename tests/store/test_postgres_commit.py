"""Commits whose answer never comes: a fault, and nothing that runs again."""

import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

import pytest

from simlet.store.sql import DatabaseFault, Raised, Sql, Tx
from store.keeping import opened
from store.sessions import add, count_up, figures

pytestmark = pytest.mark.anyio


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
