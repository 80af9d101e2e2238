"""ICCIDs are unique among lines in use, as numbers are; notes of reports are found to be erased."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_IN_USE = "state <> 'retired'"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _lines_anew()
    else:
        op.drop_constraint("uq_lines_iccid", "lines")
    _index("uq_lines_iccid_in_use", "lines", ["iccid"], _IN_USE, unique=True)
    _index("ix_rental_reports_noted", "rental_reports", ["at_ms"], "note IS NOT NULL")


def _lines_anew() -> None:
    """SQLite gives up a constraint of a table with the table alone."""
    op.create_table(
        "lines_anew",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("iccid", sa.String(length=22), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("network_id", sa.SmallInteger(), nullable=False),
        sa.Column("store", sa.String(length=2), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("gateway_id", _ID, nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("retired_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("out_reason", sa.String(length=16), nullable=True),
        sa.CheckConstraint("holder <> '' AND contract <> ''", name=op.f("ck_lines_title")),
        sa.CheckConstraint("state IN ('active', 'retired')", name=op.f("ck_lines_state")),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.id"], name="fk_lines_gateway_id"),
        sa.ForeignKeyConstraint(["network_id"], ["networks.id"], name="fk_lines_network_id"),
        sa.PrimaryKeyConstraint("id", name="pk_lines"),
    )
    op.execute(
        "INSERT INTO lines_anew (id, iccid, number, network_id, store, state, holder, contract, "
        "gateway_id, created_at_ms, retired_at_ms, out_reason) "
        "SELECT id, iccid, number, network_id, store, state, holder, contract, gateway_id, "
        "created_at_ms, retired_at_ms, out_reason FROM lines ORDER BY id"
    )
    op.drop_table("lines")
    op.rename_table("lines_anew", "lines")
    _index("uq_lines_number_in_use", "lines", ["number"], _IN_USE, unique=True)
    _index("ix_lines_gateway", "lines", ["gateway_id", "id"], "gateway_id IS NOT NULL")


def _index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(
        name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition
    )
