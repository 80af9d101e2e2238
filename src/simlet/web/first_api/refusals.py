"""The one place where refusals become the first API's statuses and texts.

Clients compare the texts: they are the contract's, to the letter.
"""

from simlet.domain import errors
from simlet.domain.errors import Refused

FAULT = (-1, "Có lỗi: hệ thống đang bận, vui lòng thử lại sau")

_ANSWERS: dict[str, tuple[int, str]] = {
    errors.UNAUTHENTICATED.code: (401, "Lỗi xác thực"),
    errors.WAITING_LIMIT.code: (429, "Limit exceeded, tối đa {limit} số chờ tin nhắn"),
    errors.TOO_SOON.code: (429, "Limit exceeded, vui lòng thử lại sau {wait_s} giây"),
    errors.INSUFFICIENT_FUNDS.code: (-2, "Số dư tài khoản không đủ"),
    errors.RENTAL_UNKNOWN.code: (-2, "Mã phiên không đúng"),
    errors.OUT_OF_STOCK.code: (-3, "Kho số đang tạm hết, vui lòng liên hệ hỗ trợ"),
    errors.SERVICE_UNAVAILABLE.code: (-4, "Ứng dụng không tồn tại hoặc đang tạm ngưng"),
    errors.ORDER_REUSED.code: (-1, "Có lỗi: orderId đã được dùng với tham số khác"),
    errors.RATE_LIMITED.code: FAULT,
    errors.INVALID.code: (-1, "Có lỗi: {name} không hợp lệ"),
}


def answer_to(refused: Refused) -> tuple[int, str]:
    """The status code and the text of a refusal."""
    status, text = _ANSWERS.get(refused.refusal.code, (-1, "Có lỗi: {code}"))
    return status, text.format(code=refused.refusal.code, **refused.details)
