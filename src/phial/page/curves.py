"""Shares over a budget, each with the band of its 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from phial.page.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, short, ticks

_FEW_POINTS = 12  # so many are dots as well as a line


@dataclass(frozen=True)
class Curve:
    """One curve.

    Attributes:
        role: class that colours it.
        label: its name.
        points: (budget, share, low, high), shares from 0 to 1.
        dashed: whether its line is.
    """

    role: str
    label: str
    points: Sequence[tuple[float, float, float, float]]
    dashed: bool = False


def curve_chart(curves: Sequence[Curve], x_label: str, y_label: str) -> Markup:
    """Curves over a logarithmic axis of budgets.

    Args:
        curves: what to draw; a budget is above 0, and one without points is left out.
        x_label: under the horizontal axis.
        y_label: over the vertical axis.
    """
    curves = [curve for curve in curves if curve.points]
    xs = [point[0] for curve in curves for point in curve.points] or [1.0]
    ends = [end for curve in curves for point in curve.points for end in (point[1], *_visible(point))] or [0.0, 1.0]
    y_ticks = [tick for tick in ticks(100 * min(ends), 100 * max(ends), 5) if -1e-6 <= tick <= 100 + 1e-6]
    x_low, x_high = math.log(min(xs)), max(math.log(max(xs)), math.log(min(xs)) + 1e-9)
    y_low, y_high = y_ticks[0] / 100, y_ticks[-1] / 100

    def across(x: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (math.log(x) - x_low) / (x_high - x_low), 1)

    def up(y: float) -> float:
        place = (min(max(y, y_low), y_high) - y_low) / (y_high - y_low)
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM - 12) * place, 1)

    parts = [Markup('<text class="unit" x="0" y="11">{}</text>').format(y_label)]
    for tick in y_ticks:
        line = (
            '<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/><text x="{3}" y="{4}" text-anchor="end">{5}</text>'
        )
        place = up(tick / 100)
        parts.append(Markup(line).format(LEFT, WIDTH - RIGHT, place, LEFT - 7, place + 4, f"{tick:g}"))
    for x in budget_ticks(min(xs), max(xs)):
        anchor = "end" if across(x) > WIDTH - 30 else "middle"
        text = '<text x="{}" y="{}" text-anchor="{}">{}</text>'
        parts.append(Markup(text).format(across(x), HEIGHT - BOTTOM + 16, anchor, short(x)))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        Markup('<text class="unit" x="{}" y="{}" text-anchor="middle">{}</text>').format(middle, HEIGHT - 5, x_label)
    )
    for curve in reversed(curves):  # the first one lies on top
        above = [f"{across(x)},{up(high)}" for x, _, _, high in curve.points]
        below = [f"{across(x)},{up(low)}" for x, _, low, _ in reversed(curve.points)]
        line = " ".join(f"{across(x)},{up(y)}" for x, y, _, _ in curve.points)
        dots = Markup("").join(
            Markup('<circle class="dot" cx="{}" cy="{}" r="2.4"/>').format(across(x), up(y))
            for x, y, _, _ in (curve.points if len(curve.points) <= _FEW_POINTS else ())
        )
        figure = (
            '<g class="{}"><title>{}</title><polygon class="band" points="{}"/>'
            '<polyline class="line{}" points="{}"/>{}</g>'
        )
        dashes = " dashed" if curve.dashed else ""
        parts.append(Markup(figure).format(curve.role, curve.label, " ".join(above + below), dashes, line, dots))
    described = f"{y_label} over {x_label}: " + ", ".join(
        f"{curve.label} ends at {100 * curve.points[-1][1]:.1f}" for curve in curves
    )
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, described, Markup("").join(parts)
    )


def _visible(point: tuple[float, float, float, float]) -> tuple[float, float]:
    """The ends of a point's interval, as far as they do not take the chart's room from the curves."""
    _, share, low, high = point
    return max(low, share - 0.15), min(high, share + 0.15)


def budget_ticks(low: float, high: float) -> list[int]:
    """Round budgets from low to high, about five of them, for a logarithmic axis."""
    if high <= 64 and low >= 1 and math.log2(low).is_integer():
        doubled = [2**power for power in range(int(math.log2(low)), int(math.log2(high)) + 1)]
        return doubled if doubled[-1] == high else [*doubled, int(high)]
    for factors in ((1, 2, 5), (1, 3), (1,)):
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        found = [factor * 10**power for power in powers for factor in factors if power >= 0]
        found = [tick for tick in found if low <= tick <= high]
        if len(found) <= 7:
            return found or [int(high)]
    return found
