"""The mark of tests that need a program of others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import peers

SUITE = """
import peers
from peers import needs_peer

peers.PEERS.update({"here": lambda: True, "away": lambda: False, "gone": lambda: False})

@needs_peer("here")
def test_that_runs():
    pass

@needs_peer("away", "here")
class TestAway:
    def test_one(self):
        pass

    @needs_peer("gone")
    def test_two(self):
        pass
"""
SECTION = ["peers that were left out", "away: 2 tests", "gone: 1 test"]


def run(folder: Path, *options: str, ci: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "test_suite.py").write_text(SUITE, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "peers", "-q", *options, "test_suite.py"]
    env = os.environ | {"PYTHONPATH": str(Path(peers.__file__).parents[1]), "CI": ci}
    env.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def named_at_the_end(output: str) -> list[str]:
    lines = [line.strip(" =") for line in output.splitlines()]
    start = lines.index(SECTION[0])
    return lines[start : start + len(SECTION)]


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "workers"])
def test_what_needs_a_missing_peer_is_left_out_and_named(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    ended = run(tmp_path, *options)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed, 2 skipped" in ended.stdout
    assert named_at_the_end(ended.stdout) == SECTION


def test_with_ci_a_missing_peer_fails(tmp_path: Path) -> None:
    ended = run(tmp_path, ci="true")
    assert ended.returncode == 1
    assert "1 passed, 2 errors" in ended.stdout
    assert named_at_the_end(ended.stdout) == SECTION


def test_a_name_that_no_peer_has_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="netscape: expected one of gammu,"):
        peers.needs_peer("netscape")


def test_the_modules_of_node_are_locked_without_the_address_of_a_registry() -> None:
    lock = (Path(peers.__file__).parent / "package-lock.json").read_text("utf-8")
    assert lock.count('"integrity": "sha512-') == lock.count('"node_modules/') > 0
    assert '"resolved"' not in lock
