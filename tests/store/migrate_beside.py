"""Another process that brings a database to the newest schema, when it reads a line.

It says `ready` first, and at the end the revision it began from.
"""

import sys

from simlet.store.migrate import migrate, prepare


def main(call: str, url: str) -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    if call == "prepare":
        prepare(url)
    else:
        before, _ = migrate(url)
        sys.stdout.write(f"{before}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
