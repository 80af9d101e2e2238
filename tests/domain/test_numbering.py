import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.numbering import FIRST_NETWORKS, Filters, parse_network_name, parse_prefix

numbers = st.from_regex(r"[35789][0-9]{8}", fullmatch=True)
prefixes = st.lists(st.from_regex(r"[1-9][0-9]{0,4}", fullmatch=True), max_size=5).map(tuple)


def test_the_first_networks_have_the_ids_of_the_contract() -> None:
    assert dict(FIRST_NETWORKS) == {
        1: "MOBIFONE",
        2: "VINAPHONE",
        3: "VIETTEL",
        4: "VIETNAMOBILE",
        5: "ITELECOM",
    }


@given(st.from_regex(r"[1-9][0-9]{0,8}", fullmatch=True))
def test_a_leading_zero_of_a_prefix_is_dropped(prefix: str) -> None:
    assert parse_prefix(prefix, "yPrefix") == prefix
    assert parse_prefix("0" + prefix, "yPrefix") == prefix


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "00",
        "0096",
        "a6",
        "9a",
        "-96",
        "+84",
        "9 6",
        "96\n",
        "９６",
        "9６",
        "٩٦",
        "1" * 10,
        "9\x00",
    ],
)
def test_what_is_no_prefix_is_refused_by_the_name_of_its_parameter(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_prefix(text, "nPrefix")
    assert refused.value.refusal is errors.INVALID
    assert refused.value.details["name"] == "nPrefix"


def test_without_prefixes_every_number_fits() -> None:
    assert Filters().fits_number("967000001")


def test_a_number_that_starts_with_one_of_the_wanted_prefixes_fits() -> None:
    filters = Filters(wanted=("85", "96"))

    assert filters.fits_number("967000001")
    assert not filters.fits_number("903000001")


def test_a_number_that_starts_with_an_unwanted_prefix_does_not_fit() -> None:
    filters = Filters(unwanted=("85", "96"))

    assert not filters.fits_number("967000001")
    assert filters.fits_number("903000001")


def test_a_longer_unwanted_prefix_takes_a_part_out_of_a_wanted_one() -> None:
    filters = Filters(wanted=("96",), unwanted=("967",))

    assert filters.fits_number("961000001")
    assert not filters.fits_number("967000001")


@given(prefixes, prefixes, numbers)
def test_cells_never_exclude_a_number_that_fits(
    wanted: tuple[str, ...], unwanted: tuple[str, ...], number: str
) -> None:
    filters = Filters(wanted=wanted, unwanted=unwanted)
    if filters.fits_number(number):
        assert not filters.wanted_cells or number[:2] in filters.wanted_cells
        assert number[:2] not in filters.unwanted_cells


@given(prefixes, prefixes, numbers)
def test_where_no_number_need_be_looked_at_the_cells_decide_alone(
    wanted: tuple[str, ...], unwanted: tuple[str, ...], number: str
) -> None:
    filters = Filters(wanted=wanted, unwanted=unwanted)
    if filters.needs_numbers:
        return
    in_cells = not filters.wanted_cells or number[:2] in filters.wanted_cells
    assert filters.fits_number(number) == (in_cells and number[:2] not in filters.unwanted_cells)


def test_a_cell_that_is_unwanted_piece_by_piece_is_unwanted() -> None:
    pieces = [f"96{digit}" for digit in "012345678"] + [f"969{digit}" for digit in range(10)]

    assert Filters(unwanted=tuple(pieces)).unwanted_cells == ("96",)
    assert Filters(unwanted=tuple(pieces[1:])).unwanted_cells == ()
    assert Filters(unwanted=tuple(pieces[:-1])).unwanted_cells == ()


@given(st.sets(st.from_regex(r"96[0-9]{0,2}", fullmatch=True), max_size=110))
def test_a_cell_is_unwanted_when_none_of_its_numbers_fits(unwanted: set[str]) -> None:
    filters = Filters(unwanted=tuple(unwanted))
    fits = any(filters.fits_number(f"96{rest:02}00000") for rest in range(100))
    assert filters.unwanted_cells == (() if fits else ("96",))


def test_a_prefix_of_one_digit_stands_for_ten_cells() -> None:
    assert Filters(wanted=("9",)).wanted_cells == tuple(f"9{digit}" for digit in range(10))


def test_numbers_need_be_looked_at_for_prefixes_of_three_digits_only() -> None:
    assert not Filters(wanted=("96", "9"), unwanted=("85",)).needs_numbers
    assert Filters(wanted=("967",)).needs_numbers
    assert Filters(unwanted=("967",)).needs_numbers


@pytest.mark.parametrize("text", ["viettel", " Viettel ", "VIETTEL"])
def test_a_network_has_one_form_of_its_name(text: str) -> None:
    assert parse_network_name(text) == "VIETTEL"


@pytest.mark.parametrize("text", ["", " ", "-X", "A|B", "VIỆT", "X" * 33, "A\nB", "A\x00"])
def test_what_is_no_name_of_a_network_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_network_name(text)
    assert refused.value.refusal is errors.INVALID
