"""Results of logs, printed."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

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
