"""Claim: without bfloat16 instructions, widening a weight block by block beats torch's own product from 12 vectors on.

    python bench/bfloat16.py [--rounds 5]

One matrix of Phi-4-mini's feed-forward (16,384 x 3,072), several copies in turn so that none stays in the cache; the
contenders take turns, medians. The physical limit is the time to read the weights once from memory. The last line is
JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from phial.model import linear as ours

ROWS, COLUMNS, COPIES = 16_384, 3_072, 6


def seconds(multiply: Callable[[Tensor], object], weights: list[Tensor]) -> float:
    """Seconds of one product, averaged over the copies."""
    started = time.perf_counter()
    for weight in weights:
        multiply(weight)
    return (time.perf_counter() - started) / len(weights)


@torch.no_grad()
def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    weights = [torch.randn(ROWS, COLUMNS).bfloat16() for _ in range(COPIES)]
    limit = statistics.median(seconds(lambda weight: weight.view(torch.int64).sum(), weights) for _ in range(3))
    rows = {}
    for count in (1, 4, 8, 12, 16, 64, 256):
        x = torch.randn(count, COLUMNS).bfloat16()
        contenders = {"phial": lambda w, x=x: ours.linear(x, w), "torch": lambda w, x=x: F.linear(x, w)}
        times: dict[str, list[float]] = {name: [] for name in contenders}
        for turn in range(arguments.rounds + 1):
            for name, multiply in contenders.items():
                taken = seconds(multiply, weights)
                if turn:  # the first one warms up
                    times[name].append(taken)
        rows[count] = {name: statistics.median(found) for name, found in times.items()}
        shown = "   ".join(f"{name} {1e3 * found:7.1f} ms" for name, found in rows[count].items())
        print(f"{count:4} vectors   {shown}   {rows[count]['torch'] / rows[count]['phial']:.2f}x")
    print(f"reading the weights once takes {1e3 * limit:.1f} ms")
    print(json.dumps({"claim": "bfloat16 products", "seconds": rows, "read": limit}))


if __name__ == "__main__":
    main()
