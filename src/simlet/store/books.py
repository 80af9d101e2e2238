"""Statements for the books: postings, and the sums that must agree with everything else."""

from simlet.domain.ledger import REVENUE, WORLD, Posting
from simlet.store.sql import Row, Sql, Tx

_POST = Sql(
    "INSERT INTO postings (reference, kind, source, target, amount_dong, account_id, rental_id, "
    "reason, at_ms) VALUES (:reference, :kind, :source, :target, :amount_dong, :account_id, "
    ":rental_id, :reason, :at_ms)"
)
_BY_REFERENCE = Sql("SELECT account_id, amount_dong FROM postings WHERE reference = :reference")
_SUMS = Sql(
    "SELECT book, CAST(sum(amount) AS BIGINT) FROM ("
    "SELECT target AS book, sum(amount_dong) AS amount FROM postings GROUP BY target UNION ALL "
    "SELECT source AS book, -sum(amount_dong) AS amount FROM postings GROUP BY source"
    ") sums GROUP BY book"
)
_ACCOUNTS = Sql(
    "SELECT a.id, a.available_dong, a.held_dong, a.waiting_count, "
    "(SELECT count(*) FROM rentals r WHERE r.account_id = a.id AND r.state = 'waiting'), "
    "(SELECT CAST(coalesce(sum(r.price_dong), 0) AS BIGINT) FROM rentals r "
    "WHERE r.account_id = a.id AND r.state = 'waiting') FROM accounts a ORDER BY a.id"
)
_UNEVEN_RENTALS = Sql(
    "SELECT r.id, r.state FROM rentals r "
    "LEFT JOIN postings h ON h.reference = 'hold:' || CAST(r.id AS TEXT) "
    "AND h.kind = 'hold' AND h.rental_id = r.id AND h.account_id = r.account_id "
    "AND h.amount_dong = r.price_dong "
    "LEFT JOIN postings c ON c.reference = 'close:' || CAST(r.id AS TEXT) "
    "WHERE h.id IS NULL OR (r.state = 'waiting') <> (c.id IS NULL) "
    "OR (c.id IS NOT NULL AND (c.amount_dong <> r.price_dong OR c.rental_id <> r.id "
    "OR c.account_id <> r.account_id "
    "OR c.kind <> CASE WHEN r.state = 'received' THEN 'settle' ELSE 'release' END)) "
    "ORDER BY r.id LIMIT 100"
)
_MISDIRECTED = Sql(
    "SELECT id FROM (SELECT id, kind, source, target, "
    "'account:' || CAST(account_id AS TEXT) || :available_end AS available, "
    "'account:' || CAST(account_id AS TEXT) || :held_end AS held FROM postings) sides "
    "WHERE NOT CASE kind WHEN 'credit' THEN source = :world AND target = available "
    "WHEN 'debit' THEN source = available AND target = :world "
    "WHEN 'hold' THEN source = available AND target = held "
    "WHEN 'settle' THEN source = held AND target = :revenue "
    "WHEN 'release' THEN source = held AND target = available ELSE FALSE END "
    "ORDER BY id LIMIT 100"
)
_COUNT_HOLDS = Sql(
    "SELECT (SELECT count(*) FROM rentals), "
    "(SELECT count(*) FROM postings WHERE kind = 'hold'), "
    "(SELECT count(*) FROM rentals WHERE state <> 'waiting'), "
    "(SELECT count(*) FROM postings WHERE kind IN ('settle', 'release'))"
)


def post(tx: Tx, posting: Posting) -> None:
    """Writes a posting; a reference that was used before fails in the schema."""
    tx.run(
        _POST,
        reference=posting.reference,
        kind=posting.kind.value,
        source=posting.source,
        target=posting.target,
        amount_dong=posting.amount_dong,
        account_id=posting.account_id,
        rental_id=posting.rental_id,
        reason=posting.reason,
        at_ms=posting.at_ms,
    )


def posting_by_reference(tx: Tx, reference: str) -> tuple[int, int] | None:
    """The account and the amount of a posting; None when the reference is unused."""
    row = tx.row(_BY_REFERENCE, reference=reference)
    return None if row is None else (row[0], row[1])


def sums_by_book(tx: Tx) -> dict[str, int]:
    """What the postings say that each book account holds, in đồng."""
    return {row[0]: row[1] for row in tx.rows(_SUMS)}


def account_figures(tx: Tx) -> list[Row]:
    """Each account's id, available, held, waiting count; and its waiting rentals and their sum."""
    return tx.rows(_ACCOUNTS)


def uneven_rentals(tx: Tx) -> list[tuple[int, str]]:
    """Rentals (up to 100) that have not just the postings that their state asks for."""
    return [(row[0], row[1]) for row in tx.rows(_UNEVEN_RENTALS)]


def misdirected_postings(tx: Tx) -> list[int]:
    """Postings (up to 100) whose two sides are not those of their kind and their account."""
    rows = tx.rows(
        _MISDIRECTED,
        available_end=":available",
        held_end=":held",
        world=WORLD,
        revenue=REVENUE,
    )
    return [row[0] for row in rows]


def rental_and_posting_counts(tx: Tx) -> Row:
    """How many rentals and holds there are, and how many closed rentals and closes."""
    row = tx.row(_COUNT_HOLDS)
    assert row is not None  # noqa: S101 - counts always give a row
    return row
