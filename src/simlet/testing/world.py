"""A small world for tests: an installation with a clock that stands still and seeded chance.

What it does it does through the flows, as a running server would.
"""

import random
from dataclasses import dataclass, field, replace

from simlet.config import Settings
from simlet.domain.extras import NO_EXTRAS, Extras
from simlet.domain.inbound import Inbound, MessageKind
from simlet.domain.numbering import FIRST_NETWORKS
from simlet.domain.phone import parse_number
from simlet.domain.principal import Account, Tier
from simlet.domain.rental import Rental
from simlet.domain.report import ReportReason
from simlet.domain.request import LineRequest
from simlet.domain.service import Category, MatchRules, Prices, Service, Terms
from simlet.domain.signing import (
    TOKEN_RANDOM_BYTES,
    format_gateway_secret,
    format_token,
    hash_secret,
    new_webhook_secret,
)
from simlet.feed import EventFeed
from simlet.flows import browse
from simlet.flows.cancel_rental import cancel_rental
from simlet.flows.check_books import check_books
from simlet.flows.expire_rentals import Expired, expire_rentals
from simlet.flows.extend_rental import extend_rental
from simlet.flows.hold import Order, Rented
from simlet.flows.manage_accounts import add_account, approve_account, issue_token
from simlet.flows.manage_gateways import add_gateway
from simlet.flows.manage_lines import import_lines
from simlet.flows.manage_services import add_service
from simlet.flows.queue_request import rent_or_queue
from simlet.flows.receive_message import Receipt, receive_message
from simlet.flows.rent_again import RentAgainRequest, rent_again
from simlet.flows.rent_number import RentRequest, rent_number
from simlet.flows.report_rental import report_rental
from simlet.flows.top_up import top_up
from simlet.reads import ReadNotes
from simlet.runtime import Runtime
from simlet.store import events
from simlet.store.database import Database
from simlet.store.endpoints import CallbackTarget
from simlet.store.events import LoggedEvent
from simlet.store.lines import NewLine
from simlet.store.rental_views import RentalView
from simlet.store.sql import Row, Sql, Tx
from simlet.testing.clock import FakeClock
from simlet.workers.stock_queue import stock_queue

NETWORK_IDS = {name: network_id for network_id, name in FIRST_NETWORKS}


@dataclass(frozen=True, slots=True)
class Dealer:
    """An approved account with its token, as its owner was shown it once."""

    id: int
    name: str
    token: str
    callback_secret: str


@dataclass(slots=True)
class World:
    """An installation under test.

    Attributes:
        clock: stands still until a test moves it.
        seed: what chance is drawn from, so that a test can be run again.
    """

    db: Database
    clock: FakeClock = field(default_factory=FakeClock)
    settings: Settings = field(default_factory=Settings)
    base_url: str = "http://simlet.test"
    seed: int = 1
    runtime: Runtime = field(init=False)
    _random: random.Random = field(init=False)
    _counter: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - not for secrets: for tests
        self.runtime = Runtime(
            settings=self.settings,
            db=self.db,
            clock=self.clock,
            chance=self._random.randrange,
            random_bytes=self._random.randbytes,
            recording_key=b"a key for tests, 32 bytes long..",
            base_url=self.base_url,
            feed=EventFeed(self.db, self.clock),
            reads=ReadNotes(self.db, self.clock),
        )

    def at_address(self, base_url: str) -> "World":
        """The same world, reached at another address."""
        self.base_url = base_url
        self.runtime = replace(self.runtime, base_url=base_url)
        return self

    async def dealer(
        self,
        name: str = "dealer",
        *,
        balance_dong: int = 100_000,
        waiting_limit: int = 10,
        tier: Tier = Tier.DEALER,
        callback_url: str | None = None,
    ) -> Dealer:
        """An approved account with a balance and a token."""
        now_ms = self.clock.now_ms()
        secret = new_webhook_secret(self.runtime.random_bytes(32))
        callback = CallbackTarget(callback_url, secret) if callback_url else None
        account_id = await self.db.write(add_account, name, tier, waiting_limit, callback, now_ms)
        await self.db.write(approve_account, name, "a tester", now_ms)
        token = format_token(self.runtime.random_bytes(TOKEN_RANDOM_BYTES))
        if tier.may_hold_token:
            await self.db.write(issue_token, name, hash_secret(token), now_ms)
        if balance_dong:
            await self.credit(name, balance_dong)
        return Dealer(account_id, name, token, secret)

    async def credit(self, name: str, amount_dong: int) -> None:
        """Money from outside into an account."""
        self._counter += 1
        await self.db.write(
            top_up, name, amount_dong, f"test-{self._counter}", "a test", self.clock.now_ms()
        )

    async def service(
        self,
        service_id: int,
        store: str = "01",
        *,
        name: str = "Yahoo",
        price_dong: int = 470,
        waiting_s: int = 300,
        senders: tuple[str, ...] = (),
        texts: tuple[str, ...] = (),
        catch_all: bool = False,
        code_pattern: str | None = None,
        category: Category = Category.GENERAL,
        paused: bool = False,
        cancel_after_s: int = 0,
        extend_s: int = 0,
        extend_times: int = 0,
    ) -> Service:
        """A service; without any rule it takes senders of its own name."""
        rules = MatchRules(
            senders=senders if senders or texts or catch_all else (name,),
            texts=texts,
            catch_all=catch_all,
            code_pattern=code_pattern,
        )
        prices = Prices(price_dong, price_dong, price_dong)
        service = Service(
            service_id,
            store,
            name,
            prices,
            waiting_s,
            rules,
            category,
            paused,
            opened=False,
            terms=Terms(cancel_after_s, extend_s, extend_times),
        )
        await self.db.write(add_service, service, self.clock.now_ms())
        return service

    async def lines(
        self, *numbers: str, store: str = "01", network: str = "VIETTEL", gateway: str | None = None
    ) -> None:
        """Lines with these numbers; a number may have its own network behind a blank."""
        rows = []
        for spelled in numbers:
            number, _, own = spelled.partition(" ")
            self._counter += 1
            rows.append(
                (
                    self._counter,
                    NewLine(
                        iccid=f"8984{self._counter:015d}",
                        number=parse_number(number),
                        network_id=NETWORK_IDS[own or network],
                        store=store,
                        holder="a holder",
                        contract="a contract",
                    ),
                )
            )
        imported = await self.db.write(import_lines, rows, gateway, self.clock.now_ms())
        if imported.bad:
            raise ValueError(imported.bad)

    async def gateway(self, name: str = "gate", kind: str = "http") -> tuple[int, str]:
        """A gateway: its id and its secret."""
        secret = format_gateway_secret(self.runtime.random_bytes(TOKEN_RANDOM_BYTES))
        gateway_id = await self.db.write(
            add_gateway, name, kind, {}, hash_secret(secret), self.clock.now_ms()
        )
        return gateway_id, secret

    async def rent(
        self,
        dealer: Dealer,
        service_id: int,
        *,
        networks: tuple[str, ...] = (),
        wanted: tuple[str, ...] = (),
        unwanted: tuple[str, ...] = (),
        order: Order | None = None,
    ) -> Rented:
        """Rents a number."""
        request = RentRequest(dealer.id, service_id, None, networks, wanted, unwanted, order)
        return await self.db.write(rent_number, request, self.clock.now_ms(), self.runtime.chance)

    async def queue(
        self,
        dealer: Dealer,
        service_id: int,
        *,
        wait_s: int = 600,
        networks: tuple[str, ...] = (),
        wanted: tuple[str, ...] = (),
        unwanted: tuple[str, ...] = (),
        max_price_dong: int | None = None,
        extras: Extras = NO_EXTRAS,
    ) -> Rented | LineRequest:
        """Rents a number, or queues for one."""
        request = RentRequest(
            dealer.id, service_id, None, networks, wanted, unwanted, None, max_price_dong, extras
        )
        now_ms = self.clock.now_ms()
        return await self.db.write(rent_or_queue, request, wait_s, now_ms, self.runtime.chance)

    async def fill(self) -> None:
        """What the worker of the queues for stock would do now."""
        await stock_queue(self.runtime).work()

    async def cancel(self, dealer: Dealer, rental_id: int) -> Rental:
        """A dealer gives a rental up."""
        return await self.db.write(cancel_rental, dealer.id, rental_id, self.clock.now_ms())

    async def report(
        self,
        dealer: Dealer,
        rental_id: int,
        reason: ReportReason = ReportReason.NO_MESSAGE,
        note: str | None = None,
    ) -> Rental:
        """A dealer says that a rental's line does not work."""
        now_ms = self.clock.now_ms()
        return await self.db.write(report_rental, dealer.id, rental_id, reason, note, now_ms)

    async def extend(self, dealer: Dealer, rental_id: int) -> Rental:
        """A dealer waits longer."""
        return await self.db.write(extend_rental, dealer.id, rental_id, self.clock.now_ms())

    async def rent_again(
        self, dealer: Dealer, earlier: Rental, *, order: Order | None = None
    ) -> Rented:
        """Rents the number of an earlier rental again, for the same service."""
        request = RentAgainRequest(
            dealer.id, earlier.id, earlier.number, earlier.service_id, None, order
        )
        return await self.db.write(rent_again, request, self.clock.now_ms())

    async def sms(
        self,
        number: str,
        text: str,
        *,
        sender: str = "Yahoo",
        sent_at_ms: int | None = None,
        source_id: str | None = None,
        gateway_id: int | None = None,
    ) -> Receipt:
        """A text message that comes in on a number, through a gateway of its own by default."""
        inbound = Inbound(
            MessageKind.SMS, parse_number(number), sender, text, sent_at_ms, source_id
        )
        return await self.receive(inbound, gateway_id)

    async def call(
        self, number: str, *, sender: str = "Yahoo", transcript: str = "", wav: bytes | None = None
    ) -> Receipt:
        """A voice call that comes in on a number."""
        inbound = Inbound(
            MessageKind.CALL, parse_number(number), sender, transcript, None, None, wav
        )
        return await self.receive(inbound, None)

    async def receive(self, inbound: Inbound, gateway_id: int | None) -> Receipt:
        """A message that comes in."""
        if gateway_id is None:
            gateway_id = await self._default_gateway()
        return await self.db.write(receive_message, gateway_id, inbound, self.clock.now_ms())

    async def _default_gateway(self) -> int:
        found = await self.db.read(browse.find_gateway, "default")
        return found.id if found else (await self.gateway("default"))[0]

    async def expire(self) -> Expired:
        """What the expiry worker would do now."""
        return await self.db.write(expire_rentals, self.clock.now_ms(), 1000)

    async def account(self, dealer: Dealer) -> Account:
        """An account as it stands."""
        return await self.db.read(browse.account_of_token, hash_secret(dealer.token))

    async def rental(self, dealer: Dealer, rental_id: int) -> RentalView:
        """A rental as its dealer reads it."""
        return await self.db.read(browse.rental_with_code, hash_secret(dealer.token), rental_id)

    async def book_findings(self) -> list[str]:
        """What does not agree in the books; empty when all is well."""
        return await self.db.read(check_books)

    async def events(self) -> list[LoggedEvent]:
        """The whole event log, in order."""
        await self.db.write(events.number_events)
        return await self.db.read(events.events_after, 0, 1_000_000)

    async def rows(self, statement: str) -> list[Row]:
        """What a statement finds: a look behind the flows."""
        return await self.db.read(_rows, Sql(statement))

    async def tamper(self, statement: str) -> int:
        """Changes the database behind the flows' back; how many rows."""
        return await self.db.write(_run, Sql(statement))


def _rows(tx: Tx, statement: Sql) -> list[Row]:
    return tx.rows(statement)


def _run(tx: Tx, statement: Sql) -> int:
    return tx.run(statement)
