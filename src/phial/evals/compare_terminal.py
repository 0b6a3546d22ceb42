"""Comparisons of logs, printed; what the two runs do not share is said first."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from phial.evals.compare import Comparison
from phial.evals.statistics import Estimate

_IDS = 5


def print_comparison(comparisons: Comparison | Sequence[Comparison], console: Console | None = None) -> None:
    """Print comparisons of two models: what is not alike, the scores, and what the gap says."""
    console = console or Console(highlight=False)
    for comparison in [comparisons] if isinstance(comparisons, Comparison) else comparisons:
        _print_one(comparison, console)


def verdict(comparison: Comparison) -> str:
    """What a comparison says, in a sentence."""
    first, second = comparison.names
    gap, least = comparison.gap, f"{100 * comparison.detectable:.1f}"
    if comparison.adjusted < 0.05 and comparison.gap.value:
        better, worse = (first, second) if gap.value > 0 else (second, first)
        return f"{better} is better than {worse} by {100 * abs(gap.value):.1f} points (p {probability(comparison.adjusted)})"
    return (
        f"no difference is shown (p {probability(comparison.adjusted)}); one of {least} points would be found 4 times out "
        f"of 5 with these {gap.items:,} items"
    )


def percent(estimate: Estimate, sign: str = "") -> str:
    """A share and its interval in percent."""
    value, low, high = (f"{100 * share:{sign}.1f}" for share in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"


def probability(p: float) -> str:
    """A p value, short."""
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.01 else f"{p:.2f}"


def _print_one(comparison: Comparison, console: Console) -> None:
    console.print(Text(f"\n{comparison.task}: {comparison.names[0]} against {comparison.names[1]}", style="bold"))
    for difference in comparison.differences:
        style = "bold white on red" if difference.grave else "bold yellow"
        word = "NOT THE SAME QUESTIONS" if difference.grave else "OTHER PROTOCOL"
        sides = f"{difference.first} | {difference.second}" if difference.first else difference.second
        console.print(Text(f"{word}: {difference.name}: {sides}", style=style))
    for name, ids in zip(comparison.names, (comparison.only_first, comparison.only_second), strict=True):
        if ids:
            told = ", ".join(ids[:_IDS]) + (" …" if len(ids) > _IDS else "")
            console.print(Text(f"left out: {len(ids):,} items that only {name} answered: {told}", style="bold yellow"))
    table = Table(box=None, pad_edge=False)
    for heading in ("", *comparison.names, "gap [95 %]"):
        table.add_column(Text(heading), justify="right" if heading else "left", overflow="fold")
    rows = [("score", comparison.first, comparison.second, comparison.gap)]
    rows += [(name, part.first, part.second, part.gap) for name, part in comparison.parts.items()]
    for name, first, second, gap in rows:
        table.add_row(Text(name), Text(percent(first)), Text(percent(second)), Text(percent(gap, "+")))
    console.print(table)
    marks = comparison.marks
    console.print(
        Text(
            f"{comparison.gap.items:,} shared items: {marks.both:,} both right, {marks.first:,} better with "
            f"{comparison.names[0]}, {marks.second:,} with {comparison.names[1]}, {marks.neither:,} alike and not right"
        )
    )
    corrected = f", {probability(comparison.adjusted)} by Holm's rule" if comparison.together > 1 else ""
    console.print(Text(f"{comparison.test}: p {probability(comparison.p)}{corrected}"))
    if comparison.together > 1:
        console.print(
            Text(
                f"one of {comparison.together} comparisons made together: uncorrected, "
                f"{100 * (1 - 0.95**comparison.together):.0f} % of such sets of equal models would show a difference",
                style="yellow",
            )
        )
    console.print(Text(verdict(comparison), style="bold"))
