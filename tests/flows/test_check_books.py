import re

import pytest

from simlet.testing.world import World

pytestmark = pytest.mark.anyio

# The first account of a `busy_world` and its three rentals.
ONE = 1
RECEIVED, EXPIRED, WAITING = 1_000_001, 1_000_002, 1_000_003


async def busy_world(world: World) -> None:
    """Two accounts; the first has a rental of each state."""
    await world.service(4, price_dong=470, waiting_s=60)
    await world.service(5, price_dong=470, name="Zalo")
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer("one", balance_dong=10_000)
    await world.dealer("other", balance_dong=10_000)
    first = await world.rent(dealer, 4)
    await world.sms(first.rental.number, "Your code is 123456")
    await world.rent(dealer, 4)
    world.clock.advance(60)
    await world.expire()
    await world.rent(dealer, 5)


async def test_books_that_the_flows_wrote_agree(world: World) -> None:
    await busy_world(world)
    assert await world.book_findings() == []


async def test_the_books_of_an_empty_installation_agree(world: World) -> None:
    assert await world.book_findings() == []


def added_posting(reference: str, kind: str, source: str, target: str) -> str:
    return (
        "INSERT INTO postings (reference, kind, source, target, amount_dong, account_id, at_ms) "
        f"VALUES ('{reference}', '{kind}', '{source}', '{target}', 470, {ONE}, 0)"
    )


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        pytest.param(statement, finding, id=name)
        for name, statement, finding in [
            (
                "available is too high",
                f"UPDATE accounts SET available_dong = available_dong + 1 WHERE id = {ONE}",
                r"account 1: available is 9061, its postings say 9060",
            ),
            (
                "held is too low",
                f"UPDATE accounts SET held_dong = 0 WHERE id = {ONE}",
                r"account 1: held is 0, its waiting rentals say 470",
            ),
            (
                "held is too low for the postings",
                f"UPDATE accounts SET held_dong = 0 WHERE id = {ONE}",
                r"account 1: held is 0, its postings say 470",
            ),
            (
                "the waiting are miscounted",
                f"UPDATE accounts SET waiting_count = 2 WHERE id = {ONE}",
                r"account 1: waiting count is 2, its waiting rentals say 1",
            ),
            (
                "money moved between accounts",
                "UPDATE accounts SET available_dong = available_dong + 3 - 2 * id",
                r"account 2: available is 9999, its postings say 10000",
            ),
            (
                "a waiting rental is called expired",
                f"UPDATE rentals SET state = 'expired' WHERE id = {WAITING}",
                rf"rental {WAITING} \(expired\) has not just the postings",
            ),
            (
                "an expired rental waits again",
                f"UPDATE rentals SET state = 'waiting', listening = TRUE WHERE id = {EXPIRED}",
                rf"rental {EXPIRED} \(waiting\) has not just the postings",
            ),
            (
                "a received rental is called expired",
                f"UPDATE rentals SET state = 'expired' WHERE id = {RECEIVED}",
                rf"rental {RECEIVED} \(expired\) has not just the postings",
            ),
            (
                "an expired rental is called received",
                f"UPDATE rentals SET state = 'received' WHERE id = {EXPIRED}",
                rf"rental {EXPIRED} \(received\) has not just the postings",
            ),
            (
                "a received rental is called cancelled",
                f"UPDATE rentals SET state = 'cancelled' WHERE id = {RECEIVED}",
                rf"rental {RECEIVED} \(cancelled\) has not just the postings",
            ),
            (
                "a rental has another price",
                f"UPDATE rentals SET price_dong = 471 WHERE id = {RECEIVED}",
                rf"rental {RECEIVED} \(received\) has not just the postings",
            ),
            (
                "a rental is another account's",
                f"UPDATE rentals SET account_id = 2 WHERE id = {RECEIVED}",
                rf"rental {RECEIVED} \(received\) has not just the postings",
            ),
            (
                "a hold is missing",
                f"DELETE FROM postings WHERE reference = 'hold:{WAITING}'",
                r"there are 3 rentals and 2 holds",
            ),
            (
                "a settle is missing",
                f"DELETE FROM postings WHERE reference = 'close:{RECEIVED}'",
                r"there are 2 closed rentals and 1 settles and releases",
            ),
            (
                "a release is missing",
                f"DELETE FROM postings WHERE reference = 'close:{EXPIRED}'",
                rf"rental {EXPIRED} \(expired\) has not just the postings",
            ),
            (
                "a credit is missing",
                "DELETE FROM postings WHERE kind = 'credit' AND account_id = 1",
                r"account 1: available is 9060, its postings say -940",
            ),
            (
                "a hold has another amount",
                f"UPDATE postings SET amount_dong = 471 WHERE reference = 'hold:{WAITING}'",
                rf"rental {WAITING} \(waiting\) has not just the postings",
            ),
            (
                "a settle has another amount",
                f"UPDATE postings SET amount_dong = 1 WHERE reference = 'close:{RECEIVED}'",
                rf"rental {RECEIVED} \(received\) has not just the postings",
            ),
            (
                "a credit has another amount",
                "UPDATE postings SET amount_dong = 9999 WHERE kind = 'credit' AND account_id = 1",
                r"account 1: available is 9060, its postings say 9059",
            ),
            (
                "a settle is called a release",
                f"UPDATE postings SET kind = 'release' WHERE reference = 'close:{RECEIVED}'",
                rf"rental {RECEIVED} \(received\) has not just the postings",
            ),
            (
                "a hold is of another rental",
                f"UPDATE postings SET rental_id = {EXPIRED} WHERE reference = 'hold:{WAITING}'",
                rf"rental {WAITING} \(waiting\) has not just the postings",
            ),
            (
                "a close is of another account",
                f"UPDATE postings SET account_id = 2 WHERE reference = 'close:{RECEIVED}'",
                rf"rental {RECEIVED} \(received\) has not just the postings",
            ),
            (
                "a close is under another reference",
                f"UPDATE postings SET reference = 'close:9' WHERE reference = 'close:{RECEIVED}'",
                rf"rental {RECEIVED} \(received\) has not just the postings",
            ),
            (
                "what was earned went to the dealer",
                "UPDATE postings SET target = 'account:1:available' WHERE kind = 'settle'",
                r"account 1: available is 9060, its postings say 9530",
            ),
            (
                "what was earned went out of the house",
                "UPDATE postings SET target = 'world' WHERE kind = 'settle'",
                r"posting \d+ does not go where its kind goes",
            ),
            (
                "a credit came from what the house earned",
                "UPDATE postings SET source = 'house:revenue' WHERE kind = 'credit'",
                r"posting \d+ does not go where its kind goes",
            ),
            (
                "a posting of a kind that there is not",
                added_posting("gift:1", "gift", "world", "house:revenue"),
                r"posting \d+ does not go where its kind goes",
            ),
            (
                "a credit of nobody",
                added_posting("credit:x", "credit", "world", "account:99:available"),
                r"book account account:99:available belongs to nobody",
            ),
            (
                "a credit that the account never got",
                added_posting("credit:x", "credit", "world", "account:1:available"),
                r"account 1: available is 9060, its postings say 9530",
            ),
            (
                "a hold of no rental",
                added_posting("hold:9", "hold", "account:1:available", "account:1:held"),
                r"there are 3 rentals and 4 holds",
            ),
            (
                "a rental closed twice under two references",
                added_posting("close:9", "settle", "account:1:held", "house:revenue"),
                r"there are 2 closed rentals and 3 settles and releases",
            ),
        ]
    ],
)
async def test_what_does_not_agree_is_found(world: World, statement: str, finding: str) -> None:
    await busy_world(world)
    assert await world.tamper(statement) > 0

    findings = await world.book_findings()

    assert any(re.match(finding, one) for one in findings), findings


async def test_every_wrong_rental_is_named(world: World) -> None:
    await busy_world(world)
    await world.tamper("UPDATE rentals SET price_dong = price_dong + 1")

    findings = await world.book_findings()

    for rental_id in (RECEIVED, EXPIRED, WAITING):
        assert any(f"rental {rental_id} " in one for one in findings)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts SET available_dong = -1",
        "UPDATE accounts SET held_dong = -1",
        "UPDATE accounts SET waiting_count = -1",
        "UPDATE rentals SET price_dong = 0",
        "UPDATE postings SET amount_dong = 0",
        "UPDATE postings SET target = source",
        f"UPDATE postings SET reference = 'close:{RECEIVED}' WHERE kind = 'release'",
        f"UPDATE rentals SET state = 'waiting', line_id = 256 WHERE id <= {EXPIRED}",
        "UPDATE rentals SET state = 'lost'",
    ],
)
async def test_the_schema_itself_refuses(world: World, statement: str) -> None:
    await busy_world(world)

    with pytest.raises(Exception, match=r"(?i)constraint"):
        await world.tamper(statement)

    assert await world.book_findings() == []
