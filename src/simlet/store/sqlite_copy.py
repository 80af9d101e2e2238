"""A whole SQLite database in one file: written while a server works, looked at, and brought back.

Source: SQLite, "VACUUM", which with INTO reads one state of the database however much is written
meanwhile; SQLite, "How To Corrupt An SQLite Database File", 1.2 to 1.4.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from simlet.ownership import give_to_owner_of
from simlet.store.claim import alone, claimed
from simlet.store.migrate import known_revisions, refuse_missing
from simlet.store.sql import DatabaseFault, NotDone
from simlet.store.sqlite_file import connect, sqlite_path

_PATIENCE_S = 60
_MOST_FAULTS = 100
_EACH_STEPS = 100_000
_LOGS = ("-wal", "-journal")


@dataclass(frozen=True, slots=True)
class CopyFigures:
    """What is in a copy.

    Attributes:
        newest_event: the number of its newest event; 0 where it has none.
        schema: the revision of its schema.
    """

    size_bytes: int
    newest_event: int
    schema: str


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Attributes:
        figures: of the copy.
        moved: what was there before, and where each of it is now.
    """

    figures: CopyFigures
    moved: tuple[tuple[Path, Path], ...]


def back_up(url: str, copy: Path) -> CopyFigures:
    """Writes one state of the database into a new file, while others read and write.

    Only its owner may read it, and it is on disk when this returns.

    Raises:
        NotDone: the database is not SQLite's, or there is such a file already.
        DatabaseFault: it cannot be read, or what was written is no sound copy.
        OSError: the file cannot be written.
    """
    path = sqlite_path(url)
    if path is None:
        raise NotDone("the database is PostgreSQL's: back it up with pg_dump")
    refuse_missing(url)
    _refuse_existing(copy)
    with _new_file(copy) as new:
        with closing(connect(path, _PATIENCE_S)) as connection, _told(path):
            # So that Ctrl-C is heard meanwhile.
            connection.set_progress_handler(lambda: False, _EACH_STEPS)
            connection.execute("VACUUM INTO ?", (str(new),))
        figures = _figures(new, copy)
        _sync(new)
        _refuse_existing(copy)
        new.rename(copy)
    _sync(copy.parent)
    return figures


def restore(url: str, copy: Path, spool: Path, stamp: str) -> Restored:
    """Puts a copy into the place of the database; what was there is moved aside.

    Args:
        url: of the database.
        copy: what `back_up` wrote; it stays as it is.
        spool: the folder of messages that wait for the database; they are of the one before.
        stamp: ends the names of what is moved aside.

    Raises:
        NotDone: the database is not SQLite's, or the copy is none.
        DatabaseInUse: a process has the database open.
        DatabaseFault: it cannot be locked.
        OSError: a file cannot be read, written or moved.
    """
    named = sqlite_path(url)
    if named is None:
        raise NotDone("the database is PostgreSQL's: restore it with pg_restore or psql")
    path = named.resolve()
    _refuse_unfit(copy, path)
    with claimed(url), contextlib.ExitStack() as held:
        if path.exists():
            held.enter_context(alone(path))
        with _new_file(path) as new:
            shutil.copyfile(copy, new)
            try:
                figures = _figures(new, copy)
            except DatabaseFault as fault:
                raise NotDone(str(fault)) from fault
            _sync(new)
            moved = _take_place(new, path, spool, stamp)
    return Restored(figures, moved)


def file_faults(url: str) -> list[str]:
    """What is wrong with the file of a database; nothing is looked for on PostgreSQL.

    Raises:
        DatabaseFault: it cannot be looked at.
    """
    path = sqlite_path(url)
    if path is None:
        return []
    refuse_missing(url)
    try:
        connection = connect(path, _PATIENCE_S)
    except DatabaseFault as fault:
        if isinstance(fault.__cause__, apsw.CorruptError):
            return [str(fault.__cause__)]
        raise
    with closing(connection), _told(path):
        connection.set_progress_handler(lambda: False, _EACH_STEPS)
        return _faults(connection)


def _faults(connection: apsw.Connection) -> list[str]:
    try:
        found = connection.execute(f"PRAGMA quick_check({_MOST_FAULTS})").fetchall()
    except apsw.CorruptError as error:
        return [str(error)]
    lines = [line for (text,) in found for line in str(text).splitlines()]
    return [] if lines == ["ok"] else lines


def _figures(file: Path, name: Path) -> CopyFigures:
    """What a copy holds, which is sound and in WAL mode then.

    Raises:
        DatabaseFault: it is damaged, or no database of a schema that is known.
    """
    with closing(connect(file, _PATIENCE_S)) as connection:
        faults = _faults(connection)
        if faults:
            raise DatabaseFault(f"the copy {name} is damaged: {faults[0]}")
        try:
            ((schema,),) = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            ((newest,),) = connection.execute("SELECT max(seq) FROM events").fetchall()
        except (apsw.Error, ValueError):
            raise DatabaseFault(f"{name} is no database of simlet") from None
    if schema not in known_revisions():
        raise DatabaseFault(f"{name} has schema {schema}, which this version does not know")
    return CopyFigures(file.stat().st_size, int(newest or 0), str(schema))


def _refuse_existing(copy: Path) -> None:
    if copy.exists() or copy.is_symlink():
        raise NotDone(f"there is a file {copy.absolute()} already: give another name")


def _refuse_unfit(copy: Path, database: Path) -> None:
    if not copy.is_file():
        raise NotDone(f"there is no file {copy.absolute()}")
    if database.exists() and copy.samefile(database):
        raise NotDone(f"{copy} is the database itself")
    for end in _LOGS:
        log = copy.with_name(copy.name + end)
        if log.exists() and log.stat().st_size:
            raise NotDone(
                f"{copy} alone is not whole, as {log.name} is beside it: `simlet backup` makes a "
                "whole copy"
            )


def _take_place(new: Path, path: Path, spool: Path, stamp: str) -> tuple[tuple[Path, Path], ...]:
    """Moves the database with what belongs to it aside, and another file into its place."""
    aside = path.with_name(f"{path.name}.{stamp}")
    if aside.exists():
        raise NotDone(f"there is a file {aside} already")
    moved = []
    # Of a sound database no log is left; that of a damaged one must not meet the new file.
    for end in ("-wal", "-shm", "-journal"):
        log = path.with_name(path.name + end)
        if log.exists():
            moved.append((log, log.rename(aside.with_name(aside.name + end))))
    if spool.exists():
        moved.append((spool, spool.rename(spool.with_name(f"{spool.name}.{stamp}"))))
    give_to_owner_of(new, path if path.exists() else path.parent)
    if path.exists():
        moved.insert(0, (path, aside))
        _keep_as(path, aside)
    new.replace(path)
    _sync(path.parent)
    return tuple(moved)


def _keep_as(path: Path, aside: Path) -> None:
    """Gives a file another name; where the file system can, it is at no time without the first."""
    try:
        aside.hardlink_to(path)
    except OSError:
        path.rename(aside)


@contextmanager
def _new_file(place: Path) -> Iterator[Path]:
    """A file beside a place, closed to others; it is gone afterwards unless it was moved there."""
    handle, name = tempfile.mkstemp(prefix=f"{place.name}.", suffix=".part", dir=place.parent)
    os.close(handle)
    new = Path(name)
    try:
        yield new
    finally:
        for end in ("", "-wal", "-shm", "-journal"):
            new.with_name(new.name + end).unlink(missing_ok=True)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise DatabaseFault(f"SQLite could not read or copy {path}: {error}") from error


def _sync(path: Path) -> None:
    """Waits until a file, or a folder's names, are on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
