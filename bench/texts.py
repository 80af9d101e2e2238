"""Messages as services send them, each with a code of its own."""

import random
import secrets
from collections.abc import Iterable, Sequence

import msgspec
from bench.fault import BenchFault

from simlet.domain.extract import find_code

_TEXTS = (
    "{code} la ma xac nhan {name} cua ban. Ma het han sau 5 phut.",
    "Ma xac thuc {name} cua ban la {code}. Vui long khong chia se ma nay voi bat ky ai.",
    "[{name}] Mã OTP của bạn là {code}, có hiệu lực trong 3 phút.",
    "{name}: nhap {code} de dang nhap. Neu khong phai ban yeu cau, hay bo qua tin nhan nay.",
    "Chào bạn, mã kích hoạt tài khoản {name} là {code}. Hỗ trợ: 19001234.",
    "Ban dang dang ky {name} luc 09:41 ngay 05/03. Ma OTP: {code}. Khong cung cap cho nguoi khac!",
)  # fmt: skip


def check_texts(name: str) -> None:
    """Makes sure that the code of each text is found, so that its rental can be settled.

    Raises:
        BenchFault: it is not.
    """
    for text in _TEXTS:
        if find_code(text.format(name=name, code="482913")) != "482913":
            raise BenchFault(f"no code is found in: {text}")


def messages(rentals: Iterable[tuple[str, str]]) -> list[bytes]:
    """One message as a gateway posts it for each (number, name of the service)."""
    return [msgspec.json.encode(_message(number, name)) for number, name in rentals]


def texts_for(rentals: Iterable[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Number, sender and a text of one part for each (number, name of the service)."""
    return [(number, name, _text(_TEXTS[:2], name)) for number, name in rentals]


def _text(texts: Sequence[str], name: str) -> str:
    return random.choice(texts).format(name=name, code=f"{random.randrange(1_000_000):06d}")


def _message(number: str, name: str) -> dict[str, str]:
    return {
        "id": secrets.token_hex(8), "to": number, "from": name, "text": _text(_TEXTS, name),
    }  # fmt: skip
