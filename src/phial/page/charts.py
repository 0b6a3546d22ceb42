"""Small SVG drawings, each a pure function from numbers to markup; colours come from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

WIDTH, HEIGHT = 440, 262
LEFT, RIGHT, TOP, BOTTOM = 44, 14, 14, 40

# Percentages as coordinates let a bar fill whatever width the page gives it while its text and strokes keep their size.
_GRID = Markup("").join(
    Markup('<line class="grid" x1="{0}%" x2="{0}%" y1="0" y2="100%"/>').format(place) for place in (0, 25, 50, 75, 100)
)


def score_bar(role: str, score: Mapping[str, Any], rival: Mapping[str, Any] | None = None) -> Markup:
    """A share from 0 to 100 % with its interval, and under it, smaller, the control's.

    Args:
        role: "run" or "control"; colours the upper bar.
        score: "share", "low" and "high", from 0 to 1.
        rival: the control's, drawn under it.
    """
    height = 22 if rival else 16
    parts = _bar(role, score, 8.0, 10.0)
    if rival:
        parts += _bar("control", rival, 18.0, 4.0)
    return Markup('<svg class="bar" width="100%" height="{}" aria-hidden="true">{}{}</svg>').format(
        height, _GRID, parts
    )


def _bar(role: str, score: Mapping[str, Any], middle: float, height: float) -> Markup:
    share, low, high = (100 * score[key] for key in ("share", "low", "high"))
    cap = height / 2 - 1
    template = (
        '<g class="{role}"><rect class="fill" x="0" y="{top:.1f}" width="{share:.2f}%" height="{height}" rx="1.5"/>'
        '<line class="span" x1="{low:.2f}%" x2="{high:.2f}%" y1="{middle}" y2="{middle}"/>'
        '<line class="span" x1="{low:.2f}%" x2="{low:.2f}%" y1="{above}" y2="{below}"/>'
        '<line class="span" x1="{high:.2f}%" x2="{high:.2f}%" y1="{above}" y2="{below}"/>'
        '<circle class="dot" cx="{share:.2f}%" cy="{middle}" r="{radius}"/></g>'
    )
    places = {"top": middle - height / 2, "middle": middle, "above": middle - cap, "below": middle + cap}
    sizes = {"height": height, "radius": 2.6 if height > 6 else 1.6}
    return Markup(template).format(role=role, share=share, low=low, high=high, **places, **sizes)


def score_bars(scores: Sequence[tuple[str, Mapping[str, Any]]], pitch: int = 18) -> Markup:
    """Shares with their intervals, one under the other.

    Args:
        scores: the class that colours each bar, and its "share", "low" and "high", from 0 to 1.
        pitch: pixels from one bar to the next.
    """
    bars = Markup("").join(
        _bar(role, score, pitch * (place + 0.5), min(10.0, pitch - 6.0)) for place, (role, score) in enumerate(scores)
    )
    return Markup('<svg class="bar" width="100%" height="{}" aria-hidden="true">{}{}</svg>').format(
        pitch * len(scores), _GRID, bars
    )


def gap_bar(role: str, gap: Mapping[str, Any], reach: float) -> Markup:
    """A difference of shares with its interval, around a line for none.

    Args:
        role: class that colours it.
        gap: "share", "low" and "high".
        reach: what lies at either end.
    """
    share, low, high = (50 + 50 * max(-1.0, min(1.0, gap[key] / reach)) for key in ("share", "low", "high"))
    template = (
        '<svg class="bar" width="100%" height="18" aria-hidden="true">'
        '<line class="grid" x1="0" x2="0" y1="0" y2="100%"/><line class="grid" x1="100%" x2="100%" y1="0" y2="100%"/>'
        '<line class="none" x1="50%" x2="50%" y1="0" y2="100%"/>'
        '<g class="{role}"><rect class="fill" x="{start:.2f}%" y="4" width="{width:.2f}%" height="10" rx="1.5"/>'
        '<line class="span" x1="{low:.2f}%" x2="{high:.2f}%" y1="9" y2="9"/>'
        '<line class="span" x1="{low:.2f}%" x2="{low:.2f}%" y1="5" y2="13"/>'
        '<line class="span" x1="{high:.2f}%" x2="{high:.2f}%" y1="5" y2="13"/>'
        '<circle class="dot" cx="{share:.2f}%" cy="9" r="2.6"/></g></svg>'
    )
    places = {"start": min(share, 50.0), "width": abs(share - 50), "share": share, "low": low, "high": high}
    return Markup(template).format(role=role, **places)


def gap_axis(reach: float) -> Markup:
    """The scale over a column of differences, in points."""
    labels = Markup("").join(
        Markup('<text x="{}%" y="11" text-anchor="{}">{}</text>').format(place, anchor, label)
        for place, anchor, label in (
            (0, "start", f"\u2212{100 * reach:g}"),
            (50, "middle", "0"),
            (100, "end", f"+{100 * reach:g} points"),
        )
    )
    return Markup('<svg class="bar axis" width="100%" height="14" aria-hidden="true">{}</svg>').format(labels)


def score_axis() -> Markup:
    """The scale over a column of score bars."""
    labels = Markup("").join(
        Markup('<text x="{0}%" y="11" text-anchor="{1}">{0}{2}</text>').format(
            place, anchor, " %" if place == 100 else ""
        )
        for place, anchor in ((0, "start"), (25, "middle"), (50, "middle"), (75, "middle"), (100, "end"))
    )
    return Markup('<svg class="bar axis" width="100%" height="14" aria-hidden="true">{}</svg>').format(labels)


def share_bar(share: float, role: str = "run") -> Markup:
    """A plain share without an interval, for counts that are no estimate."""
    return Markup(
        '<svg class="bar" width="100%" height="10" aria-hidden="true">'
        '<rect class="track" width="100%" height="10" rx="2"/>'
        '<g class="{}"><rect class="solid" width="{:.2f}%" height="10" rx="2"/></g></svg>'
    ).format(role, 100 * min(max(share, 0.0), 1.0))


@dataclass(frozen=True)
class Line:
    """One curve: `role` ("run" or "control") colours it, `label` names it, `points` are (x, y), `dots` marks each."""

    role: str
    label: str
    points: Sequence[tuple[float, float]]
    dots: bool = False


def line_chart(lines: Sequence[Line], x_label: str, y_label: str, mark: tuple[float, str] | None = None) -> Markup:
    """Curves over a common pair of axes, both labelled.

    Args:
        lines: what to draw; one without points is left out.
        x_label: under the horizontal axis.
        y_label: over the vertical axis.
        mark: an x and the word for what begins there.
    """
    lines = [line for line in lines if line.points]
    xs = [x for line in lines for x, _ in line.points] or [0.0, 1.0]
    ys = [y for line in lines for _, y in line.points] or [0.0, 1.0]
    x_ticks, y_ticks = ticks(0.0, max(xs), 5), ticks(min(ys), max(ys), 5)
    x_end = max(max(xs), 1e-9)  # the last tick may lie past the data; the axis ends with the data
    y_low, y_high = y_ticks[0], y_ticks[-1]

    def across(x: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * x / x_end, 1)

    def up(y: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM - 12) * (y - y_low) / (y_high - y_low), 1)

    parts = [Markup('<text class="unit" x="0" y="11">{}</text>').format(y_label)]
    for y in y_ticks:
        place = up(y)
        parts.append(
            Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(LEFT, WIDTH - RIGHT, place, place)
        )
        parts.append(Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(LEFT - 7, place + 4, f"{y:g}"))
    for x in x_ticks:
        if x <= x_end:
            anchor = "end" if across(x) > WIDTH - 30 else "middle"
            parts.append(
                Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(
                    across(x), HEIGHT - BOTTOM + 16, anchor, short(x)
                )
            )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        Markup('<text class="unit" x="{}" y="{}" text-anchor="middle">{}</text>').format(middle, HEIGHT - 5, x_label)
    )
    if mark is not None:
        place = across(mark[0])
        anchor, shift = ("end", -5) if place > WIDTH * 0.6 else ("start", 5)
        parts.append(
            Markup('<line class="mark" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(place, TOP + 8, HEIGHT - BOTTOM)
        )
        parts.append(
            Markup('<text class="unit" x="{}" y="{}" text-anchor="{}">{}</text>').format(
                place + shift, TOP + 16, anchor, mark[1]
            )
        )
    for line in reversed(lines):  # the run's curve lies on top
        path = " ".join(f"{across(x)},{up(y)}" for x, y in line.points)
        dots = Markup("").join(
            Markup(
                '<circle class="dot" cx="{}" cy="{}" r="2.4"><title>{}: {:.3f} at {:,} tokens</title></circle>'
            ).format(across(x), up(y), line.label, y, int(x))
            for x, y in (line.points if line.dots or len(line.points) == 1 else ())
        )
        parts.append(Markup('<g class="{}"><polyline class="line" points="{}"/>{}</g>').format(line.role, path, dots))
    described = f"{y_label} over {x_label}: " + ", ".join(
        f"{line.label} ends at {line.points[-1][1]:.3f}" for line in lines
    )
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, described, Markup("").join(parts)
    )


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers that enclose low to high, about `count` of them and at least two."""
    if high - low < 1e-6 * max(1.0, abs(low), abs(high)):  # one value, but for rounding
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, max(last, first + 1) + 1)]


def short(value: float) -> str:
    """A count in as few letters as an axis has room for: 250k, 1.5M."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
