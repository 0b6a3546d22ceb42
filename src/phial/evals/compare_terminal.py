"""Comparisons of logs, printed; what the two runs do not share is said first."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from phial.evals.compare import Comparison
from phial.evals.statistics import Estimate
from phial.page.printable import printable

_IDS = 5


def print_comparison(comparisons: Comparison | Sequence[Comparison], console: Console | None = None) -> None:
    """Print comparisons of two models: what is not alike, the scores, and what the gap says."""
    console = console or Console(highlight=False)
    for comparison in [comparisons] if isinstance(comparisons, Comparison) else comparisons:
        _print_one(comparison, console)


def verdict(comparison: Comparison) -> str:
    """What a comparison says, in a sentence."""
    first, second = comparison.names
    gap, p = comparison.gap, probability(comparison.adjusted)
    if comparison.adjusted < 0.05 and gap.value:
        better, worse = (first, second) if gap.value > 0 else (second, first)
        return f"{better} is better than {worse} by {100 * abs(gap.value):.1f} points (p {p})"
    return (
        f"no difference is shown (p {p}); with these {gap.items:,} items one of "
        f"{100 * comparison.detectable:.1f} points would be found 4 times out of 5"
    )


def figure(estimate: Estimate, scale: float = 100, sign: str = "") -> str:
    """A figure and its interval; shares in percent."""
    digits = 1 if scale == 100 else 3
    numbers = (estimate.value, estimate.low, estimate.high)
    value, low, high = (f"{scale * number:{sign}.{digits}f}" for number in numbers)
    return f"{value} [{low}, {high}]"


def probability(p: float) -> str:
    """A p value, short."""
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.01 else f"{p:.2f}"


def _text(words: str, style: str = "") -> Text:
    """Untrusted words: neither rich's markup nor a terminal's codes in them mean anything."""
    return Text(printable(words), style=style)


def _print_one(comparison: Comparison, console: Console) -> None:
    console.print(_text(f"\n{comparison.task}: {comparison.names[0]} against {comparison.names[1]}", style="bold"))
    for difference in comparison.differences:
        style = "bold white on red" if difference.grave else "bold yellow"
        word = "NOT THE SAME TEST" if difference.grave else "OTHER PROTOCOL"
        sides = f"{difference.first} | {difference.second}" if difference.first else difference.second
        console.print(_text(f"{word}: {difference.name}: {sides}", style=style))
    for name, ids in zip(comparison.names, (comparison.only_first, comparison.only_second), strict=True):
        if ids:
            told = ", ".join(ids[:_IDS]) + (" …" if len(ids) > _IDS else "")
            console.print(_text(f"left out: {len(ids):,} items that only {name} answered: {told}", style="bold yellow"))
    table = Table(box=None, pad_edge=False)
    for heading in ("", *comparison.names, "gap [95 %]"):
        table.add_column(_text(heading), justify="right" if heading else "left", overflow="fold")
    rows = [("score", comparison.first, comparison.second, comparison.gap)]
    rows += [(name, part.first, part.second, part.gap) for name, part in comparison.parts.items()]
    for name, first, second, gap in rows:
        scale = 1 if "t, clustered" in (first.method, second.method) else 100
        cells = (figure(first, scale), figure(second, scale), figure(gap, scale, "+"))
        table.add_row(_text(name), *map(_text, cells))
    console.print(table)
    marks = comparison.marks
    console.print(
        _text(
            f"{comparison.gap.items:,} shared items: {marks.both:,} both right, {marks.first:,} better with "
            f"{comparison.names[0]}, {marks.second:,} with {comparison.names[1]}, {marks.neither:,} alike and not right"
        )
    )
    corrected = f", {probability(comparison.adjusted)} by Holm's rule" if comparison.together > 1 else ""
    console.print(_text(f"{comparison.test}: p {probability(comparison.p)}{corrected}"))
    if comparison.together > 1:
        console.print(
            _text(
                f"one of {comparison.together} comparisons made together: uncorrected, "
                f"{100 * (1 - 0.95**comparison.together):.0f} % of such sets of equal models would show a difference",
                style="yellow",
            )
        )
    console.print(_text(verdict(comparison), style="bold"))
