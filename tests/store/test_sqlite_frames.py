import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.store.sqlite_frames import Inbox, to_frame

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(max_size=2000),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(several=st.lists(values, max_size=6), data=st.data())
def test_any_values_arrive_in_order_whatever_pieces_they_come_in(
    several: list[Any], data: st.DataObject
) -> None:
    sent = b"".join(map(to_frame, several))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=12)))
    inbox = Inbox()
    found: list[Any] = []
    for begin, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        found += inbox.values(sent[begin:end])
    assert found == several


@given(value=values)
def test_a_value_is_there_with_its_last_byte_and_not_before(value: Any) -> None:
    frame = to_frame(value)
    inbox = Inbox()
    assert list(inbox.values(frame[:-1])) == []
    assert list(inbox.values(frame[-1:])) == [value]


def test_what_was_taken_out_is_not_held_any_longer() -> None:
    inbox = Inbox()
    for _ in range(50):
        assert len(list(inbox.values(to_frame(bytes(100_000))))) == 1
    assert len(inbox._pieces) == 0


def test_a_large_value_arrives_in_many_pieces() -> None:
    value = bytes(range(256)) * 80_000
    frame = to_frame(value)
    inbox = Inbox()
    found: list[Any] = []
    for begin in range(0, len(frame), 1 << 16):
        found += inbox.values(frame[begin : begin + (1 << 16)])
    assert found == [value]


def test_what_cannot_be_pickled_is_an_error() -> None:
    with pytest.raises((pickle.PicklingError, AttributeError)):
        to_frame(lambda: None)


def test_what_cannot_be_made_again_is_an_error() -> None:
    packed = b"no pickle at all"
    with pytest.raises(pickle.UnpicklingError):
        list(Inbox().values(len(packed).to_bytes(4, "little") + packed))
