"""The bodies of the first API: one object in both shapes that clients know.

Where two names differ only by case, their contents are equal. `RequestLog.ID` is the bare number
`N.SV`, written by hand.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from simlet.domain.ids import format_rental_id
from simlet.domain.inbound import MessageKind
from simlet.domain.phone import bare, international, national
from simlet.domain.principal import Tier
from simlet.domain.rental import RentalState
from simlet.domain.service import Service
from simlet.flows.hold import Rented
from simlet.store.rental_views import RentalView
from simlet.web.first_api.query import LOCAL

Body = dict[str, Any]
ErrorBody = Callable[[int, str], Body]

SUCCESSFUL = "successful"
WAITING_TEXT = "Đợi tin nhắn"
_EXPIRED_TEXT = "không nhận được code, quá thời gian chờ"
_CALL_MARK = "[Call]"
_STATUS = {
    RentalState.WAITING: 0,
    RentalState.RECEIVED: 1,
    RentalState.EXPIRED: 2,
    RentalState.CANCELLED: 2,
}
_RENTAL_UNKNOWN = -2
_encoder = msgspec.json.Encoder()


def encode(body: Body) -> bytes:
    """Compact JSON, UTF-8 as it is."""
    return _encoder.encode(body)


def plain(data: Any) -> Body:
    """A success that has only the newer shape."""
    return {"status_code": 200, "success": True, "message": SUCCESSFUL, "data": data}


def plain_error(status: int, text: str) -> Body:
    """An error that has only the newer shape."""
    return {"status_code": status, "success": False, "message": text}


def services(listed: list[Service], tier: Tier) -> Body:
    """The answer of `show=service`."""
    data = [_service(one, one.prices.for_tier(tier)) for one in listed]
    return {"ResponseCode": 1, "Data": data, **plain(data)}


def _service(service: Service, price_dong: int) -> Body:
    return {
        "ID": service.id,
        "SV": service.store,
        "SERVICE_NAME": service.name,
        "PRICE": price_dong,
        "Time": str(service.waiting_s),
        "id": service.id,
        "name": service.name,
        "price": price_dong,
    }


def services_error(status: int, text: str) -> Body:
    """An error of `show=service`."""
    return {"ResponseCode": status, **plain_error(status, text)}


def rent(rented: Rented) -> Body:
    """The answer of renting, and of renting again."""
    rental = rented.rental
    text = f"Tạo yêu cầu {rented.service_name} thành công !"
    return {
        "RequestLog": {
            "ID": msgspec.Raw(format_rental_id(rental.id, rental.store).encode()),
            "ServiceID": rental.service_id,
            "ServiceName": rented.service_name,
            "IMG": f"{rented.service_name}.ico",
            "Price": rental.price_dong,
            "Phone": national(rental.number),
            "SmsContent": None,
            "StatusStr": WAITING_TEXT,
            "CreatedTime": local_time(rental.created_at_ms),
            "IsSound": False,
            "Code": None,
        },
        "Balance": rented.balance_dong,
        "ResponseCode": 1,
        "Message": text,
        "status_code": 200,
        "success": True,
        "message": text,
        "data": {
            "phone_number": bare(rental.number),
            "re_phone_number": international(rental.number),
            "countryISO": "VN",
            "countryCode": "84",
            "balance": rented.balance_dong,
            "request_id": str(rental.id),
        },
    }


def rent_error(status: int, text: str) -> Body:
    """An error of renting, and of renting again."""
    return {**plain_error(status, text), "ResponseCode": status, "Message": text}


def code(rental: RentalView, recording_url: str | None) -> Body:
    """The answer of `show=code`."""
    response_code, text, result = _result(rental, recording_url)
    return {
        "ResponseCode": response_code,
        "Msg": text,
        "Result": result,
        **plain(rental_data(rental, recording_url)),
    }


def _result(rental: RentalView, recording_url: str | None) -> tuple[int, str, Body | None]:
    if rental.state is RentalState.WAITING:
        return 1, WAITING_TEXT, None
    if rental.state is not RentalState.RECEIVED:
        return 2, _EXPIRED_TEXT, None
    is_call = rental.message_kind == MessageKind.CALL.value
    return (
        0,
        "OK",
        {
            "SMS": _spoken(rental.text) if is_call else rental.text,
            "Code": rental.code,
            "IsCall": is_call,
            "CallFile": recording_url,
        },
    )


def _spoken(transcript: str | None) -> str | None:
    if transcript is None or transcript.startswith(_CALL_MARK):
        return transcript
    return _CALL_MARK + transcript


def code_error(status: int, text: str) -> Body:
    """An error of `show=code`; that there is no such rental is its response code 3."""
    response_code = 3 if status == _RENTAL_UNKNOWN else status
    return {
        "ResponseCode": response_code,
        "Msg": text,
        "Result": None,
        **plain_error(status, text),
    }


def rental_data(rental: RentalView, recording_url: str | None) -> Body:
    """A rental as `show=code` tells it under `data`."""
    received = rental.state is RentalState.RECEIVED
    is_call = rental.message_kind == MessageKind.CALL.value
    return {
        "ID": rental.id,
        "ServiceID": rental.service_id,
        "ServiceName": rental.service_name,
        "Status": _STATUS[rental.state],
        "Price": rental.price_dong,
        "Phone": bare(rental.number),
        "SmsContent": (recording_url if is_call else rental.text) if received else None,
        "IsSound": is_call,
        "CreatedTime": local_time(rental.created_at_ms),
        "Code": rental.code if received else None,
        "PhoneOriginal": national(rental.number),
        "CountryISO": "VN",
        "CountryCode": "84",
    }


def history_row(rental: RentalView, recording_url: str | None) -> Body:
    """A row of the history: as `rental_data`, with `IsSound` as a text."""
    row = rental_data(rental, recording_url)
    row["IsSound"] = "true" if row["IsSound"] else "false"
    return row


def local_time(at_ms: int) -> str:
    """A time as clients read it: local (UTC+7), to the second, without a zone."""
    return _local_second(at_ms // 1000)


@lru_cache(maxsize=16_384)
def _local_second(at_s: int) -> str:
    at = datetime.fromtimestamp(at_s, tz=UTC).astimezone(LOCAL)
    return at.strftime("%Y-%m-%dT%H:%M:%S")
