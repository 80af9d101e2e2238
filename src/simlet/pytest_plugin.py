"""Fixtures for those who test a sign-up: a number, and the code that comes in on it.

pytest loads this by itself where simlet is installed. It says nothing until a test asks for one of
its fixtures: `rented_number`, or `rented_number_async` in tests on asyncio.
"""

import os
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from simlet.client import (
    AsyncClient,
    Client,
    Conflict,
    NoCode,
    NotConfigured,
    Rental,
    SimletError,
)
from simlet.client.connection import TOKEN_VARIABLE, URL_VARIABLE

CODE_TIMEOUT_S = 120.0

_UNCONFIGURED = (
    f"no simlet server is configured: set {TOKEN_VARIABLE}, and {URL_VARIABLE} or --simlet-url"
)
_NO_SERVICE = "name a service: rented_number('Yahoo'), --simlet-service, or simlet_service"


@dataclass(frozen=True, slots=True)
class Number:
    """A rented number.

    Attributes:
        number: as E.164, `+84967000001`.
        national: as it is typed in at home, `0967000001`.
        rental: the whole rental, as it was when it began.
    """

    number: str
    national: str
    rental: Rental
    _client: Client

    def wait_for_code(self, timeout_s: float = CODE_TIMEOUT_S) -> str:
        """The code, as soon as it is there.

        Raises:
            NoCode: the rental ended without one.
            StillWaiting: the time-out passed.
        """
        return _code(self._client.wait(self.rental, timeout_s=timeout_s))

    def cancel(self) -> Rental:
        """Ends the rental before the test does.

        Raises:
            Conflict: it is too early.
        """
        return self._client.cancel(self.rental.id)


@dataclass(frozen=True, slots=True)
class AsyncNumber:
    """As `Number`, for tests on asyncio."""

    number: str
    national: str
    rental: Rental
    _url: str | None

    async def wait_for_code(self, timeout_s: float = CODE_TIMEOUT_S) -> str:
        """As `Number.wait_for_code`."""
        async with AsyncClient(self._url) as client:
            return _code(await client.wait(self.rental, timeout_s=timeout_s))

    async def cancel(self) -> Rental:
        """As `Number.cancel`."""
        async with AsyncClient(self._url) as client:
            return await client.cancel(self.rental.id)


class RentNumber(Protocol):
    """What `rented_number` is: call it for a number, as often as the test needs one."""

    def __call__(
        self,
        service: int | str | None = None,
        *,
        networks: Sequence[str] = (),
        prefixes: Sequence[str] = (),
        max_price_dong: int | None = None,
        wait_for_stock_s: int = 0,
    ) -> Number:
        """Rents a number.

        Args:
            service: its id or its name; without it the one of `--simlet-service`.
            networks: only lines of these networks.
            prefixes: only numbers that begin so.
            max_price_dong: refuse a higher price.
            wait_for_stock_s: wait for a free line, so long at most.
        """


class RentNumberAsync(Protocol):
    """What `rented_number_async` is: as `RentNumber`, to be awaited."""

    def __call__(
        self,
        service: int | str | None = None,
        *,
        networks: Sequence[str] = (),
        prefixes: Sequence[str] = (),
        max_price_dong: int | None = None,
        wait_for_stock_s: int = 0,
    ) -> Awaitable[AsyncNumber]:
        """Rents a number; arguments as in `RentNumber`."""


@dataclass(slots=True)
class _Rentals:
    """The rentals of one test."""

    url: str | None
    client: Client
    service: str
    begun: list[Rental] = field(default_factory=list)

    def rent(
        self,
        service: int | str | None = None,
        *,
        networks: Sequence[str] = (),
        prefixes: Sequence[str] = (),
        max_price_dong: int | None = None,
        wait_for_stock_s: int = 0,
    ) -> Number:
        rental = self.client.rent(
            self._named(service),
            networks=networks,
            prefixes=prefixes,
            max_price_dong=max_price_dong,
            wait_for_stock_s=wait_for_stock_s,
        )
        self.begun.append(rental)
        return Number(rental.number, rental.national_number, rental, self.client)

    async def rent_async(
        self,
        service: int | str | None = None,
        *,
        networks: Sequence[str] = (),
        prefixes: Sequence[str] = (),
        max_price_dong: int | None = None,
        wait_for_stock_s: int = 0,
    ) -> AsyncNumber:
        # Each use has connections of its own: which loop the next one runs in is not known.
        async with AsyncClient(self.url) as client:
            rental = await client.rent(
                self._named(service),
                networks=networks,
                prefixes=prefixes,
                max_price_dong=max_price_dong,
                wait_for_stock_s=wait_for_stock_s,
            )
        self.begun.append(rental)
        return AsyncNumber(rental.number, rental.national_number, rental, self.url)

    def _named(self, service: int | str | None) -> int | str:
        named = self.service if service is None else service
        if named == "":
            raise pytest.UsageError(_NO_SERVICE)
        return named

    def give_back(self) -> list[str]:
        """Cancels what still waits; a sentence for each rental that could not be cancelled."""
        return [sentence for one in self.begun if (sentence := self._give_back(one))]

    def _give_back(self, rental: Rental) -> str:
        try:
            self.client.cancel(rental.id)
        except Conflict as error:
            return f"Rental {rental.id} goes on until its time is over: {error}"
        except SimletError as error:
            return f"Rental {rental.id} may go on until its time is over: {error}"
        return ""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds what can be said of the server; the token is never an option, for options are shown."""
    group = parser.getgroup("simlet", "numbers that receive codes")
    group.addoption("--simlet-url", metavar="URL", help=f"the server; else {URL_VARIABLE}")
    group.addoption("--simlet-service", metavar="SERVICE", help="the usual service, by id or name")
    group.addoption(
        "--simlet-required",
        action="store_true",
        help="tests that need a number fail without a server, instead of being skipped",
    )
    parser.addini("simlet_url", f"the simlet server; {URL_VARIABLE} and --simlet-url win")
    parser.addini("simlet_service", "the service that rented_number rents by itself")


@pytest.fixture
def rented_number(_simlet_rentals: _Rentals) -> RentNumber:
    """Rents numbers for this test.

    `number = rented_number("Yahoo")` rents one. Then `number.national` is typed in, and
    `number.wait_for_code()` gives the code. What still waits when the test ends is cancelled.
    """
    return _simlet_rentals.rent


@pytest.fixture
def rented_number_async(_simlet_rentals: _Rentals) -> RentNumberAsync:
    """As `rented_number`, for tests on asyncio; what it gives is awaited."""
    return _simlet_rentals.rent_async


@pytest.fixture
def _simlet_rentals(request: pytest.FixtureRequest) -> Iterator[_Rentals]:
    url = _url(request.config)
    with _client(request.config, url) as client:
        rentals = _Rentals(url, client, _option(request.config, "simlet_service"))
        yield rentals
        # In a section of the report: a warning may be an error where this is used.
        for sentence in rentals.give_back():
            request.node.add_report_section("teardown", "simlet", sentence)


def _url(config: pytest.Config) -> str | None:
    """The address: the command line wins over the environment, and that over the file."""
    given = config.getoption("--simlet-url") or os.environ.get(URL_VARIABLE)
    return given or config.getini("simlet_url") or None


def _client(config: pytest.Config, url: str | None) -> Client:
    try:
        return Client(url)
    except NotConfigured as error:
        if config.getoption("--simlet-required"):
            pytest.fail(f"{_UNCONFIGURED} ({error})", pytrace=False)
        pytest.skip(f"{_UNCONFIGURED} ({error})")


def _option(config: pytest.Config, name: str) -> str:
    given: str | None = config.getoption(f"--{name.replace('_', '-')}")
    return given or str(config.getini(name) or "")


def _code(rental: Rental) -> str:
    if rental.code is None:
        raise NoCode(rental)
    return rental.code
