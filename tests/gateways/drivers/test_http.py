import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.drivers.http_gate import E164, NUMBER, RECORDING_LIMIT, Gate, results, sms
from simlet.domain.errors import INVALID, Refused
from simlet.domain.inbound import Inbound
from simlet.domain.rental import RentalState
from simlet.domain.signing import hash_secret
from simlet.gateways.contract import DriverContext, Expected, HttpRequest, Result
from simlet.gateways.drivers.http import KIND
from simlet.gateways.settings import check_settings
from simlet.testing.clock import FakeClock
from simlet.testing.site import Site

pytestmark = pytest.mark.anyio


# The server


async def test_a_gateway_that_is_added_while_the_server_runs_works_at_once(site: Site) -> None:
    before = await site.post("/gateways/late/messages", sms(), "x")
    _, secret = await site.world.gateway("late")
    after = await site.post("/gateways/late/messages", sms(), secret)

    assert before.status == 404
    assert results(after) == ["kept"]


async def test_messages_that_come_at_once_are_each_kept_once(gate: Gate) -> None:
    bodies = [sms(f"text {one % 30}", id=str(one % 30)) for one in range(90)]

    replies = await asyncio.gather(*[gate.messages(body) for body in bodies])
    outcomes = [results(reply)[0] for reply in replies]
    assert (outcomes.count("kept"), outcomes.count("duplicate")) == (30, 60)
    assert len(await gate.kept("id")) == 30


async def test_a_message_pays_for_its_rental_once_however_often_it_comes(gate: Gate) -> None:
    rented = await gate.world.rent(gate.dealer, 4)

    await asyncio.gather(
        *[gate.messages(sms("Your Yahoo code is 123456", id="1")) for _ in range(10)]
    )

    account = await gate.world.account(gate.dealer)
    rental = await gate.world.rental(gate.dealer, rented.rental.id)
    assert rental.state is RentalState.RECEIVED
    assert (account.available_dong, account.held_dong) == (100_000 - 470, 0)
    assert await gate.world.book_findings() == []


# The driver alone


def test_the_kind_has_no_settings() -> None:
    assert check_settings(KIND, {}) == {}
    with pytest.raises(Refused) as refused:
        check_settings(KIND, {"port": 1})
    assert refused.value.refusal is INVALID
    assert "port" in refused.value.sentence


async def _nothing_expected() -> AsyncIterator[Expected]:
    for none in tuple[Expected]():
        yield none


@dataclass
class _Kept:
    messages: list[Inbound]

    async def deliver(self, many: Sequence[Inbound]) -> list[Result]:
        self.messages += many
        return [Result.KEPT for _ in many]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text() | st.integers() | JSON_VALUES,
        "to": st.sampled_from([NUMBER, E164, "+33123456789"]) | st.text() | JSON_VALUES,
        "from": st.text() | JSON_VALUES,
        "text": st.text() | JSON_VALUES,
        "sent_at": st.datetimes().map(lambda at: at.isoformat() + "Z") | JSON_VALUES,
    },
)


@given(
    body=st.binary(max_size=200)
    | st.builds(msgspec.json.encode, JSON_VALUES | MESSAGES | st.lists(MESSAGES, max_size=5)),
    route=st.sampled_from(["messages", "calls"]),
)
async def test_whatever_comes_is_answered_and_what_is_kept_can_be_stored(
    body: bytes, route: str
) -> None:
    kept = _Kept([])
    context = DriverContext(
        gateway="gate",
        settings={},
        secret_hash=hash_secret("secret"),
        clock=FakeClock(),
        chance=Random(1).randrange,
        deliver=kept.deliver,
        expected=_nothing_expected,
        recording_limit_bytes=RECORDING_LIMIT,
    )
    headers = {"authorization": "Bearer secret"}

    answer = await KIND.make(context).answer(HttpRequest("POST", route, headers, body))

    assert answer.status in {200, 400}
    results = msgspec.json.decode(answer.body).get("results", [])
    assert len(kept.messages) == sum(one["result"] == "kept" for one in results)
    for message in kept.messages:
        told = message.to + message.sender + message.text + (message.source_id or "")
        assert "\x00" not in told.encode("utf-8").decode("utf-8")
        assert message.sent_at_ms is None or 0 < message.sent_at_ms < 2**53
