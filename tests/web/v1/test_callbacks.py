"""Callbacks over /v1: what each operation answers, and that bad input changes nothing."""

from typing import Any

import pytest

from calling_back import claim, queue, record
from simlet.config import CallbackSettings, Settings
from simlet.testing.world import Dealer, World
from web.v1.api import V1

pytestmark = pytest.mark.anyio

URL = "https://dealer.example/simlet"


async def added(v1: V1, dealer: Dealer, **what: object) -> Any:
    """A callback, as it was answered to who added it."""
    reply = await v1.post(dealer, "/v1/callbacks", {"url": URL, **what})
    assert reply.status == 201, reply.raw
    assert reply.headers["location"] == f"/v1/callbacks/{reply.json['id']}"
    return reply.json


async def patched(v1: V1, dealer: Dealer, one_id: int, **what: object) -> Any:
    path = f"/v1/callbacks/{one_id}"
    reply = await v1.call("PATCH", path, token=dealer.token, body=what)
    assert reply.status == 200, reply.raw
    return reply.json


async def test_a_callback_is_added_with_its_secret_which_is_shown_once(
    world: World, v1: V1
) -> None:
    dealer = await world.dealer()
    made = await added(v1, dealer)

    secret = made.pop("secret")
    shown = await v1.get(dealer, f"/v1/callbacks/{made['id']}")
    assert secret.startswith("whsec_")
    assert shown == {**made, "secret": None}
    assert made == {
        "object": "callback",
        "id": made["id"],
        "url": URL,
        "failover_url": None,
        "events": ["*"],
        "format": "v1",
        "scope": "account",
        "state": "active",
        "disabled_reason": None,
        "created_at": "2023-11-14T22:13:20.000Z",
        "failing_since": None,
        "old_secret_until": None,
    }


async def test_adding_twice_under_one_key_adds_one_and_answers_the_same(
    world: World, v1: V1
) -> None:
    dealer = await world.dealer()
    replies = [await v1.post(dealer, "/v1/callbacks", {"url": URL}, key="one") for _ in range(2)]

    assert replies[0].json == replies[1].json
    assert len((await v1.get(dealer, "/v1/callbacks"))["data"]) == 1


async def test_callbacks_are_listed_by_pages_without_their_secrets(world: World, v1: V1) -> None:
    dealer, other = await world.dealer(), await world.dealer("other")
    ids = [(await added(v1, dealer))["id"] for _ in range(3)]
    await added(v1, other)

    first = await v1.get(dealer, "/v1/callbacks?limit=2")
    second = await v1.get(dealer, f"/v1/callbacks?limit=2&cursor={first['next_cursor']}")

    assert [one["id"] for one in first["data"] + second["data"]] == ids[::-1]
    assert second["next_cursor"] is None
    assert {one["secret"] for one in first["data"]} == {None}


async def test_callbacks_are_listed_by_what_they_are_told_of(world: World, v1: V1) -> None:
    await world.service(1)
    await world.lines("0912345671", "0912345672")
    dealer = await world.dealer()
    own = [(await added(v1, dealer))["id"] for _ in range(2)]
    named = []
    for one in range(2):
        wish = {"service": 1, "callback_url": f"{URL}?order={one}"}
        named.append((await v1.post(dealer, "/v1/rentals", wish)).json["callback_id"])

    async def listed(query: str) -> list[int]:
        return [one["id"] for one in (await v1.get(dealer, f"/v1/callbacks{query}"))["data"]]

    assert await listed("") == [*named[::-1], *own[::-1]]
    assert await listed("?scope=account") == own[::-1]
    assert await listed("?scope=rental") == named[::-1]
    page = await v1.get(dealer, "/v1/callbacks?scope=rental&limit=1")
    assert await listed(f"?scope=rental&cursor={page['next_cursor']}") == named[:1]
    wrong = await v1.call("GET", "/v1/callbacks?scope=all", token=dealer.token)
    assert [one["name"] for one in wrong.json["errors"]] == ["scope"]


async def test_a_callback_is_changed_as_asked_and_no_more(world: World, v1: V1) -> None:
    dealer = await world.dealer()
    made = await added(v1, dealer, failover_url="https://b.example/")
    one_id = made["id"]
    expected = {**made, "secret": None}

    assert await patched(v1, dealer, one_id) == expected
    expected |= {"url": "https://new.example/", "events": ["message.kept", "rental.received"]}
    events = ["rental.received", "message.kept"]
    assert await patched(v1, dealer, one_id, url=expected["url"], events=events) == expected
    expected |= {"failover_url": None}
    assert await patched(v1, dealer, one_id, failover_url=None) == expected
    expected |= {"state": "disabled", "disabled_reason": "asked"}
    assert await patched(v1, dealer, one_id, state="disabled") == expected
    expected |= {"state": "active", "disabled_reason": None}
    assert await patched(v1, dealer, one_id, state="active") == expected
    assert await v1.get(dealer, f"/v1/callbacks/{one_id}") == expected


async def test_a_rotated_secret_is_shown_once_and_the_old_one_lasts_a_day(
    world: World, v1: V1
) -> None:
    dealer = await world.dealer()
    made = await added(v1, dealer)

    changed = await patched(v1, dealer, made["id"], rotate_secret=True)

    assert changed["secret"] not in {None, made["secret"]}
    assert changed["old_secret_until"] == "2023-11-15T22:13:20.000Z"
    world.clock.advance(86_400)
    shown = await v1.get(dealer, f"/v1/callbacks/{made['id']}")
    assert (shown["secret"], shown["old_secret_until"]) == (None, None)
    changed = await patched(v1, dealer, made["id"], rotate_secret=True, keep_old_secret_s=0)
    assert changed["old_secret_until"] is None


async def test_a_removed_callback_is_not_there_any_more(world: World, v1: V1) -> None:
    dealer = await world.dealer()
    path = f"/v1/callbacks/{(await added(v1, dealer))['id']}"

    replies = [await v1.call("DELETE", path, token=dealer.token) for _ in range(2)]

    assert [one.status for one in replies] == [204, 404]
    assert replies[0].raw == b""
    assert (await v1.get(dealer, "/v1/callbacks"))["data"] == []


async def test_attempts_are_listed_the_newest_first(world: World, v1: V1) -> None:
    dealer = await world.dealer()
    world.clock.advance(1)
    made = await added(v1, dealer, events=["balance.credited"])
    await world.credit(dealer.name, 1)
    await queue(world)
    for status, answer, pause_s in ((500, "đau", 300), (200, "ok", 0)):
        (one,) = await claim(world)
        await record(world, one, status, answer=answer, took_ms=12)
        world.clock.advance(pause_s)
    path = f"/v1/callbacks/{made['id']}/attempts"

    told = await v1.get(dealer, path)
    first = await v1.get(dealer, f"{path}?limit=1")
    second = await v1.get(dealer, f"{path}?limit=1&cursor={first['next_cursor']}")

    assert told["data"] == first["data"] + second["data"]
    assert told["data"][1] == {
        "object": "attempt",
        "id": told["data"][1]["id"],
        "callback_id": made["id"],
        "event_id": f"evt_{one.callback.event_seq}",
        "number": 1,
        "at": "2023-11-14T22:13:21.000Z",
        "duration_ms": 12,
        "status": 500,
        "error": None,
        "answer": "đau",
        "outcome": "again",
        "next_at": "2023-11-14T22:18:21.000Z",
    }
    newest = told["data"][0]
    assert (newest["number"], newest["outcome"], newest["next_at"]) == (2, "delivered", None)


async def test_a_test_answers_with_the_event_that_is_posted(world: World, v1: V1) -> None:
    dealer = await world.dealer()
    world.clock.advance(1)
    made = await added(v1, dealer)

    reply = await v1.post(dealer, f"/v1/callbacks/{made['id']}/test")

    assert reply.status == 202
    assert (reply.json["type"], reply.json["data"]) == (
        "callback.test",
        {"callback_id": made["id"]},
    )
    await queue(world)
    (one,) = await claim(world)
    assert f"evt_{one.callback.event_seq}" == reply.json["id"]


async def test_a_disabled_callback_is_neither_tested_nor_replayed_to(world: World, v1: V1) -> None:
    dealer = await world.dealer()
    made = await added(v1, dealer)
    await patched(v1, dealer, made["id"], state="disabled")
    path = f"/v1/callbacks/{made['id']}"

    replies = [
        await v1.post(dealer, f"{path}/test"),
        await v1.post(dealer, f"{path}/replay", {"event": "evt_1"}),
    ]

    assert [(one.status, one.json["code"]) for one in replies] == [(409, "callback_disabled")] * 2


async def test_more_than_twenty_are_refused(world: World, v1: V1) -> None:
    dealer = await world.dealer()
    for _ in range(20):
        await added(v1, dealer)

    reply = await v1.post(dealer, "/v1/callbacks", {"url": URL})

    assert (reply.status, reply.json["code"]) == (429, "callback_limit")


async def test_the_operator_s_own_networks_are_let_through(world: World) -> None:
    callbacks = CallbackSettings(private_networks=("10.1.0.0/16",))
    world.settings = Settings(callbacks=callbacks)
    world.__post_init__()
    dealer = await world.dealer()
    await added(V1(world), dealer, url="http://10.1.2.3:9000/in")


# ---------------------------------------------------------------------------------------- bad input

BAD_NEW: dict[str, object] = {
    "nothing": {},
    "no url": {"events": ["*"]},
    "an empty url": {"url": ""},
    "a number for a url": {"url": 7},
    "no address": {"url": "dealer.example"},
    "another scheme": {"url": "ftp://dealer.example/"},
    "our own network": {"url": "http://10.1.2.3/in"},
    "ourselves": {"url": "http://localhost/in"},
    "another port": {"url": "https://dealer.example:22/"},
    "a user": {"url": "https://ann:pw@dealer.example/"},
    "too long a url": {"url": "https://dealer.example/" + "a" * 2000},
    "a failover inside": {"url": URL, "failover_url": "http://127.0.0.1/"},
    "no event": {"url": URL, "events": []},
    "an event that there is not": {"url": URL, "events": ["rental.gone"]},
    "an event of the operator's": {"url": URL, "events": ["line.rested"]},
    "all and one": {"url": URL, "events": ["*", "rental.received"]},
    "a text for events": {"url": URL, "events": "*"},
    "too many events": {"url": URL, "events": ["rental.received"] * 51},
    "a format that there is not": {"url": URL, "format": "xml"},
    "an event without words in the format": {
        "url": URL,
        "format": "first_api",
        "events": ["rental.waiting"],
    },
    "an unknown field": {"url": URL, "secret": "whsec_AAAA"},
    "a list": [],
}


@pytest.mark.parametrize("what", BAD_NEW)
async def test_what_cannot_be_added_is_refused_and_nothing_is_changed(
    world: World, v1: V1, what: str
) -> None:
    dealer = await world.dealer()
    before = await v1.rows()

    reply = await v1.post(dealer, "/v1/callbacks", BAD_NEW[what])

    assert (reply.status, reply.json["code"]) == (422, "invalid")
    assert await v1.rows() == before
    assert b"pw@" not in reply.raw


BAD_CHANGE: dict[str, dict[str, object]] = {
    "no url": {"url": None},
    "an empty url": {"url": ""},
    "a url inside": {"url": "http://192.168.0.1/"},
    "a failover inside": {"failover_url": "http://192.168.0.1/"},
    "no events": {"events": None},
    "an unknown event": {"events": ["rental.gone"]},
    "another format": {"format": "xml"},
    "a format without words": {"format": "first_api"},
    "another state": {"state": "removed"},
    "no state": {"state": None},
    "a text for a truth": {"rotate_secret": "yes"},
    "an old secret for too long": {"rotate_secret": True, "keep_old_secret_s": 604_801},
    "an old secret for less than nothing": {"rotate_secret": True, "keep_old_secret_s": -1},
    "an old secret beside no new one": {"keep_old_secret_s": 60},
    "its scope": {"scope": "rental"},
}


@pytest.mark.parametrize("what", BAD_CHANGE)
async def test_what_cannot_be_changed_is_refused_and_nothing_is_changed(
    world: World, v1: V1, what: str
) -> None:
    dealer = await world.dealer()
    made = await added(v1, dealer, events=["rental.waiting"])
    before = await v1.rows()

    path = f"/v1/callbacks/{made['id']}"
    reply = await v1.call("PATCH", path, token=dealer.token, body=BAD_CHANGE[what])

    assert (reply.status, reply.json["code"]) == (422, "invalid")
    assert await v1.rows() == before


BAD_REPLAY: dict[str, dict[str, object]] = {
    "nothing": {},
    "an end alone": {"to": "2023-11-14T22:13:20Z"},
    "an event and a time": {"event": "evt_1", "from": "2023-11-14T22:13:20Z"},
    "an event by another name": {"event": "1"},
    "event nought": {"event": "evt_0"},
    "a huge event": {"event": "evt_" + "9" * 30},
    "no time": {"from": "yesterday"},
    "the end before the beginning": {"from": "2023-11-14T22:13:20Z", "to": "2023-11-14T22:00:00Z"},
    "a time to come": {"from": "2033-11-14T22:13:20Z"},
    "an unknown field": {"event": "evt_1", "until": "2023-11-14T22:13:20Z"},
}


@pytest.mark.parametrize("what", BAD_REPLAY)
async def test_what_cannot_be_replayed_is_refused_and_nothing_is_changed(
    world: World, v1: V1, what: str
) -> None:
    dealer = await world.dealer()
    made = await added(v1, dealer)
    before = await v1.rows()

    reply = await v1.post(dealer, f"/v1/callbacks/{made['id']}/replay", BAD_REPLAY[what])

    assert (reply.status, reply.json["code"]) == (422, "invalid")
    assert await v1.rows() == before


async def test_another_s_callback_is_not_found_and_stays_as_it_is(world: World, v1: V1) -> None:
    dealer, other = await world.dealer(), await world.dealer("other")
    theirs = await added(v1, other)
    before = await v1.rows()

    for one_id in (theirs["id"], 2**53 - 1):
        path = f"/v1/callbacks/{one_id}"
        replies = [
            await v1.call("GET", path, token=dealer.token),
            await v1.call("PATCH", path, token=dealer.token, body={"state": "disabled"}),
            await v1.call("DELETE", path, token=dealer.token),
            await v1.call("GET", f"{path}/attempts", token=dealer.token),
            await v1.post(dealer, f"{path}/test"),
            await v1.post(dealer, f"{path}/replay", {"event": "evt_1"}),
        ]
        told = {(reply.status, reply.json["code"]) for reply in replies}
        assert told == {(404, "callback_unknown")}
    assert await v1.rows() == before


async def test_an_event_of_another_is_not_found(world: World, v1: V1) -> None:
    dealer, other = await world.dealer(), await world.dealer("other")
    made = await added(v1, dealer)
    theirs = next(one for one in await world.events() if one.account_id == other.id)

    path = f"/v1/callbacks/{made['id']}/replay"
    reply = await v1.post(dealer, path, {"event": f"evt_{theirs.seq}"})

    assert (reply.status, reply.json["code"]) == (404, "event_unknown")


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=x", "page=1"])
@pytest.mark.parametrize("path", ["/v1/callbacks", "/v1/callbacks/1/attempts"])
async def test_a_page_that_there_is_not_is_refused(
    world: World, v1: V1, path: str, query: str
) -> None:
    dealer = await world.dealer()
    await added(v1, dealer)

    reply = await v1.call("GET", f"{path}?{query}", token=dealer.token)

    assert (reply.status, reply.json["code"]) == (422, "invalid")
