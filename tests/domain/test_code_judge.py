"""Of the numbers of a text, the one with the strongest claim is the code."""

import pytest

from simlet.domain.code_items import read_items
from simlet.domain.code_judge import find_strongest
from simlet.domain.code_text import blank_out, clean, fold


def judge(text: str) -> str | None:
    shown = clean(text)
    return find_strongest(read_items(shown, blank_out(shown, fold(shown))), shown)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Ma moi: 772910 (ma cu 661820 bi huy)", "772910"),
        ("Ma moi: 772910 (cu: 661820)", "772910"),
        ("Ma 661820 cu. Ma moi 772910", "772910"),
    ],
)
def test_a_word_for_old_codes_belongs_to_the_number_behind_it(text: str, code: str) -> None:
    assert judge(text) == code


@pytest.mark.parametrize("link", ["la", "is"])
def test_a_name_that_is_said_of_one_number_is_no_name_of_the_next(link: str) -> None:
    assert judge(f"482913 {link} your code 150000") == "482913"
    assert judge(f"482913 {link} ma cua ban 15A0K0") == "482913"


def test_what_a_code_is_for_is_not_the_code() -> None:
    assert judge("Ma OTP cho 150000 da den") is None
    assert judge("Ma OTP cho 150000 la 482913") == "482913"
    assert judge("Ma OTP thanh toan 88120394: 482913") == "482913"


def test_where_to_send_a_message_is_no_code() -> None:
    assert judge("Soan OTP gui 9029") is None
    assert judge("De xac nhan soan OTP 482913 gui 9029") == "482913"


def test_a_usual_code_that_is_to_be_entered_for_an_end_needs_no_name() -> None:
    assert judge("Nhap 482913 de chuyen may") == "482913"
    assert judge("Nhap 4829 de chuyen may") is None
    assert judge("Nhap 482913 hom nay") is None
    assert judge("Nhap 482913 de duoc giam gia") is None
    assert judge("Nhap XKTWQ de chuyen may. Ma: 482913") == "482913"


def test_a_message_about_a_code_that_comes_elsewhere_brings_none() -> None:
    assert judge("Ma OTP da duoc gui. Ho so nay 88120") is None
    assert judge("Ma OTP het han roi. Xin chao 88120") is None
    assert judge("Ma OTP cua ban. Xin chao 88120") == "88120"


def test_a_number_that_is_it_is_what_was_named_before() -> None:
    assert judge("You requested a code. It is 730128.") == "730128"
    assert judge("You requested a code. Rest is 730128.") is None


def test_a_number_that_opens_the_message_alone_is_its_code_even_before_a_warning() -> None:
    assert judge("519207. Never share your code") == "519207"
    assert judge("Never share your code. Team 519207") is None


def test_a_name_in_brackets_and_a_number_are_enough() -> None:
    assert judge("[Zalo] 519207") == "519207"
    assert judge("Zalo 519207") is None


def test_a_parcel_has_a_code_of_its_own_but_no_pin() -> None:
    assert judge("Your parcel pin is 730131") == "730131"
    assert judge("Your parcel code is 730131") is None


def test_a_hotline_behind_a_warning_is_no_code() -> None:
    assert judge("Never share your code - 1900 1234") is None
    assert judge("Never share your code - 1588-1234") is None
    assert judge("Your code - 1900 1234") == "19001234"


def test_a_number_that_is_said_to_be_another_one_is_no_code() -> None:
    assert judge("Ma PIN da bi khoa. Ma PUK cua SIM la 48291034") is None
    assert judge("Nhap ma OTP de tiep tuc. Ma don hang cua chi Lan la 482913") is None
    assert judge("Login code required. Your account number for login is 482913.") is None


def test_the_name_of_another_number_far_in_front_says_nothing() -> None:
    assert judge("Nhap ma OTP. Phi hien tren man hinh chinh bay gio la 482913") == "482913"


def test_a_code_that_was_refused_is_no_code() -> None:
    assert judge("Ban da nhap sai OTP 4829") is None
    assert judge("Your OTP 4829 was not accepted") is None
    assert judge("Sai OTP 4829, ma moi la 7712") == "7712"


def test_a_word_for_codes_behind_it_is_tells_of_the_number_in_a_warning() -> None:
    assert judge("Don't share 123456 with anyone, it is your Acme code") == "123456"
    assert judge("Don't share 123456 with anyone, not even a code") is None
