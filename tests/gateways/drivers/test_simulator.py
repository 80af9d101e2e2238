import asyncio
import importlib.resources
import json
import re
import tomllib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.allocate import Chance
from simlet.domain.errors import INVALID, Refused
from simlet.domain.extract import find_code
from simlet.domain.inbound import Inbound, MessageKind, dedupe_key
from simlet.gateways.contract import Deliver, Driver, Expected, Fate, HttpRequest, Settings, Tools
from simlet.gateways.drivers.simulator import KIND
from simlet.gateways.settings import check_settings
from simlet.testing.clock import START_MS, FakeClock

pytestmark = pytest.mark.anyio

NUMBER = "+84912345678"
YAHOO = Expected(NUMBER, "Yahoo", ("Yahoo",))
AT_ONCE: Settings = {"delay_min_s": 0, "delay_max_s": 0}
SERVICES = (
    "Yahoo",
    "Google / Gmail",
    "ZALO",
    "Shopee VN",
    "DV KHÁC (TEST)",
    "Điện Máy Xanh",
    "Be",
    "7-Eleven",
    "Kênh {14}",
    "123.vn",
)


class BrokenError(Exception):
    """What a deliver or an expected of these tests raises."""


@dataclass
class Kept:
    """Keeps what is handed over, and fails as often as it was told to.

    Attributes:
        raises: how many of the next calls raise.
        fails: for each of the next calls, the places of the messages that are not kept.
        tries: the clock's time at each call.
    """

    clock: FakeClock
    raises: int = 0
    fails: list[set[int]] = field(default_factory=list)
    messages: list[Inbound] = field(default_factory=list)
    calls: list[list[Inbound]] = field(default_factory=list)
    tries: list[int] = field(default_factory=list)

    async def deliver(self, many: Sequence[Inbound]) -> list[Fate]:
        self.tries.append(self.clock.now_ms() - START_MS)
        await asyncio.sleep(0)
        if self.raises:
            self.raises -= 1
            raise BrokenError
        self.calls.append(list(many))
        failing = self.fails.pop(0) if self.fails else set()
        self.messages += [one for place, one in enumerate(many) if place not in failing]
        return [Fate.FAILED if place in failing else Fate.KEPT for place in range(len(many))]


async def each(*heard: Expected) -> AsyncIterator[Expected]:
    for one in heard:
        yield one


def driver_of(
    kept: Kept,
    *heard: Expected,
    settings: Settings | None = None,
    chance: Chance | None = None,
    deliver: Deliver | None = None,
) -> Driver:
    """A driver that hears of what is given here, and of nothing after that."""
    return KIND.make(
        Tools(
            gateway="pretend",
            settings=check_settings(KIND, settings or {}),
            secret_hash=None,
            clock=kept.clock,
            chance=chance or Random(1).randrange,
            deliver=deliver or kept.deliver,
            expected=lambda: each(*heard),
            recording_limit_bytes=0,
        )
    )


async def give_way() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


async def finish(driver: Driver, clock: FakeClock, step_s: float = 1.0) -> None:
    """Runs a driver to its end, letting time pass by steps."""
    running = asyncio.create_task(driver.run())
    await give_way()
    while not running.done():
        clock.advance(step_s)
        await give_way()
    await running


async def kept_of(
    *heard: Expected, settings: Settings | None = None, chance: Chance | None = None
) -> list[Inbound]:
    """All that becomes of what is expected, in the order in which it was handed over."""
    kept = Kept(FakeClock())
    await finish(driver_of(kept, *heard, settings=settings, chance=chance), kept.clock)
    return kept.messages


def many_expected(count: int) -> list[Expected]:
    return [
        Expected(f"+849{place:08}", SERVICES[place % len(SERVICES)], ()) for place in range(count)
    ]


def said(messages: Sequence[Inbound]) -> list[tuple[str, str, str, int | None]]:
    """The messages without their ids, which differ from run to run."""
    return [(one.to, one.sender, one.text, one.sent_at_ms) for one in messages]


_FILE = importlib.resources.files("simlet.gateways.drivers").joinpath("simulator_texts.toml")
TEXTS = tomllib.loads(_FILE.read_text("utf-8"))
WORDINGS: list[tuple[str, Sequence[str], list[int]]] = [
    (text, wording.get("names", SERVICES), wording["digits"])
    for wording in [*TEXTS["generic"], *TEXTS["known"]]
    for text in wording["texts"]
]


# ------------------------------------------------------------ one plain answer


async def test_an_expected_message_comes_to_its_line_with_a_code_of_its_service() -> None:
    (message,) = await kept_of(YAHOO)

    assert message.kind is MessageKind.SMS
    assert (message.to, message.sender) == (NUMBER, "Yahoo")
    assert "Yahoo" in message.text
    assert re.search(r"\b\d{4,8}\b", message.text)


async def test_a_message_is_sent_when_its_delay_is_over_and_says_so() -> None:
    kept = Kept(FakeClock())
    driver = driver_of(kept, YAHOO, settings={"delay_min_s": 2.25, "delay_max_s": 2.25})
    running = asyncio.create_task(driver.run())
    await give_way()

    kept.clock.advance(2.249)
    await give_way()
    assert kept.messages == []

    kept.clock.advance(0.001)
    await running
    assert [one.sent_at_ms for one in kept.messages] == [START_MS + 2250]


async def test_delays_are_spread_from_the_shortest_to_the_longest() -> None:
    kept = Kept(FakeClock())
    heard = many_expected(60)
    driver = driver_of(kept, *heard, settings={"delay_min_s": 1, "delay_max_s": 1.5})
    await finish(driver, kept.clock, step_s=0.05)

    times = {one.sent_at_ms - START_MS for one in kept.messages if one.sent_at_ms}
    assert len(kept.messages) == len(heard)
    assert min(times) in {1000, 1050}
    assert max(times) in {1450, 1500}
    assert len(times) > 5


async def test_each_message_has_an_id_that_a_restart_with_the_same_seed_does_not_repeat() -> None:
    chance = Random(7).randrange
    first, second = [
        await kept_of(*many_expected(20), settings={"seed": 5}, chance=chance) for _ in range(2)
    ]

    assert said(first) == said(second)
    assert len({one.source_id for one in first + second}) == 40
    assert len({dedupe_key(one) for one in first + second}) == 40


async def test_the_sender_is_one_that_the_service_knows() -> None:
    heard = [Expected(NUMBER, "Zalo", ("ZALO", "Zalo", "+84900000001"))] * 40
    messages = await kept_of(*heard)

    assert {one.sender for one in messages} == {"ZALO", "Zalo", "+84900000001"}


@pytest.mark.parametrize(
    ("service", "senders"),
    [
        ("Yahoo", {"Yahoo", "YAHOO"}),
        ("Điện Máy Xanh", {"DienMayXanh", "DIENMAYXANH"}),
        ("Xe đạp", {"Xedap", "XEDAP"}),
        ("A very long name of a shop", {"Averylongna", "AVERYLONGNA"}),
        ("微信", {"INFO"}),
    ],
)
async def test_without_a_known_sender_a_name_is_made_of_the_service(
    service: str, senders: set[str]
) -> None:
    messages = await kept_of(*[Expected(NUMBER, service, ())] * 20)

    assert {one.sender for one in messages} == senders


async def test_a_service_known_by_a_word_of_its_name_gets_its_own_texts() -> None:
    messages = await kept_of(*[Expected(NUMBER, "Gmail / YouTube", ())] * 20)

    assert all(re.search(r"G-\d{6}\b", one.text) for one in messages)


async def test_a_service_whose_name_only_begins_like_a_known_one_gets_general_texts() -> None:
    messages = await kept_of(*[Expected(NUMBER, "Googleplex", ())] * 20)

    assert all("Googleplex" in one.text for one in messages)


async def test_codes_have_four_to_eight_digits_and_zeros_in_front_at_times() -> None:
    messages = await kept_of(*[Expected(NUMBER, "Chợ", ())] * 400)

    codes = [found[0] for one in messages if (found := re.search(r"\d{4,}", one.text))]
    assert {len(code) for code in codes} == {4, 5, 6, 7, 8}
    assert any(code.startswith("0") for code in codes)


# ------------------------------------------------------------ what else befalls


async def test_a_silent_line_receives_nothing() -> None:
    assert await kept_of(*many_expected(20), settings={"silent_share": 1}) == []


async def test_a_late_message_is_sent_after_the_time_set_for_it() -> None:
    kept = Kept(FakeClock())
    settings: Settings = {"late_share": 1.0, "late_s": 301.5}
    running = asyncio.create_task(driver_of(kept, YAHOO, settings=settings).run())
    await give_way()

    kept.clock.advance(301.499)
    await give_way()
    assert kept.messages == []

    kept.clock.advance(0.001)
    await running
    assert [one.sent_at_ms for one in kept.messages] == [START_MS + 301_500]


async def test_a_line_that_receives_twice_gets_another_code_or_the_same_sms_again() -> None:
    heard = many_expected(40)
    messages = await kept_of(*heard, settings={**AT_ONCE, "delay_max_s": 3, "twice_share": 1})

    again = anew = 0
    for one in heard:
        first, second = (message for message in messages if message.to == one.number)
        again += first == second
        if first.source_id != second.source_id:
            anew += 1
            assert first.sender == second.sender
            assert re.findall(r"\d{4,}", first.text) != re.findall(r"\d{4,}", second.text)
    assert again > 5
    assert anew > 5
    assert again + anew == 40


async def test_a_second_sms_says_when_it_was_sent_itself() -> None:
    settings: Settings = {"delay_min_s": 4, "delay_max_s": 4, "twice_share": 1}
    messages = await kept_of(*many_expected(20), settings=settings)

    anew = [one for one in messages[20:] if one not in messages[:20]]
    assert {one.sent_at_ms for one in messages[:20]} == {START_MS + 4000}
    assert {one.sent_at_ms for one in anew} == {START_MS + 8000}


async def test_in_a_burst_the_answer_comes_among_sms_without_a_code() -> None:
    kept = Kept(FakeClock())
    heard = many_expected(40)
    await finish(driver_of(kept, *heard, settings={"burst_share": 1}), kept.clock)

    places = set()
    unrelated = [tuple(notice) for notice in TEXTS["notices"]]
    for burst in kept.calls:
        answers = [one for one in burst if (one.sender, one.text) not in unrelated]
        assert len(answers) == 1
        assert 3 <= len(burst) <= 5
        assert len({one.source_id for one in burst}) == len(burst)
        assert len({one.to for one in burst}) == 1
        places.add(burst.index(answers[0]))
    assert len(kept.calls) == 40
    assert places >= {0, 1, 2}


async def test_shares_decide_how_many_lines_each_thing_befalls() -> None:
    shares = ("silent_share", "twice_share", "late_share", "burst_share")
    settings: Settings = {**dict.fromkeys(shares, 0.2), "late_s": 1000}
    heard = many_expected(1000)
    messages = await kept_of(*heard, settings=settings)

    counts = dict.fromkeys((one.number for one in heard), 0)
    for message in messages:
        counts[message.to] += 1
    befell = [
        sum(count == 0 for count in counts.values()),
        sum(count == 2 for count in counts.values()),
        sum((one.sent_at_ms or 0) >= START_MS + 1000_000 for one in messages),
        sum(count > 2 for count in counts.values()),
    ]
    assert all(150 < count < 250 for count in befell)


# ------------------------------------------------------------ chance

MIXED: Settings = {
    "silent_share": 0.2,
    "twice_share": 0.3,
    "late_share": 0.1,
    "burst_share": 0.3,
    "late_s": 60,
}


async def test_the_same_seed_gives_the_same_messages() -> None:
    first, second, other = [
        await kept_of(
            *many_expected(50), settings={**MIXED, "seed": seed}, chance=Random(run).randrange
        )
        for run, seed in enumerate((11, 11, 12))
    ]

    assert said(first) == said(second)
    assert said(first) != said(other)


async def test_the_same_seed_gives_the_same_texts_however_long_keeping_them_takes() -> None:
    settings: Settings = {**MIXED, "seed": 11}
    smooth = await kept_of(*many_expected(50), settings=settings)
    kept = Kept(FakeClock(), raises=70)
    await finish(driver_of(kept, *many_expected(50), settings=settings), kept.clock, step_s=7)

    texts = [sorted((one.to, one.text) for one in run) for run in (smooth, kept.messages)]
    assert texts[0] == texts[1]


async def test_without_a_seed_chance_decides() -> None:
    first, same, other = [
        await kept_of(*many_expected(50), settings=MIXED, chance=Random(seed).randrange)
        for seed in (21, 21, 22)
    ]

    assert first == same
    assert said(first) != said(other)


# ------------------------------------------------------------ nothing is lost


@pytest.mark.parametrize("how", ["raises", "fails"])
async def test_what_was_not_kept_is_handed_over_again_with_growing_pauses(how: str) -> None:
    kept = Kept(FakeClock())
    if how == "raises":
        kept.raises = 7
    else:
        kept.fails = [{0} for _ in range(7)]
    await finish(driver_of(kept, YAHOO, settings=AT_ONCE), kept.clock)

    assert [after // 1000 for after in kept.tries] == [0, 1, 3, 7, 15, 31, 61, 91]
    assert [one.sent_at_ms for one in kept.messages] == [START_MS]


async def test_of_a_burst_only_what_was_not_kept_is_handed_over_again() -> None:
    kept = Kept(FakeClock(), fails=[{0, 2}, {1}])
    settings: Settings = {**AT_ONCE, "burst_share": 1}
    await finish(driver_of(kept, YAHOO, settings=settings), kept.clock)

    first, second, third = kept.calls
    assert second == [first[0], first[2]]
    assert third == [first[2]]


async def test_a_duplicate_is_not_handed_over_again() -> None:
    kept = Kept(FakeClock())

    async def known(many: Sequence[Inbound]) -> list[Fate]:
        await kept.deliver(many)
        return [Fate.DUPLICATE for _ in many]

    await finish(driver_of(kept, YAHOO, settings=AT_ONCE, deliver=known), kept.clock)

    assert len(kept.calls) == 1


async def test_a_line_that_is_not_kept_holds_up_no_other() -> None:
    kept = Kept(FakeClock())

    async def stuck(many: Sequence[Inbound]) -> list[Fate]:
        return [Fate.FAILED] if many[0].to == NUMBER else await kept.deliver(many)

    driver = driver_of(kept, YAHOO, *many_expected(5), settings=AT_ONCE, deliver=stuck)
    running = asyncio.create_task(driver.run())
    await give_way()

    assert len(kept.messages) == 5
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_a_failure_to_listen_loses_nothing_heard_before_and_hears_what_comes_after() -> None:
    kept = Kept(FakeClock())
    later = Expected("+84912345679", "Zalo", ())
    times = iter([[YAHOO], [later]])

    async def expected() -> AsyncIterator[Expected]:
        heard = next(times)
        for one in heard:
            yield one
        if heard == [YAHOO]:
            raise BrokenError

    tools = Tools(
        gateway="pretend",
        settings=check_settings(KIND, {}),
        secret_hash=None,
        clock=kept.clock,
        chance=Random(1).randrange,
        deliver=kept.deliver,
        expected=expected,
        recording_limit_bytes=0,
    )
    await finish(KIND.make(tools), kept.clock)

    assert {one.to for one in kept.messages} == {YAHOO.number, later.number}


# ------------------------------------------------------------ many, and the end


async def test_many_lines_wait_at_a_time() -> None:
    kept = Kept(FakeClock())
    settings: Settings = {"delay_min_s": 5, "delay_max_s": 5}
    driver = driver_of(kept, *many_expected(10_000), settings=settings)
    running = asyncio.create_task(driver.run())
    await give_way()
    assert kept.clock.sleeping == 10_000

    kept.clock.advance(5)
    await running
    assert len({one.to for one in kept.messages}) == 10_000


async def test_nothing_is_left_running_when_it_is_cancelled() -> None:
    kept = Kept(FakeClock())
    before = asyncio.all_tasks()
    running = asyncio.create_task(driver_of(kept, *many_expected(100)).run())
    await give_way()
    assert kept.clock.sleeping == 100

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert asyncio.all_tasks() == before
    assert kept.clock.sleeping == 0
    kept.clock.advance(60)
    await give_way()
    assert kept.messages == []


async def test_it_ends_when_cancelled_while_it_waits_to_hand_over_again() -> None:
    kept = Kept(FakeClock(), raises=1000)
    running = asyncio.create_task(driver_of(kept, YAHOO, settings=AT_ONCE).run())
    await give_way()
    assert kept.clock.sleeping == 1

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert kept.clock.sleeping == 0


async def test_it_has_no_address() -> None:
    driver = driver_of(Kept(FakeClock()))
    answer = await driver.answer(HttpRequest("POST", "messages", {}, b"{}"))

    assert answer.status == 404
    assert json.loads(answer.body) == {"error": "not found"}


# ------------------------------------------------------------ settings


def test_settings_are_completed() -> None:
    assert check_settings(KIND, {"seed": 4, "delay_min_s": 3}) == {
        "delay_min_s": 3,
        "delay_max_s": 6,
        "silent_share": 0,
        "twice_share": 0,
        "late_share": 0,
        "burst_share": 0,
        "late_s": 400,
        "seed": 4,
    }


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"speed": 1}, "speed"),
        ({"delay_min_s": -1}, "delay_min_s"),
        ({"delay_max_s": 86_401}, "delay_max_s"),
        ({"delay_min_s": 7}, "delay_max_s"),
        ({"late_s": float("nan")}, "late_s"),
        ({"late_s": float("inf")}, "late_s"),
        ({"late_s": "soon"}, "late_s"),
        ({"silent_share": True}, "silent_share"),
        ({"silent_share": 1.1}, "silent_share"),
        ({"twice_share": -0.1}, "twice_share"),
        ({"seed": 1.5}, "seed"),
        ({"seed": -1}, "seed"),
        ({"seed": False}, "seed"),
        ({"silent_share": 0.6, "burst_share": 0.5}, "shares"),
    ],
)
def test_settings_that_are_not_usable_are_refused_by_name(settings: Settings, name: str) -> None:
    with pytest.raises(Refused) as refused:
        check_settings(KIND, settings)

    assert refused.value.refusal is INVALID
    assert refused.value.details["name"] == name


def test_shares_may_sum_up_to_one_exactly() -> None:
    # One after the other these floats add up to more than 1.
    shares = {"silent_share": 0.2, "twice_share": 0.4, "late_share": 0.3, "burst_share": 0.1}

    assert check_settings(KIND, {**shares})["silent_share"] == 0.2


def test_it_is_a_kind_without_a_secret() -> None:
    assert (KIND.name, KIND.takes_secret) == ("simulator", False)


# ------------------------------------------------------------ texts


@pytest.mark.parametrize(("text", "services", "lengths"), WORDINGS)
@given(chance=st.randoms(use_true_random=True))
def test_the_code_of_each_text_is_found(
    text: str, services: Sequence[str], lengths: list[int], chance: Random
) -> None:
    digits = chance.choice(lengths)
    code = f"{chance.randrange(10**digits):0{digits}}"
    service = chance.choice(services)

    assert find_code(text.format(service=service, code=code)) == code


@pytest.mark.parametrize(("text", "services", "lengths"), WORDINGS)
@pytest.mark.parametrize("shape", ["00000000", "20261123", "23112026", "19001234", "09123456"])
def test_a_code_is_found_when_it_looks_like_something_else(
    text: str, services: Sequence[str], lengths: list[int], shape: str
) -> None:
    for service in services:
        for code in {shape[:digits] for digits in lengths}:
            assert find_code(text.format(service=service, code=code)) == code


@pytest.mark.parametrize("text", [text for _, text in TEXTS["notices"]])
def test_no_code_is_found_in_what_is_unrelated(text: str) -> None:
    assert find_code(text) is None
