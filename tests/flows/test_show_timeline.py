import pytest

from simlet.domain.errors import MESSAGE_UNKNOWN, NO_SUCH_RENTAL, RENTAL_UNKNOWN, Refused
from simlet.flows.show_timeline import Detail, TimelineEntry, message_timeline, show_timeline
from simlet.store import reads
from simlet.store.reads import Read
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

NUMBER = "0967000001"
WAITING_S = 60


async def prepared(world: World) -> Dealer:
    await world.service(4, waiting_s=WAITING_S, extend_s=30, extend_times=2, price_dong=470)
    await world.gateway("default")
    await world.lines(NUMBER, gateway="default")
    return await world.dealer()


async def shown(world: World, dealer: Dealer | None, rental_id: int) -> list[TimelineEntry]:
    return await world.db.read(show_timeline, dealer.id if dealer else None, rental_id)


def steps(entries: list[TimelineEntry]) -> list[str]:
    return [one.what for one in entries]


def one(entries: list[TimelineEntry], what: str) -> TimelineEntry:
    (found,) = [entry for entry in entries if entry.what == what]
    return found


async def test_from_renting_to_the_code_each_step_is_told_with_its_time(world: World) -> None:
    dealer = await prepared(world)
    began_ms = world.clock.now_ms()
    rental_id = (await world.rent(dealer, 4)).rental.id
    world.clock.advance(5)
    sent_at_ms = began_ms + 2000
    receipt = await world.sms(NUMBER, "Your code is 486460", sent_at_ms=sent_at_ms)
    rows = await world.rows("SELECT id FROM postings WHERE rental_id IS NOT NULL ORDER BY id")
    hold_id, close_id = (row[0] for row in rows)

    entries = await shown(world, dealer, rental_id)

    message: Detail = {"message_id": receipt.message_id}
    kept: Detail = message | {"kind": "sms", "answers": True, "withheld": False}
    settled: Detail = {"posting_id": close_id, "amount_dong": 470} | message
    rented: Detail = {"service_id": 4, "again": False, "request_id": None}
    assert entries == [
        TimelineEntry(began_ms, "rented", rented),
        TimelineEntry(began_ms, "held", {"posting_id": hold_id, "amount_dong": 470}),
        TimelineEntry(sent_at_ms, "message_sent", message),
        TimelineEntry(began_ms + 5000, "message_came", message),
        TimelineEntry(began_ms + 5000, "message_kept", kept),
        TimelineEntry(began_ms + 5000, "settled", settled),
        TimelineEntry(began_ms + 60_000, "deadline"),
    ]


async def test_a_rental_that_got_nothing_expires_and_its_price_goes_back(world: World) -> None:
    dealer = await prepared(world)
    rental_id = (await world.rent(dealer, 4)).rental.id
    await world.extend(dealer, rental_id)
    world.clock.advance(WAITING_S + 30)
    await world.expire()

    entries = await shown(world, dealer, rental_id)

    assert steps(entries) == ["rented", "held", "extended", "deadline", "expired", "released"]
    assert one(entries, "extended").detail == {"number": 1, "by_s": 30}
    assert one(entries, "released").detail["amount_dong"] == 470
    assert entries[-1].at_ms - entries[0].at_ms == (WAITING_S + 30) * 1000


async def test_a_report_ends_the_rental_and_its_note_is_not_told(world: World) -> None:
    dealer = await prepared(world)
    rental_id = (await world.rent(dealer, 4)).rental.id
    await world.report(dealer, rental_id, note="it said 486460")

    entries = await shown(world, dealer, rental_id)

    assert steps(entries) == ["rented", "held", "reported", "cancelled", "released"]
    assert one(entries, "reported").detail == {"reason": "no_message"}


async def test_the_message_that_settled_is_the_first_with_a_code(world: World) -> None:
    dealer = await prepared(world)
    rental_id = (await world.rent(dealer, 4)).rental.id
    await world.sms(NUMBER, "welcome")
    world.clock.advance(1)
    second = await world.sms(NUMBER, "Your code is 486460")
    world.clock.advance(1)
    await world.sms(NUMBER, "Your code is 111222")

    entries = await shown(world, dealer, rental_id)

    assert one(entries, "settled").detail["message_id"] == second.message_id
    answers = [entry.detail["answers"] for entry in entries if entry.what == "message_kept"]
    assert answers == [False, True, True]


async def test_of_a_message_that_came_too_late_the_dealer_learns_only_that(world: World) -> None:
    dealer = await prepared(world)
    rental_id = (await world.rent(dealer, 4)).rental.id
    sent_at_ms = world.clock.now_ms() + 1
    world.clock.advance(WAITING_S + 1)
    await world.expire()
    await world.sms(NUMBER, "Your code is 486460", sent_at_ms=sent_at_ms)

    for_dealer = one(await shown(world, dealer, rental_id), "message_kept").detail
    for_operator = one(await shown(world, None, rental_id), "message_kept").detail

    assert (for_dealer["withheld"], for_dealer["answers"]) == (True, None)
    assert (for_operator["withheld"], for_operator["answers"]) == (True, True)


async def test_reads_and_attempts_to_call_back_are_told(world: World) -> None:
    dealer = await prepared(world)
    rental_id = (await world.rent(dealer, 4)).rental.id
    began_ms = world.clock.now_ms()
    await world.events()
    await world.tamper(
        "INSERT INTO endpoints (id, account_id, scope, url, events, format, secret, state, "
        f"created_at_ms) VALUES (7, {dealer.id}, 'account', 'https://dealer.test/', '*', 'v1', "
        f"'whsec_x', 'active', {began_ms})"
    )
    await world.tamper(
        "INSERT INTO callbacks (id, event_seq, endpoint_id, account_id, rental_id, urgent, state, "
        "attempts, tries, step, under_way, event_at_ms, began_at_ms, ended_at_ms) VALUES "
        f"(9, (SELECT seq FROM events WHERE kind = 'rental.waiting'), 7, {dealer.id}, {rental_id}, "
        f"FALSE, 'done', 1, 1, 1, FALSE, {began_ms}, {began_ms}, {began_ms})"
    )
    await world.tamper(
        "INSERT INTO callback_attempts (callback_id, endpoint_id, number, at_ms, duration_ms, "
        f"status, answer, outcome) VALUES (9, 7, 1, {began_ms + 10}, 35, 204, 'fine', 'delivered')"
    )
    read = Read(rental_id, "first_api", began_ms + 20, began_ms + 30, 3)
    await world.db.write(reads.add_reads, [read])

    entries = await shown(world, dealer, rental_id)

    (waiting,) = [event for event in await world.events() if event.kind.value == "rental.waiting"]
    assert entries[2:4] == [
        TimelineEntry(
            began_ms + 10,
            "callback_attempt",
            {
                "callback_id": 7,
                "event_id": f"evt_{waiting.seq}",
                "event": "rental.waiting",
                "number": 1,
                "duration_ms": 35,
                "status": 204,
                "error": None,
                "outcome": "delivered",
            },
        ),
        TimelineEntry(
            began_ms + 20, "read", {"via": "first_api", "times": 3, "last_at_ms": began_ms + 30}
        ),
    ]


async def test_the_operator_sees_line_and_gateways_and_what_was_nobodys(world: World) -> None:
    dealer = await prepared(world)
    rental_id = (await world.rent(dealer, 4)).rental.id
    await world.sms(NUMBER, "Your code is 486460")
    unowned = await world.sms(NUMBER, "You won 5 million", sender="Bank")
    ((line_id,),) = await world.rows("SELECT id FROM lines")

    entries = await shown(world, None, rental_id)

    rented, quarantined = one(entries, "rented").detail, one(entries, "message_quarantined").detail
    assert (rented["account"], rented["line_id"], rented["gateway"]) == (
        "dealer",
        line_id,
        "default",
    )
    assert one(entries, "message_kept").detail["gateway"] == "default"
    assert quarantined == {
        "message_id": unowned.message_id,
        "gateway": "default",
        "kind": "sms",
        "answers": False,
        "reason": "no_rule_fits",
        "line_id": line_id,
    }


async def test_a_dealer_sees_neither_line_nor_gateway_nor_what_was_nobodys(world: World) -> None:
    dealer = await prepared(world)
    rental_id = (await world.rent(dealer, 4)).rental.id
    await world.sms(NUMBER, "Your code is 486460")
    await world.sms(NUMBER, "You won 5 million", sender="Bank")

    entries = await shown(world, dealer, rental_id)

    assert "message_quarantined" not in steps(entries)
    assert not [entry for entry in entries if {"gateway", "line_id", "account"} & set(entry.detail)]


@pytest.mark.parametrize("for_operator", [False, True], ids=["dealer", "operator"])
async def test_no_code_text_sender_or_number_is_in_it(world: World, for_operator: bool) -> None:
    dealer = await prepared(world)
    rental_id = (await world.rent(dealer, 4)).rental.id
    await world.sms(NUMBER, "nightingale 486460")
    await world.sms(NUMBER, "starling", sender="Bank")

    told = repr(await shown(world, None if for_operator else dealer, rental_id))

    for secret in ("486460", "nightingale", "starling", "967000001", "Yahoo", "Bank"):
        assert secret not in told


async def test_another_accounts_rental_is_unknown(world: World) -> None:
    dealer = await prepared(world)
    other = await world.dealer("other")
    rental_id = (await world.rent(dealer, 4)).rental.id

    for wrong in (rental_id, 77):
        with pytest.raises(Refused) as refused:
            await shown(world, other, wrong)
        assert refused.value.refusal is RENTAL_UNKNOWN
    with pytest.raises(Refused) as refused:
        await shown(world, None, 77)
    assert refused.value.refusal is NO_SUCH_RENTAL


async def test_of_a_message_without_owner_the_rentals_of_its_line_are_told(world: World) -> None:
    dealer = await prepared(world)
    long_ago = (await world.rent(dealer, 4)).rental
    world.clock.advance(WAITING_S)
    await world.expire()
    world.clock.advance(3601)
    ended = (await world.rent(dealer, 4)).rental
    world.clock.advance(WAITING_S)
    await world.expire()
    receipt = await world.sms(NUMBER, "Your code is 486460")

    entries = await world.db.read(message_timeline, receipt.message_id or 0)

    came = ["rented", "message_came", "message_quarantined", "deadline", "expired"]
    assert steps(entries) == came
    assert one(entries, "message_quarantined").detail["reason"] == "no_rental"
    assert {entry.detail.get("rental_id") for entry in entries} == {None, ended.id}
    assert long_ago.id != ended.id


async def test_a_message_names_its_rental(world: World) -> None:
    dealer = await prepared(world)
    rental_id = (await world.rent(dealer, 4)).rental.id
    receipt = await world.sms(NUMBER, "Your code is 486460")

    entries = await world.db.read(message_timeline, receipt.message_id or 0)

    assert steps(entries) == ["message_came", "message_kept"]
    assert entries[-1].detail["rental_id"] == rental_id


async def test_an_unknown_message_is_refused(world: World) -> None:
    with pytest.raises(Refused) as refused:
        await world.db.read(message_timeline, 77)
    assert refused.value.refusal is MESSAGE_UNKNOWN
