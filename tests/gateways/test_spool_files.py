import os
import stat
import tempfile
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.gateways import spool_files
from simlet.gateways.spool_files import SpoolFiles
from simlet.gateways.spool_segment import Segment, framed

AMPLE = 1_000_000
BODIES = [b"first \x00\xff", b"", b"\n\n", b"the last one" * 5]


def opened(folder: Path, limit_bytes: int = AMPLE) -> SpoolFiles:
    files = SpoolFiles(folder, limit_bytes)
    files.open()
    return files


def left_by(folder: Path, bodies: list[bytes]) -> Path:
    """The file that a process with these records leaves when it dies."""
    files = opened(folder)
    assert all(files.write([framed(body) for body in bodies], 1))
    files.close()
    (path,) = folder.glob("*.spool")
    return path


def adopted(folder: Path) -> list[bytes]:
    """What the next process finds."""
    files = opened(folder)
    files.adopt()
    try:
        return [one.body for one in files.read(100, AMPLE)]
    finally:
        files.close()


def names(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.iterdir())


# Damage


@pytest.mark.parametrize("cut", range(len(b"".join(map(framed, BODIES))) + 1))
def test_a_file_cut_anywhere_loses_its_torn_tail_alone(cut: int, tmp_path: Path) -> None:
    path = left_by(tmp_path, BODIES)
    ends, end = [], 0
    for body in BODIES:
        end += len(framed(body))
        ends.append(end)
    os.truncate(path, cut)
    whole = [body for body, end in zip(BODIES, ends, strict=True) if end - 1 <= cut]
    assert adopted(tmp_path) == whole
    assert not list(tmp_path.glob("*.damaged"))


@pytest.mark.parametrize("place", range(len(b"".join(map(framed, BODIES)))))
def test_a_flipped_bit_loses_its_own_record_alone_and_keeps_what_is_left_of_it(
    place: int, tmp_path: Path
) -> None:
    path = left_by(tmp_path, BODIES)
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << place % 8
    path.write_bytes(data)
    hit, end = 0, len(framed(BODIES[0]))
    while place >= end:
        hit += 1
        end += len(framed(BODIES[hit]))

    found = adopted(tmp_path)

    others = BODIES[:hit] + BODIES[hit + 1 :]
    assert found in (others, BODIES)
    is_tail = place == len(data) - 1
    assert bool(list(tmp_path.glob("*.damaged"))) == (found == others and not is_tail)


@given(st.binary(max_size=300), st.integers(0, 3))
def test_whatever_stands_between_records_they_are_found(garbage: bytes, before: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = left_by(Path(name), BODIES)
        records = list(map(framed, BODIES))
        path.write_bytes(b"".join([*records[:before], garbage, *records[before:]]))
        assert adopted(Path(name)) == BODIES


def test_a_damaged_line_is_kept_for_the_operator_as_it_was(tmp_path: Path) -> None:
    path = left_by(tmp_path, BODIES)
    path.write_bytes(framed(b"one") + b"ruins\n" + framed(b"two"))
    files = opened(tmp_path)
    assert files.adopt() == 3
    records = files.read(100, AMPLE)
    assert [one.body for one in records] == [b"one", b"two"]
    assert files.left == 2
    files.forget(records)
    files.close()
    (aside,) = tmp_path.iterdir()
    assert aside == path.with_suffix(".damaged")
    assert aside.read_bytes() == b"\nruins\n"
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600


def test_a_file_stays_where_what_is_damaged_cannot_be_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = left_by(tmp_path, BODIES)
    path.write_bytes(framed(b"one") + b"ruins\n")
    held = path.read_bytes()

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Segment, "set_aside", no_room)
    files = opened(tmp_path)
    files.adopt()
    files.forget(files.read(100, AMPLE))
    assert files.left == 0
    files.close()
    assert path.read_bytes() == held


# Order, and what is done


def test_records_come_in_their_order_a_few_at_a_time_and_once(tmp_path: Path) -> None:
    files = opened(tmp_path)
    files.write([framed(b"%d" % one) for one in range(3)], 1)
    assert [one.body for one in files.read(2, AMPLE)] == [b"0", b"1"]
    files.write([framed(b"3")], 2)
    assert [one.body for one in files.read(9, 1)] == [b"2"]
    assert [one.body for one in files.read(9, AMPLE)] == [b"3"]
    assert files.read(9, AMPLE) == []
    assert files.left == 4
    files.close()


def test_a_file_is_erased_with_its_last_record_and_its_bytes_are_overwritten(
    tmp_path: Path,
) -> None:
    files = opened(tmp_path)
    files.write([framed(b"one"), framed(b"two")], 1)
    (path,) = tmp_path.glob("*.spool")
    one, two = files.read(9, AMPLE)
    files.forget([two])
    assert path.exists()
    with path.open("rb") as same:
        files.forget([one])
        assert set(same.read()) == {0}
    assert (files.left, names(tmp_path)) == (0, [])
    files.write([framed(b"three")], 2)
    assert [record.body for record in files.read(9, AMPLE)] == [b"three"]
    files.close()


def test_a_long_spool_goes_on_in_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_files, "SEGMENT_BYTES", 50)
    files = opened(tmp_path)
    for one in range(6):
        files.write([framed(b"%d" % one * 10)], one)
    assert len(list(tmp_path.iterdir())) > 1
    first = files.read(2, AMPLE)
    files.forget(first)
    rest = files.read(9, AMPLE)
    assert [one.body[:1] for one in first + rest] == [b"%d" % one for one in range(6)]
    files.forget(rest)
    assert (files.left, names(tmp_path)) == (0, [])


# Room


def test_what_does_not_fit_is_told_and_what_fits_is_kept(tmp_path: Path) -> None:
    record = framed(b"a message")
    files = opened(tmp_path, limit_bytes=len(record) * 2 + 5)
    assert files.write([record, framed(b"a far longer message" * 9), record, record], 1) == [
        True,
        False,
        True,
        False,
    ]
    assert files.write([record], 2) == [False]
    files.forget(files.read(9, AMPLE))
    assert files.write([record], 3) == [True]
    files.close()


def test_the_files_of_other_processes_and_what_was_set_aside_count_as_well(tmp_path: Path) -> None:
    record = framed(b"a message")
    other = opened(tmp_path)
    other.write([record], 1)
    (tmp_path / "x.poison").write_bytes(record)
    files = opened(tmp_path, limit_bytes=len(record) * 3)
    assert files.write([record], 1) == [True]
    assert files.write([record], 1) == [False]
    files.close()
    other.close()


def test_with_no_room_at_all_nothing_is_kept(tmp_path: Path) -> None:
    files = opened(tmp_path, limit_bytes=0)
    assert files.write([framed(b"")], 1) == [False]
    assert names(tmp_path) == []


def test_a_write_that_fails_leaves_nothing_and_the_next_one_goes_to_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = opened(tmp_path)
    files.write([framed(b"one")], 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(5, "I/O error")))
        with pytest.raises(OSError, match="I/O error"):
            files.write([framed(b"lost")], 2)
    files.write([framed(b"two")], 3)
    assert names(tmp_path) == [".spool", ".spool"]
    files.close()
    assert adopted(tmp_path) == [b"one", b"two"]


@pytest.mark.parametrize("fails", ["write", "fsync"])
def test_a_write_that_fails_on_a_full_disk_leaves_neither_file_nor_descriptor(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = opened(tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with monkeypatch.context() as patch:
        patch.setattr(os, fails, lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
        for _ in range(3):
            with pytest.raises(OSError, match="No space left"):
                files.write([framed(b"lost")], 1)
    assert [one for one in names(tmp_path) if one != ".gone"] == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    files.adopt()
    assert (files.left, names(tmp_path)) == (0, [])


# Files that cannot be read for a moment


def test_what_lies_before_a_file_that_cannot_be_read_is_given_and_the_rest_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_by(tmp_path, [b"one", b"two"])
    files = opened(tmp_path)
    files.adopt()
    (old,) = tmp_path.glob("*.spool")
    files.write([framed(b"three")], 2)
    real_open = Path.open

    def fail(path: Path, mode: str) -> IO[bytes]:
        if path != old:
            raise OSError(24, "Too many open files")
        return real_open(path, mode)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", fail)
        before = files.read(9, AMPLE)
        assert [one.body for one in before] == [b"one", b"two"]
        assert files.left == 3
        with pytest.raises(OSError, match="Too many open files"):
            files.read(9, AMPLE)
    files.forget(before)
    assert [one.body for one in files.read(9, AMPLE)] == [b"three"]
    files.close()


# Who may read it


def test_files_and_folder_are_for_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        files = opened(tmp_path / "spool")
        files.write([framed(b"secret")], 1)
    finally:
        os.umask(before)
    (path,) = (tmp_path / "spool").iterdir()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    files.close()


def test_the_modes_of_a_folder_that_was_there_stay_as_they_are(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    opened(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


# Several processes


def test_the_file_of_a_process_that_lives_is_left_alone(tmp_path: Path) -> None:
    living = opened(tmp_path)
    living.write([framed(b"its own")], 1)
    files = opened(tmp_path)
    assert files.adopt() == 0
    assert files.read(9, AMPLE) == []
    living.close()
    assert files.adopt() == 1
    assert [one.body for one in files.read(9, AMPLE)] == [b"its own"]
    files.close()


def test_what_was_left_comes_in_the_order_of_time_and_before_what_is_new(tmp_path: Path) -> None:
    for at_ms in (2_000_000_000_000, 900_000_000_000):
        files = opened(tmp_path)
        files.write([framed(b"%d" % at_ms)], at_ms)
        files.close()
    files = opened(tmp_path)
    files.write([framed(b"new")], 1)
    assert files.adopt() == 2
    bodies = [one.body for one in files.read(9, AMPLE)]
    assert bodies == [b"900000000000", b"2000000000000", b"new"]
    files.close()


def test_what_was_adopted_is_never_written_to(tmp_path: Path) -> None:
    left_by(tmp_path, BODIES)
    files = opened(tmp_path)
    files.adopt()
    files.write([framed(b"new")], 5)
    assert names(tmp_path) == [".spool", ".spool"]
    files.close()


def test_an_erasure_that_was_cut_short_is_finished(tmp_path: Path) -> None:
    path = left_by(tmp_path, BODIES)
    path.rename(path.with_suffix(".gone"))
    files = opened(tmp_path)
    assert files.adopt() == 0
    assert names(tmp_path) == []


def test_a_file_that_was_left_empty_is_taken_away(tmp_path: Path) -> None:
    path = left_by(tmp_path, BODIES)
    os.truncate(path, 0)
    files = opened(tmp_path)
    assert files.adopt() == 0
    assert (files.left, names(tmp_path)) == (0, [])


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert SpoolFiles(tmp_path / "nowhere", AMPLE).adopt() == 0
