"""What `phial models` prints: every released model with its size on disk and in memory."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass

from phial.model.config import ModelConfig
from phial.model.presets import PRESETS, VARIANTS, Preset
from phial.model.vision.config import MODULE

GROUP = 128  # weights that share a scale in int4
_SCALE_BITS = 16


@dataclass(frozen=True)
class Entry:
    """One line of the table; memory in bytes.

    Attributes:
        name: of the model.
        hub: where its weights are.
        parameters: of the released checkpoint.
        active_parameters: of these, what one token meets.
        context: longest sequence in tokens.
        attention: what a query sees, and how many heads share keys and values.
        bfloat16: memory of the weights, two bytes each.
        int8: block matrices, embedding and head in 8 bits with a scale a row; the rest in 16.
        int4: block matrices in 4 bits with a scale a group of 128; embedding and head in 8 bits; the rest in 16.
        cache_bytes: keys and values of one token in 16 bits.
        note: what is left out.
    """

    name: str
    hub: str
    parameters: int
    active_parameters: int
    context: int
    attention: str
    bfloat16: int
    int8: int
    int4: int
    cache_bytes: int
    note: str


def entry(preset: Preset) -> Entry:
    """The line of a preset."""
    config = preset.config
    return Entry(
        preset.name,
        preset.hub,
        config.parameters,
        config.active_parameters,
        config.max_position_embeddings,
        attention(config),
        2 * config.parameters,
        weight_bytes(config, 8),
        weight_bytes(config, 4),
        int(config.cache_bytes(2)),
        preset.note,
    )


def attention(config: ModelConfig) -> str:
    """The kind of attention in a few words, such as "GQA 40:10, full"."""
    heads, shared = config.num_attention_heads, config.num_key_value_heads
    kind = f"MHA {heads}" if heads == shared else f"GQA {heads}:{shared}"
    window = config.sliding_window
    if config.blocksparse is not None:
        span = "block-sparse"
    elif window is not None and window < config.max_position_embeddings:
        span = f"window {window}"
    else:
        span = "full"
    scaled = ", LongRoPE" if config.longrope is not None or config.max_position_embeddings == 131072 else ""
    return f"{kind}, {span}{scaled}"


def weight_bytes(config: ModelConfig, bits: int) -> int:
    """Memory of the weights with the matrices of the blocks in `bits` bits, as `Entry` says."""
    total = 0
    for name, shape in config.shapes.items():
        count = math.prod(shape)
        if len(shape) < 2 or name.startswith(MODULE):
            total += 16 * count
        elif bits == 4 and name.startswith("layers."):
            total += 4 * count + _SCALE_BITS * -(-count // GROUP)
        else:
            total += 8 * count + _SCALE_BITS * (count // shape[-1])
    return total // 8


def print_models(as_json: bool) -> None:
    """Print every released model, and the variants.

    Args:
        as_json: one JSON array instead of the table.
    """
    entries = [entry(preset) for preset in (*PRESETS, *VARIANTS)]
    if as_json:
        print(json.dumps([asdict(line) for line in entries], indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    for head in ("parameters", "context"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("attention", no_wrap=True)
    for head in ("bf16 GB", "int8 GB", "int4 GB", "KV kB/token"):
        table.add_column(head, justify="right", no_wrap=True)
    for line in entries:
        table.add_row(
            line.name,
            f"{line.parameters:,}",
            f"{line.context:,}",
            line.attention,
            *(f"{size / 1e9:.2f}" for size in (line.bfloat16, line.int8, line.int4)),
            f"{line.cache_bytes / 1e3:.1f}",
        )
    # Piped, or in a narrow terminal, a long line is better than a cut one.
    Console(width=max(Console().width, 140)).print(table)
