"""The examples of docs/client.md do what they say, against a real server with pretend lines."""

import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.process import started

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
BIN = Path(sys.executable).parent
ENDS_WITHIN_S = 60


def blocks(language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )


SCRIPTS = [one for one in blocks("python") if "def test_" not in one]
TESTS = [one for one in blocks("python") if "def test_" in one]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment in which a reader tries the examples."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [one for one in os.environ if one.startswith("SIMLET_")]:
            patch.delenv(name)
        folder = tmp_path_factory.mktemp("demo")
        with started("demo", "--port", 0, "--data", folder, "--json") as server:
            yield {
                **os.environ,
                "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
                "SIMLET_URL": server["address"],
                "SIMLET_TOKEN": server["token"],
            }


def run(command: list[str], env: dict[str, str], folder: Path) -> str:
    ended = subprocess.run(
        command,
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_the_page_has_examples() -> None:
    assert (len(SCRIPTS), len(TESTS), len(blocks("sh")), len(blocks("yaml"))) == (6, 2, 1, 1)


@pytest.mark.parametrize("place", range(len(SCRIPTS)))
def test_a_script_of_the_page_runs(place: int, demo: dict[str, str], tmp_path: Path) -> None:
    run([sys.executable, "-W", "error", "-c", SCRIPTS[place]], demo, tmp_path)


def test_the_first_one_shows_a_number_and_a_code(demo: dict[str, str], tmp_path: Path) -> None:
    shown = run([sys.executable, "-c", SCRIPTS[0]], demo, tmp_path)
    assert re.fullmatch(r"type in 0[0-9]{9}\nand then [0-9]{4,8}\n", shown)


@pytest.mark.parametrize("place", range(len(TESTS)))
def test_a_test_of_the_page_passes(place: int, demo: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "test_sign_up.py").write_text(TESTS[place], "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--simlet-required"]
    assert "1 passed" in run(command, demo, tmp_path)


def test_the_commands_of_the_page_run(demo: dict[str, str], tmp_path: Path) -> None:
    (commands,) = blocks("sh")
    shown = run(["sh", "-ec", commands], demo, tmp_path).splitlines()
    assert re.fullmatch(r"\+84[0-9]{9}", shown[0])
    assert re.fullmatch(r"[0-9]{4,8}", shown[1])


def test_the_step_that_starts_a_server_in_ci_gives_its_address(
    demo: dict[str, str], tmp_path: Path
) -> None:
    (workflow,) = blocks("yaml")
    step = workflow.partition("run: |\n")[2].partition("      - run: pytest")[0]
    told = tmp_path / "environment"
    with subprocess.Popen(
        ["bash", "-e"],
        stdin=subprocess.PIPE,
        cwd=tmp_path,
        env={**demo, "GITHUB_ENV": str(told)},
        text=True,
        start_new_session=True,
    ) as shell:
        shell.communicate(textwrap.dedent(step), timeout=ENDS_WITHIN_S)
        try:
            named = dict(line.split("=", 1) for line in told.read_text().splitlines())
            ended = run([str(BIN / "simlet"), "rent", "97"], demo | named, tmp_path)
            assert len(ended.splitlines()) == 2
        finally:
            # The server that the step left running in the background.
            os.killpg(shell.pid, signal.SIGTERM)
