"""`python -m simlet` is the console script `simlet`."""

from simlet.cli import main

if __name__ == "__main__":
    main(prog_name="simlet")
