"""phial: make, run and measure small language models from textbook-quality data.

Importing this package is cheap by design (no torch, no numpy): the command line answers `--help` at once, and every
room imports what it needs where it needs it.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
