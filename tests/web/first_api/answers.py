"""What the first API answers by its contract, and a dealer whose code has come."""

from typing import Any

from simlet.testing.world import Dealer
from web.first_api.api import Api

UNAUTHENTICATED = (401, "Lỗi xác thực")
NO_SUCH_SERVICE = (-4, "Ứng dụng không tồn tại hoặc đang tạm ngưng")
NO_FUNDS = (-2, "Số dư tài khoản không đủ")
NO_STOCK = (-3, "Kho số đang tạm hết, vui lòng liên hệ hỗ trợ")
NO_SUCH_RENTAL = (-2, "Mã phiên không đúng")

METHODS = [
    "/api/?show=balance",
    "/api/?show=networks",
    "/api/?show=service",
    "/api/?show=code&ID=1000001",
    "/api/?show=history",
    "/api/register-service/?serviceId=01.4",
    "/api/rephone/?phone=0967000001&serviceId=4&thuesim1=1000001",
    "/api/?show=nothing",
    "/api/nothing",
]


def refusal(body: dict[str, Any]) -> tuple[int, str]:
    """An error's status and text, after all that errors have in common was checked."""
    assert body["success"] is False
    assert "data" not in body
    assert "Data" not in body
    assert body.get("Message", body["message"]) == body["message"]
    return body["status_code"], body["message"]


def invalid(name: str) -> tuple[int, str]:
    return -1, f"Có lỗi: {name} không hợp lệ"


def too_many(limit: int) -> tuple[int, str]:
    return 429, f"Limit exceeded, tối đa {limit} số chờ tin nhắn"


async def a_dealer_with_a_code(api: Api, *numbers: str) -> tuple[Dealer, int, str]:
    """A dealer, its rental of service 4 that got its code, and the rental's number."""
    await api.world.service(4)
    await api.world.lines(*(numbers or ("0967000001",)))
    dealer = await api.world.dealer()
    rental_id = await api.rented(dealer, "serviceId=4")
    number = (await api.world.rental(dealer, rental_id)).number
    await api.world.sms(number, "Ma la 529310")
    return dealer, rental_id, number
