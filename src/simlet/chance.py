"""Chance, where nothing depends on its being unforeseeable."""

import random
import secrets

_SMALL = 2**32
# Which line is drawn is no secret, and the system's own chance takes ten times as long.
_RANDOM = random.Random(secrets.randbits(256))  # noqa: S311


def system_chance(below: int) -> int:
    """See `Chance`. Another process knows it by its name, and draws by itself."""
    # Three times as fast, and as good for numbers that are so much smaller than a fraction's 2^53.
    return int(_RANDOM.random() * below) if below < _SMALL else _RANDOM.randrange(below)
