from dataclasses import replace
from typing import Any

import pytest

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.events import EventKind
from simlet.domain.service import Category, MatchRules, Prices, Service, Terms
from simlet.flows import browse
from simlet.flows.manage_services import (
    MAX_EXTENSIONS,
    MAX_PRICE_DONG,
    MAX_SERVICE_ID,
    MAX_WAITING_S,
    ServiceChange,
    add_service,
    change_service,
    close_service,
    open_service,
    pause_service,
)
from simlet.testing.world import World

pytestmark = pytest.mark.anyio

NOW_MS = 1_700_000_000_000
SERVICE = Service(
    id=97,
    store="02",
    name="Yahoo",
    prices=Prices(900, 700, 500),
    waiting_s=300,
    rules=MatchRules(
        ("Yahoo", "+84912345678"), (r"code \d+",), catch_all=False, code_pattern=r"\d{4}"
    ),
    category=Category.GENERAL,
    paused=False,
    opened=False,
)


async def refusal_of(world: World, **changes: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await world.db.write(add_service, replace(SERVICE, **changes), NOW_MS)
    assert await world.db.read(browse.list_services) == []
    return refused.value


async def only_service(world: World) -> Service:
    (service,) = await world.db.read(browse.list_services)
    return service


async def test_a_service_is_kept_as_it_was_added(world: World) -> None:
    await world.db.write(add_service, SERVICE, NOW_MS)
    assert await only_service(world) == SERVICE


async def test_services_stand_in_the_order_they_were_added(world: World) -> None:
    for service_id in (97, 3, 12):
        await world.db.write(add_service, replace(SERVICE, id=service_id), NOW_MS)

    assert [one.id for one in await world.db.read(browse.list_services)] == [97, 3, 12]


async def test_an_id_is_given_once_over_all_stores(world: World) -> None:
    await world.db.write(add_service, SERVICE, NOW_MS)
    with pytest.raises(Refused) as refused:
        await world.db.write(add_service, replace(SERVICE, store="01"), NOW_MS)
    assert refused.value.refusal is errors.SERVICE_EXISTS


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("store", {"store": "2"}),
        ("store", {"store": "AB"}),
        ("store", {"store": "002"}),
        ("id", {"id": 0}),
        ("id", {"id": MAX_SERVICE_ID + 1}),
        ("name", {"name": "  "}),
        ("name", {"name": "x" * 129}),
        ("name", {"name": "a\nb"}),
        ("price", {"prices": Prices(0, 700, 500)}),
        ("price", {"prices": Prices(900, -1, 500)}),
        ("price", {"prices": Prices(900, 700, MAX_PRICE_DONG + 1)}),
        ("seconds", {"waiting_s": 0}),
        ("seconds", {"waiting_s": MAX_WAITING_S + 1}),
        ("rules", {"rules": MatchRules()}),
        ("sender", {"rules": MatchRules(senders=(" ",))}),
        ("sender", {"rules": MatchRules(senders=("x" * 65,))}),
    ],
)
async def test_a_service_with_a_wrong_field_is_refused(
    world: World, name: str, changes: dict[str, Any]
) -> None:
    refused = await refusal_of(world, **changes)
    assert refused.refusal is errors.INVALID
    assert refused.details["name"] == name


@pytest.mark.parametrize(
    "rules",
    [
        MatchRules(texts=("(",)),
        MatchRules(texts=("good", r"(a)\1")),
        MatchRules(texts=("",)),
        MatchRules(catch_all=True, code_pattern="("),
        MatchRules(catch_all=True, code_pattern=r"(\d)(\d)"),
        MatchRules(catch_all=True, code_pattern=r"\d*"),
    ],
    ids=str,
)
async def test_a_pattern_that_is_not_usable_is_refused_when_it_is_set(
    world: World, rules: MatchRules
) -> None:
    assert (await refusal_of(world, rules=rules)).refusal is errors.PATTERN_REFUSED


async def test_a_new_service_may_rent_the_lines_that_were_there_before(world: World) -> None:
    await world.lines("0967000001", "0967000002", store="02")
    await world.db.write(add_service, SERVICE, NOW_MS)
    dealer = await world.dealer()

    numbers = {(await world.rent(dealer, 97)).rental.number for _ in range(2)}

    assert numbers == {"+84967000001", "+84967000002"}


async def test_a_service_is_paused_and_resumed(world: World) -> None:
    await world.db.write(add_service, SERVICE, NOW_MS)

    await world.db.write(pause_service, 97, paused=True, now_ms=NOW_MS)
    assert (await only_service(world)).paused
    await world.db.write(pause_service, 97, paused=False, now_ms=NOW_MS)
    assert not (await only_service(world)).paused


async def test_a_paused_services_rental_runs_to_its_end(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer()
    rental = (await world.rent(dealer, 4)).rental
    await world.db.write(pause_service, 4, paused=True, now_ms=NOW_MS)

    await world.sms("0967000001", "Your code is 123456")

    assert (await world.rental(dealer, rental.id)).code == "123456"


async def test_an_opening_keeps_who_and_why(world: World) -> None:
    await world.db.write(add_service, replace(SERVICE, category=Category.FINANCE), NOW_MS)
    assert not (await only_service(world)).opened

    await world.db.write(open_service, 97, "Bình Trần", "a bank's own tests", NOW_MS + 5)

    assert (await only_service(world)).opened
    (row,) = await world.rows("SELECT opened_by, opened_reason, opened_at_ms FROM services")
    assert tuple(row) == ("Bình Trần", "a bank's own tests", NOW_MS + 5)


async def test_an_opening_is_taken_back(world: World) -> None:
    await world.db.write(add_service, replace(SERVICE, category=Category.FINANCE), NOW_MS)
    await world.db.write(open_service, 97, "Bình Trần", "a bank's own tests", NOW_MS)

    await world.db.write(close_service, 97, NOW_MS)

    assert not (await only_service(world)).opened


async def test_a_service_cannot_be_added_as_opened(world: World) -> None:
    opened = replace(SERVICE, category=Category.CRYPTO, opened=True)
    await world.db.write(add_service, opened, NOW_MS)

    assert not (await only_service(world)).opened


@pytest.mark.parametrize(
    ("name", "person", "reason"),
    [
        ("by", "", "a reason"),
        ("by", " ", "a reason"),
        ("by", "x" * 129, "a reason"),
        ("reason", "Bình Trần", ""),
        ("reason", "Bình Trần", "  "),
    ],
)
async def test_an_opening_without_a_person_or_a_reason_is_refused(
    world: World, name: str, person: str, reason: str
) -> None:
    await world.db.write(add_service, replace(SERVICE, category=Category.FINANCE), NOW_MS)

    with pytest.raises(Refused) as refused:
        await world.db.write(open_service, 97, person, reason, NOW_MS)

    assert refused.value.details["name"] == name
    assert not (await only_service(world)).opened


async def test_a_service_of_no_closed_category_needs_no_opening(world: World) -> None:
    await world.db.write(add_service, SERVICE, NOW_MS)
    with pytest.raises(Refused) as refused:
        await world.db.write(open_service, 97, "Bình Trần", "a reason", NOW_MS)
    assert refused.value.refusal is errors.INVALID


async def test_a_service_that_is_not_there_is_refused_everywhere(world: World) -> None:
    for call in (
        world.db.write(pause_service, 97, paused=True, now_ms=NOW_MS),
        world.db.write(open_service, 97, "Bình Trần", "a reason", NOW_MS),
        world.db.write(close_service, 97, NOW_MS),
    ):
        with pytest.raises(Refused) as refused:
            await call
        assert refused.value.refusal is errors.SERVICE_UNKNOWN


async def test_every_change_of_a_service_is_one_event(world: World) -> None:
    await world.db.write(add_service, replace(SERVICE, category=Category.HEALTH), NOW_MS)
    await world.db.write(open_service, 97, "Bình Trần", "a clinic's own tests", NOW_MS)
    await world.db.write(pause_service, 97, paused=True, now_ms=NOW_MS)
    await world.db.write(pause_service, 97, paused=False, now_ms=NOW_MS)
    await world.db.write(close_service, 97, NOW_MS)

    assert [(one.kind, one.data) for one in await world.events()] == [
        (EventKind.SERVICE_ADDED, {"service_id": 97, "category": "health"}),
        (
            EventKind.SERVICE_OPENED,
            {"service_id": 97, "by": "Bình Trần", "reason": "a clinic's own tests"},
        ),
        (EventKind.SERVICE_PAUSED, {"service_id": 97}),
        (EventKind.SERVICE_RESUMED, {"service_id": 97}),
        (EventKind.SERVICE_CLOSED, {"service_id": 97}),
    ]


# -------------------------------------------------------------------------------------- terms


async def test_terms_are_kept_with_the_service(world: World) -> None:
    added = replace(SERVICE, terms=Terms(60, 120, 3))
    await world.db.write(add_service, added, NOW_MS)
    assert await only_service(world) == added


@pytest.mark.parametrize(
    ("terms", "name"),
    [
        (Terms(-1, 0, 0), "cancel-after"),
        (Terms(MAX_WAITING_S + 1, 0, 0), "cancel-after"),
        (Terms(0, -1, 1), "extend-by"),
        (Terms(0, MAX_WAITING_S + 1, 1), "extend-by"),
        (Terms(0, 30, -1), "extend-times"),
        (Terms(0, 30, MAX_EXTENSIONS + 1), "extend-times"),
        (Terms(0, 30, 0), "extend-by"),
        (Terms(0, 0, 2), "extend-by"),
    ],
)
async def test_terms_that_mean_nothing_are_refused(world: World, terms: Terms, name: str) -> None:
    refused = await refusal_of(world, terms=terms)
    assert (refused.refusal, refused.details["name"]) == (errors.INVALID, name)


async def changed(world: World, change: ServiceChange) -> Service:
    return await world.db.write(change_service, 97, change, NOW_MS)


async def test_terms_are_changed_one_by_one_or_together(world: World) -> None:
    await world.db.write(add_service, SERVICE, NOW_MS)

    first = await changed(world, ServiceChange(cancel_after_s=60))
    second = await changed(world, ServiceChange(extend_s=30, extend_times=2))

    assert (first.terms, second.terms) == (Terms(60, 0, 0), Terms(60, 30, 2))
    assert await only_service(world) == second


async def test_what_is_not_named_stays(world: World) -> None:
    await world.db.write(add_service, SERVICE, NOW_MS)

    await changed(world, ServiceChange(name="Another", price_dealer_dong=7, waiting_s=9))

    prices = replace(SERVICE.prices, dealer_dong=7)
    assert await only_service(world) == replace(SERVICE, name="Another", prices=prices, waiting_s=9)


async def test_a_change_tells_what_is_other_than_it_was_and_no_rule(world: World) -> None:
    await world.db.write(add_service, SERVICE, NOW_MS)

    await changed(world, ServiceChange(name=SERVICE.name, price_member_dong=7, senders=("Zalo",)))

    (told,) = [one for one in await world.events() if one.kind is EventKind.SERVICE_CHANGED]
    assert told.data == {"service_id": 97, "price_member_dong": 7, "rules_changed": True}


async def test_later_rentals_cost_the_new_price_and_earlier_ones_what_they_did(
    world: World,
) -> None:
    await world.service(4, price_dong=470)
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer(balance_dong=1_000)
    before = (await world.rent(dealer, 4)).rental

    await world.db.write(change_service, 4, ServiceChange(price_dealer_dong=100), NOW_MS)

    after = (await world.rent(dealer, 4)).rental
    assert (before.price_dong, after.price_dong) == (470, 100)
    assert (await world.account(dealer)).held_dong == 570
    assert await world.book_findings() == []


async def test_new_senders_hold_for_a_rental_that_waits(world: World) -> None:
    await world.service(4, senders=("Yahoo",))
    await world.lines("0967000001")
    dealer = await world.dealer()
    rental = (await world.rent(dealer, 4)).rental

    await world.db.write(change_service, 4, ServiceChange(senders=("Yahoo!",)), NOW_MS)

    assert (await world.sms("0967000001", "Your code is 123456")).rental_id is None
    receipt = await world.sms("0967000001", "Your code is 123456", sender="YAHOO!")
    assert receipt.rental_id == rental.id


async def test_a_pattern_of_its_own_is_taken_away_by_an_empty_one(world: World) -> None:
    await world.db.write(add_service, SERVICE, NOW_MS)
    assert (await changed(world, ServiceChange(code_pattern=r"(\d+)"))).rules.code_pattern
    assert (await changed(world, ServiceChange(code_pattern=""))).rules.code_pattern is None


@pytest.mark.parametrize(
    "change",
    [
        ServiceChange(extend_s=30),
        ServiceChange(cancel_after_s=-1),
        ServiceChange(price_dealer_dong=0),
        ServiceChange(waiting_s=0),
        ServiceChange(name=" "),
        ServiceChange(senders=(" ",)),
    ],
)
async def test_a_change_that_means_nothing_changes_nothing(
    world: World, change: ServiceChange
) -> None:
    await world.db.write(add_service, SERVICE, NOW_MS)
    before = await world.events()

    with pytest.raises(Refused) as refused:
        await changed(world, change)

    assert refused.value.refusal is errors.INVALID
    assert await only_service(world) == SERVICE
    assert await world.events() == before


async def test_a_pattern_that_cannot_be_is_refused(world: World) -> None:
    await world.db.write(add_service, SERVICE, NOW_MS)
    with pytest.raises(Refused) as refused:
        await changed(world, ServiceChange(texts=("(",)))
    assert refused.value.refusal is errors.PATTERN_REFUSED
    assert await only_service(world) == SERVICE


async def test_a_service_that_is_not_there_is_not_changed(world: World) -> None:
    with pytest.raises(Refused) as refused:
        await changed(world, ServiceChange(cancel_after_s=1))
    assert refused.value.refusal is errors.SERVICE_UNKNOWN
