"""What an SMSC must not send, and what it costs."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateways.drivers.smsc import bound, bound_again, deliver_sm, last_report, pdu, texts, until
from simlet.testing.driver_kit import FakeSupervisor
from simlet.wire.smpp import Command, Frame, Status

pytestmark = pytest.mark.anyio


async def test_an_unknown_pdu_is_refused_and_costs_nothing_else() -> None:
    supervisor = FakeSupervisor()
    async with bound(supervisor) as (_, link):
        await link.send(pdu(0x00000004, 3, b"submit_sm is not for us") + deliver_sm(b"Ma 1"))
        assert await link.read() == Frame(Command.GENERIC_NACK, Status.ESME_RINVCMDID, 3, b"")
        assert (await link.read()).status == Status.ESME_ROK
    assert texts(supervisor) == ["Ma 1"]


@pytest.mark.parametrize(
    ("malformed", "status"),
    [
        (pdu(Command.DELIVER_SM, 3), Status.ESME_RINVPARLEN),
        (pdu(Command.DELIVER_SM, 3, b"x" * 500), Status.ESME_RINVPARLEN),
        (deliver_sm(b"Ma 9", sequence=3)[:-2], Status.ESME_RINVMSGLEN),
        (
            deliver_sm(b"Ma 9", sequence=3, parameters=b"\x04\x24\xff\xff?"),
            Status.ESME_RINVOPTPARSTREAM,
        ),
        (pdu(Command.DATA_SM, 3, b"\0\1"), Status.ESME_RINVPARLEN),
    ],
)
async def test_a_malformed_message_is_refused_and_costs_nothing_else(
    malformed: bytes, status: Status
) -> None:
    supervisor = FakeSupervisor()
    length = len(malformed).to_bytes(4, "big")
    async with bound(supervisor) as (_, link):
        good = [deliver_sm(b"Ma %d" % n, sequence=n) for n in (1, 2)]
        await link.send(good[0] + length + malformed[4:] + good[1])
        answers = {}
        for _ in range(3):
            answer = await link.read()
            answers[answer.sequence] = (answer.command, answer.status)
    ok = (Command.DELIVER_SM_RESP, Status.ESME_ROK)
    assert answers == {1: ok, 2: ok, 3: (Command.GENERIC_NACK, status)}
    assert texts(supervisor) == ["Ma 1", "Ma 2"]


@pytest.mark.parametrize(
    ("header", "sequence"),
    [
        (b"\0\0\0\x0f" + b"\0" * 12, 0),
        (b"\0\0\0\0", 0),
        (b"\0\x98\x96\x80\0\0\0\5\0\0\0\0\0\0\0\x07", 7),
        (b"GET / HTTP/1.1\r\n\r\n", 0x2E310D0A),
    ],
)
async def test_an_impossible_length_ends_that_session_alone(header: bytes, sequence: int) -> None:
    supervisor = FakeSupervisor()
    async with bound(supervisor) as (other, link):
        await link.send(deliver_sm(b"Ma 1") + header)
        assert (await link.read()).status == Status.ESME_ROK
        (nack,) = await link.until_closed()
        assert nack[:2] == (Command.GENERIC_NACK, Status.ESME_RINVCMDLEN)
        assert nack.sequence == sequence
        await until(lambda: not last_report(supervisor).up)
        assert last_report(supervisor).detail == "a PDU of an impossible length came"
        again = await bound_again(supervisor, other)
        await again.send(deliver_sm(b"Ma 2"))
        assert (await again.read()).status == Status.ESME_ROK
    assert texts(supervisor) == ["Ma 1", "Ma 2"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.binary(max_size=64)
        | st.builds(
            pdu, st.sampled_from([5, 0x103, 6, 0x15, 0x102, 9]), st.just(3), st.binary(max_size=99)
        ),
        max_size=8,
    )
)
async def test_whatever_an_smsc_sends_the_driver_lives_and_takes_the_next_message(
    sent: list[bytes],
) -> None:
    supervisor = FakeSupervisor()
    async with bound(supervisor) as (other, link):
        with suppress(ConnectionError):
            await link.send(b"".join(sent))
            link.writer.write_eof()
        await link.until_closed()
        again = await bound_again(supervisor, other)
        await again.send(deliver_sm(b"the good one"))
        assert (await again.read()).status == Status.ESME_ROK
    assert texts(supervisor)[-1] == "the good one"
