"""Claim: the memory of sliding-window and block-sparse attention grows linearly with the length, up to 32k tokens.

    python bench/attention_memory.py [--plot docs/attention-memory.svg]

Each measurement is a process of its own: queries, keys and values of one layer with 8 query and 2 key-value heads of
width 128, the highest resident memory during attention less that before it; what is left is the output and whatever
masks and scores are held. Beside it what the scores of all pairs of tokens would take. The exponent is the slope of log
memory over log length from 8k to 32k. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import resource
from pathlib import Path

LENGTHS = (2048, 4096, 8192, 16384, 32768)
HEADS, KV_HEADS, HEAD_DIM = 8, 2, 128
KINDS = ("window 2,047", "block-sparse")


def peak_bytes(kind: str, length: int) -> int:
    """Highest resident memory during attention over that before it."""
    import torch

    from phial.model.config import BlockSparse
    from phial.model.visibility import attend

    torch.set_num_threads(1)
    query = torch.randn(1, HEADS, length, HEAD_DIM)
    key, value = torch.randn(2, 1, KV_HEADS, length, HEAD_DIM).unbind(0)
    positions = torch.arange(length).unsqueeze(0)
    flags = {"window 2,047": {"window": 2047}, "block-sparse": {"sparse": BlockSparse()}}[kind]
    short = [part[:, :, :64] for part in (query, key, value)]
    attend(*short, positions[:, :64], HEAD_DIM**-0.5)  # whatever torch loads on first use
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from now
    with torch.no_grad():
        attend(query, key, value, positions, HEAD_DIM**-0.5, **flags)
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    return peak - before


def full_scores(length: int) -> int:
    """What one float32 score for every head and pair of tokens takes."""
    return 4 * HEADS * length * length


def exponent(sizes: dict[int, int]) -> float:
    """Slope of log memory over log length, from 8k tokens on."""
    lengths = [length for length in sizes if length >= 8192]
    return math.log(sizes[lengths[-1]] / sizes[lengths[0]]) / math.log(lengths[-1] / lengths[0])


def plot(path: Path, sizes: dict[str, dict[int, int]]) -> None:
    """Draw the table."""
    from phial.page.charts import Line, line_chart

    lines = [
        Line(f"k{index}", kind, [(length, size / 1e6) for length, size in found.items()], dots=True)
        for index, (kind, found) in enumerate(sizes.items())
    ]
    chart = str(line_chart(lines, "tokens", "MB over queries, keys and values"))
    colours = ("#0b6e4f", "#b5541c")
    style = "text{font:12px sans-serif;fill:#333}.grid{stroke:#ddd}.line{fill:none;stroke-width:2}"
    names = ""
    for index, (kind, colour) in enumerate(zip(sizes, colours, strict=True)):
        style += f".k{index} .line{{stroke:{colour}}}.k{index} .dot{{fill:{colour}}}"
        names += f'<text x="60" y="{40 + 16 * index}" style="fill:{colour}">{kind}</text>'
    head, _, body = chart.partition(">")
    head = head.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" width="660" ')
    background = '<rect width="100%" height="100%" fill="#fff"/>'
    path.write_text(f"{head}><style>{style}</style>{background}{body.removesuffix('</svg>')}{names}</svg>\n")


def main() -> None:
    """Measure every kind at every length and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plot", type=Path, help="where to write the drawing")
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    sizes: dict[str, dict[int, int]] = {kind: {} for kind in KINDS}
    print(f"{'tokens':>8}" + "".join(f"{kind:>18}" for kind in KINDS) + f"{'all scores':>18}")
    for length in LENGTHS:
        for kind in KINDS:
            with context.Pool(1) as pool:
                sizes[kind][length] = pool.apply(peak_bytes, (kind, length))
        row = "".join(f"{sizes[kind][length] / 1e6:15.1f} MB" for kind in KINDS)
        print(f"{length:8,}{row}{full_scores(length) / 1e6:15.0f} MB")
    slopes = {kind: round(exponent(found), 2) for kind, found in sizes.items()}
    print("grows with the length to the power of " + ", ".join(f"{slope} ({kind})" for kind, slope in slopes.items()))
    if arguments.plot:
        plot(arguments.plot, sizes)
    print(json.dumps({"claim": "attention memory", "bytes": sizes, "exponent": slopes}))


if __name__ == "__main__":
    main()
