"""The one-time code in a text: tables of texts, and rules that hold for every text."""

import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.errors import PATTERN_REFUSED, Refused
from simlet.domain.extract import find_code

TESTS = Path(__file__).parents[1]
Case = tuple[str, str | None]


def cases_of(path: Path) -> list[Case]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(row["text"], row["code"]) for row in rows]


SAMPLES = cases_of(TESTS / "contract" / "sample_texts.jsonl")
OWN_CASES = cases_of(TESTS / "domain" / "extract_cases.jsonl")
ALL_CASES = SAMPLES + OWN_CASES


def numbered(cases: list[Case], name: str) -> list[object]:
    return [pytest.param(*case, id=f"{name}-{at}") for at, case in enumerate(cases, start=1)]


@pytest.mark.parametrize(("text", "code"), numbered(SAMPLES, "sample"))
def test_every_sample_of_the_contract_is_right(text: str, code: str | None) -> None:
    assert find_code(text) == code


@pytest.mark.parametrize(("text", "code"), numbered(OWN_CASES, "line"))
def test_every_text_of_our_own_is_right(text: str, code: str | None) -> None:
    assert find_code(text) == code


# ------------------------------------------------ the same text, written in another way


def without_accents(text: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not "\u0300" <= c <= "\u036f")
    return unicodedata.normalize("NFC", bare).replace("đ", "d").replace("Đ", "D")


WAYS: dict[str, Callable[[str], str]] = {
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "without accents": without_accents,
    "no-break blanks": lambda text: text.replace(" ", "\u00a0"),
    "Arabic-Indic digits": lambda text: text.translate({48 + n: 0x660 + n for n in range(10)}),
    "full-width digits": lambda text: text.translate({48 + n: 0xFF10 + n for n in range(10)}),
    "zero-width blanks in numbers": lambda text: re.sub(r"(?<=\d)(?=\d)", "\u200b", text),
    "no blanks behind stops": lambda text: re.sub(r"([.,:;]) (?=[^\W\d_])", r"\1", text),
    "a date behind it": lambda text: f"{text} (05/03/2026 10:15)",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_text_gives_the_same_code_in_whatever_way_it_is_written(way: str) -> None:
    rewrite = WAYS[way]
    wrong = [text for text, code in ALL_CASES if find_code(rewrite(text)) != code]
    assert wrong == []


@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_digits_are_found_in_capitals_and_in_small_letters(case: Callable[[str], str]) -> None:
    digits = [(text, code) for text, code in ALL_CASES if code is None or code.isdigit()]
    assert [text for text, code in digits if find_code(case(text)) != code] == []


# ------------------------------------------------ single rules


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Ma xac thuc: 0042", "0042"),
        ("Ma xac thuc: 123 456", "123456"),
        ("Ma xac thuc: 12-34-56", "123456"),
        ("Ma xac thuc: 1 2 3 4 5 6 7 8", "12345678"),
        ("Ma xac thuc: AB-12-cd", "AB-12-cd"),
        ("Ma xac thuc: 1.250.000d", None),
        ("Ma xac thuc gui den 0912345678", None),
    ],
)
def test_groups_of_digits_are_joined_zeros_and_letters_stay(text: str, code: str | None) -> None:
    assert find_code(text) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("OTP: 482", "482"),
        ("Ma OTP dang nhap tren web 482", None),
        ("Ma: 482913047", None),
        ("OTP: 482913047", "482913047"),
        ("OTP: 48291304785", None),
    ],
)
def test_an_unusual_length_needs_a_word_that_can_only_mean_a_code(
    text: str, code: str | None
) -> None:
    assert find_code(text) == code


def test_a_code_that_looks_like_a_year_or_a_day_counts_only_beside_its_name() -> None:
    assert find_code("Ma xac minh: 2026") == "2026"
    assert find_code("Ma xac minh la 20260305") == "20260305"
    assert find_code("Quy dinh ve ma xac minh ap dung tu dau nam tai Viet Nam 2026") is None


def test_a_word_for_codes_belongs_to_the_number_behind_it() -> None:
    assert find_code("Đơn hàng 89706: mã xác nhận 1959. LH 18001091") == "1959"
    assert find_code("89706: mã xác nhận của bạn") == "89706"


def test_of_two_codes_the_one_that_is_still_good_is_taken() -> None:
    assert find_code("Mã mới: 1111. Mã cũ 2222 không còn hiệu lực") == "1111"
    assert find_code("Mã 2222 đã hết hạn, mã mới là 1111") == "1111"


def test_an_old_code_alone_is_no_code() -> None:
    assert find_code("Mã OTP 482913 đã hết hạn") is None


def test_a_code_without_a_name_is_taken_where_it_stands_alone() -> None:
    assert find_code("Mã đăng nhập của bạn ở dưới.\n\n4821\n\nCảm ơn") == "4821"
    assert find_code("Zalo: 4821") == "4821"


def test_two_numbers_without_a_name_are_none() -> None:
    assert find_code("Mã đăng nhập của bạn ở dưới.\n\n4821\n\n9930\n\nCảm ơn") is None


def test_a_warning_is_no_reason_to_take_a_number() -> None:
    assert find_code("Never share your verification code. Team 482913") is None
    assert find_code("Do not share this code with anyone. 482913") == "482913"


def test_the_last_line_for_browsers_decides() -> None:
    assert find_code("Ref 771200\n\n@acme.example #004821") == "004821"
    assert find_code("Your table 9930\n@acme.example #A7K-9Q2") == "A7K-9Q2"
    assert find_code("Write to team@acme.example #4821") is None


def test_the_hash_of_an_app_is_never_the_code() -> None:
    assert find_code("<#> Your code: 4821 FA+9qCX9VSu") == "4821"
    assert find_code("<#> Your code is on its way FA+9qCX9VSu") is None
    assert find_code("<#> Your code is FA/9qCX9VSu") is None
    assert find_code("Your verification code: aB3dE6gH1kL") is None


def test_a_code_of_capitals_alone_is_taken_only_where_it_spells_no_word() -> None:
    assert find_code("Your Steam access code is: XKTWQ") == "XKTWQ"
    assert find_code("Your access code is: EXPIRED") is None


def test_letters_and_digits_need_a_clear_claim() -> None:
    assert find_code("Yeu cau ma xac thuc tren may SMA525F") is None
    assert find_code("Ma xac thuc: SMA525F") == "SMA525F"


def test_a_comma_parts_a_number_from_a_word_for_codes() -> None:
    assert find_code("Quy khach nhap sai OTP, con 4821") is None
    assert find_code("Quy khach nhap OTP con 4821") == "4821"


def test_the_name_of_a_code_may_stand_far_in_front_of_it() -> None:
    text = (
        "Mã OTP giao dịch thanh toán hóa đơn điện kỳ 2 tháng 2 năm 2026 số tiền 1.204.550 VND "
        "cho khách hàng PE0100123456 tại địa bàn quận Ba Đình thành phố Hà Nội qua ứng dụng là 4821"
    )
    assert find_code(text) == "4821"


def test_a_voice_that_says_a_code_several_times_says_one_code() -> None:
    assert find_code("mã của bạn là 4 8 2 1 4 8 2 1 4 8 2 1") == "4821"
    assert find_code("code four eight two one, four eight two one") == "4821"


def test_a_few_words_that_are_also_digits_are_no_code() -> None:
    assert find_code("Ma OTP co hieu luc hai nam sau ngay dang ky") is None


@pytest.mark.parametrize(
    "text",
    [
        *("1 " * 20_000, "12 " * 13_333, "1234 " * 8_000, "482913 " * 5_714),
        *("a" * 40_000, "a." * 20_000, "a-" * 20_000, "aB+" * 13_333, "1-" * 20_000),
        *("*" * 40_000, "xx-" * 13_333, "x" * 40_000, "+1 " * 13_333, "1*" * 20_000),
        *("ma so " * 6_666, "mã xác thực " * 3_333, "验证码" * 13_333, "\ufdfa" * 40_000),
    ],
    ids=lambda text: text[:6],
)
def test_a_text_of_40_000_characters_is_answered(text: str) -> None:
    assert find_code(f"{text}\nMã OTP của bạn là 482913.") == "482913"
    assert find_code(f"Mã OTP của bạn là 482913.\n{text}") == "482913"


# ------------------------------------------------ a service's own pattern


def test_a_pattern_of_the_service_decides_alone() -> None:
    text = "Ma OTP 482913, ma giao dich TX-77120"

    assert find_code(text, r"TX-\d+") == "TX-77120"
    assert find_code(text, r"ma the (\d+)") is None


def test_digits_that_a_pattern_finds_are_joined_and_letters_keep_their_signs() -> None:
    assert find_code("code 48 29.13", r"code ([\d .-]+)") == "482913"
    assert find_code("code A7-K9", r"code (\S+)") == "A7-K9"
    assert find_code("code   ...", r"code ([ .]+)") == "..."


def test_a_pattern_finds_digits_of_other_scripts_and_accents_of_either_form() -> None:
    decomposed = unicodedata.normalize("NFD", "Mã của bạn: ４８２９")

    assert find_code(decomposed, r"Mã của bạn: (\d{4})") == "4829"
    assert find_code("【微信】验证码 4829", r"【微信】验证码 (\d{4})") == "4829"


def test_a_pattern_that_should_not_have_been_set_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        find_code("text", r"(\d)\1")
    assert refused.value.refusal is PATTERN_REFUSED


# ------------------------------------------------ rules for every text

SNIPPETS = st.sampled_from(
    [
        *("OTP", "ma", "mã", "code", "la", "là", "is", "cua ban", "your", "验证码", "код", "رمز"),
        *(":", "=", ".", ",", "-", "/", "#", "@", "+", "*", "(", ")", "$", "%", "\n", "https://"),
        *("1", "22", "333", "4821", "482913", "A7K9", "5.000d", "0912345678", "90s"),
        *("LH", "hotline", "05/03/2026", "đừng nhập", "old", "not"),
    ]
)


def plain(text: str) -> str:
    return re.sub(r"[^0-9a-z]", "", unicodedata.normalize("NFKC", text).lower())


@given(st.text(max_size=200))
def test_any_text_is_answered(text: str) -> None:
    code = find_code(text)
    assert code is None or code.strip()


# No letters of which a digit could be spelled.
SIGNS = st.text("0123456789abAB .,:;-/#@+*()[]$%\n\u00a0\u200b٤", max_size=6)


@given(st.lists(st.one_of(SNIPPETS, SIGNS), max_size=40), st.sampled_from(["", " "]))
def test_a_code_always_stands_in_the_text(parts: list[str], between: str) -> None:
    text = between.join(parts)
    code = find_code(text)
    if code is not None:
        assert plain(code) in plain(text.replace("٤", "4"))


CODES = st.integers(min_value=4, max_value=8).flatmap(
    lambda size: st.text("0123456789", min_size=size, max_size=size)
)
SUMS = st.integers(min_value=10, max_value=99_999).map(lambda k: f"{k * 1000:,}".replace(",", "."))
PHONES = st.from_regex("0[35789][0-9]{8}", fullmatch=True)
ACCOUNTS = st.from_regex("[1-9][0-9]{8,13}", fullmatch=True)
ORDERS = st.from_regex("[1-9][0-9]{5,9}", fullmatch=True)
HOURS = st.times().map(lambda hour: hour.strftime("%H:%M"))
DAYS = st.dates().map(lambda day: day.strftime("%d/%m/%Y"))
FIELDS = st.fixed_dictionaries(
    {"sum": SUMS, "phone": PHONES, "account": ACCOUNTS, "order": ORDERS, "hour": HOURS, "day": DAYS}
)
TEMPLATES = st.sampled_from(
    [
        "Ma OTP chuyen {sum} VND toi TK {account} la {code}. Hieu luc {hour}. Hotline {phone}",
        "{code} là mã kích hoạt của số {phone}, hết hạn lúc {hour} ngày {day}",
        "Mã giao dịch {order}, mã OTP {code}, số tiền {sum}đ",
        "Đơn hàng {order}: mã xác nhận {code}. Thu hộ {sum}đ. LH {phone}",
        "QK dang nhap luc {hour} {day}. Nhap ma {code} de tiep tuc. Goi {phone} neu can",
        "Your Acme code is {code}. Order #{order}, sent to {phone} at {hour}.",
        "{code} is your Acme verification code. Ref {order}",
        "Use {code} to sign in. Account {account}, {day} {hour}",
        "TK {account} GD -{sum} VND. Nhap OTP {code}. Khong chia se. LH {phone}",
        "【Acme】尾号{order}的账户验证码{code}，客服{phone}",
    ]
)


def grouped(code: str, style: str) -> str:
    if style == "single":
        return " ".join(code)
    if style == "dots":
        return ".".join(code)
    half = len(code) // 2
    return f"{code[:half]}{style}{code[half:]}" if len(code) in {4, 6, 8} else code


@given(
    template=TEMPLATES,
    code=CODES,
    style=st.sampled_from(["", " ", "-", "\u2013", "\u00a0", "single", "dots"]),
    fields=FIELDS,
)
def test_a_code_is_found_among_sums_phones_accounts_orders_and_hours(
    template: str, code: str, style: str, fields: dict[str, str]
) -> None:
    halves_are_equal = code[: len(code) // 2] * 2 == code  # one code, said twice
    text = template.format(code=code if halves_are_equal else grouped(code, style), **fields)

    assert find_code(text) == code


@given(
    template=st.sampled_from(
        [
            "TK {account} +{sum} VND luc {hour} {day}. SD {sum} VND. Ref MB.{order}.",
            "Don hang {order} giao ngay {day} boi Tuan {phone}, COD {sum}d.",
            "Không chia sẻ OTP cho bất kỳ ai. Chi tiết gọi {phone}",
            "Your order #{order} has shipped. Call {phone} before {hour}.",
            "Quý khách vừa nạp {sum}đ cho thuê bao {phone}. Mã giao dịch: {order}.",
        ]
    ),
    fields=FIELDS,
)
def test_sums_phones_accounts_orders_and_hours_alone_are_no_code(
    template: str, fields: dict[str, str]
) -> None:
    assert find_code(template.format(**fields)) is None
