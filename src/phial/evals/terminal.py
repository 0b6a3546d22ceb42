"""Results of logs, printed."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from phial.evals.arena import Table
from phial.evals.compare_terminal import figure
from phial.evals.log import Log
from phial.evals.scores import summary
from phial.page.printable import printable


def print_scores(logs: Iterable[Log], console: Console | None = None) -> None:
    """A line a log: its score with the interval, protocol and costs; a line a further figure below."""
    console = console or Console(highlight=False)
    for log in logs:
        for text in score_lines(log):
            console.print(Text(text), soft_wrap=True)


def print_arena(found: Table, console: Console | None = None) -> None:
    """A line a model, the best first; below them what a standard deviation more of each element of style was worth."""
    console = console or Console(highlight=False)
    for one in found.standings:
        contradictory = "" if math.isnan(one.contradictory) else f", {one.contradictory:.1%} contradictory"
        first = "" if math.isnan(one.first) else f", {one.first:.1%} for the first answer"
        rate, low, high = (f"{100 * share:.1f}" for share in (one.win_rate, one.low, one.high))
        facts = f"{one.questions:,} questions, {one.verdicts:,} verdicts, {one.without:,} without{first}{contradictory}"
        text = f"{printable(one.model)}: {rate} [{low}, {high}] % against the baseline; {facts}"
        console.print(Text(text), soft_wrap=True)
    for name, odds in found.style.items():
        console.print(Text(f"  {name}: {odds:+.2f} log odds"))


def score_lines(log: Log) -> list[str]:
    """What is printed of a log."""
    found, run = summary(log), log.run
    asked = run.items * run.repeats
    facts = [
        f"{run.items:,} items",
        f"{len(log.samples):,} replies" if len(log.samples) == asked else f"{len(log.samples):,} of {asked:,} replies",
        f"{found.none.value:.1%} without an answer",
        f"{found.truncated.value:.1%} truncated",
        f"{found.tokens.value:,.0f} tokens a reply" if found.tokens else "tokens not told",
        f"data {run.sha256[:12]}",
    ]
    name = f"{run.task}, {run.protocol}" + (f", {run.extractor}" if run.extractor != "phial" else "")
    lines = [f"{printable(name)}: {figure(found.score)} % for {printable(run.model)}; {', '.join(facts)}"]
    for part, estimate in found.parts.items():
        lines.append(f"  {printable(part)}: {estimate.value:.4g} [{estimate.low:.4g}, {estimate.high:.4g}]")
    return lines
