"""Ports that messages came from and whose number nobody set: the operator is to be told of them."""

from dataclasses import dataclass, field
from typing import Final

MOST_PORTS: Final = 100


@dataclass(slots=True)
class UnsetPorts:
    """Those of one gateway, since its settings were made: told until they are changed."""

    _ports: dict[str, None] = field(default_factory=dict)

    def note(self, port: str) -> None:
        """A message came from a port, in the equipment's own words, whose number is not set."""
        if len(self._ports) < MOST_PORTS:
            self._ports[port] = None

    def clause(self) -> str:
        """What is to be done; empty where nothing is."""
        if not self._ports:
            return ""
        first = next(iter(self._ports))
        others = f" and {len(self._ports) - 1} more" if len(self._ports) > 1 else ""
        return f"no number is set for {first}{others}: set numbers"
