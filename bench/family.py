"""Claim: every text model of the family decodes, serves and reads faster than llama.cpp runs it, where it runs it.

    python bench/family.py [--only phi-2,phi-4] [--form "g128 token head4"] [--layers 2] [--rounds 2] [--peer PYTHON]

Random weights in the shape of every released text model: in full up to 4 B, cut to 8 layers above. What differs between
models of one row (names, context, LongRoPE factors) does not change what a step computes. llama.cpp runs a Q4_0 file of
the same shape; it has no Phi-3-small. It routes Phi-3.5-MoE's tokens by plain softmax and not by SparseMixer, which
costs the same. Where a model's norms subtract the mean it can't be rotated, and its form is without. One model is in
memory at a time on either side, or one of each side where both are small. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from llamacpp import Setting, line, rates
from phial.engine.measure import Limits, machine_limits
from phial.quant.form import STANDARD, Form, fitting, parse_form
from sides import Facts, in_turn

MEASURES = ("decode 16", "streams 8", "prefill 128")
BOTH_FIT = 5_000_000_000  # parameters, up to which both sides are in memory together


@dataclass(frozen=True)
class Row:
    """Models of one shape.

    Attributes:
        models: their names.
        shape: one of `phial models`.
        layers: what it is cut to.
    """

    models: str
    shape: str
    layers: int | None = None


ROWS = (
    Row("phi-1, phi-1.5", "phi-1_5"),
    Row("phi-2", "phi-2"),
    Row("Phi-3-mini, Phi-3.5-mini, text of the vision models", "Phi-3-mini-4k-instruct"),
    Row("Phi-3-small", "Phi-3-small-8k-instruct", 8),
    Row("Phi-3-medium", "Phi-3-medium-4k-instruct", 8),
    Row("Phi-3.5-MoE", "Phi-3.5-MoE-instruct", 8),
    Row("Phi-4-mini, Phi-4-mini-reasoning", "Phi-4-mini-instruct"),
    Row("Phi-4, Phi-4-reasoning, Phi-4-reasoning-plus", "phi-4", 8),
)


def measured(row: Row, layers: int | None, form: Form, threads: int, rounds: int, peer: str, limits: Limits) -> Facts:
    """All measures of one row."""
    from phial_side import shape_of
    from random_gguf import architecture, write_gguf

    config = shape_of(row.shape, layers or row.layers)
    form = fitting(form, config)
    apart = config.parameters > BOTH_FIT
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random-q4_0.gguf" if architecture(config) else None
        if path:
            write_gguf(path, config)
        setting = Setting(row.shape, config, form, threads, 16, MEASURES, peer)
        found = in_turn(setting.sides(path), MEASURES, rounds, apart)
    facts: Facts = {"models": row.models, "layers": config.num_hidden_layers, "form": str(form)}
    facts |= {"bits": round(found.facts["phial"]["bits"], 3), "peak_bytes": found.peak["phial"]}
    return facts | {"measures": rates(found, limits)}


def cell(found: Facts) -> str:
    """A measure in the table: both rates and the ratio."""
    if "ratio" not in found:
        return f"{found['phial']:.1f}"
    return f"{found['phial']:.1f} / {found[found['best_peer']]:.1f} = {found['ratio']:.2f}x"


def main() -> None:
    """Measure row by row and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="shapes, with commas between")
    parser.add_argument("--form", default=str(STANDARD), help="of our weights")
    parser.add_argument("--layers", type=int, help="cut all to so many layers")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--peer", default=sys.executable, help="interpreter that has llama-cpp-python")
    arguments = parser.parse_args()
    limits = machine_limits(arguments.threads)
    wanted = arguments.only.split(",") if arguments.only else [row.shape for row in ROWS]
    unknown = set(wanted) - {row.shape for row in ROWS}
    if unknown:
        raise SystemExit(f"no row {min(unknown)}; there are {', '.join(row.shape for row in ROWS)}")
    form, table = parse_form(arguments.form), []
    for row in ROWS:
        if row.shape in wanted:
            given = arguments.layers, form, arguments.threads, arguments.rounds, arguments.peer, limits
            table.append(measured(row, *given))
            print(f"{row.models}, {table[-1]['layers']} layers, {table[-1]['form']}", flush=True)
            for measure, found in table[-1]["measures"].items():
                print("  " + line(measure, found), flush=True)
    print(f"\n| models | layers | form | {' | '.join(MEASURES)} |\n|{'---|' * (3 + len(MEASURES))}")
    for found in table:
        cells = " | ".join(cell(found["measures"][measure]) for measure in MEASURES)
        print(f"| {found['models']} | {found['layers']} | {found['form']} | {cells} |")
    ratios = [found["ratio"] for row in table for found in row["measures"].values() if "ratio" in found]
    facts = {"claim": "the family against llama.cpp", "threads": arguments.threads, "rows": table}
    facts |= {"limits": {"gb_s": round(limits.bytes / 1e9, 2), "gmac_s": round(limits.multiplications / 1e9, 1)}}
    print(json.dumps(facts | {"least_ratio": min(ratios, default=None)}))


if __name__ == "__main__":
    main()
