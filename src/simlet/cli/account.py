"""`simlet account`: dealers and members, their approval, tokens, credit and callbacks."""

import ipaddress
import secrets

import click

from simlet.cli.database import command_settings, now_ms, read, with_database, write
from simlet.cli.output import Output, json_option
from simlet.cli.person import by_option, person
from simlet.config import Settings
from simlet.domain.principal import Account, Tier
from simlet.domain.signing import (
    TOKEN_RANDOM_BYTES,
    WEBHOOK_RANDOM_BYTES,
    format_token,
    hash_secret,
    new_webhook_secret,
)
from simlet.flows import browse, manage_accounts
from simlet.flows.top_up import BalanceAfter, take_back, top_up
from simlet.outbound import OutboundPolicy, check_address
from simlet.store.endpoints import CallbackTarget
from simlet.store.sql import Tx

DEFAULT_WAITING_LIMIT = 20
MAX_REFERENCE_CHARS = 64

_COLUMNS = {
    "name": "NAME",
    "tier": "TIER",
    "state": "STATE",
    "waiting_count": "WAITING",
    "waiting_limit": "LIMIT",
    "available_dong": "AVAILABLE (đồng)",
    "held_dong": "HELD (đồng)",
}


@click.group()
def account() -> None:
    """Accounts: who rents."""


@account.command()
@click.argument("name")
@click.option(
    "--tier",
    type=click.Choice([one.value for one in Tier]),
    default=Tier.MEMBER.value,
    show_default=True,
    help="Decides the prices; only dealers and distributors get an API token.",
)
@click.option(
    "--waiting-limit",
    type=int,
    metavar="N",
    default=DEFAULT_WAITING_LIMIT,
    show_default=True,
    help="How many of its rentals may wait at a time.",
)
@click.option("--callback", metavar="URL", help="Where its callbacks go.")
@click.option("--approve", is_flag=True, help="Approve it at once, in the name of --by.")
@by_option
@json_option
def add(
    output: Output,
    name: str,
    tier: str,
    waiting_limit: int,
    callback: str | None,
    approve: bool,
    by: str | None,
) -> None:
    """Add an account; it waits for its approval. The first one makes the database."""
    settings = command_settings()
    target = None if callback is None else _target(settings, callback)
    approved_by = person(by) if approve else None
    account_id = with_database(
        settings,
        lambda db: db.write(_add, name, Tier(tier), waiting_limit, target, approved_by, now_ms()),
        may_make=True,
    )
    state = "approved" if approve else "pending"
    facts = {"id": account_id, "name": name, "tier": tier, "state": state}
    facts |= {"waiting_limit": waiting_limit, "callback_url": callback}
    facts |= {"callback_secret": target.secret if target else None}
    output.say(f"Account {name!r} is added, {state}." + _secret_words(target), facts)


def _add(
    tx: Tx,
    name: str,
    tier: Tier,
    waiting_limit: int,
    callback: CallbackTarget | None,
    approved_by: str | None,
    now_ms: int,
) -> int:
    account_id = manage_accounts.add_account(tx, name, tier, waiting_limit, callback, now_ms)
    if approved_by is not None:
        manage_accounts.approve_account(tx, name, approved_by, now_ms)
    return account_id


def _target(settings: Settings, url: str) -> CallbackTarget:
    allowed = tuple(ipaddress.ip_network(one) for one in settings.callbacks.private_networks)
    check_address(url, OutboundPolicy(allowed, frozenset(settings.callbacks.ports)))
    return CallbackTarget(url, new_webhook_secret(secrets.token_bytes(WEBHOOK_RANDOM_BYTES)))


def _secret_words(target: CallbackTarget | None) -> str:
    if target is None:
        return ""
    return f"\nThe secret that signs its callbacks, shown this once:\n{target.secret}"


@account.command("list")
@json_option
def list_accounts(output: Output) -> None:
    """List all accounts with their balances."""
    rows = [_facts(one) for one in read(browse.list_accounts)]
    output.rows(rows, _COLUMNS, "There are no accounts.")


def _facts(one: Account) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "tier": one.tier.value,
        "state": one.state.value,
        "waiting_count": one.waiting_count,
        "waiting_limit": one.waiting_limit,
        "available_dong": one.available_dong,
        "held_dong": one.held_dong,
    }


@account.command()
@click.argument("name")
@by_option
@json_option
def approve(output: Output, name: str, by: str | None) -> None:
    """Approve an account, in the name of a person."""
    approved_by = person(by)
    write(manage_accounts.approve_account, name, approved_by, now_ms())
    facts = {"name": name, "state": "approved", "approved_by": approved_by}
    output.say(f"Account {name!r} is approved by {approved_by}.", facts)


@account.command()
@click.argument("name")
@json_option
def suspend(output: Output, name: str) -> None:
    """Suspend an account: its tokens are refused, its waiting rentals run to their end."""
    write(manage_accounts.suspend_account, name, now_ms())
    output.say(f"Account {name!r} is suspended.", {"name": name, "state": "suspended"})


@account.command()
@click.argument("name")
@json_option
def resume(output: Output, name: str) -> None:
    """Take the suspension of an account back."""
    state = write(_resume, name, now_ms())
    output.say(
        f"The suspension of account {name!r} is taken back; it is {state}.",
        {"name": name, "state": state},
    )


def _resume(tx: Tx, name: str, now_ms: int) -> str:
    manage_accounts.resume_account(tx, name, now_ms)
    return next(one.state.value for one in browse.list_accounts(tx) if one.name == name)


_reference_option = click.option(
    "--reference",
    metavar="TEXT",
    help="Your own id of this payment: however often it comes, it counts once.",
)


@account.command()
@click.argument("name")
@click.argument("amount", type=int)
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is kept in the books.")
@_reference_option
@json_option
def credit(output: Output, name: str, amount: int, reason: str, reference: str | None) -> None:
    """Credit an account with AMOUNT whole đồng."""
    known = _checked_reference(reference)
    done = write(top_up, name, amount, known, reason, now_ms())
    said = "was credited before under this reference" if done.repeated else "is credited"
    _say_balance(output, name, amount, known, said, done)


@account.command()
@click.argument("name")
@click.argument("amount", type=int)
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is kept in the books.")
@_reference_option
@json_option
def debit(output: Output, name: str, amount: int, reason: str, reference: str | None) -> None:
    """Take AMOUNT whole đồng of an account back: a wrong credit, or a payout.

    At most what is available is taken; what waiting rentals hold stays.
    """
    known = _checked_reference(reference)
    done = write(take_back, name, amount, known, reason, now_ms())
    said = "was debited before under this reference" if done.repeated else "is debited"
    _say_balance(output, name, amount, known, said, done)


def _checked_reference(reference: str | None) -> str:
    if reference is None:
        return secrets.token_hex(16)
    if not 1 <= len(reference) <= MAX_REFERENCE_CHARS or not reference.isprintable():
        raise click.BadParameter(
            f"expected a text of 1 to {MAX_REFERENCE_CHARS} characters.", param_hint="--reference"
        )
    return reference


def _say_balance(
    output: Output, name: str, amount_dong: int, reference: str, said: str, done: BalanceAfter
) -> None:
    facts = {"name": name, "amount_dong": amount_dong, "reference": reference}
    facts |= {"available_dong": done.available_dong, "repeated": done.repeated}
    output.say(
        f"Account {name!r} {said}: {amount_dong} đồng; {done.available_dong} đồng are available.",
        facts,
    )


@account.command()
@click.argument("name")
@json_option
def token(output: Output, name: str) -> None:
    """Make an API token of an account; it is shown this once and kept nowhere."""
    text = format_token(secrets.token_bytes(TOKEN_RANDOM_BYTES))
    write(manage_accounts.issue_token, name, hash_secret(text), now_ms())
    output.say(
        f"A token of account {name!r}, shown this once:\n{text}", {"account": name, "token": text}
    )


@account.command()
@click.argument("name")
@json_option
def revoke(output: Output, name: str) -> None:
    """Revoke every API token of an account."""
    count = write(manage_accounts.revoke_tokens, name, now_ms())
    output.say(
        f"Account {name!r} has no token any more; {count} were revoked.",
        {"name": name, "revoked": count},
    )


@account.command()
@click.argument("name")
@click.argument("url", required=False)
@click.option("--off", is_flag=True, help="End the callbacks of the account.")
@json_option
def callback(output: Output, name: str, url: str | None, off: bool) -> None:
    """Send the callbacks of an account to URL, signed with a new secret; or end them."""
    if off == (url is not None):
        raise click.UsageError("Give a URL, or --off.")
    settings = command_settings()
    target = None if url is None else _target(settings, url)
    with_database(
        settings, lambda db: db.write(manage_accounts.set_callback, name, target, now_ms())
    )
    facts = {"name": name, "callback_url": url}
    facts |= {"callback_secret": target.secret if target else None}
    said = "go to their new address" if target else "have ended"
    output.say(f"The callbacks of account {name!r} {said}." + _secret_words(target), facts)
