"""`simlet service`: what codes are for, at which price, and which messages fit."""

from typing import Any

import click

from simlet.cli.database import now_ms, read, write
from simlet.cli.output import Output, json_option
from simlet.cli.person import by_option, person
from simlet.domain.ids import format_service_code
from simlet.domain.service import Category, MatchRules, Prices, Service, Terms
from simlet.flows import browse, manage_services
from simlet.flows.manage_services import ServiceChange

_COLUMNS = {
    "code": "SERVICE",
    "name": "NAME",
    "price_member_dong": "MEMBER (đồng)",
    "price_dealer_dong": "DEALER (đồng)",
    "price_distributor_dong": "DISTRIBUTOR (đồng)",
    "waiting_s": "WAITING (s)",
    "cancel_after_s": "CANCEL AFTER (s)",
    "extend_s": "EXTENDED BY (s)",
    "extend_times": "TIMES",
    "catch_all": "CATCH-ALL",
    "senders": "SENDERS",
    "texts": "TEXTS",
    "category": "CATEGORY",
    "state": "STATE",
}
_MINOR = (
    *("extend_times", "extend_s", "cancel_after_s", "texts", "senders", "price_member_dong"),
    *("price_distributor_dong", "catch_all", "waiting_s", "category", "price_dealer_dong"),
)

_service_id = click.argument(
    "service_id", metavar="ID", type=click.IntRange(1, manage_services.MAX_SERVICE_ID)
)


@click.group()
def service() -> None:
    """Services: what a code is for."""


@service.command()
@click.option(
    "--store", required=True, metavar="SV", help="The store that offers it, for example 02."
)
@click.option("--id", "service_id", required=True, type=int, metavar="ID", help="Unique number.")
@click.option("--name", required=True, metavar="TEXT", help="As dealers see it.")
@click.option("--price", required=True, type=int, metavar="ĐỒNG", help="Of one rental.")
@click.option("--price-member", type=int, metavar="ĐỒNG", help="Another price for members.")
@click.option("--price-dealer", type=int, metavar="ĐỒNG", help="Another price for dealers.")
@click.option(
    "--price-distributor", type=int, metavar="ĐỒNG", help="Another price for distributors."
)
@click.option(
    "--seconds",
    required=True,
    type=int,
    metavar="N",
    help="How long a rental waits for its code, in seconds.",
)
@click.option("--catch-all", is_flag=True, help="Any message fits; needs a line of its own.")
@click.option("--sender", "senders", multiple=True, metavar="NAME", help="A sender that fits.")
@click.option("--text", "texts", multiple=True, metavar="PATTERN", help="A text that fits (RE2).")
@click.option("--code-pattern", metavar="PATTERN", help="Where its code stands (RE2).")
@click.option(
    "--category",
    type=click.Choice([one.value for one in Category]),
    default=Category.GENERAL.value,
    show_default=True,
    help="All but general are closed until the service is opened with a reason.",
)
@click.option("--paused", is_flag=True, help="Add it paused.")
@click.option(
    "--cancel-after",
    type=int,
    default=0,
    show_default=True,
    metavar="N",
    help="How many seconds must pass before a dealer may cancel.",
)
@click.option(
    "--extend-by",
    type=int,
    default=0,
    show_default=True,
    metavar="N",
    help="By how many seconds a dealer may extend a rental; needs --extend-times.",
)
@click.option(
    "--extend-times",
    type=int,
    default=0,
    show_default=True,
    metavar="N",
    help="How often a dealer may extend a rental.",
)
@json_option
def add(
    output: Output,
    store: str,
    service_id: int,
    name: str,
    price: int,
    price_member: int | None,
    price_dealer: int | None,
    price_distributor: int | None,
    seconds: int,
    catch_all: bool,
    senders: tuple[str, ...],
    texts: tuple[str, ...],
    code_pattern: str | None,
    category: str,
    paused: bool,
    cancel_after: int,
    extend_by: int,
    extend_times: int,
) -> None:
    """Add a service; all lines of its store serve it."""
    own = (price_member, price_dealer, price_distributor)
    new = Service(
        id=service_id,
        store=store,
        name=name,
        prices=Prices(*(price if one is None else one for one in own)),
        waiting_s=seconds,
        rules=MatchRules(senders, texts, catch_all, code_pattern),
        category=Category(category),
        paused=paused,
        opened=False,
        terms=Terms(cancel_after, extend_by, extend_times),
    )
    write(manage_services.add_service, new, now_ms())
    output.say(_added_words(new), _facts(new))


def _added_words(new: Service) -> str:
    words = f"Service {format_service_code(new.store, new.id)} {new.name!r} is added."
    if new.category.closed:
        words += f"\nIts category is closed: `simlet service open {new.id} --reason TEXT` opens it."
    return words


def _facts(one: Service) -> dict[str, object]:
    return {
        "id": one.id,
        "code": format_service_code(one.store, one.id),
        "store": one.store,
        "name": one.name,
        "price_member_dong": one.prices.member_dong,
        "price_dealer_dong": one.prices.dealer_dong,
        "price_distributor_dong": one.prices.distributor_dong,
        "waiting_s": one.waiting_s,
        **_terms_facts(one.terms),
        "catch_all": one.rules.catch_all,
        "senders": one.rules.senders,
        "texts": one.rules.texts,
        "code_pattern": one.rules.code_pattern,
        "category": one.category.value,
        "state": _state(one),
        "rentable": one.rentable,
    }


def _terms_facts(terms: Terms) -> dict[str, object]:
    return {
        "cancel_after_s": terms.cancel_after_s,
        "extend_s": terms.extend_s,
        "extend_times": terms.extend_times,
    }


def _state(one: Service) -> str:
    if one.paused:
        return "paused"
    return "offered" if one.rentable else "closed"


@service.command("list")
@json_option
def list_services(output: Output) -> None:
    """List all services, in the order they were added."""
    rows = [_facts(one) for one in read(browse.list_services)]
    output.rows(rows, _COLUMNS, "There are no services.", _MINOR)


@service.command()
@_service_id
@click.option("--name", metavar="TEXT", help="As dealers see it.")
@click.option("--price", type=int, metavar="ĐỒNG", help="Of one rental, for all tiers.")
@click.option("--price-member", type=int, metavar="ĐỒNG", help="Another price for members.")
@click.option("--price-dealer", type=int, metavar="ĐỒNG", help="Another price for dealers.")
@click.option(
    "--price-distributor", type=int, metavar="ĐỒNG", help="Another price for distributors."
)
@click.option(
    "--seconds",
    "waiting_s",
    type=int,
    metavar="N",
    help="How long a rental waits for its code, in seconds.",
)
@click.option(
    "--sender", "senders", multiple=True, metavar="NAME", help="The senders that fit from now on."
)
@click.option("--no-senders", is_flag=True, help="No sender fits; texts decide.")
@click.option(
    "--text",
    "texts",
    multiple=True,
    metavar="PATTERN",
    help="The texts that fit from now on (RE2).",
)
@click.option("--no-texts", is_flag=True, help="No pattern is asked for; senders decide.")
@click.option(
    "--code-pattern", metavar="PATTERN", help="Where its code stands (RE2); '' for anywhere."
)
@click.option(
    "--cancel-after",
    "cancel_after_s",
    type=int,
    metavar="N",
    help="How many seconds must pass before a dealer may cancel.",
)
@click.option(
    "--extend-by",
    "extend_s",
    type=int,
    metavar="N",
    help="By how many seconds a dealer may extend a rental; 0 for never.",
)
@click.option(
    "--extend-times",
    type=int,
    metavar="N",
    help="How often a dealer may extend a rental; 0 for never.",
)
@json_option
def change(
    output: Output,
    service_id: int,
    price: int | None,
    senders: tuple[str, ...],
    no_senders: bool,
    texts: tuple[str, ...],
    no_texts: bool,
    **others: Any,
) -> None:
    """Change what is given, and leave the rest of a service as it is.

    Prices and the waiting time are those of later rentals; the rest holds for waiting ones, too.
    """
    for tier in ("price_member", "price_dealer", "price_distributor"):
        own = others.pop(tier)
        others[f"{tier}_dong"] = price if own is None else own
    wanted = ServiceChange(
        senders=_replaced(senders, no_senders, "--sender"),
        texts=_replaced(texts, no_texts, "--text"),
        **others,
    )
    if wanted == ServiceChange():
        raise click.UsageError("Nothing is to be changed: give an option.")
    changed = write(manage_services.change_service, service_id, wanted, now_ms())
    output.say(f"Service {service_id} is changed.", _facts(changed))


def _replaced(given: tuple[str, ...], none: bool, option: str) -> tuple[str, ...] | None:
    if given and none:
        raise click.UsageError(f"Give {option}, or --no-{option.removeprefix('--')}s.")
    return given if given or none else None


@service.command()
@_service_id
@json_option
def pause(output: Output, service_id: int) -> None:
    """Offer a service no more; rentals that wait run to their end."""
    write(manage_services.pause_service, service_id, paused=True, now_ms=now_ms())
    output.say(f"Service {service_id} is paused.", {"id": service_id, "paused": True})


@service.command()
@_service_id
@json_option
def resume(output: Output, service_id: int) -> None:
    """Offer a paused service again."""
    write(manage_services.pause_service, service_id, paused=False, now_ms=now_ms())
    output.say(f"Service {service_id} is no longer paused.", {"id": service_id, "paused": False})


@service.command("open")
@_service_id
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is recorded.")
@by_option
@json_option
def open_service(output: Output, service_id: int, reason: str, by: str | None) -> None:
    """Let a service of a closed category be rented."""
    opened_by = person(by)
    write(manage_services.open_service, service_id, opened_by, reason, now_ms())
    facts = {"id": service_id, "opened": True, "opened_by": opened_by, "reason": reason}
    output.say(f"Service {service_id} is opened by {opened_by}.", facts)


@service.command("close")
@_service_id
@json_option
def close_service(output: Output, service_id: int) -> None:
    """Take the opening of a service back."""
    write(manage_services.close_service, service_id, now_ms())
    output.say(f"Service {service_id} is closed.", {"id": service_id, "opened": False})
