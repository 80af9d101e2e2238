"""The tables, for migrations and for the proof that migrations give just these.

Times are UTC milliseconds, money whole đồng. Statements themselves stand beside what they serve,
as text: see `simlet.store.sql`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

FIRST_RENTAL_ID = 1_000_001

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Id = BigInteger().with_variant(Integer, "sqlite")


def _own_id(start: int = 1) -> Column[int]:
    return Column("id", _Id, Identity(start=start), primary_key=True)


def _when(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


networks = Table(
    "networks",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("name", String(32), nullable=False, unique=True),
)

accounts = Table(
    "accounts",
    metadata,
    _own_id(),
    Column("name", String(64), nullable=False, unique=True),
    Column("tier", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("waiting_limit", Integer, nullable=False),
    Column("waiting_count", Integer, nullable=False, server_default="0"),
    Column("available_dong", BigInteger, nullable=False, server_default="0"),
    Column("held_dong", BigInteger, nullable=False, server_default="0"),
    Column("approved_by", String(128)),
    _when("approved_at_ms", nullable=True),
    _when("created_at_ms"),
    _when("rented_again_at_ms", nullable=True),
    CheckConstraint("tier IN ('member', 'dealer', 'distributor')", name="tier"),
    CheckConstraint("state IN ('pending', 'approved', 'suspended')", name="state"),
    CheckConstraint("available_dong >= 0", name="available_not_negative"),
    CheckConstraint("held_dong >= 0", name="held_not_negative"),
    CheckConstraint("waiting_count >= 0", name="waiting_not_negative"),
    sqlite_autoincrement=True,
)

tokens = Table(
    "tokens",
    metadata,
    _own_id(),
    Column("account_id", _Id, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True),
    _when("created_at_ms"),
    _when("revoked_at_ms", nullable=True),
    sqlite_autoincrement=True,
)

services = Table(
    "services",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, nullable=False),
    Column("store", String(2), nullable=False, index=True),
    Column("name", String(128), nullable=False),
    Column("price_member_dong", BigInteger, nullable=False),
    Column("price_dealer_dong", BigInteger, nullable=False),
    Column("price_distributor_dong", BigInteger, nullable=False),
    Column("waiting_s", Integer, nullable=False),
    Column("catch_all", Boolean, nullable=False),
    Column("senders", Text, nullable=False),
    Column("texts", Text, nullable=False),
    Column("code_pattern", Text),
    Column("category", String(32), nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("opened_by", String(128)),
    Column("opened_reason", Text),
    _when("opened_at_ms", nullable=True),
    _when("created_at_ms"),
    Column("cancel_after_s", Integer, nullable=False, server_default="0"),
    Column("extend_s", Integer, nullable=False, server_default="0"),
    Column("extend_times", Integer, nullable=False, server_default="0"),
    Column("queued_count", Integer, nullable=False, server_default="0"),
    # What tells whether a sender is one of `senders`; see `simlet.domain.matching.sender_keys`.
    Column("sender_keys", Text, nullable=False, server_default=text("''")),
    CheckConstraint(
        "price_member_dong > 0 AND price_dealer_dong > 0 AND price_distributor_dong > 0",
        name="prices_positive",
    ),
    CheckConstraint("waiting_s > 0", name="waiting_positive"),
)

gateways = Table(
    "gateways",
    metadata,
    _own_id(),
    Column("name", String(64), nullable=False, unique=True),
    Column("kind", String(32), nullable=False),
    Column("settings", Text, nullable=False),
    Column("secret_hash", LargeBinary(32)),
    _when("created_at_ms"),
    _when("removed_at_ms", nullable=True),
    sqlite_autoincrement=True,
)

blocks = Table(
    "blocks",
    metadata,
    _own_id(),
    Column("store", String(2), nullable=False),
    Column("network_id", SmallInteger, ForeignKey("networks.id"), nullable=False),
    Column("prefix", String(2), nullable=False),
    Column("size", SmallInteger, nullable=False),
    Column("active", LargeBinary(32), nullable=False),
    CheckConstraint("size BETWEEN 0 AND 256", name="size"),
    Index("ix_blocks_cell", "store", "network_id", "prefix"),
    sqlite_autoincrement=True,
)

lines = Table(
    "lines",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("iccid", String(22), nullable=False),
    Column("number", String(16), nullable=False),
    Column("network_id", SmallInteger, ForeignKey("networks.id"), nullable=False),
    Column("store", String(2), nullable=False),
    Column("state", String(16), nullable=False),
    Column("holder", Text, nullable=False),
    Column("contract", Text, nullable=False),
    Column("gateway_id", _Id, ForeignKey("gateways.id")),
    _when("created_at_ms"),
    _when("retired_at_ms", nullable=True),
    Column("out_reason", String(16)),
    CheckConstraint("state IN ('active', 'retired')", name="state"),
    CheckConstraint("holder <> '' AND contract <> ''", name="title"),
    Index(
        "uq_lines_iccid_in_use",
        "iccid",
        unique=True,
        sqlite_where=text("state <> 'retired'"),
        postgresql_where=text("state <> 'retired'"),
    ),
    Index(
        "uq_lines_number_in_use",
        "number",
        unique=True,
        sqlite_where=text("state <> 'retired'"),
        postgresql_where=text("state <> 'retired'"),
    ),
    Index(
        "ix_lines_gateway",
        "gateway_id",
        "id",
        sqlite_where=text("gateway_id IS NOT NULL"),
        postgresql_where=text("gateway_id IS NOT NULL"),
    ),
)

line_health = Table(
    "line_health",
    metadata,
    Column("line_id", _Id, ForeignKey("lines.id"), primary_key=True, autoincrement=False),
    Column("port", String(128)),
    Column("reception", String(16)),
    Column("signal_dbm", SmallInteger),
    Column("operator", String(64)),
    Column("imsi", String(16)),
    _when("seen_at_ms", nullable=True),
    _when("message_at_ms", nullable=True),
    Column("day", Integer, nullable=False, server_default="0"),
    Column("messages_today", Integer, nullable=False, server_default="0"),
    Column("fails_in_row", Integer, nullable=False, server_default="0"),
    Column("rests", Integer, nullable=False, server_default="0"),
    Column("released_dong", BigInteger, nullable=False, server_default="0"),
    _when("out_since_ms", nullable=True),
    _when("probe_at_ms", nullable=True),
    Index(
        "ix_line_health_probe",
        "probe_at_ms",
        sqlite_where=text("probe_at_ms IS NOT NULL"),
        postgresql_where=text("probe_at_ms IS NOT NULL"),
    ),
)

gateway_health = Table(
    "gateway_health",
    metadata,
    Column("gateway_id", _Id, ForeignKey("gateways.id"), primary_key=True, autoincrement=False),
    Column("up", Boolean),
    Column("detail", String(200)),
    _when("up_changed_at_ms", nullable=True),
    _when("seen_at_ms", nullable=True),
    _when("message_at_ms", nullable=True),
    Column("day", Integer, nullable=False, server_default="0"),
    Column("messages_today", Integer, nullable=False, server_default="0"),
    Column("fails_in_row", Integer, nullable=False, server_default="0"),
    Column("released_dong", BigInteger, nullable=False, server_default="0"),
    Column("lines_out", Boolean, nullable=False, server_default=text("FALSE")),
)

stock = Table(
    "stock",
    metadata,
    Column("service_id", Integer, ForeignKey("services.id"), primary_key=True),
    Column("block_id", _Id, ForeignKey("blocks.id"), primary_key=True),
    Column("network_id", SmallInteger, nullable=False),
    Column("prefix", String(2), nullable=False),
    Column("taken", LargeBinary(32), nullable=False),
    Column("left_count", SmallInteger, nullable=False),
    CheckConstraint("left_count BETWEEN 0 AND 256", name="left_count"),
    Index(
        "ix_stock_left",
        "service_id",
        "block_id",
        sqlite_where=text("left_count > 0"),
        postgresql_where=text("left_count > 0"),
    ),
    Index("ix_stock_block_id", "block_id"),
    sqlite_with_rowid=False,
)

rentals = Table(
    "rentals",
    metadata,
    _own_id(FIRST_RENTAL_ID),
    Column("account_id", _Id, ForeignKey("accounts.id"), nullable=False),
    Column("service_id", Integer, ForeignKey("services.id"), nullable=False),
    Column("store", String(2), nullable=False),
    Column("line_id", _Id, ForeignKey("lines.id"), nullable=False),
    Column("number", String(16), nullable=False),
    Column("price_dong", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    _when("created_at_ms"),
    _when("deadline_at_ms"),
    _when("closed_at_ms", nullable=True),
    Column("catch_all", Boolean, nullable=False),
    Column("again", Boolean, nullable=False),
    Column("listening", Boolean, nullable=False),
    Column("message_id", _Id),
    Column("order_id", String(64)),
    Column("order_hash", LargeBinary(32)),
    Column("extensions", SmallInteger, nullable=False, server_default="0"),
    # 0; of one that listens still when its number is rented again for its service, its own id.
    Column("aside", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("state IN ('waiting', 'received', 'expired', 'cancelled')", name="state"),
    CheckConstraint("price_dong > 0", name="price_positive"),
    CheckConstraint("state <> 'waiting' OR (listening AND aside = 0)", name="waiting"),
    # That one rental at most waits for a service on a line, and who listens on a line: one index
    # tells both, as each that a renting changes costs a page of the file. A code changes nothing in
    # it: what has its code makes room only when its number is rented again.
    Index(
        "uq_rentals_listening",
        "line_id",
        "service_id",
        "aside",
        unique=True,
        sqlite_where=text("listening"),
        postgresql_where=text("listening"),
    ),
    Index(
        "ix_rentals_deadline",
        "deadline_at_ms",
        sqlite_where=text("listening"),
        postgresql_where=text("listening"),
    ),
    Index(
        "ix_rentals_over",
        "line_id",
        "deadline_at_ms",
        sqlite_where=text("NOT listening"),
        postgresql_where=text("NOT listening"),
    ),
    Index("ix_rentals_account", "account_id", "id"),
    Index(
        "uq_rentals_order",
        "account_id",
        "order_id",
        unique=True,
        sqlite_where=text("order_id IS NOT NULL"),
        postgresql_where=text("order_id IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

rental_extras = Table(
    "rental_extras",
    metadata,
    Column("rental_id", _Id, ForeignKey("rentals.id"), primary_key=True, autoincrement=False),
    Column("metadata", Text, nullable=False),
    Column("endpoint_id", _Id, ForeignKey("endpoints.id")),
    Column("request_id", _Id, ForeignKey("requests.id")),
)

rental_reports = Table(
    "rental_reports",
    metadata,
    Column("rental_id", _Id, ForeignKey("rentals.id"), primary_key=True, autoincrement=False),
    Column("account_id", _Id, nullable=False),
    Column("service_id", Integer, nullable=False),
    Column("line_id", _Id, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("note", Text),
    _when("at_ms"),
    Index("ix_rental_reports_line", "account_id", "line_id", "service_id"),
    Index(
        "ix_rental_reports_noted",
        "at_ms",
        sqlite_where=text("note IS NOT NULL"),
        postgresql_where=text("note IS NOT NULL"),
    ),
)

rental_extensions = Table(
    "rental_extensions",
    metadata,
    Column("rental_id", _Id, ForeignKey("rentals.id"), primary_key=True, autoincrement=False),
    Column("number", SmallInteger, primary_key=True, autoincrement=False),
    Column("by_s", Integer, nullable=False),
    _when("at_ms"),
)

requests = Table(
    "requests",
    metadata,
    _own_id(),
    Column("account_id", _Id, ForeignKey("accounts.id"), nullable=False),
    Column("service_id", Integer, ForeignKey("services.id"), nullable=False),
    Column("filters", Text, nullable=False),
    Column("max_price_dong", BigInteger),
    Column("metadata", Text, nullable=False),
    Column("endpoint_id", _Id, ForeignKey("endpoints.id")),
    Column("state", String(16), nullable=False),
    _when("created_at_ms"),
    _when("deadline_at_ms"),
    _when("closed_at_ms", nullable=True),
    Column("rental_id", _Id, ForeignKey("rentals.id")),
    Column("refusal", String(32)),
    CheckConstraint(
        "state IN ('queued', 'filled', 'refused', 'expired', 'cancelled')", name="state"
    ),
    CheckConstraint("(rental_id IS NOT NULL) = (state = 'filled')", name="filled"),
    Index("ix_requests_account", "account_id", "id"),
    Index(
        "ix_requests_queued",
        "service_id",
        "filters",
        "id",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
    Index(
        "ix_requests_deadline",
        "deadline_at_ms",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
    Index(
        "ix_requests_queued_of",
        "account_id",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
    sqlite_autoincrement=True,
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("account_id", _Id, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", LargeBinary(32), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    _when("created_at_ms"),
    Index("ix_idempotency_keys_created", "created_at_ms"),
)

reads = Table(
    "reads",
    metadata,
    Column("rental_id", _Id, ForeignKey("rentals.id"), primary_key=True, autoincrement=False),
    Column("via", String(16), primary_key=True),
    _when("first_at_ms"),
    _when("last_at_ms"),
    Column("times", Integer, nullable=False),
)

service_hours = Table(
    "service_hours",
    metadata,
    Column("service_id", Integer, ForeignKey("services.id"), primary_key=True, autoincrement=False),
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("expired", Integer, nullable=False),
    Column("seconds", Text, nullable=False),
)

service_figures = Table(
    "service_figures",
    metadata,
    Column("service_id", Integer, ForeignKey("services.id"), primary_key=True, autoincrement=False),
    Column("last_24h", Text, nullable=False),
    Column("last_7d", Text, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    _own_id(),
    Column("gateway_id", _Id, ForeignKey("gateways.id"), nullable=False),
    Column("dedupe_key", String(80)),
    Column("kind", String(8), nullable=False),
    Column("to_number", String(16), nullable=False),
    Column("line_id", _Id, ForeignKey("lines.id")),
    Column("sender", Text),
    Column("body", Text),
    Column("code", Text),
    Column("has_code", Boolean, nullable=False),
    Column("has_recording", Boolean, nullable=False),
    _when("sent_at_ms", nullable=True),
    _when("came_at_ms", nullable=True),
    _when("kept_at_ms"),
    Column("rental_id", _Id, ForeignKey("rentals.id"), index=True),
    Column("quarantine", String(32)),
    _when("forgotten_at_ms", nullable=True),
    CheckConstraint("kind IN ('sms', 'call')", name="kind"),
    CheckConstraint("(rental_id IS NULL) = (quarantine IS NOT NULL)", name="owner_or_quarantine"),
    Index("uq_messages_dedupe", "gateway_id", "dedupe_key", unique=True),
    Index(
        "ix_messages_quarantined",
        "line_id",
        "kept_at_ms",
        sqlite_where=text("quarantine IS NOT NULL"),
        postgresql_where=text("quarantine IS NOT NULL"),
    ),
    Index(
        "ix_messages_remembered",
        "kept_at_ms",
        sqlite_where=text("forgotten_at_ms IS NULL"),
        postgresql_where=text("forgotten_at_ms IS NULL"),
    ),
    sqlite_autoincrement=True,
)

recordings = Table(
    "recordings",
    metadata,
    Column("message_id", _Id, ForeignKey("messages.id"), primary_key=True, autoincrement=False),
    Column("wav", LargeBinary, nullable=False),
)

long_messages = Table(
    "long_messages",
    metadata,
    _own_id(),
    Column("to_number", String(16), nullable=False),
    Column("sender", Text, nullable=False),
    Column("reference", Integer, nullable=False),
    Column("total", SmallInteger, nullable=False),
    Column("gateway_id", _Id, ForeignKey("gateways.id"), nullable=False),
    Column("state", String(16), nullable=False),
    _when("began_at_ms"),
    Column("message_id", _Id, ForeignKey("messages.id")),
    CheckConstraint("state IN ('open', 'incomplete', 'complete')", name="state"),
    CheckConstraint("total BETWEEN 2 AND 255", name="total"),
    Index("ix_long_messages_key", "to_number", "reference", "total"),
    Index(
        "ix_long_messages_open",
        "began_at_ms",
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index("ix_long_messages_began", "began_at_ms"),
    sqlite_autoincrement=True,
)

parts = Table(
    "parts",
    metadata,
    Column("long_message_id", _Id, ForeignKey("long_messages.id"), primary_key=True),
    Column("number", SmallInteger, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("source_key", String(40)),
    _when("sent_at_ms", nullable=True),
    _when("kept_at_ms"),
    CheckConstraint("number BETWEEN 1 AND 255", name="number"),
)

postings = Table(
    "postings",
    metadata,
    _own_id(),
    Column("reference", String(96), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("source", String(48), nullable=False),
    Column("target", String(48), nullable=False),
    Column("amount_dong", BigInteger, nullable=False),
    Column("account_id", _Id, ForeignKey("accounts.id"), nullable=False),
    Column("rental_id", _Id, ForeignKey("rentals.id")),
    Column("reason", Text),
    _when("at_ms"),
    CheckConstraint("amount_dong > 0", name="amount_positive"),
    CheckConstraint("source <> target", name="two_sides"),
    Index("ix_postings_account", "account_id", "id"),
    sqlite_autoincrement=True,
)

events = Table(
    "events",
    metadata,
    _own_id(),
    Column("seq", BigInteger, unique=True),
    Column("kind", String(32), nullable=False),
    _when("at_ms"),
    Column("account_id", _Id),
    Column("rental_id", _Id),
    Column("message_id", _Id),
    Column("data", Text, nullable=False),
    Index(
        "ix_events_unnumbered",
        "id",
        sqlite_where=text("seq IS NULL"),
        postgresql_where=text("seq IS NULL"),
    ),
    Index(
        "ix_events_account",
        "account_id",
        "seq",
        sqlite_where=text("account_id IS NOT NULL"),
        postgresql_where=text("account_id IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("seq", BigInteger, nullable=False),
)

endpoints = Table(
    "endpoints",
    metadata,
    _own_id(),
    Column("account_id", _Id, ForeignKey("accounts.id"), nullable=False),
    Column("scope", String(8), nullable=False),
    Column("url", Text, nullable=False),
    Column("failover_url", Text),
    Column("events", Text, nullable=False),
    Column("format", String(16), nullable=False),
    Column("secret", Text, nullable=False),
    Column("old_secret", Text),
    _when("old_secret_until_ms", nullable=True),
    Column("state", String(16), nullable=False),
    Column("disabled_reason", String(64)),
    _when("created_at_ms"),
    _when("failing_since_ms", nullable=True),
    Column("fails_in_row", Integer, nullable=False, server_default="0"),
    _when("resting_until_ms", nullable=True),
    _when("due_at_ms", nullable=True),
    Column("url_hash", LargeBinary(32)),
    # What the event log held when it was added is not told.
    Column("after_seq", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("scope IN ('account', 'rental')", name="scope"),
    CheckConstraint("format IN ('first_api', 'v1')", name="format"),
    CheckConstraint("state IN ('active', 'disabled', 'removed')", name="state"),
    Index("ix_endpoints_account", "account_id", "id"),
    # A dealer may name an address of its own with each rental: those are not gone through.
    Index(
        "ix_endpoints_of_account",
        "account_id",
        "id",
        sqlite_where=text("scope = 'account'"),
        postgresql_where=text("scope = 'account'"),
    ),
    Index(
        "ix_endpoints_due",
        "account_id",
        "due_at_ms",
        sqlite_where=text("due_at_ms IS NOT NULL"),
        postgresql_where=text("due_at_ms IS NOT NULL"),
    ),
    Index(
        "uq_endpoints_url",
        "account_id",
        "url_hash",
        unique=True,
        sqlite_where=text("url_hash IS NOT NULL AND state <> 'removed'"),
        postgresql_where=text("url_hash IS NOT NULL AND state <> 'removed'"),
    ),
    sqlite_autoincrement=True,
)

callbacks = Table(
    "callbacks",
    metadata,
    _own_id(),
    Column("event_seq", BigInteger, nullable=False),
    Column("endpoint_id", _Id, ForeignKey("endpoints.id"), nullable=False),
    Column("account_id", _Id, ForeignKey("accounts.id"), nullable=False),
    Column("rental_id", _Id, ForeignKey("rentals.id")),
    Column("chain", BigInteger),
    Column("urgent", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("step", SmallInteger, nullable=False),
    Column("under_way", Boolean, nullable=False),
    _when("event_at_ms"),
    _when("began_at_ms"),
    _when("next_at_ms", nullable=True),
    _when("ended_at_ms", nullable=True),
    Column("last_status", Integer),
    Column("last_error", String(64)),
    CheckConstraint("state IN ('pending', 'done', 'failed', 'dropped')", name="state"),
    CheckConstraint("(state = 'pending') = (ended_at_ms IS NULL)", name="ended"),
    Index("uq_callbacks_event", "event_seq", "endpoint_id", unique=True),
    Index(
        "ix_callbacks_due",
        "endpoint_id",
        "urgent",
        "next_at_ms",
        sqlite_where=text("state = 'pending' AND next_at_ms IS NOT NULL"),
        postgresql_where=text("state = 'pending' AND next_at_ms IS NOT NULL"),
    ),
    Index(
        "ix_callbacks_chain",
        "endpoint_id",
        "chain",
        "event_seq",
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
    Index(
        "ix_callbacks_ended",
        "ended_at_ms",
        sqlite_where=text("ended_at_ms IS NOT NULL"),
        postgresql_where=text("ended_at_ms IS NOT NULL"),
    ),
    Index(
        "ix_callbacks_rental",
        "rental_id",
        sqlite_where=text("rental_id IS NOT NULL"),
        postgresql_where=text("rental_id IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

callback_attempts = Table(
    "callback_attempts",
    metadata,
    _own_id(),
    Column("callback_id", _Id, ForeignKey("callbacks.id"), nullable=False, index=True),
    Column("endpoint_id", _Id, ForeignKey("endpoints.id"), nullable=False),
    Column("number", Integer, nullable=False),
    _when("at_ms"),
    Column("duration_ms", Integer, nullable=False),
    Column("status", Integer),
    Column("error", String(64)),
    Column("answer", Text),
    Column("outcome", String(16), nullable=False),
    _when("next_at_ms", nullable=True),
    CheckConstraint("outcome IN ('delivered', 'again', 'failed')", name="outcome"),
    Index("ix_callback_attempts_endpoint", "endpoint_id", "id"),
    Index(
        "ix_callback_attempts_answered",
        "at_ms",
        sqlite_where=text("answer IS NOT NULL"),
        postgresql_where=text("answer IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

secret_keys = Table(
    "secret_keys",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
