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
    op.add_column("gateways", _when("removed_at_ms", nullable=True))
    op.create_index("ix_postings_account", "postings", ["account_id", "id"])
    _index("ix_events_account", "events", ["account_id", "seq"], "account_id IS NOT NULL")
    _index(
        "ix_messages_quarantined", "messages", ["line_id", "kept_at_ms"], "quarantine IS NOT NULL"
    )
    _endpoints()
    _callbacks()
    _callback_attempts()
    _requests()
    _rental_extras()
    _rental_reports()
    _rental_extensions()
    _idempotency_keys()
    _reads()
    _service_hours()
    _service_figures()


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
        _when("due_at_ms", nullable=True),
        sa.Column("url_hash", sa.LargeBinary(32), nullable=True),
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
    _index("ix_endpoints_due", "endpoints", ["account_id", "due_at_ms"], "due_at_ms IS NOT NULL")
    condition = sa.text("url_hash IS NOT NULL AND state <> 'removed'")
    op.create_index(
        "uq_endpoints_url",
        "endpoints",
        ["account_id", "url_hash"],
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )


# The addresses of accounts become endpoints. A callback that is still to be delivered keeps its
# place in the schedule and the time of its next attempt; the positions of what is no code are those
# of the slow schedule. It is due once at the upgrade where nobody knows better.
_MOVE_ADDRESSES = (
    "INSERT INTO endpoints (account_id, scope, url, events, format, secret, state, created_at_ms) "
    "SELECT id, 'account', callback_url, '[\"rental.received\",\"rental.expired\"]', 'first_api', "
    "callback_secret, 'active', created_at_ms FROM accounts "
    "WHERE callback_url IS NOT NULL AND callback_secret IS NOT NULL ORDER BY id"
)
_MOVE_CALLBACKS = (
    "INSERT INTO callbacks (event_seq, endpoint_id, account_id, rental_id, chain, urgent, state, "
    "attempts, tries, step, under_way, event_at_ms, began_at_ms, next_at_ms, ended_at_ms, "
    "last_status, last_error) SELECT c.event_seq, p.id, c.account_id, c.rental_id, c.rental_id, "
    "e.kind = 'rental.received', c.state, c.attempts, c.attempts, "
    "CASE WHEN e.kind = 'rental.received' OR c.attempts = 0 THEN c.attempts "
    "WHEN c.attempts <= 6 THEN 1 ELSE c.attempts - 5 END, FALSE, c.event_at_ms, c.event_at_ms, "
    "CASE WHEN c.state = 'pending' THEN c.next_at_ms END, "
    "CASE WHEN c.state <> 'pending' THEN c.next_at_ms END, c.last_status, c.last_error "
    "FROM callbacks_before c JOIN events e ON e.seq = c.event_seq "
    "JOIN endpoints p ON p.account_id = c.account_id ORDER BY c.id"
)
_MARK_DUE = (
    "UPDATE endpoints SET due_at_ms = 0 "
    "WHERE id IN (SELECT endpoint_id FROM callbacks WHERE state = 'pending')"
)


def _callbacks() -> None:
    op.execute(_MOVE_ADDRESSES)
    op.drop_column("accounts", "callback_url")
    op.drop_column("accounts", "callback_secret")
    op.execute("CREATE TABLE callbacks_before AS SELECT * FROM callbacks")
    op.drop_table("callbacks")
    op.create_table(
        "callbacks",
        _own_id(),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.Column("endpoint_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("rental_id", _ID, nullable=True),
        sa.Column("chain", sa.BigInteger(), nullable=True),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("under_way", sa.Boolean(), nullable=False),
        _when("event_at_ms"),
        _when("began_at_ms"),
        _when("next_at_ms", nullable=True),
        _when("ended_at_ms", nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'done', 'failed', 'dropped')", name=op.f("ck_callbacks_state")
        ),
        sa.CheckConstraint(
            "(state = 'pending') = (ended_at_ms IS NULL)", name=op.f("ck_callbacks_ended")
        ),
        _refers("callbacks", "endpoint_id", "endpoints"),
        _refers("callbacks", "account_id", "accounts"),
        _refers("callbacks", "rental_id", "rentals"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callbacks")),
        sqlite_autoincrement=True,
    )
    op.execute(_MOVE_CALLBACKS)
    op.drop_table("callbacks_before")
    op.execute(_MARK_DUE)
    columns = ["event_seq", "endpoint_id"]
    op.create_index("uq_callbacks_event", "callbacks", columns, unique=True)
    _index(
        "ix_callbacks_due",
        "callbacks",
        ["endpoint_id", "urgent", "next_at_ms"],
        "state = 'pending' AND next_at_ms IS NOT NULL",
    )
    columns = ["endpoint_id", "chain", "event_seq"]
    _index("ix_callbacks_chain", "callbacks", columns, "state = 'pending'")
    _index("ix_callbacks_ended", "callbacks", ["ended_at_ms"], "ended_at_ms IS NOT NULL")
    _index("ix_callbacks_rental", "callbacks", ["rental_id"], "rental_id IS NOT NULL")


def _callback_attempts() -> None:
    op.create_table(
        "callback_attempts",
        _own_id(),
        sa.Column("callback_id", _ID, nullable=False),
        sa.Column("endpoint_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        _when("at_ms"),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=64), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        _when("next_at_ms", nullable=True),
        sa.CheckConstraint(
            "outcome IN ('delivered', 'again', 'failed')",
            name=op.f("ck_callback_attempts_outcome"),
        ),
        _refers("callback_attempts", "callback_id", "callbacks"),
        _refers("callback_attempts", "endpoint_id", "endpoints"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback_attempts")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_callback_attempts_callback_id", "callback_attempts", ["callback_id"])
    columns = ["endpoint_id", "id"]
    op.create_index("ix_callback_attempts_endpoint", "callback_attempts", columns)
    columns = ["at_ms"]
    _index("ix_callback_attempts_answered", "callback_attempts", columns, "answer IS NOT NULL")


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
    _index("ix_requests_deadline", "requests", ["deadline_at_ms"], "state = 'queued'")
    _index("ix_requests_queued_of", "requests", ["account_id"], "state = 'queued'")


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
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("line_id", _ID, nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        _when("at_ms"),
        _refers("rental_reports", "rental_id", "rentals"),
        sa.PrimaryKeyConstraint("rental_id", name=op.f("pk_rental_reports")),
    )
    columns = ["account_id", "line_id", "service_id"]
    op.create_index("ix_rental_reports_line", "rental_reports", columns)


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
        sa.Column("expired", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Text(), nullable=False),
        _refers("service_hours", "service_id", "services"),
        sa.PrimaryKeyConstraint("service_id", "hour", name=op.f("pk_service_hours")),
    )


def _service_figures() -> None:
    op.create_table(
        "service_figures",
        sa.Column("service_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_24h", sa.Text(), nullable=False),
        sa.Column("last_7d", sa.Text(), nullable=False),
        _refers("service_figures", "service_id", "services"),
        sa.PrimaryKeyConstraint("service_id", name=op.f("pk_service_figures")),
    )
