import asyncio
from contextlib import AsyncExitStack, suppress

import pytest
import serialx

from gateways.drivers.cases_modem import passing_time, plugged_in, until
from gateways.drivers.modem_rig import Rig, pdu
from gateways.drivers.terminal_server import COM_PORT, SET_BAUD, SET_SIZE, TerminalServer
from simlet.domain.health import Reception
from simlet.gateways.drivers.modem import KIND
from simlet.testing.driver_kit import running

pytestmark = pytest.mark.anyio


async def test_a_modem_behind_a_terminal_server_is_read(rig: Rig) -> None:
    rig.modem.plug_in()
    async with AsyncExitStack() as stack:
        stack.callback(rig.modem.unplug)
        heard: list[asyncio.StreamWriter] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(writer)
            opened = serialx.open_serial_connection(rig.modem.path, baudrate=115200)
            from_modem, to_modem = await opened
            try:
                await asyncio.gather(_copy(reader, to_modem), _copy(from_modem, writer))
            finally:
                to_modem.close()
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        stack.callback(server.close)
        port = server.sockets[0].getsockname()[1]
        context = rig.desk.context(KIND, {"ports": f"socket://127.0.0.1:{port}"})
        async with running(KIND.make(context)):
            await until(lambda: rig.modem.is_set_up)
            rig.modem.receive(pdu("Ma 123456"))
            await until(lambda: not rig.modem.stored("SM"))
    assert rig.desk.texts == ["Ma 123456"]


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, serialx.SerialException):
        while octets := await reader.read(4096):
            writer.write(octets)
    writer.close()


# RFC 2217.


async def test_a_modem_behind_an_rfc_2217_server_is_read(rig: Rig) -> None:
    rig.modem.faults.noise = b"\xff\xf0\xff\xff and \xff"
    with plugged_in(rig.modem):
        async with TerminalServer(rig.modem.path).running() as server:
            context = rig.desk.context(KIND, {"ports": server.address, "baud": 65_535})
            async with running(KIND.make(context)):
                await until(lambda: rig.modem.is_set_up)
                rig.modem.receive(pdu("Ma 123456"))
                await until(lambda: not rig.modem.stored("SM"))
            await until(lambda: server.left)
    assert rig.desk.texts == ["Ma 123456"]
    assert (server.chosen[SET_BAUD], server.chosen[SET_SIZE]) == (65_535, 8)


async def test_an_rfc_2217_connection_that_breaks_is_opened_again(rig: Rig) -> None:
    with plugged_in(rig.modem):
        async with TerminalServer(rig.modem.path).running() as server:
            context = rig.desk.context(KIND, {"ports": server.address})
            async with running(KIND.make(context)):
                await until(lambda: rig.desk.is_last(Reception.READY))
                server.drop()
                await until(lambda: rig.desk.is_last(Reception.SILENT))
                async with passing_time(rig.desk.clock):
                    await until(lambda: rig.desk.is_last(Reception.READY))
                    rig.modem.receive(pdu("Ma 123456"))
                    await until(lambda: not rig.modem.stored("SM"))
    assert rig.desk.texts == ["Ma 123456"]


async def test_a_server_that_knows_no_rfc_2217_is_told_and_let_go(rig: Rig) -> None:
    with plugged_in(rig.modem):
        async with TerminalServer(rig.modem.path).running() as server:
            server.options.remove(COM_PORT)
            context = rig.desk.context(KIND, {"ports": server.address})
            async with running(KIND.make(context)):
                await until(lambda: server.left)
                await until(lambda: rig.desk.is_last(Reception.SILENT))
                assert not rig.desk.gateway.up
                assert server.address in rig.desk.gateway.detail
    assert rig.modem.asked == []
