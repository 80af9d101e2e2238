import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from simlet.domain.inbound import Inbound, MessageKind, Part
from simlet.gateways.spool import Arrival, Spool, decode, encode
from simlet.gateways.spool_files import SpoolFiles
from simlet.gateways.spool_segment import framed
from simlet.testing.clock import FakeClock
from simlet.testing.gate import Gate

pytestmark = pytest.mark.anyio

AMPLE = 1_000_000
PATIENCE_S = 20.0

# Texts as equipment gives them, halves of surrogate pairs too.
TEXTS = st.text(st.characters(exclude_categories=[]))
WHEN = st.none() | st.integers(-(2**63), 2**63 - 1)
INBOUND = st.builds(
    Inbound,
    st.sampled_from(MessageKind),
    TEXTS,
    TEXTS,
    TEXTS,
    WHEN,
    source_id=st.none() | TEXTS,
    recording=st.none() | st.binary(),
    part=st.none() | st.builds(Part, st.integers(0, 65535), st.integers(2, 255), st.integers(1, 9)),
    iccid=st.none() | TEXTS,
    damaged=st.booleans(),
)


def sms(text: str, gateway: str = "gate", came_at_ms: int = 7) -> Arrival:
    inbound = Inbound(MessageKind.SMS, "+84967000001", "Yahoo", text, None, f"id of {text}")
    return Arrival(1, gateway, came_at_ms, inbound)


@asynccontextmanager
async def opened(
    folder: Path, limit_bytes: int = AMPLE, clock: FakeClock | None = None
) -> AsyncIterator[Spool]:
    spool = Spool(folder, limit_bytes, clock or FakeClock())
    await spool.open()
    try:
        yield spool
    finally:
        await spool.close()


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def texts(spool: Spool, count: int = 100) -> list[str]:
    batch = await asyncio.wait_for(spool.batch(count), PATIENCE_S)
    return [one.arrival.inbound.text for one in batch]


@given(INBOUND, st.integers(1, 2**62), TEXTS)
def test_what_is_written_is_read_as_it_was(inbound: Inbound, number: int, name: str) -> None:
    if name.isprintable():
        arrival = Arrival(number, name, number, inbound)
        assert decode(encode(arrival)) == arrival


def test_a_field_that_a_later_version_added_does_not_hide_the_message() -> None:
    body = encode(sms("hello")).replace(b"\xa7damaged", b"\xa7strange")
    assert decode(body) == sms("hello")


async def test_messages_are_read_in_their_order_until_they_are_done(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        assert await spool.append([sms("one"), sms("two")]) == [True, True]
        assert await spool.append([sms("three")]) == [True]
        assert await texts(spool, 2) == ["one", "two"]
        assert await texts(spool) == ["one", "two", "three"]
        one, _, three = await spool.batch(3)
        await spool.done([one, three])
        assert spool.waiting == 1
        await spool.append([sms("four")])
        assert await texts(spool) == ["two", "four"]
        await spool.done(await spool.batch(9))
        await asyncio.wait_for(spool.until_empty(), PATIENCE_S)
        assert spool.waiting == 0
    assert files(tmp_path) == []


async def test_a_message_that_is_being_written_waits_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Gate() as gate:
        really_sync = os.fsync
        async with opened(tmp_path) as spool:

            def sync(descriptor: int) -> None:
                gate.pass_through()
                really_sync(descriptor)

            monkeypatch.setattr(os, "fsync", sync)
            writing = asyncio.create_task(spool.append([sms("one")]))
            await gate.reached()
            assert spool.waiting == 1
            assert not writing.done()
            gate.open()
            assert await writing == [True]
            monkeypatch.setattr(os, "fsync", really_sync)


async def test_those_who_wait_for_the_disk_share_one_fsync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_sync = os.fsync
    synced: list[int] = []
    with Gate() as gate:

        def sync(descriptor: int) -> None:
            gate.pass_through()
            synced.append(descriptor)
            really_sync(descriptor)

        async with opened(tmp_path) as spool:
            await spool.append([sms("first")])
            monkeypatch.setattr(os, "fsync", sync)
            writing = [asyncio.create_task(spool.append([sms("second")]))]
            await gate.reached()
            writing += [asyncio.create_task(spool.append([sms(f"{one}")])) for one in range(50)]
            await asyncio.sleep(0)
            assert spool.waiting == 52
            gate.open()
            assert await asyncio.gather(*writing) == [[True]] * 51
            assert len(synced) == 2
            monkeypatch.setattr(os, "fsync", really_sync)
            assert await texts(spool) == ["first", "second", *map(str, range(50))]


async def test_whoever_is_cancelled_takes_no_others_along(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        gone = asyncio.create_task(spool.append([sms("one")]))
        stays = asyncio.create_task(spool.append([sms("two")]))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays == [True]
        assert await texts(spool) == ["one", "two"]


async def test_a_batch_is_waited_for(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        waiting = asyncio.create_task(texts(spool))
        await asyncio.sleep(0)
        assert not waiting.done()
        await spool.append([sms("one")])
        assert await waiting == ["one"]


async def test_what_was_read_is_given_again_while_a_file_behind_it_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as spool:
        await spool.append([sms("one")])
        assert await texts(spool) == ["one"]
        await spool.append([sms("two")])
        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", Mock(side_effect=OSError(5, "I/O error")))
            assert await texts(spool) == ["one"]
            await spool.done(await spool.batch(1))
            with pytest.raises(OSError, match="I/O error"):
                await spool.batch(9)
        assert await texts(spool) == ["two"]


async def test_a_full_spool_says_so_and_takes_again_when_there_is_room(tmp_path: Path) -> None:
    async with opened(tmp_path, limit_bytes=len(framed(encode(sms("one"))))) as spool:
        assert await spool.append([sms("one"), sms("two")]) == [True, False]
        assert spool.waiting == 1
        assert await spool.append([sms("two")]) == [False]
        await spool.done(await spool.batch(1))
        assert await spool.append([sms("two")]) == [True]


async def test_what_cannot_be_written_is_not_kept_and_the_others_are(tmp_path: Path) -> None:
    beyond = sms("beyond", came_at_ms=2**70)
    async with opened(tmp_path) as spool:
        assert await spool.append([sms("one"), beyond, sms("two")]) == [True, False, True]
        assert await spool.append([beyond]) == [False]
        assert await texts(spool) == ["one", "two"]


async def test_a_disk_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async with opened(tmp_path) as spool:
        with monkeypatch.context() as patch:
            patch.setattr(SpoolFiles, "write", fail)
            assert await spool.append([sms("one")]) == [False]
        assert spool.waiting == 0
        assert await spool.append([sms("two")]) == [True]


async def test_a_folder_that_cannot_be_made_keeps_nothing_and_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    async with opened(tmp_path / "file" / "spool") as spool:
        assert await spool.append([sms("one")]) == [False]


async def test_what_is_left_is_adopted_and_comes_first(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await spool.append([sms("old")])
    async with opened(tmp_path) as spool:
        assert spool.waiting == 1
        await spool.append([sms("new")])
        assert await texts(spool) == ["old", "new"]


async def test_what_another_process_left_is_adopted_while_this_one_runs(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        async with opened(tmp_path) as other:
            await other.append([sms("theirs")])
            await spool.adopt()
            assert spool.waiting == 0
        await spool.adopt()
        assert await texts(spool) == ["theirs"]


async def test_a_message_that_is_set_aside_stays_in_a_file_that_can_be_adopted(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as spool:
        await spool.append([sms("poison"), sms("good")])
        await spool.set_aside((await spool.batch(2))[0])
        assert await texts(spool) == ["good"]
        assert spool.waiting == 1
        await spool.done(await spool.batch(2))
    (aside,) = files(tmp_path)
    aside.rename(aside.with_suffix(".spool"))
    async with opened(tmp_path) as spool:
        assert await texts(spool) == ["poison"]


async def test_a_record_that_says_nothing_we_know_is_set_aside(tmp_path: Path) -> None:
    earlier = SpoolFiles(tmp_path, AMPLE)
    earlier.write([framed(b"nonsense"), framed(encode(sms("good")))], 1)
    earlier.close()
    async with opened(tmp_path) as spool:
        assert await texts(spool) == ["good"]
        assert spool.waiting == 1
    aside, _ = files(tmp_path)
    assert (aside.suffix, aside.read_bytes()) == (".damaged", framed(b"nonsense"))


async def test_a_closed_spool_keeps_nothing_more(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        late = asyncio.create_task(spool.append([sms("accepted")]))
        await asyncio.sleep(0)
    assert await late == [True]
    assert await spool.append([sms("too late")]) == [False]
    async with opened(tmp_path) as spool:
        assert await texts(spool) == ["accepted"]


async def test_the_log_counts_by_gateway_now_and_then_and_shows_no_text(tmp_path: Path) -> None:
    clock = FakeClock()
    with capture_logs() as lines:
        async with opened(tmp_path, clock=clock) as spool:
            await spool.append([sms("Hidden")])
            await spool.append([sms("Hidden", "other"), sms("Hidden", "other")])
            assert len(lines) == 1
            clock.advance(5)
            await spool.append([sms("Hidden")])
            await spool.done(await spool.batch(9))
    told = [
        (one["gateway"], one["messages"]) for one in lines if one["event"] == "messages_spooled"
    ]
    assert told == [("gate", 1), ("other", 2), ("gate", 1)]
    assert "Hidden" not in str(lines)
    assert "967000001" not in str(lines)
