"""The first schema: accounts, services, lines and their stock, rentals, messages, the books."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_FIRST_RENTAL_ID = 1000001
_NETWORKS = ("MOBIFONE", "VINAPHONE", "VIETTEL", "VIETNAMOBILE", "ITELECOM")


def upgrade() -> None:
    _accounts()
    _cursors()
    _events()
    _gateways()
    _networks()
    _secret_keys()
    _services()
    _blocks()
    _lines()
    _tokens()
    _rentals()
    _stock()
    _callbacks()
    _messages()
    _postings()
    _recordings()
    _seed()


def _seed() -> None:
    networks = sa.table("networks", sa.column("id", sa.Integer), sa.column("name", sa.Text))
    op.bulk_insert(networks, [{"id": i, "name": name} for i, name in enumerate(_NETWORKS, 1)])
    if op.get_bind().dialect.name == "sqlite":
        # SQLite has no other way to say where the numbers of a table begin.
        op.execute(
            sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES ('rentals', :last)").bindparams(
                last=_FIRST_RENTAL_ID - 1
            )
        )


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", _ID, sa.Identity(always=False, start=1), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("tier", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("waiting_limit", sa.Integer(), nullable=False),
        sa.Column("waiting_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("available_dong", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held_dong", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("callback_url", sa.Text(), nullable=True),
        sa.Column("callback_secret", sa.Text(), nullable=True),
        sa.Column("approved_by", sa.String(length=128), nullable=True),
        sa.Column("approved_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'approved', 'suspended')", name=op.f("ck_accounts_state")
        ),
        sa.CheckConstraint(
            "tier IN ('member', 'dealer', 'distributor')", name=op.f("ck_accounts_tier")
        ),
        sa.CheckConstraint("available_dong >= 0", name=op.f("ck_accounts_available_not_negative")),
        sa.CheckConstraint("held_dong >= 0", name=op.f("ck_accounts_held_not_negative")),
        sa.CheckConstraint("waiting_count >= 0", name=op.f("ck_accounts_waiting_not_negative")),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("name", name="uq_accounts_name"),
        sqlite_autoincrement=True,
    )


def _cursors() -> None:
    op.create_table(
        "cursors",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_cursors"),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", _ID, sa.Identity(always=False, start=1), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("account_id", _ID, nullable=True),
        sa.Column("rental_id", _ID, nullable=True),
        sa.Column("message_id", _ID, nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.UniqueConstraint("seq", name="uq_events_seq"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_events_unnumbered",
        "events",
        ["id"],
        unique=False,
        sqlite_where=sa.text("seq IS NULL"),
        postgresql_where=sa.text("seq IS NULL"),
    )


def _gateways() -> None:
    op.create_table(
        "gateways",
        sa.Column("id", _ID, sa.Identity(always=False, start=1), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_gateways"),
        sa.UniqueConstraint("name", name="uq_gateways_name"),
        sqlite_autoincrement=True,
    )


def _networks() -> None:
    op.create_table(
        "networks",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_networks"),
        sa.UniqueConstraint("name", name="uq_networks_name"),
    )


def _secret_keys() -> None:
    op.create_table(
        "secret_keys",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_secret_keys"),
    )


def _services() -> None:
    op.create_table(
        "services",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("store", sa.String(length=2), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("price_member_dong", sa.BigInteger(), nullable=False),
        sa.Column("price_dealer_dong", sa.BigInteger(), nullable=False),
        sa.Column("price_distributor_dong", sa.BigInteger(), nullable=False),
        sa.Column("waiting_s", sa.Integer(), nullable=False),
        sa.Column("catch_all", sa.Boolean(), nullable=False),
        sa.Column("senders", sa.Text(), nullable=False),
        sa.Column("texts", sa.Text(), nullable=False),
        sa.Column("code_pattern", sa.Text(), nullable=True),
        sa.Column("category", sa.String(length=32), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("opened_by", sa.String(length=128), nullable=True),
        sa.Column("opened_reason", sa.Text(), nullable=True),
        sa.Column("opened_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "price_member_dong > 0 AND price_dealer_dong > 0 AND price_distributor_dong > 0",
            name=op.f("ck_services_prices_positive"),
        ),
        sa.CheckConstraint("waiting_s > 0", name=op.f("ck_services_waiting_positive")),
        sa.PrimaryKeyConstraint("id", name="pk_services"),
    )
    op.create_index("ix_services_store", "services", ["store"], unique=False)


def _blocks() -> None:
    op.create_table(
        "blocks",
        sa.Column("id", _ID, sa.Identity(always=False, start=1), nullable=False),
        sa.Column("store", sa.String(length=2), nullable=False),
        sa.Column("network_id", sa.SmallInteger(), nullable=False),
        sa.Column("prefix", sa.String(length=2), nullable=False),
        sa.Column("size", sa.SmallInteger(), nullable=False),
        sa.Column("active", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("size BETWEEN 0 AND 256", name=op.f("ck_blocks_size")),
        sa.ForeignKeyConstraint(["network_id"], ["networks.id"], name="fk_blocks_network_id"),
        sa.PrimaryKeyConstraint("id", name="pk_blocks"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_blocks_cell", "blocks", ["store", "network_id", "prefix"], unique=False)


def _lines() -> None:
    op.create_table(
        "lines",
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
        sa.CheckConstraint("holder <> '' AND contract <> ''", name=op.f("ck_lines_title")),
        sa.CheckConstraint("state IN ('active', 'retired')", name=op.f("ck_lines_state")),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.id"], name="fk_lines_gateway_id"),
        sa.ForeignKeyConstraint(["network_id"], ["networks.id"], name="fk_lines_network_id"),
        sa.PrimaryKeyConstraint("id", name="pk_lines"),
        sa.UniqueConstraint("iccid", name="uq_lines_iccid"),
    )
    op.create_index(
        "uq_lines_number_in_use",
        "lines",
        ["number"],
        unique=True,
        sqlite_where=sa.text("state <> 'retired'"),
        postgresql_where=sa.text("state <> 'retired'"),
    )


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", _ID, sa.Identity(always=False, start=1), nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_tokens_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_tokens_token_hash"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tokens_account_id", "tokens", ["account_id"], unique=False)


def _rentals() -> None:
    op.create_table(
        "rentals",
        sa.Column("id", _ID, sa.Identity(always=False, start=1000001), nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("store", sa.String(length=2), nullable=False),
        sa.Column("line_id", _ID, nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("price_dong", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("deadline_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("closed_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("catch_all", sa.Boolean(), nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("listening", sa.Boolean(), nullable=False),
        sa.Column("message_id", _ID, nullable=True),
        sa.Column("order_id", sa.String(length=64), nullable=True),
        sa.Column("order_hash", sa.LargeBinary(length=32), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'received', 'expired', 'cancelled')",
            name=op.f("ck_rentals_state"),
        ),
        sa.CheckConstraint("price_dong > 0", name=op.f("ck_rentals_price_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_rentals_account_id"),
        sa.ForeignKeyConstraint(["line_id"], ["lines.id"], name="fk_rentals_line_id"),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name="fk_rentals_service_id"),
        sa.PrimaryKeyConstraint("id", name="pk_rentals"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_rentals_account", "rentals", ["account_id", "id"], unique=False)
    op.create_index(
        "ix_rentals_deadline",
        "rentals",
        ["deadline_at_ms"],
        unique=False,
        sqlite_where=sa.text("listening"),
        postgresql_where=sa.text("listening"),
    )
    op.create_index("ix_rentals_line", "rentals", ["line_id", "created_at_ms"], unique=False)
    op.create_index(
        "ix_rentals_listening",
        "rentals",
        ["line_id"],
        unique=False,
        sqlite_where=sa.text("listening"),
        postgresql_where=sa.text("listening"),
    )
    op.create_index(
        "uq_rentals_order",
        "rentals",
        ["account_id", "order_id"],
        unique=True,
        sqlite_where=sa.text("order_id IS NOT NULL"),
        postgresql_where=sa.text("order_id IS NOT NULL"),
    )
    op.create_index(
        "uq_rentals_waiting",
        "rentals",
        ["line_id", "service_id"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )


def _stock() -> None:
    op.create_table(
        "stock",
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("block_id", _ID, nullable=False),
        sa.Column("network_id", sa.SmallInteger(), nullable=False),
        sa.Column("prefix", sa.String(length=2), nullable=False),
        sa.Column("taken", sa.LargeBinary(length=32), nullable=False),
        sa.Column("left_count", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("left_count BETWEEN 0 AND 256", name=op.f("ck_stock_left_count")),
        sa.ForeignKeyConstraint(["block_id"], ["blocks.id"], name="fk_stock_block_id"),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name="fk_stock_service_id"),
        sa.PrimaryKeyConstraint("service_id", "block_id", name="pk_stock"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_stock_block_id", "stock", ["block_id"], unique=False)
    op.create_index(
        "ix_stock_left",
        "stock",
        ["service_id", "block_id"],
        unique=False,
        sqlite_where=sa.text("left_count > 0"),
        postgresql_where=sa.text("left_count > 0"),
    )


def _callbacks() -> None:
    op.create_table(
        "callbacks",
        sa.Column("id", _ID, sa.Identity(always=False, start=1), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("rental_id", _ID, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("event_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("next_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'done', 'failed')", name=op.f("ck_callbacks_state")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_callbacks_account_id"),
        sa.ForeignKeyConstraint(["rental_id"], ["rentals.id"], name="fk_callbacks_rental_id"),
        sa.PrimaryKeyConstraint("id", name="pk_callbacks"),
        sa.UniqueConstraint("event_seq", name="uq_callbacks_event_seq"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_callbacks_due",
        "callbacks",
        ["next_at_ms"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", _ID, sa.Identity(always=False, start=1), nullable=False),
        sa.Column("gateway_id", _ID, nullable=False),
        sa.Column("dedupe_key", sa.String(length=80), nullable=True),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("to_number", sa.String(length=16), nullable=False),
        sa.Column("line_id", _ID, nullable=True),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("has_code", sa.Boolean(), nullable=False),
        sa.Column("has_recording", sa.Boolean(), nullable=False),
        sa.Column("sent_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("kept_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("rental_id", _ID, nullable=True),
        sa.Column("quarantine", sa.String(length=32), nullable=True),
        sa.Column("forgotten_at_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('sms', 'call')", name=op.f("ck_messages_kind")),
        sa.CheckConstraint(
            "(rental_id IS NULL) = (quarantine IS NOT NULL)",
            name=op.f("ck_messages_owner_or_quarantine"),
        ),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.id"], name="fk_messages_gateway_id"),
        sa.ForeignKeyConstraint(["line_id"], ["lines.id"], name="fk_messages_line_id"),
        sa.ForeignKeyConstraint(["rental_id"], ["rentals.id"], name="fk_messages_rental_id"),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_messages_remembered",
        "messages",
        ["kept_at_ms"],
        unique=False,
        sqlite_where=sa.text("forgotten_at_ms IS NULL"),
        postgresql_where=sa.text("forgotten_at_ms IS NULL"),
    )
    op.create_index("ix_messages_rental_id", "messages", ["rental_id"], unique=False)
    op.create_index("uq_messages_dedupe", "messages", ["gateway_id", "dedupe_key"], unique=True)


def _postings() -> None:
    op.create_table(
        "postings",
        sa.Column("id", _ID, sa.Identity(always=False, start=1), nullable=False),
        sa.Column("reference", sa.String(length=96), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=48), nullable=False),
        sa.Column("target", sa.String(length=48), nullable=False),
        sa.Column("amount_dong", sa.BigInteger(), nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("rental_id", _ID, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_dong > 0", name=op.f("ck_postings_amount_positive")),
        sa.CheckConstraint("source <> target", name=op.f("ck_postings_two_sides")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_postings_account_id"),
        sa.ForeignKeyConstraint(["rental_id"], ["rentals.id"], name="fk_postings_rental_id"),
        sa.PrimaryKeyConstraint("id", name="pk_postings"),
        sa.UniqueConstraint("reference", name="uq_postings_reference"),
        sqlite_autoincrement=True,
    )


def _recordings() -> None:
    op.create_table(
        "recordings",
        sa.Column("message_id", _ID, autoincrement=False, nullable=False),
        sa.Column("wav", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name="fk_recordings_message_id"),
        sa.PrimaryKeyConstraint("message_id", name="pk_recordings"),
    )
