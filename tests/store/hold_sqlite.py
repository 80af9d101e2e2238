"""Another process on a SQLite file: begins to write, says so, and commits with the next line."""

import sys

import apsw


def main(path: str) -> None:
    connection = apsw.Connection(path)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO cursors (name, seq) VALUES ('theirs', 1)")
    sys.stdout.write("writing\n")
    sys.stdout.flush()
    sys.stdin.readline()
    connection.execute("COMMIT")
    connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
