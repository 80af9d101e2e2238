"""What the schema makes sure of by itself, whatever the statements do."""

from collections.abc import AsyncIterator

import apsw
import psycopg
import pytest

from simlet.domain import ledger
from simlet.store import books
from simlet.store.database import open_database
from simlet.store.tables import FIRST_RENTAL_ID
from simlet.testing.world import World

SCHEMA_REFUSES = (apsw.ConstraintError, psycopg.IntegrityError)


@pytest.fixture
async def seeded(database_url: str) -> AsyncIterator[World]:
    """A dealer with money, two lines, and a rental that waits on the first."""
    db = open_database(database_url)
    try:
        world = World(db)
        dealer = await world.dealer(balance_dong=1000)
        await world.service(97, price_dong=470)
        await world.lines("0961234501")
        await world.gateway()
        await world.rent(dealer, 97)
        await world.lines("0961234502")
        yield world
    finally:
        await db.close()


@pytest.mark.anyio
async def test_the_numbers_of_rentals_begin_where_the_first_api_wants_them(seeded: World) -> None:
    assert [row[0] for row in await seeded.rows("SELECT id FROM rentals")] == [FIRST_RENTAL_ID]


WAITING_AGAIN = (
    "INSERT INTO rentals (account_id, service_id, store, line_id, number, price_dong, state, "
    "created_at_ms, deadline_at_ms, catch_all, again, listening) SELECT account_id, service_id, "
    "store, line_id, number, price_dong, 'waiting', created_at_ms, deadline_at_ms, catch_all, "
    "again, TRUE FROM rentals"
)
LINE = (
    "INSERT INTO lines (id, iccid, number, network_id, store, state, holder, contract, "
    "created_at_ms) VALUES (99999, '898499999999999999', '{number}', 3, '01', 'active', "
    "{holder}, {contract}, 1)"
)
MESSAGE = (
    "INSERT INTO messages (gateway_id, dedupe_key, kind, to_number, has_code, has_recording, "
    "kept_at_ms, rental_id, quarantine) VALUES ((SELECT min(id) FROM gateways), {key}, '{kind}', "
    "'+84961234501', TRUE, FALSE, 1, {rental}, {quarantine})"
)
OWNER = "(SELECT id FROM rentals)"
POSTING = (
    "INSERT INTO postings (reference, kind, source, target, amount_dong, account_id, at_ms) "
    "VALUES ('{reference}', 'credit', 'world', '{target}', {amount}, "
    "(SELECT id FROM accounts), 1)"
)
ACCOUNT = (
    "INSERT INTO accounts (name, tier, state, waiting_limit, created_at_ms) "
    "VALUES ('{name}', '{tier}', '{state}', 1, 1)"
)

REFUSED = {
    "a balance below zero": "UPDATE accounts SET available_dong = -1",
    "a held sum below zero": "UPDATE accounts SET held_dong = -1",
    "a count of waiting rentals below zero": "UPDATE accounts SET waiting_count = -1",
    "two accounts of one name": ACCOUNT.format(name="dealer", tier="dealer", state="pending"),
    "a tier that is none": ACCOUNT.format(name="other", tier="king", state="pending"),
    "an account's state that is none": ACCOUNT.format(name="other", tier="dealer", state="odd"),
    "two waiting rentals of one line and service": WAITING_AGAIN,
    "a rental that waits and does not listen": "UPDATE rentals SET listening = FALSE",
    "a rental that waits and stepped aside": "UPDATE rentals SET aside = id",
    "a rental's state that is none": "UPDATE rentals SET state = 'odd'",
    "a rental for nothing": "UPDATE rentals SET price_dong = 0",
    "a rental of a line that is not there": "UPDATE rentals SET line_id = 424242",
    "a posting of nothing": POSTING.format(reference="new", target="t", amount=0),
    "a posting below zero": POSTING.format(reference="new", target="t", amount=-1),
    "a posting from a book to itself": POSTING.format(reference="new", target="world", amount=1),
    "a reference used twice": POSTING.format(reference="credit:test-1", target="t", amount=1),
    "a line without a holder": LINE.format(number="+849", holder="''", contract="'c'"),
    "a line without a contract": LINE.format(number="+849", holder="'h'", contract="''"),
    "a line with no holder at all": LINE.format(number="+849", holder="NULL", contract="'c'"),
    "a line with no contract at all": LINE.format(number="+849", holder="'h'", contract="NULL"),
    "two lines in use of one number": LINE.format(
        number="+84961234501", holder="'h'", contract="'c'"
    ),
    "two lines of one ICCID": "UPDATE lines SET iccid = '898400000000000001'",
    "a line's state that is none": "UPDATE lines SET state = 'odd'",
    "a message with an owner and in quarantine": MESSAGE.format(
        key="NULL", kind="sms", rental=OWNER, quarantine="'no_rental'"
    ),
    "a message with neither": MESSAGE.format(
        key="NULL", kind="sms", rental="NULL", quarantine="NULL"
    ),
    "a message's kind that is none": MESSAGE.format(
        key="NULL", kind="fax", rental=OWNER, quarantine="NULL"
    ),
    "a service for nothing": "UPDATE services SET price_dealer_dong = 0",
    "a service that waits no time": "UPDATE services SET waiting_s = 0",
    "more lines left than a block holds": "UPDATE stock SET left_count = 257",
    "less than no line left": "UPDATE stock SET left_count = -1",
    "a block that is too large": "UPDATE blocks SET size = 257",
}


@pytest.mark.anyio
@pytest.mark.parametrize("what", REFUSED)
async def test_the_schema_refuses(seeded: World, what: str) -> None:
    with pytest.raises(SCHEMA_REFUSES):
        await seeded.tamper(REFUSED[what])


ALLOWED = {
    "another account": ACCOUNT.format(name="other", tier="member", state="pending"),
    "another posting": POSTING.format(reference="new", target="t", amount=1),
    "another line": LINE.format(number="+849", holder="'h'", contract="'c'"),
    "a message with an owner": MESSAGE.format(
        key="NULL", kind="sms", rental=OWNER, quarantine="NULL"
    ),
    "a message in quarantine": MESSAGE.format(
        key="NULL", kind="call", rental="NULL", quarantine="'no_rental'"
    ),
}


@pytest.mark.anyio
@pytest.mark.parametrize("what", ALLOWED)
async def test_what_the_schema_refuses_is_the_odd_thing_about_it_alone(
    seeded: World, what: str
) -> None:
    assert await seeded.tamper(ALLOWED[what]) == 1


@pytest.mark.anyio
async def test_a_rental_is_closed_at_most_once_by_the_schema(seeded: World) -> None:
    await seeded.db.write(books.post, ledger.settle(1, FIRST_RENTAL_ID, 470, 1))
    for again in (ledger.settle, ledger.release):
        with pytest.raises(SCHEMA_REFUSES):
            await seeded.db.write(books.post, again(1, FIRST_RENTAL_ID, 470, 2))


@pytest.mark.anyio
async def test_once_a_rental_is_closed_its_line_can_wait_for_the_service_again(
    seeded: World,
) -> None:
    await seeded.tamper("UPDATE rentals SET state = 'expired', listening = FALSE")
    assert await seeded.tamper(WAITING_AGAIN) == 1


@pytest.mark.anyio
async def test_one_that_has_its_code_and_listens_makes_room_only_by_stepping_aside(
    seeded: World,
) -> None:
    await seeded.tamper("UPDATE rentals SET state = 'received'")
    with pytest.raises(SCHEMA_REFUSES):
        await seeded.tamper(WAITING_AGAIN)
    await seeded.tamper("UPDATE rentals SET aside = id")
    assert await seeded.tamper(WAITING_AGAIN) == 1


@pytest.mark.anyio
async def test_a_message_is_kept_once_under_a_key_and_often_without_one(seeded: World) -> None:
    keyed = MESSAGE.format(key="'k'", kind="sms", rental=OWNER, quarantine="NULL")
    unkeyed = MESSAGE.format(key="NULL", kind="sms", rental=OWNER, quarantine="NULL")
    for _ in range(2):
        await seeded.tamper(unkeyed)
    await seeded.tamper(keyed)
    with pytest.raises(SCHEMA_REFUSES):
        await seeded.tamper(keyed)


@pytest.mark.anyio
async def test_the_number_of_a_retired_line_may_come_with_another_sim(seeded: World) -> None:
    await seeded.tamper("UPDATE lines SET state = 'retired' WHERE number = '+84961234501'")
    again = LINE.format(number="+84961234501", holder="'h'", contract="'c'")
    assert await seeded.tamper(again) == 1
