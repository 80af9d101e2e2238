"""The command line: `main` is the console script `simlet`."""

from simlet.cli.program import main

__all__ = ["main"]
