"""Another process on a SQLite file: begins to write, says so, and commits with the next line."""

import sys

from pysqlite3 import dbapi2 as sqlite3


def main(path: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO cursors (name, seq) VALUES ('theirs', 1)")
    sys.stdout.write("writing\n")
    sys.stdout.flush()
    sys.stdin.readline()
    connection.execute("COMMIT")
    connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
