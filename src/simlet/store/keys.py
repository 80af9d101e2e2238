"""Statements for keys that this installation made for itself."""

from simlet.store.sql import Sql, Tx

_GET = Sql("SELECT value FROM secret_keys WHERE name = :name")
_ADD = Sql(
    "INSERT INTO secret_keys (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING"
)


def key_or_new(tx: Tx, name: str, new: bytes) -> bytes:
    """The key of a name; the new one becomes it when there is none yet."""
    tx.run(_ADD, name=name, value=new)
    row = tx.row(_GET, name=name)
    assert row is not None  # noqa: S101 - it was just added
    return bytes(row[0])
