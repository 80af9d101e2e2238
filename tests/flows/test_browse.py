import pytest

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.rental import RentalState
from simlet.domain.service import Category
from simlet.domain.signing import hash_secret
from simlet.flows import browse
from simlet.flows.browse import HistoryFilter
from simlet.flows.manage_accounts import suspend_account
from simlet.flows.manage_services import open_service
from simlet.store.events import number_events
from simlet.store.gateways import ExpectedRow
from simlet.store.slices import read_slices
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

CODE = "Your code is 123456"
EVER_MS = 2**53


def wanted(
    *,
    service_id: int | None = None,
    states: tuple[RentalState, ...] = (),
    from_ms: int = 0,
    to_ms: int = EVER_MS,
    limit: int = 100,
) -> HistoryFilter:
    return HistoryFilter(service_id, states, from_ms, to_ms, limit)


async def history_ids(world: World, dealer: Dealer, asked: HistoryFilter) -> list[int]:
    rows = await read_slices(
        world.db.read, asked.limit, browse.history, hash_secret(dealer.token), asked
    )
    return [row.id for row in rows]


async def three_rentals(world: World) -> tuple[Dealer, list[int]]:
    """A dealer with a received, an expired and a waiting rental, one a minute."""
    await world.service(4, waiting_s=60)
    await world.service(5, name="Zalo", waiting_s=600)
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer()
    received = (await world.rent(dealer, 4)).rental
    await world.sms(received.number, CODE)
    world.clock.advance(60)
    expired = (await world.rent(dealer, 4)).rental
    world.clock.advance(60)
    await world.expire()
    waiting = (await world.rent(dealer, 5)).rental
    return dealer, [received.id, expired.id, waiting.id]


# ---------------------------------------------------------------------------------- who may read


async def test_every_read_of_a_dealer_needs_a_good_token(world: World) -> None:
    dealer = await world.dealer()
    wrong = hash_secret("not a token")
    await world.db.write(suspend_account, dealer.name, world.clock.now_ms())
    for token_hash in (wrong, hash_secret(dealer.token)):
        for read in (
            world.db.read(browse.account_of_token, token_hash),
            world.db.read(browse.rental_with_code, token_hash, 1),
            read_slices(world.db.read, 1, browse.history, token_hash, wanted()),
            world.db.read(browse.rentable_services, token_hash),
            world.db.read(browse.networks_for, token_hash),
        ):
            with pytest.raises(Refused) as refused:
                await read
            assert refused.value.refusal is errors.UNAUTHENTICATED


async def test_a_token_stands_for_its_own_account(world: World) -> None:
    one, other = await world.dealer("one"), await world.dealer("other")

    assert (await world.account(one)).name == "one"
    assert (await world.account(other)).name == "other"


async def test_a_glance_sees_what_a_read_sees(world: World) -> None:
    dealer = await world.dealer()
    token_hash = hash_secret(dealer.token)

    assert await world.db.quick_read(browse.account_of_token, token_hash) == await world.account(
        dealer
    )


# -------------------------------------------------------------------------------------- a rental


async def test_a_dealer_reads_its_rental_and_nobody_elses(world: World) -> None:
    dealer, (received, _, _) = await three_rentals(world)
    other = await world.dealer("other")

    view = await world.rental(dealer, received)
    assert (view.id, view.service_id, view.service_name, view.store) == (received, 4, "Yahoo", "01")
    assert (view.state, view.code, view.text, view.message_kind) == (
        RentalState.RECEIVED,
        "123456",
        CODE,
        "sms",
    )
    with pytest.raises(Refused) as refused:
        await world.rental(other, received)
    assert refused.value.refusal is errors.RENTAL_UNKNOWN


@pytest.mark.parametrize("rental_id", [None, 0, 1, 2**63 - 1])
async def test_a_rental_that_is_not_there_is_unknown(world: World, rental_id: int | None) -> None:
    dealer = await world.dealer()
    with pytest.raises(Refused) as refused:
        await world.db.read(browse.rental_with_code, hash_secret(dealer.token), rental_id)
    assert refused.value.refusal is errors.RENTAL_UNKNOWN


async def test_a_waiting_rental_shows_no_text_and_no_code(world: World) -> None:
    dealer, (_, _, waiting) = await three_rentals(world)

    view = await world.rental(dealer, waiting)

    assert view.state is RentalState.WAITING
    assert (view.text, view.code, view.message_kind, view.has_recording) == (
        None,
        None,
        None,
        False,
    )


async def test_a_recording_is_read_by_the_id_of_its_message(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer()
    rental = (await world.rent(dealer, 4)).rental
    receipt = await world.call("0967000001", wav=b"RIFF....WAVE")

    view = await world.rental(dealer, rental.id)
    assert view.has_recording
    assert receipt.message_id is not None
    assert view.message_id == receipt.message_id
    assert await world.db.read(browse.recording, receipt.message_id) == b"RIFF....WAVE"
    assert await world.db.read(browse.recording, receipt.message_id + 1) is None


# -------------------------------------------------------------------------------------- history


async def test_history_shows_the_newest_first(world: World) -> None:
    dealer, ids = await three_rentals(world)
    assert await history_ids(world, dealer, wanted()) == ids[::-1]


async def test_history_shows_nobody_elses(world: World) -> None:
    await three_rentals(world)
    other = await world.dealer("other")
    assert await history_ids(world, other, wanted()) == []


async def test_history_of_one_service(world: World) -> None:
    dealer, (received, expired, waiting) = await three_rentals(world)

    assert await history_ids(world, dealer, wanted(service_id=4)) == [expired, received]
    assert await history_ids(world, dealer, wanted(service_id=5)) == [waiting]
    assert await history_ids(world, dealer, wanted(service_id=6)) == []


async def test_history_of_states(world: World) -> None:
    dealer, (received, expired, waiting) = await three_rentals(world)

    for states, ids in (
        ((RentalState.WAITING,), [waiting]),
        ((RentalState.RECEIVED,), [received]),
        ((RentalState.EXPIRED, RentalState.CANCELLED), [expired]),
        ((RentalState.RECEIVED, RentalState.EXPIRED), [expired, received]),
    ):
        assert await history_ids(world, dealer, wanted(states=states)) == ids


async def test_history_includes_its_beginning_and_excludes_its_end(world: World) -> None:
    dealer, (_, expired, waiting) = await three_rentals(world)
    began_ms = (await world.rental(dealer, expired)).created_at_ms
    ends_ms = (await world.rental(dealer, waiting)).created_at_ms

    asked = wanted(from_ms=began_ms, to_ms=ends_ms)

    assert await history_ids(world, dealer, asked) == [expired]


async def test_history_is_as_long_as_asked_for(world: World) -> None:
    dealer, ids = await three_rentals(world)
    assert await history_ids(world, dealer, wanted(limit=2)) == ids[:0:-1]


# ------------------------------------------------------------------------------------- catalogue


async def test_only_services_that_may_be_rented_are_shown_to_a_dealer(world: World) -> None:
    await world.service(4)
    await world.service(5, paused=True)
    await world.service(6, category=Category.FINANCE)
    await world.service(7, category=Category.HEALTH)
    await world.db.write(open_service, 7, "Bình Trần", "a reason", world.clock.now_ms())
    dealer = await world.dealer()

    account, services = await world.db.read(browse.rentable_services, hash_secret(dealer.token))

    assert account.id == dealer.id
    assert [one.id for one in services] == [4, 7]
    assert [one.id for one in await world.db.read(browse.list_services)] == [4, 5, 6, 7]


async def test_a_dealer_sees_all_networks(world: World) -> None:
    dealer = await world.dealer()

    networks = await world.db.read(browse.networks_for, hash_secret(dealer.token))

    assert networks == await world.db.read(browse.list_networks)
    assert len(networks) == 5


async def test_accounts_are_listed_by_name(world: World) -> None:
    for name in ("c", "a", "b"):
        await world.dealer(name)
    assert [one.name for one in await world.db.read(browse.list_accounts)] == ["a", "b", "c"]


# -------------------------------------------------------------------------------- the operator's


async def test_the_operator_lists_rentals_by_account_and_state(world: World) -> None:
    _, (received, expired, waiting) = await three_rentals(world)
    other = await world.dealer("other")
    others = (await world.rent(other, 5)).rental.id

    async def ids(account: str, state: str, limit: int = 10) -> list[int]:
        rows = await world.db.read(browse.list_rentals, account, state, limit)
        return [row.id for row in rows]

    assert await ids("", "") == [others, waiting, expired, received]
    assert await ids("other", "") == [others]
    assert await ids("", "waiting") == [others, waiting]
    assert await ids("dealer", "received") == [received]
    assert await ids("", "", 2) == [others, waiting]
    assert await ids("nobody", "") == []


async def test_the_last_event_is_the_highest_number(world: World) -> None:
    assert await world.db.read(browse.last_event) == 0
    await world.dealer()
    told = await world.events()
    assert await world.db.read(browse.last_event) == told[-1].seq == len(told)


# ------------------------------------------------------------------------- what gateways wait for


async def test_a_gateway_learns_what_is_waited_for_on_its_own_lines(world: World) -> None:
    mine, _ = await world.gateway("mine")
    other, _ = await world.gateway("other")
    await world.service(4, senders=("Yahoo", "YMAIL"))
    await world.lines("0967000001", gateway="mine")
    await world.lines("0967000002", gateway="other")
    await world.lines("0967000003")
    dealer = await world.dealer()
    for _ in range(3):
        await world.rent(dealer, 4)
    await world.db.write(number_events)

    page = await world.db.read(browse.expected_since, mine, 0, 1000)

    assert page.expected == (ExpectedRow("+84967000001", "Yahoo", ("Yahoo", "YMAIL")),)
    assert page.seq == await world.db.read(browse.last_event)
    assert not page.full
    others = await world.db.read(browse.expected_since, other, 0, 1000)
    assert [one.number for one in others.expected] == ["+84967000002"]


async def test_a_gateway_reads_on_page_by_page(world: World) -> None:
    mine, _ = await world.gateway("mine")
    await world.service(4)
    await world.lines("0967000001", "0967000002", gateway="mine")
    dealer = await world.dealer()
    for _ in range(2):
        await world.rent(dealer, 4)
    await world.db.write(number_events)

    numbers, after = [], 0
    while (page := await world.db.read(browse.expected_since, mine, after, 2)).seq != after:
        numbers += [one.number for one in page.expected]
        after = page.seq

    assert sorted(numbers) == ["+84967000001", "+84967000002"]
    assert (await world.db.read(browse.expected_since, mine, after, 2)).expected == ()


# ------------------------------------------------------------------------------------------ keys


async def test_a_key_is_made_once(world: World) -> None:
    first = await world.db.write(browse.signing_key, "recording", b"first")

    assert first == b"first"
    assert await world.db.write(browse.signing_key, "recording", b"second") == b"first"
    assert await world.db.write(browse.signing_key, "other", b"second") == b"second"
