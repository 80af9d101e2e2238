"""A shell for tests: runs commands in this process, on a database of the test's own."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner, Result

from simlet.cli import main
from simlet.cli.database import now_ms, write
from simlet.flows.hold import Rented
from simlet.flows.rent_number import RentRequest, rent_number

HEADER = "iccid,number,network,store,holder,contract"


def row(
    serial: int,
    number: str,
    *,
    network: str = "VIETTEL",
    store: str = "01",
    holder: str = "Công ty A",
    contract: str = "HĐ-1",
) -> str:
    """A row of the file that lines are imported from."""
    return f"8984{serial:015},{number},{network},{store},{holder},{contract}"


@dataclass(frozen=True)
class Shell:
    folder: Path
    url: str

    def run(self, *args: object, code: int = 0, stdin: bytes | None = None) -> Result:
        """What a command does; it must end with the exit code."""
        result = CliRunner().invoke(main, [str(one) for one in args], input=stdin)
        assert result.exit_code == code, (result.exit_code, result.stdout, result.stderr)
        return result

    def json(self, *args: object, code: int = 0, stdin: bytes | None = None) -> Any:
        """The one JSON document that a command prints."""
        result = self.run(*args, "--json", code=code, stdin=stdin)
        assert result.stderr == ""
        return msgspec.json.decode(result.stdout)

    def error(self, *args: object, code: int = 1) -> Any:
        """How a command fails: the same in both forms."""
        as_json = self.run(*args, "--json", code=code)
        assert as_json.stdout == ""
        error = msgspec.json.decode(as_json.stderr)["error"]
        for_people = self.run(*args, code=code)
        assert for_people.stdout == ""
        assert "Traceback" not in for_people.stderr
        assert len(error["sentence"].splitlines()) == 1
        return error

    def file(self, *lines: str, name: str = "lines.csv") -> Path:
        """A file of these lines, behind the header."""
        path = self.folder / name
        path.write_text("\n".join([HEADER, *lines]) + "\n", "utf-8")
        return path

    def lines(self, *rows: str) -> None:
        """Imports lines."""
        self.run("line", "import", self.file(*rows))

    def dealer(self, name: str = "ann", amount: int = 10_000) -> int:
        """An approved dealer with money; the account's id."""
        account = self.json("account", "add", name, "--tier", "dealer", "--approve", "--by", "Bo")
        self.run("account", "credit", name, amount, "--reason", "cash")
        return int(account["id"])

    def service(self, service_id: int = 4, *more: str) -> None:
        """A service of store 01 that takes senders named Yahoo, at 470 đồng."""
        self.run(
            *("service", "add", "--store", "01", "--id", service_id, "--name", "Yahoo"),
            *("--price", 470, "--seconds", 300, "--sender", "Yahoo", *more),
        )

    def rent(self, account_id: int, service_id: int = 4) -> Rented:
        """A rental, as a dealer begins one through the server."""
        request = RentRequest(account_id, service_id)
        return write(rent_number, request, now_ms(), secrets.randbelow)
