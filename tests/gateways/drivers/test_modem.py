import re
from pathlib import Path

import pytest

from gateways.drivers.cases_modem import STATUS_REPORT, until
from gateways.drivers.modem_rig import Rig, pdu
from simlet.domain.errors import INVALID, Refused
from simlet.gateways import at_port
from simlet.gateways.contract import HttpRequest, Value
from simlet.gateways.drivers import modem as modem_package
from simlet.gateways.drivers.modem import KIND
from simlet.gateways.settings import check_settings
from simlet.wire import at

pytestmark = pytest.mark.anyio


async def test_a_status_report_is_deleted_and_not_handed_over(rig: Rig) -> None:
    async with rig.set_up():
        rig.modem.receive(STATUS_REPORT)
        await until(lambda: not rig.modem.stored("SM"))
    assert rig.desk.handed_over == []


def test_no_command_sends_dials_or_changes_an_identity() -> None:
    folder = Path(modem_package.__file__ or "").parent
    sources = [*folder.glob("*.py"), Path(at_port.__file__ or ""), Path(at.__file__ or "")]
    assert len(sources) > 5
    forbidden = re.compile(
        r"CMGS|CMSS|CMGW|CMGC|EGMR|ATD\b|AT\+?D\d|CGSN=|SIMEI|MEID|WIMEI|CUSD=|CLVL|CFUN|CLCK|CPWD",
        re.IGNORECASE,
    )
    for source in sources:
        assert forbidden.search(source.read_text("utf-8")) is None, source.name


async def test_all_that_is_asked_reads_sets_up_or_deletes(rig: Rig) -> None:
    rig.modem.receive(pdu("Ma 123456"), storage="SM")
    async with rig.set_up():
        await until(lambda: not rig.modem.stored("SM"))
    names = {re.split(r"[=?]", one)[0] for one in rig.modem.asked}
    assert names <= {
        *("AT", "ATE0", "AT+CMEE", "AT+CPIN", "AT+CMGF", "AT+CSCS", "AT+COPS", "AT+CPMS"),
        *("AT+CNMI", "AT+CCID", "AT+CNUM", "AT+CIMI", "AT+CSQ", "AT+CREG", "AT+CMGL"),
        *("AT+CMGR", "AT+CMGD"),
    }


async def test_a_modem_has_no_address(rig: Rig) -> None:
    driver = KIND.make(rig.desk.context(KIND, {"ports": "/dev/ttyUSB0"}))
    assert (await driver.answer(HttpRequest("POST", "", {}, b""))).status == 404


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("ports", one) for one in ("", ",", "ttyUSB0", "socket://host", "http://host:1", "COM1")],
        *[("pin", one) for one in ("123", "12345678 ", "١٢٣٤", '1234"', "123456789")],
        *[("baud", 0), ("poll_s", 0), ("command_timeout_s", 0), ("alarm_share", 1.5)],
    ],
)
def test_a_setting_is_refused_that(name: str, value: Value) -> None:
    with pytest.raises(Refused) as refused:
        check_settings(KIND, {"ports": "/dev/ttyUSB0", name: value})
    assert refused.value.refusal is INVALID
    assert refused.value.details["name"] == name


@pytest.mark.parametrize(
    "ports",
    ["/dev/ttyUSB*, /dev/serial/by-id/usb-x", "socket://10.0.0.1:4001,rfc2217://bank:7000", "/x"],
)
def test_ports_are_taken_that_are(ports: str) -> None:
    assert check_settings(KIND, {"ports": ports})["ports"] == ports
