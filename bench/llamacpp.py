"""Claim: int4 inference on a CPU is faster than llama.cpp's Q4_0: decoding, eight streams at once, reading prompts.

    python bench/llamacpp.py [--shape Phi-3-mini-4k-instruct] [--layers 8] [--form "g128 token head4"] [--rounds 3]
        [--measures "decode 16,streams 8,prefill 128"] [--cache-bits 8] [--apart] [--peer PYTHON]

The shape of a released model with random weights, in both formats: ours in the form that `--form` says (groups of g
weights; a scale a token or a group for the activations; bits of the head; rotated online or not; matrices of 8 bits),
llama.cpp's in Q4_0 (groups of 32, 4.5 bits), the format with its fastest kernels. quantization.py measures the quality
of a form that is written the same way. Each side is a process that holds its model; they take turns, measure by
measure, and never run at once (`--apart`: do not even exist at once). Medians over rounds. llama.cpp comes from
llama-cpp-python, built for this machine, in this interpreter or in another that `--peer` names; it runs with its
half-precision cache, with and without flash attention, and with `--cache-bits 8` with its q8_0 cache too: the ratio is
to the fastest of them.

From 4,096 tokens on ("decode 32768") a cache is not computed token by token: both engines save the keys and values of a
prompt of 512 tokens, and restore them so many times in a row. A step reads as much of them as of any others.

`GMAC/s` counts the multiplications of the matrices alone. The limits are measured on the same threads: memory read once
from first to last, and integer multiply-adds out of registers. The last line is JSON; roofline.py draws it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from phial.engine.measure import Limits, machine_limits
from phial.kernels.int4_library import int4_build
from phial.model.config import ModelConfig
from phial.quant.form import Form, parse_form, standard_form
from sides import Facts, Found, Side, in_turn

MEASURES = ("decode 16", "decode 2048", "streams 8", "prefill 128", "prefill 512")
PEER = "llama.cpp"


@dataclass(frozen=True)
class Setting:
    """What both sides run.

    Attributes:
        shape: name of a released model.
        config: its shape, perhaps cut.
        form: of our weights.
        threads: of both.
        cache_bits: of our cache; with 8, llama.cpp tries its q8_0 cache too.
        measures: names.
        peer: interpreter that has llama-cpp-python.
    """

    shape: str
    config: ModelConfig
    form: Form
    threads: int
    cache_bits: int
    measures: tuple[str, ...]
    peer: str

    def sides(self, path: Path | None) -> dict[str, Side]:
        """Ours, and llama.cpp's ways to run the file at `path`, if there is one."""
        facts = {
            "shape": self.shape, "layers": self.config.num_hidden_layers, "form": str(self.form),
            "threads": self.threads, "cache_bits": self.cache_bits, "measures": self.measures,
            "room": max(room(measure) for measure in self.measures),
        }  # fmt: skip
        sides = {"phial": Side(sys.executable, "phial_side.py", facts)}
        for cache in ("f16", "f16 plain") + ("q8_0",) * (self.cache_bits == 8) if path else ():
            theirs = {"path": str(path), "threads": self.threads}
            sides[f"{PEER} {cache}"] = Side(self.peer, "llama_side.py", theirs, {"cache": cache})
        return sides


def room(measure: str) -> int:
    """Tokens that a cache must hold for a measure."""
    kind, _, number = measure.partition(" ")
    return 64 * int(number) if kind == "streams" else int(number) + 64


def rates(found: Found, limits: Limits) -> dict[str, Facts]:
    """Every measure: tokens a second of each side, our rates, the fastest peer, the ratio to it."""
    rows: dict[str, Facts] = {}
    for measure, (count, read, work) in found.facts["phial"]["steps"].items():
        medians = {name: found.median(measure, name) for name in found.answers[measure]}
        taken = medians["phial"]
        row: Facts = {name: round(count / seconds, 3) for name, seconds in medians.items()}
        row |= {"gb_s": round(read / taken / 1e9, 2), "gmac_s": round(work / taken / 1e9, 2)}
        row["share_of_limit"] = round(max(read / limits.bytes, work / limits.multiplications) / taken, 3)
        peers = {name: seconds for name, seconds in medians.items() if name.startswith(PEER)}
        if peers:
            best = min(peers, key=lambda name: peers[name])
            row |= {"best_peer": best, "ratio": round(peers[best] / taken, 3)}
            row["peer_gmac_s"] = round(work / peers[best] / 1e9, 2)
        rows[measure] = row
    return rows


def line(measure: str, row: Facts) -> str:
    """A measure, for people."""
    text = f"{measure:12} phial {row['phial']:9.2f} tokens/s"
    if "best_peer" in row:
        text += f"   {row['best_peer']:18} {row[row['best_peer']]:9.2f}  {row['ratio']:5.2f}x"
    return (
        text + f"   {row['gmac_s']:6.1f} GMAC/s   {row['gb_s']:5.1f} GB/s   {row['share_of_limit']:4.0%} of the limit"
    )


def main() -> None:
    """Measure both sides in turn and print the table."""
    from phial_side import shape_of
    from random_gguf import write_gguf

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="Phi-3-mini-4k-instruct", help="one of `phial models`")
    parser.add_argument("--layers", type=int, help="cut to so many layers")
    parser.add_argument("--form", help="of our weights, such as 'g128 token head8 rotated'")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measures", default=",".join(MEASURES))
    parser.add_argument("--cache-bits", type=int, default=16, choices=(8, 16))
    parser.add_argument("--apart", action="store_true", help="hold one model at a time")
    parser.add_argument("--peer", default=sys.executable, help="interpreter that has llama-cpp-python")
    parser.add_argument("--to", type=Path, help="where the file for llama.cpp is written; a temporary place by default")
    arguments = parser.parse_args()
    config = shape_of(arguments.shape, arguments.layers)
    form = parse_form(arguments.form) if arguments.form else standard_form(config)
    measures = tuple(name.strip() for name in arguments.measures.split(","))
    given = (arguments.shape, config, form, arguments.threads, arguments.cache_bits, measures, arguments.peer)
    limits = machine_limits(arguments.threads)
    with tempfile.TemporaryDirectory(dir=arguments.to) as folder:
        path = Path(folder) / "random-q4_0.gguf"
        write_gguf(path, config)
        found = in_turn(Setting(*given).sides(path), measures, arguments.rounds, arguments.apart)
    rows, bits = rates(found, limits), found.facts["phial"]["bits"]
    print(f"{arguments.shape}, {config.num_hidden_layers} layers, {arguments.threads} threads, {int4_build()}")
    print(f"form: {form}, {bits:.3f} bits a weight, cache of {arguments.cache_bits} bits")
    print(f"limits: {limits.bytes / 1e9:.1f} GB/s, {limits.multiplications / 1e9:.0f} GMAC/s")
    for measure, row in rows.items():
        print(line(measure, row))
    print(f"peak memory of phial: {found.peak['phial'] / 1e9:.2f} GB")
    facts = {"claim": "int4 inference against llama.cpp", "shape": arguments.shape, "layers": config.num_hidden_layers}
    facts |= {
        "threads": arguments.threads,
        "form": str(form),
        "bits": round(bits, 3),
        "cache_bits": arguments.cache_bits,
    }
    facts |= {"limits": {"gb_s": round(limits.bytes / 1e9, 2), "gmac_s": round(limits.multiplications / 1e9, 1)}}
    print(json.dumps(facts | {"measures": rows, "peak_bytes": found.peak["phial"]}))


if __name__ == "__main__":
    if importlib.util.find_spec("gguf") is None:
        raise SystemExit("install phial-lm[gguf] first")
    main()
