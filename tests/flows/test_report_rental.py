import pytest

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.events import EventKind
from simlet.domain.rental import Rental, RentalState
from simlet.domain.report import MAX_NOTE_CHARS, ReportReason
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

NUMBER, OTHER_NUMBER = "0967000001", "0967000002"
CODE = "Your code is 486460"


async def rented(world: World, *numbers: str) -> tuple[Dealer, Rental]:
    await world.service(4, waiting_s=60, cancel_after_s=3600)
    await world.lines(*(numbers or (NUMBER,)))
    dealer = await world.dealer(balance_dong=10_000)
    return dealer, (await world.rent(dealer, 4)).rental


async def test_a_waiting_rental_is_cancelled_at_once_and_gives_its_price_back(
    world: World,
) -> None:
    dealer, rental = await rented(world)

    reported = await world.report(dealer, rental.id)

    assert reported.state is RentalState.CANCELLED
    account = await world.account(dealer)
    assert (account.available_dong, account.held_dong, account.waiting_count) == (10_000, 0, 0)
    assert await world.book_findings() == []


@pytest.mark.parametrize("reason", list(ReportReason))
async def test_a_report_is_kept_with_its_reason_and_its_note(
    world: World, reason: ReportReason
) -> None:
    dealer, rental = await rented(world)

    await world.report(dealer, rental.id, reason, "it said: số này đã dùng")

    rows = await world.rows("SELECT rental_id, reason, note, at_ms FROM rental_reports")
    assert rows == [
        (rental.id, reason.value, "it said: số này đã dùng", world.clock.now_ms()),
    ]


async def test_a_report_is_told_with_its_reason_and_without_its_note(world: World) -> None:
    dealer, rental = await rented(world)
    before = await world.events()

    await world.report(dealer, rental.id, ReportReason.LINE_DEAD, "nightingale")

    told = (await world.events())[len(before) :]
    assert {(event.account_id, event.rental_id) for event in told} == {(dealer.id, rental.id)}
    assert [(event.kind, event.data) for event in told] == [
        (EventKind.RENTAL_CANCELLED, {"released_dong": 470}),
        (EventKind.RENTAL_REPORTED, {"reason": "line_dead"}),
    ]


async def test_a_second_report_changes_nothing_and_answers_the_same(world: World) -> None:
    dealer, rental = await rented(world)
    first = await world.report(dealer, rental.id, ReportReason.LINE_DEAD, "first")
    before = await world.events()
    world.clock.advance(1)

    assert await world.report(dealer, rental.id, ReportReason.OTHER, "second") == first
    assert await world.events() == before
    assert await world.rows("SELECT reason, note FROM rental_reports") == [("line_dead", "first")]


async def test_a_rental_that_got_its_code_stays_received_and_paid(world: World) -> None:
    dealer, rental = await rented(world)
    await world.sms(NUMBER, CODE)

    reported = await world.report(dealer, rental.id, ReportReason.NUMBER_REJECTED)

    assert reported.state is RentalState.RECEIVED
    assert (await world.account(dealer)).available_dong == 10_000 - 470
    assert (await world.events())[-1].kind is EventKind.RENTAL_REPORTED


async def test_a_rental_that_expired_or_was_cancelled_stays_as_it_ended(world: World) -> None:
    dealer, rental = await rented(world, NUMBER, OTHER_NUMBER)
    world.clock.advance(60)
    await world.expire()
    assert (await world.report(dealer, rental.id)).state is RentalState.EXPIRED

    other = (await world.rent(dealer, 4)).rental
    world.clock.advance(60)

    assert (await world.report(dealer, other.id)).state is RentalState.EXPIRED
    assert (await world.account(dealer)).available_dong == 10_000


async def test_the_line_is_not_given_to_this_account_for_the_service_again(world: World) -> None:
    dealer, rental = await rented(world)
    await world.service(5)
    other = await world.dealer("other")

    await world.report(dealer, rental.id)

    for wanted in ((), ("96",), ("967000001",)):
        with pytest.raises(Refused) as refused:
            await world.rent(dealer, 4, wanted=wanted)
        assert refused.value.refusal is errors.OUT_OF_STOCK
    assert (await world.rent(dealer, 5)).rental.line_id == rental.line_id
    assert (await world.rent(other, 4)).rental.line_id == rental.line_id


async def test_this_account_is_given_every_other_line(world: World) -> None:
    numbers = [f"09670000{one:02}" for one in range(12)]
    dealer, first = await rented(world, *numbers)
    reported = {first.number}
    await world.report(dealer, first.id)
    for _ in range(11):
        rental = (await world.rent(dealer, 4)).rental
        reported.add(rental.number)
        await world.report(dealer, rental.id)

    assert reported == {"+84" + number[1:] for number in numbers}
    with pytest.raises(Refused) as refused:
        await world.rent(dealer, 4)
    assert refused.value.refusal is errors.OUT_OF_STOCK


async def test_a_reported_catch_all_is_not_given_again_either(world: World) -> None:
    await world.service(9, catch_all=True)
    await world.lines(NUMBER)
    dealer = await world.dealer()
    rental = (await world.rent(dealer, 9)).rental
    await world.report(dealer, rental.id)

    with pytest.raises(Refused):
        await world.rent(dealer, 9)


async def test_the_number_of_a_code_may_be_named_again_although_it_was_reported(
    world: World,
) -> None:
    dealer, rental = await rented(world)
    await world.sms(NUMBER, CODE)
    await world.report(dealer, rental.id, ReportReason.NUMBER_REJECTED)

    assert (await world.rent_again(dealer, rental)).rental.line_id == rental.line_id


@pytest.mark.parametrize("note", ["x" * (MAX_NOTE_CHARS + 1), "a\0b"])
async def test_a_note_that_cannot_be_kept_is_refused_and_nothing_is_changed(
    world: World, note: str
) -> None:
    dealer, rental = await rented(world)
    before = await world.events()

    with pytest.raises(Refused) as refused:
        await world.report(dealer, rental.id, note=note)

    assert refused.value.refusal is errors.INVALID
    assert refused.value.details["name"] == "note"
    assert await world.events() == before
    assert (await world.rental(dealer, rental.id)).state is RentalState.WAITING


async def test_the_longest_note_is_kept(world: World) -> None:
    dealer, rental = await rented(world)
    await world.report(dealer, rental.id, note="ộ" * MAX_NOTE_CHARS)
    assert await world.rows("SELECT note FROM rental_reports") == [("ộ" * MAX_NOTE_CHARS,)]


async def test_another_accounts_rental_is_unknown(world: World) -> None:
    _, rental = await rented(world)
    other = await world.dealer("other")
    with pytest.raises(Refused) as refused:
        await world.report(other, rental.id)
    assert refused.value.refusal is errors.RENTAL_UNKNOWN
    assert await world.rows("SELECT * FROM rental_reports") == []
