"""`python -m phial`."""

from phial.cli import run

run()
