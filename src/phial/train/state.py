"""Training state on disk: everything that decides the next step, saved atomically, restored bit by bit."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from phial.artifact import fsync_tree
from phial.errors import PhialError
from phial.train.loader import Position
from phial.train.optim import Optimizer

FORMAT = 1


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a step: tokens seen, steps taken, the loader's position, metric lines written."""

    tokens: int
    step: int
    position: Position
    metric_bytes: int


def save_state(folder: Path, model: nn.Module, optimizer: Optimizer, progress: Progress) -> None:
    """Write the state beside the last one and swap it in; a kill at any moment leaves one whole state.

    Args:
        folder: holds `state` (the current one); `state.new` and `state.old` exist only while swapping.
    """
    new, current, old = folder / "state.new", folder / "state", folder / "state.old"
    for leftover in (new, old):
        if leftover.exists():
            shutil.rmtree(leftover)
    new.mkdir(parents=True)
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"optimizer.{name}": tensor for name, tensor in optimizer.state.items()}
    tensors["rng.torch"] = torch.get_rng_state()
    save_file(tensors, new / "state.safetensors")
    header = {"format": FORMAT, "updates": optimizer.updates, **asdict(progress)}
    (new / "state.json").write_text(json.dumps(header) + "\n")
    fsync_tree(new)
    if current.exists():
        os.rename(current, old)
    os.rename(new, current)
    if old.exists():
        shutil.rmtree(old)


def load_state(folder: Path, model: nn.Module, optimizer: Optimizer) -> Progress | None:
    """Restore the newest whole state into model, optimizer and torch's generator.

    Returns:
        The progress, or None when no state was saved yet.

    Raises:
        PhialError: the state was written by a newer phial or does not fit the model.
    """
    # Killed between the two renames: the old state is whole and is the current one.
    current = next((folder / name for name in ("state", "state.old") if (folder / name).exists()), None)
    if current is None:
        return None
    header = json.loads((current / "state.json").read_text())
    if header["format"] > FORMAT:
        raise PhialError(f"state format {header['format']} is newer than {FORMAT}", where=str(current), do="upgrade")
    tensors = load_file(current / "state.safetensors")
    model.load_state_dict({k[len("model.") :]: t for k, t in tensors.items() if k.startswith("model.")})
    with torch.no_grad():
        for name, buffer in optimizer.state.items():
            buffer.copy_(tensors[f"optimizer.{name}"])
    optimizer.updates = header["updates"]
    torch.set_rng_state(tensors["rng.torch"])
    return Progress(header["tokens"], header["step"], Position(**header["position"]), header["metric_bytes"])
