"""Whose a file is that root made beside those of the server."""

import contextlib
import os
from pathlib import Path


def give_to_owner_of(made: Path, like: Path) -> None:
    """Gives a file that root made to the owner of another one; what others made stays theirs.

    A command of root must not leave behind what the server's own user cannot open. It raises
    nothing: some file systems give nothing away, and the other file may be gone just now.

    Args:
        made: the file or folder.
        like: the file or folder of the owner.
    """
    if os.geteuid() != 0:
        return
    with contextlib.suppress(OSError):
        there, wanted = made.stat(), like.stat()
        if (there.st_uid, there.st_gid) != (wanted.st_uid, wanted.st_gid):
            os.chown(made, wanted.st_uid, wanted.st_gid)
