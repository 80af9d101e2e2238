"""Show the services that an account may rent, with its price, live stock and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simlet.domain.errors import UNAUTHENTICATED, Refused
from simlet.domain.figures import NO_FIGURES, Figures
from simlet.domain.principal import Account
from simlet.domain.service import Service
from simlet.store import accounts, figures, services
from simlet.store.live_stock import LiveStock, live_stock, reported_stock
from simlet.store.sql import Tx

_NOTHING_TOLD = (NO_FIGURES, NO_FIGURES)


@dataclass(frozen=True, slots=True)
class ServiceDetail:
    """A service as one account sees it.

    Attributes:
        price_dong: the price of the account's tier.
        cancel_after_s: seconds after which a rental of it may be cancelled.
        extend_s: seconds by which one extension lengthens it; 0 where there is none.
        stock: how many lines this account could rent for it now, one after another.
        last_24h: of the running hour and the 23 before it.
        last_7d: of the running hour and the 167 before it.
    """

    id: int
    name: str
    store: str
    category: str
    price_dong: int
    waiting_s: int
    cancel_after_s: int
    extend_s: int
    extend_times: int
    stock: int
    last_24h: Figures
    last_7d: Figures


@dataclass(frozen=True, slots=True)
class Offer:
    """All that may be rented now, for any account; who shows it often may keep it for a second."""

    services: Sequence[Service]
    stock: LiveStock
    figures: Mapping[int, tuple[Figures, Figures]]

    def to(self, account: Account, reported: Mapping[int, int]) -> list[ServiceDetail]:
        """What is offered to an account, in the order in which the services were added.

        Args:
            account: who would rent.
            reported: how many of its lines it does not get, by the services' ids.
        """
        return [self._detail(one, account, reported.get(one.id, 0)) for one in self.services]

    def _detail(self, service: Service, account: Account, reported: int) -> ServiceDetail:
        stock = self.stock.for_account(account.id, service.id) - reported
        last_24h, last_7d = self.figures.get(service.id, _NOTHING_TOLD)
        return ServiceDetail(
            id=service.id,
            name=service.name,
            store=service.store,
            category=service.category.value,
            price_dong=service.prices.for_tier(account.tier),
            waiting_s=service.waiting_s,
            cancel_after_s=service.terms.cancel_after_s,
            extend_s=service.terms.extend_s,
            extend_times=service.terms.extend_times,
            # What was reported since the offer was read may be out of stock in it already.
            stock=max(0, stock),
            last_24h=last_24h,
            last_7d=last_7d,
        )


def read_offer(tx: Tx, now_ms: int) -> Offer:
    """What may be rented now."""
    found = [one for one in services.all_services(tx) if one.rentable]
    stock = live_stock(
        tx,
        [one.id for one in found if not one.rules.catch_all],
        [one.id for one in found if one.rules.catch_all],
        now_ms,
    )
    return Offer(found, stock, figures.all_figures(tx))


def reported_lines(tx: Tx, account_id: int, now_ms: int) -> dict[int, int]:
    """How many lines an account does not get because it reported them, by the services' ids."""
    return reported_stock(tx, account_id, now_ms)


def show_services(tx: Tx, account_id: int, now_ms: int) -> list[ServiceDetail]:
    """The services that an account may rent now, in the order they were added.

    Raises:
        Refused: UNAUTHENTICATED, when there is no such account.
    """
    account = accounts.account_by_id(tx, account_id)
    if account is None:
        raise Refused(UNAUTHENTICATED)
    return read_offer(tx, now_ms).to(account, reported_lines(tx, account_id, now_ms))
