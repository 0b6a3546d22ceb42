"""Claim: products of int4 weights come near what the memory (one token) and the integer units (prompts) of a CPU give.

    python bench/kernels.py [--threads 2] [--group-size 128] [--bits 4] [--rounds 5] [--tokens 1,8,512] [--clock wall]

The five matrices of a Phi-3-mini layer and its head, one after another, so that no cache holds them all: one token
(decode), eight (a batch), 512 (a prompt). The limits are measured around every product, on the same threads: reading
memory once from first to last, and multiply-adds (vpmaddubsw) out of registers. The share is the time that the scarcer
of the two would take, by the time taken; the median over rounds. On a machine that other programs use too, `--clock
cpu` counts the time that the threads were running, divided by their number. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import mmap
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from phial.kernels.arena import resident
from phial.kernels.int4_library import ThreadPool, int4_build, int4_kernels
from phial.kernels.packing import PackedMatrix
from phial.kernels.product import Activations, BoundMatrix, bind, multiply, quantize

SHAPES = {  # rows, columns
    "qkv": (9216, 3072),
    "o": (3072, 3072),
    "gate_up": (16384, 3072),
    "down": (3072, 8192),
    "head": (32064, 3072),
}
STREAM = 128 << 20  # bytes, four times the last-level cache of the machines at hand
TURNS = 1_000_000


def random_matrix(rows: int, columns: int, bits: int, group_size: int) -> PackedMatrix:
    """Weights that look like any others to a kernel."""
    rng = np.random.default_rng(rows)
    groups = columns // group_size
    weights = rng.integers(0, 256, (rows // 8, groups, group_size * bits // 32, 32), np.uint8)
    scales = np.full((rows // 8, groups, 8), 0.01, np.float16)
    return PackedMatrix(weights, scales, None, rows, columns, bits, group_size)


def in_small_pages(matrices: dict[str, PackedMatrix]) -> dict[str, PackedMatrix]:
    """Copies in memory for which no large pages are asked."""
    out = {}
    for name, matrix in matrices.items():
        weights = np.frombuffer(mmap.mmap(-1, matrix.weights.nbytes), np.uint8).reshape(matrix.weights.shape)
        weights[...] = matrix.weights
        out[name] = replace(matrix, weights=weights)
    return out


class Machine:
    """The threads, and what they can do in this moment."""

    def __init__(self, pool: ThreadPool, clock: str) -> None:
        self.library, self.pool, self.clock = int4_kernels(), pool, clock
        self.stream = np.ones(STREAM, np.uint8)

    def seconds(self, work: Callable[[], object]) -> float:
        """How long a call takes."""
        if self.clock == "wall":
            started = time.perf_counter()
            work()
            return time.perf_counter() - started
        started = time.process_time()
        work()
        return (time.process_time() - started) / self.pool.threads

    def rates(self) -> tuple[float, float]:
        """Bytes and multiply-adds a second."""
        read = self.seconds(lambda: self.library.read_once(self.pool.handle, self.stream.ctypes.data, STREAM))
        done = self.library.peak(self.pool.handle, 1) * TURNS
        return STREAM / read, max(1, done) / self.seconds(lambda: self.library.peak(self.pool.handle, TURNS))


def measure(
    matrices: dict[str, BoundMatrix], tokens: int, rounds: int, machine: Machine
) -> dict[str, dict[str, float]]:
    """Rates by matrix and for all together."""
    rng = np.random.default_rng(0)
    inputs: dict[int, Activations] = {}
    for bound in matrices.values():
        matrix = bound.matrix
        x = rng.standard_normal((tokens, matrix.columns)).astype(np.float32)
        inputs[matrix.columns] = quantize(x, matrix.group_size, pool=machine.pool)
    outputs = {name: np.zeros((tokens, bound.matrix.rows), np.float32) for name, bound in matrices.items()}
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in (*matrices, "all")}
    bandwidths, peaks = [], []
    for turn in range(rounds + 1):
        before = machine.rates()
        times = {}
        for name, bound in matrices.items():
            work = (bound, inputs[bound.matrix.columns], outputs[name])
            times[name] = machine.seconds(lambda w=work: multiply(w[0], w[1], add_to=w[2], pool=machine.pool))
        bandwidth, peak = (max(pair) for pair in zip(before, machine.rates(), strict=True))
        if not turn:  # the first one warms up
            continue
        bandwidths.append(bandwidth)
        peaks.append(peak)
        least = {}
        for name, bound in matrices.items():
            matrix = bound.matrix
            least[name] = max(matrix.nbytes / bandwidth, matrix.rows * matrix.columns * tokens / peak)
            samples[name].append((times[name], least[name] / times[name]))
        samples["all"].append((sum(times.values()), sum(least.values()) / sum(times.values())))
    lines = {}
    for name, pairs in samples.items():
        of = list(matrices.values()) if name == "all" else [matrices[name]]
        took = statistics.median(pair[0] for pair in pairs)
        lines[name] = {
            "gmac_s": sum(b.matrix.rows * b.matrix.columns for b in of) * tokens / took / 1e9,
            "gb_s": sum(b.matrix.nbytes for b in of) / took / 1e9,
            "share": statistics.median(pair[1] for pair in pairs),
        }
    lines["all"] |= {
        "limit_gb_s": statistics.median(bandwidths) / 1e9,
        "limit_gmac_s": statistics.median(peaks) / 1e9,
    }
    return lines


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--group-size", type=int, default=128)
    parser.add_argument("--bits", type=int, default=4, choices=(4, 8))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", default="1,8,512")
    parser.add_argument("--clock", default="wall", choices=("wall", "cpu"))
    parser.add_argument("--small-pages", action="store_true", help="weights as a file's map has them, for comparison")
    arguments = parser.parse_args()
    machine = Machine(ThreadPool(arguments.threads), arguments.clock)
    packed = {name: random_matrix(*shape, arguments.bits, arguments.group_size) for name, shape in SHAPES.items()}
    placed = in_small_pages(packed) if arguments.small_pages else resident(packed)
    matrices = {name: bind(matrix) for name, matrix in placed.items()}
    result: dict[str, object] = {
        "claim": "int4 products near the limits of the machine",
        "build": int4_build(),
        "threads": arguments.threads,
        "bits": arguments.bits,
        "group_size": arguments.group_size,
        "clock": arguments.clock,
    }
    print(f"{'tokens':>6} {'matrix':<8} {'GMAC/s':>8} {'GB/s':>7} {'of limit':>8}")
    for tokens in map(int, arguments.tokens.split(",")):
        rounds = arguments.rounds if tokens < 64 else max(1, arguments.rounds // 2)
        lines = measure(matrices, tokens, rounds, machine)
        for name, line in lines.items():
            print(f"{tokens:>6} {name:<8} {line['gmac_s']:8.1f} {line['gb_s']:7.1f} {line['share']:8.0%}")
        limit = lines["all"]
        print(f"{'':>6} limits   {limit['limit_gmac_s']:8.1f} {limit['limit_gb_s']:7.1f}")
        result[f"tokens_{tokens}"] = {
            name: {key: round(value, 3) for key, value in line.items()} for name, line in lines.items()
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
