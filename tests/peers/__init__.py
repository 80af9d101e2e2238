"""Peers: programs of others that tests talk to. A test says which one it needs.

`@needs_peer("kannel")`, or `pytestmark = [needs_peer("kannel")]`: without the peer the test is
left out, and the end of the run names each peer that was missed; with `CI=true` the test fails.
This is a plugin of pytest (see `conftest.py`); `install.sh` installs what it can.
"""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NODE_MODULES = ROOT / ".peers" / "node_modules"
"""Where the modules of node are: `NODE_PATH` for a script that needs them."""

KANNEL_TESTS = Path("/usr/lib/kannel/test")
"""Where Debian's `kannel-extras` has `fakesmsc` and `drive_smpp`."""

_MARK = "needs_peer"
_MISSED = "missed peer"
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"))


def program(name: str) -> str:
    """The path of a program, also of those that are for root alone.

    Raises:
        FileNotFoundError: it is not installed.
    """
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise FileNotFoundError(name)
    return found


def _has(*names: str) -> bool:
    return all(shutil.which(name, path=_PATH) for name in names)


def _has_node_module(name: str) -> bool:
    return _has("node") and (NODE_MODULES / name / "package.json").is_file()


def _has_perl_module(name: str) -> bool:
    command = ["perl", f"-M{name}", "-e1"]
    return (
        _has("perl") and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


def _has_sqlite_for_gammu() -> bool:
    return any(Path("/usr/lib").glob("*/dbd/libdbdsqlite3.so"))


PEERS: dict[str, Callable[[], bool]] = {
    "gammu": lambda: _has("gammu"),
    "gammu-smsd": lambda: _has("gammu-smsd") and _has_sqlite_for_gammu(),
    "smstools": lambda: _has("smsd"),
    "kannel": lambda: _has("bearerbox", "smsbox") and (KANNEL_TESTS / "fakesmsc").is_file(),
    "drive-smpp": (KANNEL_TESTS / "drive_smpp").is_file,
    "net-smpp-perl": lambda: _has_perl_module("Net::SMPP"),
    "npm-smpp": lambda: _has_node_module("smpp"),
    "node-pdu": lambda: _has_node_module("node-pdu"),
}


@cache
def is_here(peer: str) -> bool:
    """Whether a peer can be used on this machine."""
    return PEERS[peer]()


def needs_peer(*peers: str) -> pytest.MarkDecorator:
    """Marks a test, a class or a module that needs these peers.

    Raises:
        ValueError: there is no such peer in `PEERS`.
    """
    for peer in peers:
        if peer not in PEERS:
            raise ValueError(f"{peer}: expected one of {', '.join(PEERS)}")
    return getattr(pytest.mark, _MARK)(*peers)  # type: ignore[no-any-return]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{_MARK}(*peers): a test that needs programs of others")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    needed = {peer for mark in item.iter_markers(_MARK) for peer in mark.args}
    missed = sorted(peer for peer in needed if not is_here(peer))
    if not missed:
        return
    # It travels with the report, so that the run's end knows it whichever process ran the test.
    item.user_properties.extend((_MISSED, peer) for peer in missed)
    reason = f"not on this machine: {', '.join(missed)}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    missed = Counter(
        value
        for outcome in ("skipped", "failed", "error")
        for report in terminalreporter.getreports(outcome)
        if getattr(report, "when", "") == "setup"
        for name, value in report.user_properties
        if name == _MISSED
    )
    if missed:
        terminalreporter.section("peers that were left out")
    for peer, count in sorted(missed.items()):
        terminalreporter.line(f"{peer}: {count} test{'s' if count > 1 else ''}")
