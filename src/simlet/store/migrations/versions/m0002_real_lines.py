"""Real lines: parts of long messages, how lines and gateways do, lines that are out of the pool."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("accounts", sa.Column("rented_again_at_ms", sa.BigInteger(), nullable=True))
    op.add_column("lines", sa.Column("out_reason", sa.String(length=16), nullable=True))
    op.add_column("messages", sa.Column("came_at_ms", sa.BigInteger(), nullable=True))
    _index("ix_lines_gateway", "lines", ["gateway_id", "id"], "gateway_id IS NOT NULL")
    _line_health()
    _gateway_health()
    _long_messages()
    _parts()


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def _count(name: str, kind: sa.types.TypeEngine[int]) -> sa.Column[int]:
    return sa.Column(name, kind, server_default="0", nullable=False)


def _line_health() -> None:
    op.create_table(
        "line_health",
        sa.Column("line_id", _ID, autoincrement=False, nullable=False),
        sa.Column("port", sa.String(length=128), nullable=True),
        sa.Column("reception", sa.String(length=16), nullable=True),
        sa.Column("signal_dbm", sa.SmallInteger(), nullable=True),
        sa.Column("operator", sa.String(length=64), nullable=True),
        sa.Column("imsi", sa.String(length=16), nullable=True),
        sa.Column("seen_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("message_at_ms", sa.BigInteger(), nullable=True),
        _count("day", sa.Integer()),
        _count("messages_today", sa.Integer()),
        _count("fails_in_row", sa.Integer()),
        _count("rests", sa.Integer()),
        _count("released_dong", sa.BigInteger()),
        sa.Column("out_since_ms", sa.BigInteger(), nullable=True),
        sa.Column("probe_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["line_id"], ["lines.id"], name=op.f("fk_line_health_line_id")),
        sa.PrimaryKeyConstraint("line_id", name=op.f("pk_line_health")),
    )
    _index("ix_line_health_probe", "line_health", ["probe_at_ms"], "probe_at_ms IS NOT NULL")


def _gateway_health() -> None:
    op.create_table(
        "gateway_health",
        sa.Column("gateway_id", _ID, autoincrement=False, nullable=False),
        sa.Column("up", sa.Boolean(), nullable=True),
        sa.Column("detail", sa.String(length=200), nullable=True),
        sa.Column("up_changed_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("seen_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("message_at_ms", sa.BigInteger(), nullable=True),
        _count("day", sa.Integer()),
        _count("messages_today", sa.Integer()),
        _count("fails_in_row", sa.Integer()),
        _count("released_dong", sa.BigInteger()),
        sa.Column("lines_out", sa.Boolean(), server_default=sa.text("FALSE"), nullable=False),
        sa.ForeignKeyConstraint(
            ["gateway_id"], ["gateways.id"], name=op.f("fk_gateway_health_gateway_id")
        ),
        sa.PrimaryKeyConstraint("gateway_id", name=op.f("pk_gateway_health")),
    )


def _long_messages() -> None:
    op.create_table(
        "long_messages",
        sa.Column("id", _ID, sa.Identity(always=False, start=1), nullable=False),
        sa.Column("to_number", sa.String(length=16), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("reference", sa.Integer(), nullable=False),
        sa.Column("total", sa.SmallInteger(), nullable=False),
        sa.Column("gateway_id", _ID, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("began_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("message_id", _ID, nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'incomplete', 'complete')", name=op.f("ck_long_messages_state")
        ),
        sa.CheckConstraint("total BETWEEN 2 AND 255", name=op.f("ck_long_messages_total")),
        sa.ForeignKeyConstraint(
            ["gateway_id"], ["gateways.id"], name=op.f("fk_long_messages_gateway_id")
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_long_messages_message_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_long_messages")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_long_messages_key", "long_messages", ["to_number", "reference", "total"])
    op.create_index("ix_long_messages_began", "long_messages", ["began_at_ms"])
    _index("ix_long_messages_open", "long_messages", ["began_at_ms"], "state = 'open'")


def _parts() -> None:
    op.create_table(
        "parts",
        sa.Column("long_message_id", _ID, nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("source_key", sa.String(length=40), nullable=True),
        sa.Column("sent_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("kept_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("number BETWEEN 1 AND 255", name=op.f("ck_parts_number")),
        sa.ForeignKeyConstraint(
            ["long_message_id"], ["long_messages.id"], name=op.f("fk_parts_long_message_id")
        ),
        sa.PrimaryKeyConstraint("long_message_id", "number", name=op.f("pk_parts")),
    )
