"""Statements for accounts and their API tokens."""

from simlet.domain.principal import Account, AccountState, Tier
from simlet.store.sql import Row, Sql, Tx

_FIELDS = (
    "a.id, a.name, a.tier, a.state, a.waiting_limit, a.waiting_count, a.available_dong, a.held_dong"
)
_BY_ID = Sql(f"SELECT {_FIELDS} FROM accounts a WHERE a.id = :id")
_LOCK = Sql(f"SELECT {_FIELDS} FROM accounts a WHERE a.id = :id {{for_update}}")
_BY_NAME = Sql(f"SELECT {_FIELDS} FROM accounts a WHERE a.name = :name")
_BY_TOKEN = Sql(
    f"SELECT {_FIELDS} FROM tokens t JOIN accounts a ON a.id = t.account_id "
    "WHERE t.token_hash = :token_hash AND t.revoked_at_ms IS NULL"
)
_ALL = Sql(f"SELECT {_FIELDS} FROM accounts a ORDER BY a.name")
_ADD = Sql(
    "INSERT INTO accounts (name, tier, state, waiting_limit, approved_by, approved_at_ms, "
    "created_at_ms) VALUES (:name, :tier, 'pending', :waiting_limit, NULL, NULL, :now_ms) "
    "{returning_id}"
)
_APPROVE = Sql(
    "UPDATE accounts SET state = 'approved', approved_by = :approved_by, approved_at_ms = :now_ms "
    "WHERE id = :id"
)
_SET_STATE = Sql("UPDATE accounts SET state = :state WHERE id = :id")
_HOLD = Sql(
    "UPDATE accounts SET available_dong = available_dong - :price_dong, "
    "held_dong = held_dong + :price_dong, waiting_count = waiting_count + 1 WHERE id = :id"
)
_SETTLE = Sql(
    "UPDATE accounts SET held_dong = held_dong - :price_dong, waiting_count = waiting_count - 1 "
    "WHERE id = :id"
)
_RELEASE = Sql(
    "UPDATE accounts SET available_dong = available_dong + :price_dong, "
    "held_dong = held_dong - :price_dong, waiting_count = waiting_count - 1 WHERE id = :id"
)
_CHANGE_AVAILABLE = Sql(
    "UPDATE accounts SET available_dong = available_dong + :amount_dong WHERE id = :id"
)
_ADD_TOKEN = Sql(
    "INSERT INTO tokens (account_id, token_hash, created_at_ms) "
    "VALUES (:account_id, :token_hash, :now_ms)"
)
_REVOKE_TOKENS = Sql(
    "UPDATE tokens SET revoked_at_ms = :now_ms "
    "WHERE account_id = :account_id AND revoked_at_ms IS NULL"
)
_APPROVED_AT = Sql("SELECT approved_at_ms FROM accounts WHERE id = :id")
_RENTED_AGAIN = Sql("SELECT rented_again_at_ms FROM accounts WHERE id = :id {for_update}")
_RENT_AGAIN = Sql("UPDATE accounts SET rented_again_at_ms = :now_ms WHERE id = :id")


_TIERS = {one.value: one for one in Tier}
_STATES = {one.value: one for one in AccountState}


def _account(row: Row) -> Account:
    return Account(row[0], row[1], _TIERS[row[2]], _STATES[row[3]], *row[4:8])


def _found(row: Row | None) -> Account | None:
    return None if row is None else _account(row)


def account_by_id(tx: Tx, account_id: int) -> Account | None:
    """An account by its id."""
    return _found(tx.row(_BY_ID, id=account_id))


def lock_account(tx: Tx, account_id: int) -> Account | None:
    """An account by its id, which no other transaction changes until this one ends."""
    return _found(tx.row(_LOCK, id=account_id))


def account_by_name(tx: Tx, name: str) -> Account | None:
    """An account by its name."""
    return _found(tx.row(_BY_NAME, name=name))


def account_by_token(tx: Tx, token_hash: bytes) -> Account | None:
    """The account that a token, not revoked, stands for; its state is for the caller to judge."""
    return _found(tx.row(_BY_TOKEN, token_hash=token_hash))


def all_accounts(tx: Tx) -> list[Account]:
    """All accounts, by name."""
    return [_account(row) for row in tx.rows(_ALL)]


def add_account(tx: Tx, name: str, tier: Tier, waiting_limit: int, now_ms: int) -> int:
    """Adds a pending account; its id."""
    return tx.add(_ADD, name=name, tier=tier.value, waiting_limit=waiting_limit, now_ms=now_ms)


def approve_account(tx: Tx, account_id: int, approved_by: str, now_ms: int) -> None:
    """Records the approval and the person who gave it."""
    tx.run(_APPROVE, id=account_id, approved_by=approved_by, now_ms=now_ms)


def set_account_state(tx: Tx, account_id: int, state: AccountState) -> None:
    """Suspends an account, or takes that back."""
    tx.run(_SET_STATE, id=account_id, state=state.value)


def hold_price(tx: Tx, account_id: int, price_dong: int) -> None:
    """Moves a price from available to held, and counts one more waiting rental."""
    tx.run(_HOLD, id=account_id, price_dong=price_dong)


def settle_price(tx: Tx, account_id: int, price_dong: int) -> None:
    """Takes a price out of held, and counts one waiting rental less."""
    tx.run(_SETTLE, id=account_id, price_dong=price_dong)


def release_price(tx: Tx, account_id: int, price_dong: int) -> None:
    """Moves a price from held back to available, and counts one waiting rental less."""
    tx.run(_RELEASE, id=account_id, price_dong=price_dong)


def change_available(tx: Tx, account_id: int, change_dong: int) -> None:
    """Adds an amount to what is available; below 0 it takes it away."""
    tx.run(_CHANGE_AVAILABLE, id=account_id, amount_dong=change_dong)


def add_token(tx: Tx, account_id: int, token_hash: bytes, now_ms: int) -> None:
    """Keeps the hash of a token; the token itself is kept nowhere."""
    tx.run(_ADD_TOKEN, account_id=account_id, token_hash=token_hash, now_ms=now_ms)


def revoke_tokens(tx: Tx, account_id: int, now_ms: int) -> int:
    """Revokes all tokens of an account; how many there were."""
    return tx.run(_REVOKE_TOKENS, account_id=account_id, now_ms=now_ms)


def was_approved(tx: Tx, account_id: int) -> bool:
    """Whether a person approved the account at some time."""
    row = tx.row(_APPROVED_AT, id=account_id)
    return row is not None and row[0] is not None


def rented_again_at_ms(tx: Tx, account_id: int) -> int | None:
    """When an account last asked to rent a number again; None when it never did."""
    row = tx.row(_RENTED_AGAIN, id=account_id)
    return None if row is None else row[0]


def note_rent_again(tx: Tx, account_id: int, now_ms: int) -> None:
    """Records that an account asked to rent a number again."""
    tx.run(_RENT_AGAIN, id=account_id, now_ms=now_ms)
