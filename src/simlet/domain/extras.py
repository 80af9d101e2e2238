"""What a dealer hangs on a rental beside what it rents: notes of its own, and whom to tell."""

from dataclasses import dataclass, field

from simlet.domain.errors import invalid

MAX_METADATA = 20
MAX_NAME_CHARS = 40
MAX_VALUE_CHARS = 500


@dataclass(frozen=True, slots=True)
class Extras:
    """What goes with a rental, or with a request for one.

    Attributes:
        metadata: the dealer's own notes; simlet only gives them back.
        endpoint_id: the endpoint of scope `rental` that its events are posted to.
        request_id: the request that the rental fills.
    """

    metadata: dict[str, str] = field(default_factory=dict)
    endpoint_id: int | None = None
    request_id: int | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to keep."""
        return not self.metadata and self.endpoint_id is None and self.request_id is None


NO_EXTRAS = Extras()


def check_metadata(metadata: dict[str, str]) -> None:
    """Refuses notes that are too many or too long.

    Raises:
        Refused: INVALID.
    """
    if len(metadata) > MAX_METADATA:
        raise invalid("metadata", f"expected at most {MAX_METADATA} names")
    for name, value in metadata.items():
        if not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable():
            raise invalid("metadata", f"expected names of 1 to {MAX_NAME_CHARS} characters")
        if len(value) > MAX_VALUE_CHARS or "\0" in value:
            raise invalid("metadata", f"expected values of at most {MAX_VALUE_CHARS} characters")
