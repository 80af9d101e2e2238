"""simlet: rent the numbers of your own SIM cards for one-time codes."""

__version__ = "0.1.0"
