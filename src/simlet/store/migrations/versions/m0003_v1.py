"""What /v1 needs: extras of rentals, the queue for stock, endpoints, figures, reads."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("services", _count("cancel_after_s"))
    op.add_column("services", _count("extend_s"))
    op.add_column("services", _count("extend_times"))
    op.add_column("services", _count("queued_count"))
    op.add_column(
        "rentals",
        sa.Column("extensions", sa.SmallInteger(), server_default="0", nullable=False),
    )
    op.create_index("ix_postings_account", "postings", ["account_id", "id"])
    _index("ix_events_account", "events", ["account_id", "seq"], "account_id IS NOT NULL")
    _endpoints()
    _requests()
    _rental_extras()
    _rental_reports()
    _rental_extensions()
    _idempotency_keys()
    _reads()
    _service_hours()


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default="0", nullable=False)


def _own_id() -> sa.Column[int]:
    return sa.Column("id", _ID, sa.Identity(always=False, start=1), nullable=False)


def _when(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}"))


def _endpoints() -> None:
    op.create_table(
        "endpoints",
        _own_id(),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("failover_url", sa.Text(), nullable=True),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("old_secret", sa.Text(), nullable=True),
        _when("old_secret_until_ms", nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("disabled_reason", sa.String(length=64), nullable=True),
        _when("created_at_ms"),
        _when("failing_since_ms", nullable=True),
        _count("fails_in_row"),
        _when("resting_until_ms", nullable=True),
        sa.CheckConstraint("scope IN ('account', 'rental')", name=op.f("ck_endpoints_scope")),
        sa.CheckConstraint("format IN ('first_api', 'v1')", name=op.f("ck_endpoints_format")),
        sa.CheckConstraint(
            "state IN ('active', 'disabled', 'removed')", name=op.f("ck_endpoints_state")
        ),
        _refers("endpoints", "account_id", "accounts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoints")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_endpoints_account", "endpoints", ["account_id", "id"])


def _requests() -> None:
    op.create_table(
        "requests",
        _own_id(),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("filters", sa.Text(), nullable=False),
        sa.Column("max_price_dong", sa.BigInteger(), nullable=True),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("endpoint_id", _ID, nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        _when("created_at_ms"),
        _when("deadline_at_ms"),
        _when("closed_at_ms", nullable=True),
        sa.Column("rental_id", _ID, nullable=True),
        sa.Column("refusal", sa.String(length=32), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'filled', 'refused', 'expired', 'cancelled')",
            name=op.f("ck_requests_state"),
        ),
        sa.CheckConstraint(
            "(rental_id IS NOT NULL) = (state = 'filled')", name=op.f("ck_requests_filled")
        ),
        _refers("requests", "account_id", "accounts"),
        _refers("requests", "service_id", "services"),
        _refers("requests", "endpoint_id", "endpoints"),
        _refers("requests", "rental_id", "rentals"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_requests_account", "requests", ["account_id", "id"])
    _index("ix_requests_queued", "requests", ["service_id", "filters", "id"], "state = 'queued'")


def _rental_extras() -> None:
    op.create_table(
        "rental_extras",
        sa.Column("rental_id", _ID, autoincrement=False, nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("endpoint_id", _ID, nullable=True),
        sa.Column("request_id", _ID, nullable=True),
        _refers("rental_extras", "rental_id", "rentals"),
        _refers("rental_extras", "endpoint_id", "endpoints"),
        _refers("rental_extras", "request_id", "requests"),
        sa.PrimaryKeyConstraint("rental_id", name=op.f("pk_rental_extras")),
    )


def _rental_reports() -> None:
    op.create_table(
        "rental_reports",
        sa.Column("rental_id", _ID, autoincrement=False, nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        _when("at_ms"),
        _refers("rental_reports", "rental_id", "rentals"),
        sa.PrimaryKeyConstraint("rental_id", name=op.f("pk_rental_reports")),
    )


def _rental_extensions() -> None:
    op.create_table(
        "rental_extensions",
        sa.Column("rental_id", _ID, autoincrement=False, nullable=False),
        sa.Column("number", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("by_s", sa.Integer(), nullable=False),
        _when("at_ms"),
        _refers("rental_extensions", "rental_id", "rentals"),
        sa.PrimaryKeyConstraint("rental_id", "number", name=op.f("pk_rental_extensions")),
    )


def _idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("account_id", _ID, autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        _when("created_at_ms"),
        _refers("idempotency_keys", "account_id", "accounts"),
        sa.PrimaryKeyConstraint("account_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_created", "idempotency_keys", ["created_at_ms"])


def _reads() -> None:
    op.create_table(
        "reads",
        sa.Column("rental_id", _ID, autoincrement=False, nullable=False),
        sa.Column("via", sa.String(length=16), nullable=False),
        _when("first_at_ms"),
        _when("last_at_ms"),
        sa.Column("times", sa.Integer(), nullable=False),
        _refers("reads", "rental_id", "rentals"),
        sa.PrimaryKeyConstraint("rental_id", "via", name=op.f("pk_reads")),
    )


def _service_hours() -> None:
    op.create_table(
        "service_hours",
        sa.Column("service_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("expired", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Text(), nullable=False),
        _refers("service_hours", "service_id", "services"),
        sa.PrimaryKeyConstraint("service_id", "hour", name=op.f("pk_service_hours")),
    )
