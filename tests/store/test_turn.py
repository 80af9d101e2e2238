import subprocess
import sys
from pathlib import Path

from simlet.store.turn import Turn

HOLD = """
import sys
from pathlib import Path
from simlet.store.turn import Turn
with Turn(Path(sys.argv[1])).taken():
    print("taken", flush=True)
    sys.stdin.read()
"""


def holder(database: Path) -> subprocess.Popen[str]:
    """Another process that has the turn until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "taken\n"
    return process


def test_a_turn_can_be_taken_again_and_again(tmp_path: Path) -> None:
    turn = Turn(tmp_path / "simlet.db")
    for _ in range(3):
        with turn.taken():
            pass
    turn.close()
    turn.close()


def test_the_turn_of_another_process_is_waited_for(tmp_path: Path) -> None:
    database = tmp_path / "simlet.db"
    process = holder(database)
    waiter = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process.communicate()
    assert waiter.stdout is not None
    assert waiter.stdout.readline() == "taken\n"
    waiter.communicate()


def test_a_process_that_is_killed_gives_its_turn_back(tmp_path: Path) -> None:
    database = tmp_path / "simlet.db"
    process = holder(database)
    process.kill()
    process.communicate()
    turn = Turn(database)
    with turn.taken():
        pass
    turn.close()


def test_who_only_reads_makes_no_file_beside_the_database(tmp_path: Path) -> None:
    Turn(tmp_path / "simlet.db").close()
    assert list(tmp_path.iterdir()) == []
