"""Reading the file that lines are imported from."""

import csv
import io
import random
import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.shell import HEADER, row
from simlet.cli.line_file import LineFile, read_line_file
from simlet.domain.errors import INVALID, Refused
from simlet.flows.manage_lines import COLUMNS

NETWORKS = {"VIETTEL": 3, "MOBIFONE": 1}
FIRST = row(1, "0961000001")
SECOND = row(2, "0961000002")


def reading(content: bytes) -> LineFile:
    return read_line_file(io.BytesIO(content), NETWORKS)


def reading_rows(*rows: str) -> LineFile:
    return reading("\n".join([HEADER, *rows, ""]).encode())


def reasons(found: LineFile) -> list[tuple[int, str]]:
    return [(one.row, one.reason) for one in found.bad]


def test_each_row_is_a_line() -> None:
    found = reading_rows(FIRST, row(2, "+84 90 1000002", network="mobifone", store="02"))
    assert found.bad == []
    assert [at for at, _ in found.good] == [2, 3]
    first, second = (line for _, line in found.good)
    assert (first.iccid, first.number, first.network_id) == (
        "8984000000000000001",
        "+84961000001",
        3,
    )
    assert (first.store, first.holder, first.contract) == ("01", "Công ty A", "HĐ-1")
    assert (second.number, second.network_id, second.store) == ("+84901000002", 1, "02")


def test_columns_stand_in_any_order_and_case() -> None:
    names = ["Contract", " HOLDER ", "store", "network", "number", "iccid"]
    cells = ["HĐ-1", "A", "01", "VIETTEL", "0961000001", "8984000000000000001"]
    found = reading(f"{','.join(names)}\n{','.join(cells)}\n".encode())
    assert found.good[0][1].contract == "HĐ-1"
    assert found.good[0][1].iccid == "8984000000000000001"


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", [True, False])
def test_line_endings_and_a_mark_at_the_beginning_make_no_difference(
    ending: str, mark: str, last: bool
) -> None:
    text = mark + ending.join([HEADER, FIRST, SECOND]) + (ending if last else "")
    assert reading(text.encode()) == reading_rows(FIRST, SECOND)


def test_empty_lines_are_no_rows_and_count_as_lines_of_the_file() -> None:
    found = reading(f"\n{HEADER}\n\n{FIRST}\n\n\n{SECOND}\n\n".encode())
    assert [at for at, _ in found.good] == [4, 7]


def test_a_row_that_goes_over_lines_is_told_with_the_first_of_them() -> None:
    found = reading_rows('1,"09\n61",x,01,a,b', FIRST)
    assert [at for at, _ in reasons(found)] == [2]
    assert [at for at, _ in found.good] == [4]


def test_quotes_and_commas_are_part_of_a_field() -> None:
    found = reading_rows(row(1, "0961000001", holder='"A, ""B"" & C"'))
    assert found.good[0][1].holder == 'A, "B" & C'


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(1, "0261000001"), "number: expected a Vietnamese mobile number"),
        (row(1, ""), "number: expected a Vietnamese mobile number"),
        (
            FIRST.replace("8984000000000000001", "898400000000001"),
            "iccid: expected 18 to 22 digits",
        ),
        (FIRST.replace("8984", "89８4"), "iccid: expected 18 to 22 digits"),
        (row(1, "0961000001", network="NOKIA"), "There is no network 'NOKIA'"),
        (row(1, "0961000001", network=""), "network: expected a name"),
        (row(1, "0961000001", store="1"), "store: expected two digits"),
        (row(1, "0961000001", holder=""), "holder: expected a text of 1 to 200"),
        (row(1, "0961000001", contract="  "), "contract: expected a text of 1 to 200"),
        (row(1, "0961000001", holder="x" * 201), "holder: expected a text of 1 to 200"),
        (row(1, "0961000001", holder="a\tb"), "holder: expected a text of 1 to 200"),
        (FIRST + ",more", "row: expected 6 fields, 7 were found"),
        (FIRST.rpartition(",")[0], "row: expected 6 fields, 5 were found"),
        ("x", "row: expected 6 fields, 1 were found"),
        (",,,,,", "iccid: expected 18 to 22 digits"),
    ],
)
def test_a_bad_row_is_told_with_its_reason_and_the_others_are_read(bad: str, reason: str) -> None:
    found = reading_rows(SECOND, bad, row(3, "0961000003"))
    ((at, said),) = reasons(found)
    assert at == 3
    assert said.startswith(reason)
    assert not said.endswith(".")
    assert [place for place, _ in found.good] == [2, 4]


def test_the_later_of_two_rows_with_one_iccid_is_bad_and_names_the_earlier() -> None:
    found = reading_rows(FIRST, SECOND, row(1, "0961000003"))
    assert reasons(found) == [(4, "iccid: line 2 of the file has it already")]


def test_the_later_of_two_rows_with_one_number_is_bad_in_whatever_spelling() -> None:
    found = reading_rows(FIRST, SECOND, row(3, "+84961000002"))
    assert reasons(found) == [(4, "number: line 3 of the file has it already")]


def test_a_row_that_is_bad_itself_makes_no_other_bad() -> None:
    found = reading_rows(row(1, "0961000001", store="x"), FIRST)
    assert [at for at, _ in found.good] == [3]


def test_a_row_left_out_for_its_iccid_does_not_keep_its_number() -> None:
    found = reading_rows(FIRST, row(1, "0961000003"), row(3, "0961000003"))
    assert reasons(found) == [(3, "iccid: line 2 of the file has it already")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (HEADER.replace(",", ";").encode(), "line 1: expected a header row"),
        (FIRST.encode(), "line 1: expected a header row"),
        (f"{HEADER},port\n".encode(), "found 'port'"),
        (f"{HEADER},\n".encode(), "found ''"),
        (b"iccid,number,network,store,holder\n", "the header lacks contract"),
        (f"{HEADER},number\n".encode(), "the column number stands twice"),
        (HEADER.encode("utf-16"), "line 1: it holds a zero byte"),
        (HEADER.encode("utf-16-le"), "line 1: it holds a zero byte"),
        (f"{HEADER}\n{FIRST}\n\0\n".encode(), "line 3: it holds a zero byte"),
        (f'{HEADER}\n{FIRST}\n"898,\n{SECOND}\n'.encode(), "line 3: it is not CSV: a quoted field"),
        (f'{HEADER}\n{FIRST}\n"a"b,\n'.encode(), "line 3: it is not CSV"),
        (f"{HEADER}\n{FIRST}\n{'x' * 200_000}\n".encode(), "line 3: it is not CSV: a quoted field"),
        (f"{HEADER}\n{FIRST}\n{'x' * 10_000_000}".encode(), "line 3: it is longer than"),
        (f'{HEADER}\n{FIRST}\n"{"x" * 99}\n'.encode() + b"y\n" * 99_999, "line 3: it is not CSV"),
        (f"{HEADER}\r{FIRST}\r".encode(), "line 1: it is not CSV: a line ends with a carriage"),
        (random.Random(1).randbytes(5000), "line 1: it"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_as_a_whole(content: bytes, said: str) -> None:
    with pytest.raises(Refused) as refused:
        reading(content)
    assert refused.value.refusal is INVALID
    assert said in refused.value.sentence
    assert len(refused.value.sentence) < 300


@given(st.binary(max_size=300))
def test_no_bytes_are_more_than_a_refusal(content: bytes) -> None:
    for whole in (content, f"{HEADER}\n".encode() + content):
        with suppress(Refused):
            reading(whole)


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(st.lists(st.lists(CELLS, max_size=8), max_size=8))
def test_every_row_is_good_or_bad_and_none_is_lost(rows: list[list[str]]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([list(COLUMNS), *rows])
    found = reading(written.getvalue().encode())
    assert len(found.good) + len(found.bad) == sum(1 for one in rows if one)


@given(st.permutations(range(1, 30)), st.sampled_from(string.whitespace[:1] + "\t"))
def test_whatever_the_order_of_rows_the_same_lines_are_found(order: list[int], pad: str) -> None:
    rows = [row(one, f"{pad}09610000{one:02}") for one in order]
    found = reading_rows(*rows)
    assert {line.number for _, line in found.good} == {f"+849610000{one:02}" for one in order}


def test_a_row_that_is_not_utf8_is_a_bad_row_and_the_others_go_on() -> None:
    latin = row(3, "0961000003").encode("latin-1", "replace").replace(b"?", b"\xf4")
    found = reading(b"\n".join([HEADER.encode(), FIRST.encode(), latin, SECOND.encode(), b""]))
    assert [at for at, _ in found.good] == [2, 4]
    assert reasons(found) == [(3, "row: expected UTF-8")]
