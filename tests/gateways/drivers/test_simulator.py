"""What becomes of a message that is expected on a pretend line."""

import asyncio
import re
from random import Random

import pytest

from gateways.drivers.pretend_lines import (
    AT_ONCE,
    NUMBER,
    TEXTS,
    YAHOO,
    Kept,
    driver_of,
    finish,
    give_way,
    kept_of,
    many_expected,
    said,
)
from simlet.domain.inbound import MessageKind, dedupe_key
from simlet.gateways.contract import Expected, Settings
from simlet.testing.clock import START_MS, FakeClock

pytestmark = pytest.mark.anyio


# --------------------------------------------------------------------------------- one plain answer


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


# -------------------------------------------------------------------------------- what else befalls


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


# ------------------------------------------------------------------------------------------- chance


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
