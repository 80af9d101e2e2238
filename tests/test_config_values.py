"""What may stand in a setting where its type alone does not say it."""

import pytest

from simlet.load_config import load_settings
from wrong_settings import only_problem


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("0.0.0.0:0", "0.0.0.0", 0),
        ("[::1]:8080", "::1", 8080),
        ("localhost:65535", "localhost", 65535),
        ("sim-let.example.org:80", "sim-let.example.org", 80),
    ],
)
def test_listen_is_a_host_and_a_port(listen: str, host: str, port: int) -> None:
    settings = load_settings({"SIMLET_LISTEN": listen})
    assert (settings.host, settings.port) == (host, port)


@pytest.mark.parametrize(
    "listen",
    [
        "",
        "8080",
        ":8080",
        "localhost",
        "localhost:",
        "localhost:65536",
        "localhost:-1",
        "::1:80",
        "[::1]",
        "[localhost]:80",
        "256.0.0.1:80",
        "1.2.3:80",
        "a b:80",
        "http://a:80",
        "*:80",
        "localhost:٨٠",
        "localhost:80\n",
    ],
)
def test_anything_else_is_no_listen_address(listen: str) -> None:
    assert only_problem({"SIMLET_LISTEN": listen}).startswith("listen ")


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("sqlite:///simlet.db", "sqlite"),
        ("sqlite:////var/lib/sim let/simlet.db", "sqlite"),
        ("postgresql://user:pass@host:5432/name?sslmode=require", "postgresql"),
        ("postgresql:///name?host=/run/postgresql", "postgresql"),
    ],
)
def test_the_database_url_names_one_of_two_kinds(url: str, kind: str) -> None:
    settings = load_settings({"SIMLET_DATABASE_URL": url})
    assert (settings.database_url, settings.database_kind) == (url, kind)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "simlet.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///a?mode=ro",
        "postgres://host/x",
        "postgresql+psycopg://host/x",
        "postgresql://",
        "mysql://host/x",
        "postgresql://host/x\n",
        "sqlite:///a\0b",
    ],
)
def test_any_other_database_url_is_refused(url: str) -> None:
    assert only_problem({"SIMLET_DATABASE_URL": url}).startswith("database_url ")


@pytest.mark.parametrize(
    "url", ["", "http://a", "https://sim.example.org:8443/base", "https://[::1]:1"]
)
def test_a_public_url_is_an_http_address(url: str) -> None:
    assert load_settings({"SIMLET_PUBLIC_URL": url}).public_url == url


@pytest.mark.parametrize(
    "url",
    [
        "a",
        "ftp://a",
        "http://",
        "http://:80",
        "https://a/",
        "https://a?x=1",
        "https://a#x",
        "https://u@a",
        "https://a:99999",
        "https://a b",
        "https://a\n",
        "//a",
        "https://[::1",
    ],
)
def test_any_other_public_url_is_refused(url: str) -> None:
    assert only_problem({"SIMLET_PUBLIC_URL": url}).startswith("public_url ")


@pytest.mark.parametrize(
    "network",
    ["0.0.0.0/0", "10.0.0.0/7", "::/0", "fc00::/6", "10.0.0.1/8", "host", "10.0.0.0/33", "0/8"],
)
def test_a_network_too_wide_or_malformed_is_refused(network: str) -> None:
    problem = only_problem({"SIMLET_CALLBACKS_PRIVATE_NETWORKS": network})
    assert problem.startswith("callbacks.private_networks[0] ")


def test_a_folder_with_control_characters_is_refused() -> None:
    assert only_problem({"SIMLET_SPOOL_FOLDER": "a\0b"}).startswith("spool.folder ")
