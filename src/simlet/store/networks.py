"""Statements for networks."""

from simlet.store.sql import Sql, Tx

_ALL = Sql("SELECT id, name FROM networks ORDER BY id")
_ADD = Sql("INSERT INTO networks (id, name) VALUES (:id, :name)")


def all_networks(tx: Tx) -> list[tuple[int, str]]:
    """Ids and names, in the order of ids."""
    return [(row[0], row[1]) for row in tx.rows(_ALL)]


def add_network(tx: Tx, network_id: int, name: str) -> None:
    """Adds a network."""
    tx.run(_ADD, id=network_id, name=name)
