"""phial: make, run and measure small language models from textbook-quality data.

Importing this package is cheap by design (no torch, no numpy): the command line answers `--help` at once, and every
room imports what it needs where it needs it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phial.loaded import load

__version__ = "0.1.0"

__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    if name == "load":
        from phial.loaded import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
