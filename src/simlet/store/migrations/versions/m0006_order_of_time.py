"""What a line's past costs a message, and what an endpoint is told whatever the clock did."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Of all rentals that a line ever had, a late message may belong to those that ended since.
    op.drop_index("ix_rentals_over", "rentals")
    _index("ix_rentals_over", "rentals", ["line_id", "deadline_at_ms"], "NOT listening")
    _index("ix_endpoints_of_account", "endpoints", ["account_id", "id"], "scope = 'account'")
    op.add_column(
        "endpoints", sa.Column("after_seq", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.execute(
        "UPDATE endpoints SET after_seq = coalesce((SELECT max(e.seq) FROM events e "
        "WHERE e.at_ms < endpoints.created_at_ms AND e.seq > coalesce("
        "(SELECT c.seq FROM cursors c WHERE c.name = 'callbacks'), 0)), 0)"
    )


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
