import pytest

from simlet.wire.sms_coding import Alphabet, DataCoding, read_data_coding

SEPTETS, BINARY, UCS2 = Alphabet.SEPTETS, Alphabet.BINARY, Alphabet.UCS2


@pytest.mark.parametrize(
    ("octet", "coding"),
    [
        (0x00, DataCoding(SEPTETS)),
        (0x04, DataCoding(BINARY)),
        (0x08, DataCoding(UCS2)),
        (0x10, DataCoding(SEPTETS, 0)),
        (0x15, DataCoding(BINARY, 1)),
        (0x1A, DataCoding(UCS2, 2)),
        (0x20, DataCoding(SEPTETS, compressed=True)),
        (0x3B, DataCoding(UCS2, 3, compressed=True)),
        (0x48, DataCoding(UCS2)),  # marked for automatic deletion, else the same
        (0x54, DataCoding(BINARY, 0)),
        (0x68, DataCoding(UCS2, compressed=True)),
        (0xC0, DataCoding(SEPTETS)),
        (0xC8, DataCoding(SEPTETS)),
        (0xD9, DataCoding(SEPTETS)),
        (0xE0, DataCoding(UCS2)),
        (0xEB, DataCoding(UCS2)),
        (0xF0, DataCoding(SEPTETS, 0)),
        (0xF1, DataCoding(SEPTETS, 1)),
        (0xF6, DataCoding(BINARY, 2)),
    ],
)
def test_the_groups_of_the_standard_are_read(octet: int, coding: DataCoding) -> None:
    assert read_data_coding(octet) == coding


@pytest.mark.parametrize("octet", [0x0C, 0x4C, 0x80, 0x88, 0xB4])
def test_what_is_reserved_is_the_default_alphabet(octet: int) -> None:
    assert read_data_coding(octet) == DataCoding(SEPTETS)


def test_every_octet_says_something() -> None:
    assert len({read_data_coding(octet) for octet in range(256)}) == 3 * 5 * 2
