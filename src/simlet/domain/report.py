"""The report: a dealer says that the line of a rental does not work, and why."""

from enum import Enum

from simlet.domain.errors import invalid

MAX_NOTE_CHARS = 500


class ReportReason(Enum):
    """What is wrong with the line."""

    NUMBER_REJECTED = "number_rejected"
    NUMBER_IN_USE = "number_in_use"
    NO_MESSAGE = "no_message"
    LINE_DEAD = "line_dead"
    OTHER = "other"


def check_note(note: str | None) -> None:
    """Refuses a note that cannot be kept.

    Raises:
        Refused: INVALID.
    """
    if note is not None and (len(note) > MAX_NOTE_CHARS or "\0" in note):
        raise invalid("note", f"expected a text of at most {MAX_NOTE_CHARS} characters")
