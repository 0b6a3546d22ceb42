"""Results of logs, printed."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from phial.evals.compare_terminal import figure
from phial.evals.log import Log
from phial.evals.scores import summary
from phial.page.printable import printable


def print_scores(logs: Iterable[Log], console: Console | None = None) -> None:
    """A row a log: its score with the interval, and what it cost; further figures below."""
    table = Table(box=None, pad_edge=False)
    for name in ("task", "protocol", "model"):
        table.add_column(name, overflow="fold")
    for name in ("score, 95 %", "items", "replies", "no answer", "truncated", "tokens", "data"):
        table.add_column(name, justify="right")
    for log in logs:
        found, run = summary(log), log.run
        whole = len(log.samples) == run.items * run.repeats
        replies = f"{len(log.samples):,}" + ("" if whole else f" of {run.items * run.repeats:,}")
        tokens = f"{found.tokens.value:,.0f}" if found.tokens else "?"
        words = (run.task, f"{run.protocol}, {run.extractor}" if run.extractor != "phial" else run.protocol, run.model)
        shares = (f"{found.none.value:.1%}", f"{found.truncated.value:.1%}")
        row = (figure(found.score), f"{run.items:,}", replies, *shares, tokens, run.sha256[:8])
        table.add_row(*(Text(printable(word)) for word in words), *map(Text, row))
        for name, estimate in found.parts.items():
            table.add_row(Text(""), Text(f"  {printable(name)}"), Text(""), Text(f"{estimate.value:.4g}"))
    (console or Console(highlight=False)).print(table)
