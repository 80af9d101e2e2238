"""Check the books: recompute every figure from the postings, and name what does not agree."""

from simlet.domain import ledger
from simlet.store import books
from simlet.store.sql import Tx


def check_books(tx: Tx) -> list[str]:
    """One sentence for each disagreement; an empty list when every figure agrees."""
    sums = books.sums_by_book(tx)
    findings = _account_findings(tx, sums)
    if sum(sums.values()):
        findings.append("the sums of all book accounts are not 0 together")
    findings += [
        f"rental {rental_id} ({state}) has not just the postings that its state asks for"
        for rental_id, state in books.uneven_rentals(tx)
    ]
    findings += [
        f"posting {posting_id} does not go where its kind goes"
        for posting_id in books.misdirected_postings(tx)
    ]
    rentals, holds, closed, closes = books.rental_and_posting_counts(tx)
    if rentals != holds:
        findings.append(f"there are {rentals} rentals and {holds} holds")
    if closed != closes:
        findings.append(f"there are {closed} closed rentals and {closes} settles and releases")
    return findings


def _account_findings(tx: Tx, sums: dict[str, int]) -> list[str]:
    findings = []
    known = {ledger.WORLD, ledger.REVENUE}
    for account_id, available, held, count, waiting, waiting_dong in books.account_figures(tx):
        known |= {ledger.available(account_id), ledger.held(account_id)}
        checks = (
            ("available", available, sums.get(ledger.available(account_id), 0), "its postings"),
            ("held", held, sums.get(ledger.held(account_id), 0), "its postings"),
            ("held", held, waiting_dong, "its waiting rentals"),
            ("waiting count", count, waiting, "its waiting rentals"),
        )
        findings += [
            f"account {account_id}: {what} is {figure}, {whose} say {said}"
            for what, figure, said, whose in checks
            if figure != said
        ]
    findings += [f"book account {book} belongs to nobody" for book in sums.keys() - known]
    return findings
