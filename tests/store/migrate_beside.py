"""Another process that brings a database to the newest schema, when it reads a line.

It says `ready` first.
"""

import sys

from simlet.store.migrate import migrate, prepare


def main(call: str, url: str) -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    {"migrate": migrate, "prepare": prepare}[call](url)


if __name__ == "__main__":
    main(*sys.argv[1:])
