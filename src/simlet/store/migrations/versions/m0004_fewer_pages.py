"""Fewer pages for each renting and each message: indexes of rentals, keys of senders."""

import json

import sqlalchemy as sa
from alembic import op

from simlet.domain.matching import sender_keys

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_WAITING = "state <> 'waiting' OR (listening AND aside = 0)"


def upgrade() -> None:
    _rentals()
    _senders()


def _rentals() -> None:
    op.add_column(
        "rentals",
        sa.Column(
            "aside",
            sa.BigInteger(),
            sa.CheckConstraint(_WAITING, name=op.f("ck_rentals_waiting")),
            server_default="0",
            nullable=False,
        ),
    )
    # Whoever has its code may be followed by one that waits for the same service already.
    op.execute("UPDATE rentals SET aside = id WHERE listening AND state <> 'waiting'")
    _index("uq_rentals_listening", ["line_id", "service_id", "aside"], "listening", unique=True)
    _index("ix_rentals_over", ["line_id", "created_at_ms"], "NOT listening")
    for name in ("uq_rentals_waiting", "ix_rentals_listening", "ix_rentals_line"):
        op.drop_index(name, "rentals")


def _senders() -> None:
    op.add_column(
        "services",
        sa.Column("sender_keys", sa.Text(), server_default=sa.text("''"), nullable=False),
    )
    connection = op.get_bind()
    services = connection.execute(sa.text("SELECT id, senders FROM services")).all()
    for service_id, senders in services:
        connection.execute(
            sa.text("UPDATE services SET sender_keys = :keys WHERE id = :id"),
            {"id": service_id, "keys": sender_keys(json.loads(senders))},
        )


def _index(name: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(
        name, "rentals", columns, unique=unique, sqlite_where=condition, postgresql_where=condition
    )
