"""The SMPP client over TLS."""

import ssl
import subprocess
from pathlib import Path

import pytest

from gateways.drivers.smsc import NUMBER, deliver_sm, last_report, running_against, smsc, until
from simlet.domain.health import GatewayReport
from simlet.gateways.contract import Value
from simlet.testing.driver_kit import FakeSupervisor

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for smsc.test, signed by itself, in one file."""
    file = tmp_path_factory.mktemp("tls") / "smsc.pem"
    key = file.with_suffix(".key")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        f" -subj /CN=smsc.test -addext subjectAltName=DNS:smsc.test -keyout {key} -out {file}"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    file.write_text(file.read_text() + key.read_text())
    return file


def _served_with(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize("checked", [True, False])
async def test_it_speaks_tls_with_an_smsc_that_it_trusts(certificate: Path, checked: bool) -> None:
    trust: dict[str, Value] = (
        {"ca_file": str(certificate), "tls_name": "smsc.test"} if checked else {"tls_verify": False}
    )
    supervisor = FakeSupervisor()
    async with (
        smsc(_served_with(certificate)) as other,
        running_against(other, supervisor, tls=True, **trust),
    ):
        link = await other.link()
        await link.bound()
        await link.send(b"".join(deliver_sm(b"x" * 250, sequence=n) for n in range(5000)))
        assert [(await link.read()).sequence for n in range(5000)] == list(range(5000))
    assert supervisor.handed_over[0].to == NUMBER


@pytest.mark.parametrize(
    ("trust", "why"),
    [
        ({}, "the certificate is not trusted: self-signed certificate"),
        (
            {"ca_file": "its own"},
            (
                "the certificate is not trusted: IP address mismatch, "
                "certificate is not valid for '127.0.0.1'."
            ),
        ),
        ({"ca_file": "/nowhere"}, "ca_file cannot be read, or holds no certificate"),
    ],
)
async def test_a_certificate_that_does_not_fit_is_reported_and_nothing_is_said(
    certificate: Path, trust: dict[str, Value], why: str
) -> None:
    if trust.get("ca_file") == "its own":
        trust = {"ca_file": str(certificate)}
    supervisor = FakeSupervisor()
    async with (
        smsc(_served_with(certificate)) as other,
        running_against(other, supervisor, tls=True, **trust),
    ):
        await until(lambda: bool(supervisor.reports))
        assert last_report(supervisor) == GatewayReport(up=False, detail=why)
        assert other.links.empty()


async def test_an_smsc_that_speaks_no_tls_is_reported() -> None:
    supervisor = FakeSupervisor()
    async with smsc() as other, running_against(other, supervisor, tls=True):
        link = await other.link()
        await link.send(b"\0\0\0\x10\x80\0\0\0\0\0\0\0\0\0\0\0")
        await until(lambda: bool(supervisor.reports))
        assert last_report(supervisor).detail.startswith("no TLS: ")
