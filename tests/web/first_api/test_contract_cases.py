"""Every group of the contract's cases, played against a running server.

What a case gives as the body is compared byte for byte, once its holes are filled: the order of
the names, the missing blanks, the letters as they are, and `N.SV` as a bare number all follow.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from simlet.flows import browse
from simlet.testing.clock import START_MS
from simlet.testing.site import Reply, Site
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

CASES = msgspec.json.decode(
    (Path(__file__).parents[2] / "contract/first_api_cases.json").read_bytes()
)
FIXTURE = CASES["fixture"]
STORES = {one["id"]: one["store"] for one in FIXTURE["services"]}
# What the standing clock of the tests says in Vietnam.
CREATED = "2023-11-15T05:13:20"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt a recording"


def test_the_clock_of_these_tests_stands_at_the_moment_written_here() -> None:
    assert START_MS == 1_700_000_000_000  # 2023-11-14T22:13:20Z


@pytest.mark.parametrize("group", CASES["groups"], ids=lambda group: group["group"])
async def test_the_group_is_answered_as_the_contract_has_it(
    site: Site, group: dict[str, Any]
) -> None:
    play = Play(site, await _fixture(site.world, group), group)

    for step in group["steps"]:
        await play.step(step)

    assert await site.world.book_findings() == []


async def _fixture(world: World, group: dict[str, Any]) -> Dealer:
    given = group["given"]
    assert given.keys() <= {"pool", "balance", "limit"}
    for one in FIXTURE["services"]:
        await world.service(
            one["id"],
            one["store"],
            name=one["name"],
            price_dong=one["price"],
            waiting_s=one["seconds"],
            senders=(one["sender"],) if "sender" in one else (),
            catch_all=one.get("catch_all", False),
        )
    pool = [
        line
        for line in FIXTURE["pool_by_preference"]
        if "pool" not in given or line.split(" ")[0] in given["pool"]
    ]
    assert len(pool) == len(given.get("pool", FIXTURE["pool_by_preference"]))
    await world.lines(*pool, store=_store_of(group))
    return await world.dealer(
        balance_dong=given.get("balance", FIXTURE["account"]["balance"]),
        waiting_limit=given.get("limit", FIXTURE["account"]["waiting_limit"]),
    )


def _store_of(group: dict[str, Any]) -> str:
    """The store of the service that the group rents; any store where it rents none."""
    rents = " ".join(step.get("do", step.get("get", "")) for step in group["steps"])
    found = re.search(
        r"(?:serviceId=|of service |rent \d\d\.)(?:\d\d\.)?(\d+)", rents, re.IGNORECASE
    )
    store: str = STORES.get(int(found[1]), "02") if found else "02"
    return store


@dataclass
class Play:
    """One group as it is played; `numbers` are the rentals' numbers and phone numbers."""

    site: Site
    dealer: Dealer
    group: dict[str, Any]
    numbers: list[int] = field(default_factory=list)
    audio: str = "no recording yet"

    async def step(self, step: dict[str, Any]) -> None:
        if "get" in step:
            await self._get(step["get"], step["body"])
            return
        match step["do"]:
            case "balance":
                account = await self.site.world.account(self.dealer)
                assert account.available_dong == step["amount"]
            case "rent 3 numbers of service 4":
                for _ in range(3):
                    await self._rent("01.4")
            case "rent 02.97":
                await self._rent("02.97")
            case "sms":
                number = await self._phone_of(step["rental"])
                await self.site.world.sms(number, step["text"], sender="Anyone")
            case "call":
                await self._call(step)
            case "let the rental {N} pass its deadline":
                self.site.world.clock.advance(300)
                await self.site.world.expire()
            case unknown:
                pytest.fail(f"the cases have a step that is not known here: {unknown}")

    async def _rent(self, service: str) -> None:
        path = "/api/register-service/?serviceId=" + service + "&token={token}"
        reply = await self.site.get(self._filled(path))
        assert reply.json["success"], reply.raw

    async def _call(self, step: dict[str, Any]) -> None:
        number = await self._phone_of(step["rental"])
        await self.site.world.call(number, transcript=step["transcript"], wav=WAV)
        reply = await self.site.get(self._filled("/api/?show=code&ID={N}.02&token={token}"))
        self.audio = reply.json["Result"]["CallFile"]
        assert self.audio.startswith(self.site.base_url + "/")
        served = await self.site.get(self.audio.removeprefix(self.site.base_url))
        assert (served.status, served.raw) == (200, WAV)
        assert number[-9:] not in self.audio

    async def _phone_of(self, hole: str) -> str:
        await self._note_rentals()
        rental = await self.site.world.rental(self.dealer, int(self._filled(hole)))
        return rental.number

    async def _note_rentals(self) -> None:
        rows = await self.site.world.db.read(browse.list_rentals, "", "", 10)
        self.numbers = sorted(row.id for row in rows)

    def _filled(self, text: str) -> str:
        first = self.numbers[0] if self.numbers else 0
        holes = {
            "{token}": self.dealer.token,
            "{N}": str(first),
            "{N+1}": str(first + 1),
            "{created}": CREATED,
            "{audio}": self.audio,
        }
        for hole, filling in holes.items():
            text = text.replace(hole, filling)
        return text

    async def _get(self, path: str, body: str) -> None:
        await self._note_rentals()
        reply = await self.site.get(self._filled(path))
        await self._note_rentals()
        _check_headers(reply)
        assert reply.raw.decode() == self._filled(body)


def _check_headers(reply: Reply) -> None:
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert reply.headers["cache-control"] == "no-store"
