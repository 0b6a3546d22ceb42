"""The page of an evaluation: facts and samples into one HTML file that loads nothing else."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup

from phial.errors import PhialError
from phial.evals.report.facts import gather, marks
from phial.evals.report.logs import read_logs
from phial.evals.report.samples import Packed, label, pack
from phial.page.charts import gap_axis, gap_bar, score_axis, score_bar, score_bars, share_bar
from phial.page.curves import Curve, curve_chart
from phial.page.template import environment, read, shown, style

if TYPE_CHECKING:
    from phial.evals.contamination import Contamination

COLOURS = 12


def write_report(
    paths: Sequence[Path],
    to: Path,
    baseline: str | None = None,
    contamination: Mapping[Path, Contamination] | None = None,
) -> Path:
    """Write the page of one or more sample logs.

    Args:
        paths: of the logs. Logs of the same replies read by other extractors may be among them; the first counts.
        to: the page.
        baseline: the model that the others are compared with; the first log's by default.
        contamination: what was found of a log's items in training data, by the log's path.

    Returns:
        `to`.

    Raises:
        PhialError: no log, a damaged one, the same one twice, an unknown baseline, or the page cannot be written.
    """
    logs = read_logs(paths)
    found = contamination or {}
    page = render(gather(logs, baseline, found), pack(logs, marks(logs, baseline, found)))
    try:
        to.write_text(page, encoding="utf-8", errors="xmlcharrefreplace")
    except OSError as error:
        do = "name a file in a folder that is there and may be written to"
        raise PhialError(f"the page cannot be written: {error.strerror}", where=str(to), do=do) from error
    return to


def render(facts: Mapping[str, Any], packed: Packed) -> str:
    """The page of facts and samples; every text in it is escaped, and its one script is known by its hash."""
    package = "phial.evals.report"
    engine = environment()
    engine.finalize = shown
    engine.filters |= {"points": points, "chance": chance, "amount": amount, "colour": colour}
    script, sheet = Markup(read(package, "samples.js")), style(package)
    drawings = {
        "score_bar": score_bar,
        "score_bars": score_bars,
        "score_axis": score_axis,
        "share_bar": share_bar,
        "gap_bar": gap_bar,
        "gap_axis": gap_axis,
        "by_tokens": by_tokens,
        "by_replies": by_replies,
    }
    return engine.from_string(read(package, "page.html.j2")).render(
        facts=facts,
        packed=packed,
        samples=samples_link,
        reach=reach(facts),
        script=script,
        style=sheet,
        script_hash=_hash(script),
        style_hash=_hash(sheet),
        **drawings,
    )


def samples_link(**wanted: str) -> str:
    """The address of the samples that fit, as samples.js reads it."""
    return "#samples?" + "&".join(f"{name}={quote(label(value), safe='')}" for name, value in wanted.items() if value)


def by_tokens(facts: Mapping[str, Any], contest: Mapping[str, Any]) -> Markup:
    """The scores of a contest by the longest reply allowed."""
    curves = [Curve(colour(one["model"]), facts["models"][one["model"]], one["points"]) for one in contest["tokens"]]
    return curve_chart(curves, "tokens a reply at most", "right, %")


def by_replies(facts: Mapping[str, Any], contest: Mapping[str, Any]) -> Markup:
    """The scores of a contest by the number of replies an item."""
    curves = []
    for one in contest["replies"]:
        name, role = facts["models"][one["model"]], colour(one["model"])
        curves.append(Curve(role, f"{name}, pass@k", one["passed"]))
        curves.append(Curve(role, f"{name}, maj@k", one["majority"], dashed=True))
    return curve_chart(curves, "replies an item (k)", "right, %")


def colour(model: int) -> str:
    """The class that colours a model's marks."""
    return f"m{model % COLOURS}"


def reach(facts: Mapping[str, Any]) -> float:
    """A round share that no comparison's interval passes, for all of them to be drawn alike."""
    gaps = [row["against"]["gap"] for contest in facts["contests"] for row in contest["rows"] if row["against"]]
    far = max((max(abs(gap["low"]), abs(gap["high"])) for gap in gaps), default=1.0)
    return next((step for step in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5) if far <= step), 1.0)


def points(share: float) -> str:
    """A difference of shares: 0.031 as "+3.1"."""
    return f"{100 * share:+.1f}".replace("-", "\u2212")


def chance(p: float) -> str:
    """A p value as far as its digits mean something."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def amount(value: float) -> str:
    """A figure of any kind in three digits: a share, bits a byte, tokens."""
    if not math.isfinite(value):
        return "\u2013"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
