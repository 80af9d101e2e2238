"""Starts servers quickly: it has read all their code, and forks one for each line it is sent.

On its output it tells of each server `begun PID ADDRESS`, and later `ended CODE`: the exit code, or
the signal's number below zero.
"""

import os
import sys
import traceback

from simlet.load_config import load_settings
from simlet.service import run


def serve() -> None:
    """Runs a server, in a process of its own, until it ends."""
    code = 1
    try:
        run(load_settings(os.environ), lambda address: tell("begun", os.getpid(), address))
        code = 0
    except BaseException:  # noqa: BLE001 - the process ends here in any case
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def tell(*words: object) -> None:
    """Writes a line."""
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Takes lines until there are no more."""
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            serve()
        _, status = os.waitpid(pid, 0)
        tell("ended", os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
