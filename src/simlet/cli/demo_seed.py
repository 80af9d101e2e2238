"""What the demo's database begins with: two services, 50 pretend lines, one dealer."""

from itertools import cycle, islice

from simlet.domain.numbering import FIRST_NETWORKS
from simlet.domain.principal import Tier
from simlet.domain.service import Category, MatchRules, Prices, Service
from simlet.flows import browse, manage_accounts, manage_gateways, manage_lines, manage_services
from simlet.flows.top_up import top_up
from simlet.gateways.registry import KINDS
from simlet.gateways.settings import check_settings
from simlet.store.lines import NewLine
from simlet.store.sql import Tx

DEALER = "demo"
BALANCE_DONG = 1_000_000
WAITING_LIMIT = 20
GATEWAY = "simulator"
LINES_PER_STORE = 25
SIMULATOR = {"delay_min_s": 2.0, "delay_max_s": 4.0}

# Prefixes that the operators were given, two for most: filters have something to choose from.
_PREFIXES = {
    "MOBIFONE": ("90", "70"),
    "VINAPHONE": ("91", "85"),
    "VIETTEL": ("96", "35"),
    "VIETNAMOBILE": ("92", "56"),
    "ITELECOM": ("87",),
}


def _service(service_id: int, store: str, name: str, price_dong: int, rules: MatchRules) -> Service:
    prices = Prices(price_dong, price_dong, price_dong)
    return Service(
        service_id, store, name, prices, 300, rules, Category.GENERAL, paused=False, opened=False
    )


SERVICES = (
    _service(97, "02", "DV KHÁC (TEST)", 1450, MatchRules(catch_all=True)),
    _service(4, "01", "Yahoo", 470, MatchRules(senders=("Yahoo",))),
)


def seed(tx: Tx, token_hash: bytes, now_ms: int) -> None:
    """Adds what is not there yet, and makes one token the only one of the demo's dealer."""
    _add_services(tx, now_ms)
    _add_lines(tx, now_ms)
    _add_dealer(tx, now_ms)
    manage_accounts.revoke_tokens(tx, DEALER, now_ms)
    manage_accounts.issue_token(tx, DEALER, token_hash, now_ms)


def _add_services(tx: Tx, now_ms: int) -> None:
    known = {one.id for one in browse.list_services(tx)}
    for service in SERVICES:
        if service.id not in known:
            manage_services.add_service(tx, service, now_ms)


def _add_lines(tx: Tx, now_ms: int) -> None:
    if browse.find_gateway(tx, GATEWAY) is not None:
        return
    settings = check_settings(KINDS[GATEWAY], SIMULATOR)
    manage_gateways.add_gateway(tx, GATEWAY, GATEWAY, settings, None, now_ms)
    lines = [*_lines("01"), *_lines("02")]
    manage_lines.import_lines(tx, list(enumerate(lines, 1)), GATEWAY, now_ms)


def _lines(store: str) -> list[NewLine]:
    networks = islice(cycle(FIRST_NETWORKS), LINES_PER_STORE)
    return [
        _line(store, place, network_id, name) for place, (network_id, name) in enumerate(networks)
    ]


def _line(store: str, place: int, network_id: int, network: str) -> NewLine:
    prefixes = _PREFIXES[network]
    prefix = prefixes[place // len(FIRST_NETWORKS) % len(prefixes)]
    return NewLine(
        iccid=f"8984{network_id:02}{store}{place:011}",
        number=f"+84{prefix}000{store}{place:02}",
        network_id=network_id,
        store=store,
        holder="simlet demo",
        contract="demo",
    )


def _add_dealer(tx: Tx, now_ms: int) -> None:
    if all(one.name != DEALER for one in browse.list_accounts(tx)):
        manage_accounts.add_account(tx, DEALER, Tier.DEALER, WAITING_LIMIT, None, now_ms)
        manage_accounts.approve_account(tx, DEALER, "demo", now_ms)
    top_up(tx, DEALER, BALANCE_DONG, "demo", "the demo's balance", now_ms)
