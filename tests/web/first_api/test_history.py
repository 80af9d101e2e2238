"""The rentals that were, and their times."""

from datetime import UTC, datetime

import pytest

from simlet.flows.forget_old import forget_old
from simlet.testing.world import Dealer
from web.first_api.answers import a_dealer_with_a_code
from web.first_api.api import Api

pytestmark = pytest.mark.anyio


async def test_a_row_of_the_history_is_the_rentals_data_with_is_sound_as_a_text(api: Api) -> None:
    dealer, sms_id, _ = await a_dealer_with_a_code(api)
    await api.world.service(5)
    call_id = await api.rented(dealer, "serviceId=5")
    await api.world.call("0967000001", transcript="mã là 059809", wav=b"RIFF....WAVE")

    rows = await api.history(dealer)

    assert [(row["ID"], row["IsSound"]) for row in rows] == [(call_id, "true"), (sms_id, "false")]
    for row in rows:
        data = (await api.code(dealer, row["ID"]))["data"]
        data["IsSound"] = str(data["IsSound"]).lower()
        assert list(row.items()) == list(data.items())


async def reads(api: Api) -> list[tuple[object, ...]]:
    await api.world.runtime.reads.flush()
    rows = await api.world.rows("SELECT rental_id, via, times FROM reads")
    return [tuple(row) for row in rows]


async def test_codes_that_are_shown_are_noted_as_read(api: Api) -> None:
    dealer, rental_id, _ = await a_dealer_with_a_code(api)
    await api.history(dealer, "status=0")
    await api.history(dealer)
    await api.code(dealer, rental_id)
    assert await reads(api) == [(rental_id, "first_api", 2)]


async def test_what_was_erased_is_read_by_nobody(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    rental_id = await api.rented(dealer, "serviceId=4")
    await api.world.call("0967000001", transcript="", wav=b"RIFF....WAVE")
    api.world.clock.advance(24 * 3600 + 1)
    await api.world.db.write(forget_old, api.world.clock.now_ms(), 24, 100)
    await api.history(dealer)
    await api.code(dealer, rental_id)
    assert await reads(api) == []


async def three_rentals(api: Api) -> tuple[Dealer, list[int]]:
    """A dealer with a rental of 4 that got its code, one that expired, and one of 5 that waits."""
    await api.world.service(4)
    await api.world.service(5)
    await api.world.lines("0967000001", "0967000002")
    dealer = await api.world.dealer()
    received = await api.rented(dealer, "serviceId=4")
    await api.world.sms((await api.world.rental(dealer, received)).number, "Ma la 529310")
    expired = await api.rented(dealer, "serviceId=4")
    api.world.clock.advance(300)
    await api.world.expire()
    return dealer, [received, expired, await api.rented(dealer, "serviceId=5")]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [2, 1, 0]),
        ("service=&status=&limit=&fromDate=&toDate=", [2, 1, 0]),
        ("service=-1&status=-1&fromDate=-1&toDate=-1", [2, 1, 0]),
        ("service=4", [1, 0]),
        ("service=01.4", [1, 0]),
        ("service=5", [2]),
        ("service=999999999", []),
        ("status=0", [2]),
        ("status=1", [0]),
        ("status=2", [1]),
        ("service=4&status=0", []),
        ("service=4&status=2", [1]),
        ("limit=2", [2, 1]),
        ("limit=1&service=4", [1]),
        ("limit=9999999999999999999999", [2, 1, 0]),
    ],
)
async def test_the_history_is_filtered_newest_first(
    api: Api, query: str, expected: list[int]
) -> None:
    dealer, rental_ids = await three_rentals(api)

    rows = await api.history(dealer, query)

    assert [row["ID"] for row in rows] == [rental_ids[index] for index in expected]


_COPY = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1004) "
    "INSERT INTO rentals (account_id, service_id, store, line_id, number, price_dong, state, "
    "created_at_ms, deadline_at_ms, closed_at_ms, catch_all, again, listening) "
    "SELECT account_id, service_id, store, line_id, number, price_dong, 'expired', "
    "created_at_ms, deadline_at_ms, deadline_at_ms, catch_all, again, FALSE FROM rentals, n"
)


async def test_the_history_gives_100_rows_if_not_asked_and_1000_at_most(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    await api.rented(dealer, "serviceId=4")
    await api.world.tamper(_COPY)

    for limit, count in (("", 100), ("limit=5", 5), ("limit=1000", 1000), ("limit=5000", 1000)):
        rows = await api.history(dealer, limit)
        assert len(rows) == count, limit
        ids = [row["ID"] for row in rows]
        assert ids == sorted(ids, reverse=True)


def at_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("fromDate=2026-03-05&toDate=2026-03-05", ["2026-03-05", "2026-03-05"]),
        ("fromDate=2026-03-05", ["2026-03-06", "2026-03-05", "2026-03-05"]),
        ("toDate=2026-03-05", ["2026-03-05", "2026-03-05", "2026-03-04"]),
        ("fromDate=2026-03-06&toDate=2026-03-06", ["2026-03-06"]),
        ("fromDate=2026-03-06&toDate=2026-03-05", []),
        ("fromDate=0001-01-01&toDate=2026-03-04", ["2026-03-04"]),
        ("fromDate=2026-03-06&toDate=9999-12-31", ["2026-03-06"]),
    ],
)
async def test_both_dates_are_included_as_days_of_vietnam(
    api: Api, query: str, days: list[str]
) -> None:
    await api.world.service(4)
    await api.world.lines(*(f"096700000{i}" for i in range(4)))
    dealer = await api.world.dealer()
    # The last second of a day in Vietnam, the first and the last of the next, the first after it.
    for utc in ("03-04T16:59:59", "03-04T17:00:00", "03-05T16:59:59", "03-05T17:00:00"):
        api.world.clock.set_now_ms(at_ms(f"2026-{utc}"))
        await api.rented(dealer, "serviceId=4")

    rows = await api.history(dealer, query)

    assert [row["CreatedTime"][:10] for row in rows] == days


async def test_times_are_local_without_a_zone(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    api.world.clock.set_now_ms(at_ms("2026-03-04T17:00:01") + 999)

    answer = await api.rent(dealer, "serviceId=4")

    assert answer["RequestLog"]["CreatedTime"] == "2026-03-05T00:00:01"
