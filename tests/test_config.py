"""What follows from the settings: addresses and folders."""

from pathlib import Path

import pytest

from simlet.load_config import load_settings


def test_recordings_are_addressed_by_the_public_url() -> None:
    settings = load_settings({"SIMLET_PUBLIC_URL": "https://sim.example.org/x"})
    assert settings.recording_base(bound_port=5) == "https://sim.example.org/x"


@pytest.mark.parametrize(
    ("listen", "base"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("[2001:db8::1]:80", "http://[2001:db8::1]:80"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("[::]:8080", "http://[::1]:8080"),
        ("inside:8080", "http://inside:8080"),
    ],
)
def test_without_public_url_recordings_are_addressed_where_the_server_listens(
    listen: str, base: str
) -> None:
    assert load_settings({"SIMLET_LISTEN": listen}).recording_base() == base


def test_recordings_are_addressed_by_the_port_that_the_server_got() -> None:
    settings = load_settings({"SIMLET_LISTEN": "127.0.0.1:0"})
    assert settings.recording_base(bound_port=4321) == "http://127.0.0.1:4321"


@pytest.mark.parametrize(
    ("database_url", "folder", "expected"),
    [
        ("sqlite:///simlet.db", "", "simlet.db-spool"),
        ("sqlite:////var/lib/simlet/main.db", "", "/var/lib/simlet/main.db-spool"),
        ("postgresql://host/name", "", "simlet-spool"),
        ("sqlite:///simlet.db", "/var/spool/simlet", "/var/spool/simlet"),
    ],
)
def test_the_spool_is_beside_the_database_or_where_it_is_said(
    database_url: str, folder: str, expected: str
) -> None:
    environ = {"SIMLET_DATABASE_URL": database_url, "SIMLET_SPOOL_FOLDER": folder}
    assert load_settings(environ).spool_folder == Path(expected)
