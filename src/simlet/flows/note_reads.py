"""Note reads: when a rental's code was told to its dealer, and by which way."""

from collections.abc import Sequence

from simlet.store import reads
from simlet.store.reads import Read
from simlet.store.sql import Tx


def note_reads(tx: Tx, noted: Sequence[Read]) -> None:
    """Adds what one process has noted to what is known already."""
    reads.add_reads(tx, noted)
