"""The model inside the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from phial.errors import PhialError


def embedded_model() -> Path:
    """Checkpoint folder of the embedded default model.

    Raises:
        PhialError: this installation has none.
    """
    folder = Path(str(resources.files("phial") / "default_model"))
    if not (folder / "config.json").is_file():
        raise PhialError("no embedded model in this installation", where=str(folder), do="name a run or a checkpoint")
    return folder
