import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.wire import at
from simlet.wire.at import (
    LONGEST_LINE_OCTETS,
    PROMPT,
    Answer,
    Dialogue,
    Echo,
    LineReader,
    Progress,
    Said,
    Stored,
    Unsolicited,
)

PDU = "07914889200030F0040B914889674523F10000623050417090820761F1985C369F01"


def said(*lines: str, command: str = "AT+CMGR=1", prefixes: tuple[str, ...] = ()) -> list[Said]:
    """What the lines mean to one who has asked that."""
    dialogue = Dialogue()
    dialogue.ask(command, prefixes)
    return [one for one in map(dialogue.take, lines) if one and not isinstance(one, Progress)]


# Lines.


@given(st.lists(st.text('AT+0123456789 ,"OK', min_size=1, max_size=30)), st.data())
def test_lines_are_the_same_however_they_are_cut_on_the_way(
    lines: list[str], data: st.DataObject
) -> None:
    octets = "".join(f"\r\n{line}\r\n" for line in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)))))
    reader = LineReader()
    found: list[str] = []
    for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True):
        found += reader.feed(octets[start:end])
    assert found == [line.strip() for line in lines if line.strip()]


@given(st.lists(st.binary(max_size=300)))
def test_any_octets_give_lines_of_plain_letters(pieces: list[bytes]) -> None:
    reader, dialogue = LineReader(), Dialogue()
    dialogue.ask("AT+CSQ", ("+CSQ:",))
    for piece in pieces:
        for line in reader.feed(piece):
            assert line == PROMPT or (line == line.strip() and line.isascii() and line)
            dialogue.take(line)
    assert reader.feed(b"\r\nOK\r\n")[-1] == "OK"


def test_a_line_without_end_is_dropped_and_the_next_one_is_read() -> None:
    reader = LineReader()
    for _ in range(100):
        assert reader.feed(b"x" * 1000) == []
    assert reader.feed(b"x\r\nOK\r\n") == ["OK"]


def test_a_line_of_the_greatest_length_is_read_and_a_longer_one_is_not() -> None:
    longest = b"1" * LONGEST_LINE_OCTETS
    assert LineReader().feed(longest + b"\r") == [longest.decode()]
    assert LineReader().feed(longest + b"1\rOK\r") == ["OK"]


def test_a_prompt_is_a_line_although_none_ends() -> None:
    reader = LineReader()
    assert reader.feed(b"\r\n> ") == [PROMPT]
    assert reader.feed(b"\r\nOK\r\n") == ["OK"]


def test_octets_that_no_line_has_are_left_out() -> None:
    assert LineReader().feed(b"\x00\xff+C\x00SQ: 1\x07\r") == ["+CSQ: 1"]


# Answers, and what is none.


def test_an_answer_has_its_lines_and_its_result() -> None:
    assert said("+CMGR: 0,,26", PDU, "OK", prefixes=("+CMGR:",)) == [
        Answer(("+CMGR: 0,,26", PDU), "OK", "+CMGR: 0,,26")
    ]


@pytest.mark.parametrize(
    "result", ["ERROR", "+CME ERROR: 10", "+CMS ERROR: 500", "+CME ERROR: SIM not inserted"]
)
def test_an_error_ends_an_answer(result: str) -> None:
    (answer,) = said(result)
    assert isinstance(answer, Answer)
    assert not answer.ok
    assert answer.result == result


@pytest.mark.parametrize(
    "line",
    [
        *('+CMTI: "SM",3', "+CREG: 1", '+CREG: 1,"00C3","0000A1B2"', "RING", "^RSSI: 15", "RDY"),
        *("^BOOT:1,2,3", '+CUSD: 0,"x",15', "*PSUTTZ: 1", "Call Ready", "+CPIN: READY"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_a_modem_says_by_itself_is_no_part_of_an_answer(line: str, place: int) -> None:
    lines = ["+CMGR: 0,,26", PDU, "OK"]
    lines.insert(place, line)
    assert said(*lines, prefixes=("+CMGR:",)) == [
        Unsolicited(line),
        Answer(("+CMGR: 0,,26", PDU), "OK", "+CMGR: 0,,26"),
    ]


def test_a_registration_that_was_asked_for_is_told_from_one_that_was_not() -> None:
    lines = ["+CREG: 2", "+CREG: 0,1", "OK"]
    assert said(*lines, command="AT+CREG?", prefixes=("+CREG:",)) == [
        Unsolicited("+CREG: 2"),
        Answer(("+CREG: 0,1",), "OK", "+CREG: 0,1"),
    ]


def test_a_message_that_is_pushed_in_the_middle_of_an_answer_is_told_with_its_body() -> None:
    assert said("+CMGR: 0,,26", "+CMT: ,26", PDU + "00", PDU, "OK", prefixes=("+CMGR:",)) == [
        Unsolicited("+CMT: ,26", PDU + "00"),
        Answer(("+CMGR: 0,,26", PDU), "OK", "+CMGR: 0,,26"),
    ]


def test_a_pushed_message_whose_body_is_lost_takes_nothing_else_with_it() -> None:
    assert said("+CMT: ,26", "OK") == [Answer((), "OK")]


def test_an_echo_is_no_part_of_an_answer() -> None:
    assert said("AT+CIMI", "452040000000001", "OK", command="AT+CIMI") == [
        Echo(),
        Answer(("452040000000001",), "OK", "452040000000001"),
    ]


def test_a_value_is_found_behind_noise() -> None:
    (answer,) = said("~x", "+CPIN: READY", "OK", command="AT+CPIN?", prefixes=("+CPIN:",))
    assert isinstance(answer, Answer)
    assert answer.value == "READY"


def test_what_comes_without_a_question_is_no_answer() -> None:
    dialogue = Dialogue()
    assert [dialogue.take(one) for one in ("OK", "452040000000001", "ERROR")] == [None] * 3
    assert dialogue.take('+CMTI: "SM",1') == Unsolicited('+CMTI: "SM",1')


@pytest.mark.parametrize("line", ["RDY", "^BOOT:1,0,0,0,6", "^SYSSTART", "SYSSTART"])
def test_a_modem_that_starts_says_so(line: str) -> None:
    assert Unsolicited(line).is_boot


@pytest.mark.parametrize("line", ["+CREG: 1", "+CEREG: 1", "+CPIN: NOT READY", "^SIMST:0"])
def test_a_change_of_sim_or_network_is_known(line: str) -> None:
    assert Unsolicited(line).is_of_sim_or_network
    assert not Unsolicited(line).is_boot


# Values.


@pytest.mark.parametrize(
    ("line", "index", "length"),
    [
        ("+CMGL: 1,1,,26", 1, 26),
        ('+CMGL: 12,1,"",26', 12, 26),
        ("+CMGL: 3,1,26", 3, 26),
        ("+CMGR: 1,,26", None, 26),
        ('+CMGR: 1,"name",26', None, 26),
        ('+CMGL: 7,1,"Bank, 24 h, main",26', 7, 26),
        ('+CMGL: 7,1, "Bank, main" ,26', 7, 26),
        ('+CMGR: 1,"Bank, main",26', None, 26),
    ],
)
def test_a_stored_message_is_read(line: str, index: int | None, length: int) -> None:
    assert at.listed((line, PDU)) == [Stored(index, 1, length, PDU)]


@pytest.mark.parametrize(
    ("line", "length"),
    [
        ("+CMT: 26", 26),
        ("+CMT: ,26", 26),
        ('+CMT: "name",26', 26),
        ('+CMT: "Bank, 24 h, main",26', 26),
        ("+CDS: 26", 26),
        ("+CMT: x", None),
    ],
)
def test_the_length_of_a_pushed_message_is_read(line: str, length: int | None) -> None:
    assert at.pushed_length(line) == length


def test_stored_messages_are_told_apart_from_noise_and_lost_lines() -> None:
    lines = ("+CMGL: 1,0,,26", "+CMGL: 2,0,,26", "~noise~", PDU, PDU, "+CMGL: 3,0,,26", "~")
    assert at.listed(lines) == [Stored(2, 0, 26, PDU), Stored(3, 0, 26, "~")]


@pytest.mark.parametrize(
    ("line", "dbm"),
    [("+CSQ: 0,99", -113), ("+CSQ: 31,0", -51), ("+CSQ: 99,99", None), ("+CSQ: ", None)],
)
def test_a_signal_is_read(line: str, dbm: int | None) -> None:
    assert at.signal_dbm(line) == dbm


@pytest.mark.parametrize(
    "line",
    [
        *("+CCID: 8984048000012345678", '+CCID: "8984048000012345678F"', "8984048000012345678"),
        *("ICCID:8984048000012345678f", "^ICCID: 984840080010325476F8"),
        *('+CRSM: 144,0,"984840080010325476F8"', "+QCCID: 8984048000012345678"),
    ],
)
def test_an_iccid_is_read(line: str) -> None:
    assert at.iccid((line,)) == "8984048000012345678"


def test_an_iccid_of_twenty_digits_is_read_also_when_its_halves_are_swapped() -> None:
    assert at.iccid(("+CCID: 98480408001032547698",)) == "89844080000123456789"


@pytest.mark.parametrize(
    "line", ["", "+CCID: ", "+CRSM: 148,4", "+CCID: 12345", '+CRSM: 106,130,""']
)
def test_what_is_no_iccid_is_none(line: str) -> None:
    assert at.iccid((line,)) is None


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ('+CNUM: "own","+84912345678",145', "+84912345678"),
        ('+CNUM: ,"0912345678",129', "0912345678"),
        ('+CNUM: "a,b","0912345678",129', "0912345678"),
        ('+CNUM: "",""', None),
        ("+CNUM:", None),
    ],
)
def test_an_own_number_is_read(line: str, number: str | None) -> None:
    assert at.own_number(line) == number


def test_the_values_of_other_answers_are_read() -> None:
    assert at.operator_of('+COPS: 0,0,"Viettel",7') == "Viettel"
    assert at.operator_of("+COPS: 0") is None
    assert at.registration("+CREG: 0,5") == 5
    assert at.registration('+CREG: 2,1,"00C3","0000A1B2"') == 1
    assert at.registration("+CREG: x") is None
    assert at.arrived('+CMTI: "ME",17') == ("ME", 17)
    assert at.arrived("+CMTI: SM, 3") == ("SM", 3)
    assert at.arrived("+CMTI: ") is None
    assert at.pushed_length("+CMT: ,26") == 26
    assert at.pushed_length('+CMT: "",26') == 26
    assert at.pushed_length("+CMT: 26") == 26
    assert at.storages('+CPMS: ("SM","ME","MT"),("SM"),("SM")') == ["SM", "ME", "MT"]
    assert at.storages("+CPMS:") == []
    assert at.fullness("+CPMS: 3,20,0,23") == (3, 20)
    assert at.fullness('+CPMS: "SM",3,20,"SM",3,20') == (3, 20)
    assert at.fullness("+CPMS: ") is None
    assert at.imsi(("~", "452040000000001")) == "452040000000001"


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_no_line_is_too_odd_for_any_reader(line: str) -> None:
    for prefix in ("", "+CMGL: ", "+CPMS: ", "+CSQ: ", "+CRSM: 144,0,"):
        whole = prefix + line
        for read in (at.signal_dbm, at.registration, at.operator_of, at.own_number, at.fullness):
            read(whole)
        for read_all in (at.listed, at.iccid, at.imsi):
            read_all((whole, line))
        at.storages(whole)
        at.arrived(whole)
        at.pushed_length(whole)
