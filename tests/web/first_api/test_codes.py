"""What a dealer reads of its rental."""

import asyncio

import pytest

from simlet.flows.forget_old import forget_old
from simlet.testing.world import Dealer
from web.first_api.answers import NO_SUCH_RENTAL, a_dealer_with_a_code, refusal
from web.first_api.api import Api

pytestmark = pytest.mark.anyio


async def test_the_id_may_be_named_request_id(api: Api) -> None:
    dealer, rental_id, _ = await a_dealer_with_a_code(api)

    answer = await api.ask(dealer, f"/api/?show=code&requestId={rental_id}")

    assert answer == await api.code(dealer, rental_id)


@pytest.mark.parametrize("rental", ["", "abc", "-1", "0", "9" * 19, "9" * 401, "1e6", "%00", "١"])
async def test_a_rental_that_is_not_there_has_response_code_3(api: Api, rental: str) -> None:
    dealer = await api.world.dealer()

    answer = await api.code(dealer, rental)

    assert refusal(answer) == NO_SUCH_RENTAL
    assert (answer["ResponseCode"], answer["Result"]) == (3, None)
    assert answer["Msg"] == answer["message"]


async def test_another_accounts_rental_is_as_one_that_is_not_there(api: Api) -> None:
    _, rental_id, _ = await a_dealer_with_a_code(api)
    other = await api.world.dealer("other")

    assert await api.code(other, rental_id) == await api.code(other, 1)
    assert await api.history(other) == []


async def test_while_it_waits_text_and_code_are_null(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    rental_id = await api.rented(dealer, "serviceId=4")
    await api.world.sms("0967000001", "Chao mung ban den voi dich vu")

    answer = await api.code(dealer, rental_id)

    assert (answer["ResponseCode"], answer["Result"]) == (1, None)
    data = answer["data"]
    assert (data["Status"], data["SmsContent"], data["Code"]) == (0, None, None)


async def test_zeros_in_front_of_a_code_stay(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    await api.world.sms(number, "Ma xac thuc la 003907")

    answer = await api.code(dealer, rental_id)

    assert (answer["Result"]["Code"], answer["data"]["Code"]) == ("003907", "003907")


async def test_the_newest_message_with_a_code_is_shown(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    api.world.clock.advance(1)
    await api.world.sms(number, "Ma moi la 700312")
    api.world.clock.advance(1)
    await api.world.sms(number, "Cam on ban da su dung dich vu")

    answer = await api.code(dealer, rental_id)

    assert answer["Result"]["SMS"] == "Ma moi la 700312"
    assert (answer["Result"]["Code"], answer["data"]["Code"]) == ("700312", "700312")


async def test_further_messages_cost_nothing(api: Api) -> None:
    dealer, _, number = await a_dealer_with_a_code(api)
    before = await api.world.account(dealer)

    await api.world.sms(number, "Ma moi la 700312")

    assert await api.world.account(dealer) == before


async def test_what_comes_after_the_time_is_not_shown(api: Api) -> None:
    dealer, rental_id, number = await a_dealer_with_a_code(api)
    api.world.clock.advance(300)
    await api.world.expire()
    await api.world.sms(number, "Ma moi la 700312")

    assert (await api.code(dealer, rental_id))["Result"]["Code"] == "529310"


async def test_text_and_code_are_null_after_they_were_forgotten(api: Api) -> None:
    dealer, rental_id, _ = await a_dealer_with_a_code(api)
    api.world.clock.advance(24 * 3600 + 1)
    await api.world.db.write(forget_old, api.world.clock.now_ms(), 24, 100)

    answer = await api.code(dealer, rental_id)
    (row,) = await api.history(dealer)

    assert answer["ResponseCode"] == 0
    assert answer["Result"] == {"SMS": None, "Code": None, "IsCall": False, "CallFile": None}
    for data in (answer["data"], row):
        assert (data["Status"], data["SmsContent"], data["Code"]) == (1, None, None)


async def a_dealer_with_a_call(api: Api, transcript: str) -> tuple[Dealer, int]:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    rental_id = await api.rented(dealer, "serviceId=4")
    await api.world.call("0967000001", transcript=transcript, wav=b"RIFF....WAVE")
    return dealer, rental_id


async def test_a_transcript_stands_behind_its_mark(api: Api) -> None:
    dealer, rental_id = await a_dealer_with_a_call(api, "mã của bạn là 059809")

    answer = await api.code(dealer, rental_id)

    assert answer["Result"]["SMS"] == "[Call]mã của bạn là 059809"
    assert answer["Result"]["Code"] == "059809"
    assert answer["Result"]["IsCall"] is answer["data"]["IsSound"] is True
    assert answer["data"]["SmsContent"] == answer["Result"]["CallFile"]


async def test_a_call_without_a_code_in_its_transcript_gives_its_recording(api: Api) -> None:
    dealer, rental_id = await a_dealer_with_a_call(api, "")

    answer = await api.code(dealer, rental_id)

    assert answer["ResponseCode"] == 0
    assert answer["Result"]["Code"] is None
    assert answer["Result"]["CallFile"].startswith("http")


async def test_a_recording_has_no_address_after_it_was_forgotten(api: Api) -> None:
    dealer, rental_id = await a_dealer_with_a_call(api, "mã của bạn là 059809")
    api.world.clock.advance(24 * 3600 + 1)
    await api.world.db.write(forget_old, api.world.clock.now_ms(), 24, 100)

    answer = await api.code(dealer, rental_id)

    assert answer["Result"] == {"SMS": None, "Code": None, "IsCall": True, "CallFile": None}
    assert (answer["data"]["SmsContent"], answer["data"]["Code"]) == (None, None)


_CANCEL = "UPDATE rentals SET state = 'cancelled', listening = FALSE"


async def test_a_cancelled_rental_reads_as_an_expired_one(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    rental_id = await api.rented(dealer, "serviceId=4")
    await api.world.tamper(_CANCEL)

    answer = await api.code(dealer, rental_id)

    assert (answer["ResponseCode"], answer["Result"]) == (2, None)
    assert answer["Msg"] == "không nhận được code, quá thời gian chờ"
    assert answer["data"]["Status"] == 2
    assert [row["Status"] for row in await api.history(dealer, "status=2")] == [2]


async def test_polling_without_a_pause_always_gets_its_answer(api: Api) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    dealer = await api.world.dealer()
    rental_id = await api.rented(dealer, "serviceId=4")

    answers = await asyncio.gather(*(api.code(dealer, rental_id) for _ in range(300)))

    assert {one["ResponseCode"] for one in answers} == {1}
