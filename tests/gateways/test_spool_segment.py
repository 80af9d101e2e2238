"""One file of the spool, and the records in it."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.gateways.spool_segment import Segment, framed, unframed


@given(st.binary())
def test_what_is_framed_is_one_line_and_comes_back(body: bytes) -> None:
    record = framed(body)
    assert record.count(b"\n") == 2
    assert unframed(record[1:]) == body


@given(st.binary(max_size=50), st.data())
def test_a_line_with_any_bit_flipped_is_damaged_or_says_the_same(
    body: bytes, data: st.DataObject
) -> None:
    line = bytearray(framed(body)[1:-1])
    bit = data.draw(st.integers(0, len(line) * 8 - 1))
    line[bit // 8] ^= 1 << bit % 8
    assert unframed(bytes(line)) in {None, body}


def test_a_file_that_its_owner_took_away_meanwhile_is_not_adopted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "1.spool"
    path.write_bytes(framed(b"one"))
    really_open = os.open

    def open_and_lose(name: Path, flags: int, mode: int = 0o777) -> int:
        descriptor = really_open(name, flags, mode)
        path.unlink(missing_ok=True)
        return descriptor

    monkeypatch.setattr(os, "open", open_and_lose)
    assert Segment.adopt(path) is None
