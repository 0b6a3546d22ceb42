"""A real model for claims that random weights can't show: PHIAL_REAL_MODEL, quantized once for each form."""

from __future__ import annotations

import os
from pathlib import Path

from phial.model.gguf_files import GGUFFile
from phial.quant.folder import is_quantized
from phial.quant.form import Form
from phial.recipe.quantization import quantize_model

KEPT = Path(__file__).parent.parent / ".cache" / "bench"


def real_model(given: Path | None) -> Path:
    """The GGUF file that is given, or that PHIAL_REAL_MODEL names."""
    path = given or Path(os.environ.get("PHIAL_REAL_MODEL", ""))
    if not path.is_file():
        raise SystemExit("give a GGUF file of a model, or name one in PHIAL_REAL_MODEL")
    return path


def quantized(path: Path, form: Form, method: str) -> Path:
    """A folder with the model in a form; made when it is first asked for."""
    folder = KEPT / f"{path.stem}-{method}-{form}".replace(" ", "-").replace(":", "-").replace("*", "any")
    if not is_quantized(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with GGUFFile(path) as file:
            config = file.config
        print(f"quantizing {path.name} to {form}, once, into {folder}", flush=True)
        report = quantize_model(path, folder, form.settings(config, method), held_out_tokens=512)
        print("\n".join(report.lines()), flush=True)
    return folder
