"""The roofline of int4 inference, drawn from what llamacpp.py has measured.

    python bench/llamacpp.py --layers 8 --measures "decode 16,streams 2,streams 4,streams 8,streams 16,prefill 64,
        prefill 128,prefill 512" > measured.txt
    python bench/roofline.py measured.txt docs/roofline.svg

Along: tokens a step, which is how often a weight is used each time it is read. Up: multiplications of the matrices a
second. No point can lie above the slope, reading the weights as fast as the memory gives them, or above the level, the
integer units' peak; both were measured in the same run.
"""

from __future__ import annotations

import argparse
import json
import math
from html import escape
from pathlib import Path

from sides import Facts

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 58, 48
LLAMA_BITS = 4.5
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#444}.title{font-size:15px;fill:#111}.small{font-size:12px}"
    ".grid{stroke:#e6e6e6}.axis{stroke:#999}.roof{fill:none;stroke:#777;stroke-width:2}"
    ".phial,text.phial{fill:#0b6e4f}.llama,text.llama{fill:#b5541c}.line{fill:none;stroke-width:2}"
    ".line.phial{stroke:#0b6e4f;fill:none}.line.llama{stroke:#b5541c;fill:none}"
)


class Plane:
    """Places on a drawing with logarithmic axes."""

    def __init__(self, tokens: float, low: float, high: float) -> None:
        self.tokens, self.low, self.high = tokens, low, high

    def x(self, tokens: float) -> float:
        """Of so many tokens a step."""
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(tokens) / math.log(self.tokens)

    def y(self, rate: float) -> float:
        """Of so many GMAC a second."""
        share = math.log(rate / self.low) / math.log(self.high / self.low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    def line(self, points: list[tuple[float, float]], kind: str) -> str:
        """A line through (tokens, rate)."""
        places = " ".join(f"{self.x(tokens):.1f},{self.y(rate):.1f}" for tokens, rate in points)
        return f'<polyline class="{kind}" points="{places}"/>'


def tokens_of(measure: str) -> int:
    """Tokens a step."""
    kind, _, number = measure.partition(" ")
    return 1 if kind == "decode" else int(number)


def points_of(measures: Facts, key: str) -> list[tuple[float, float]]:
    """(tokens a step, GMAC a second) in order; of measures with as many tokens the first."""
    found: dict[int, float] = {}
    for measure, row in measures.items():
        if key in row:
            found.setdefault(tokens_of(measure), row[key])
    return sorted(found.items())


def drawing(facts: Facts) -> str:
    """The whole SVG."""
    read, peak = facts["limits"]["gb_s"], facts["limits"]["gmac_s"]
    ours, theirs = points_of(facts["measures"], "gmac_s"), points_of(facts["measures"], "peer_gmac_s")
    if not ours or not peak < math.inf:
        raise SystemExit("there is nothing to draw: measure with AVX2, in llamacpp.py")
    slope = read * 8 / facts["bits"]  # GMAC a second and token
    rates = [rate for _, rate in ours + theirs]
    plane = Plane(max(2, ours[-1][0]) * 1.25, 0.7 * min(*rates, slope), 1.4 * max(peak, *rates))
    ticks = [1 << power for power in range(20) if 1 << power <= plane.tokens]
    levels = [base * 10**power for power in range(6) for base in (1, 2, 5)]
    parts = []
    for rate in levels:
        if plane.low <= rate <= plane.high:
            y = plane.y(rate)
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text class="small" x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{rate:,}</text>')
    for tokens in ticks:
        place = f'x="{plane.x(tokens):.1f}" y="{HEIGHT - BOTTOM + 18}"'
        parts.append(f'<text class="small" {place} text-anchor="middle">{tokens}</text>')
    bottom = f'y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"'
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" {bottom}/>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">tokens a step</text>')
    corner = peak / slope
    parts.append(plane.line([(1, slope), (corner, peak), (plane.tokens, peak)], "roof"))
    parts.append(
        f'<text class="small" x="{plane.x(corner) + 8:.1f}" y="{plane.y(peak) - 8:.1f}">'
        f"integer multiply-adds out of registers: {peak:,.0f} GMAC/s</text>"
    )
    half = max(1.0, corner**0.75)
    place = f'x="{plane.x(half) - 10:.1f}" y="{plane.y(half * slope) - 6:.1f}"'
    parts.append(f'<text class="small" {place} text-anchor="end">memory: {read:.0f} GB/s</text>')
    for name, kind, points in (("phial", "phial", ours), ("llama.cpp Q4_0", "llama", theirs)):
        if not points:
            continue
        parts.append(plane.line(points, f"line {kind}"))
        parts += [
            f'<circle class="{kind}" cx="{plane.x(tokens):.1f}" cy="{plane.y(rate):.1f}" r="4">'
            f"<title>{name}, {tokens} tokens a step: {rate} GMAC/s</title></circle>"
            for tokens, rate in points
        ]
        tokens, rate = points[-1]
        below = f'x="{plane.x(tokens):.1f}" y="{plane.y(rate) + 22:.1f}"'
        parts.append(f'<text class="{kind}" {below} text-anchor="end">{name}</text>')
    title = f"{facts['shape']}, {facts['layers']} layers, {facts['threads']} threads"
    form = f"int4 {facts['form']}, {facts['bits']:g} bits a weight, against Q4_0, {LLAMA_BITS} bits; GMAC/s"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
    head += f'aria-label="{escape(title)}: {escape(_words(ours, theirs))}"><style>{STYLE}</style>'
    head += '<rect width="100%" height="100%" fill="#fff"/>'
    head += f'<text class="title" x="{LEFT}" y="22">{escape(title)}</text>'
    head += f'<text class="small" x="{LEFT}" y="40">{escape(form)}</text>'
    return head + "".join(parts) + "</svg>\n"


def _words(ours: list[tuple[float, float]], theirs: list[tuple[float, float]]) -> str:
    def said(points: list[tuple[float, float]]) -> str:
        return ", ".join(f"{rate:.0f} at {tokens}" for tokens, rate in points)

    return f"GMAC/s of phial {said(ours)} tokens a step; of llama.cpp {said(theirs)}"


def main() -> None:
    """Read and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path, help="what llamacpp.py printed")
    parser.add_argument("drawing", type=Path)
    arguments = parser.parse_args()
    facts = json.loads(arguments.measured.read_text().splitlines()[-1])
    arguments.drawing.write_text(drawing(facts))
    print(f"written to {arguments.drawing}")


if __name__ == "__main__":
    main()
