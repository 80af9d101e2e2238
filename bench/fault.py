"""A measurement that cannot be made, or that measured something else than it says."""


class BenchFault(Exception):  # noqa: N818 - what the house calls it
    """Says in a sentence what is missing or wrong."""
