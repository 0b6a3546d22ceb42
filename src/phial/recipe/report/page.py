"""The report page: facts into one HTML file that loads nothing else."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from phial.recipe.report.charts import Line, line_chart, score_axis, score_bar, share_bar
from phial.recipe.report.facts import gather
from phial.recipe.schema import Recipe
from phial.recipe.stage import Context
from phial.recipe.stages import environment


def write_report(context: Context[Recipe]) -> dict[str, Any]:
    """Write report.html and report.json into the stage's folder.

    Returns:
        Metrics: bytes of the page, and the in-range scores of the run and the control (None without one).
    """
    folder = context.draft.path
    run = folder.name.rpartition("-")[2].partition(".")[0][:8]  # the runner names a run by its report's key
    workspace = folder.parent.parent.resolve().name or "runs"
    facts = gather(context.recipe, context.inputs, f"{context.recipe.name}-{run}", workspace, environment())
    page = render(facts)
    text = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
    (folder / "report.json").write_text(text, encoding="utf-8", errors="backslashreplace")
    (folder / "report.html").write_text(page, encoding="utf-8", errors="xmlcharrefreplace")
    first = facts["scores"][0]
    return {
        "page_bytes": len(page.encode("utf-8", "xmlcharrefreplace")),
        "in-range": first["run"]["score"]["share"],
        "in-range-control": first["control"]["score"]["share"] if first["control"] else None,
    }


def render(facts: dict[str, Any]) -> str:
    """The page of a report's facts; every text in them is escaped."""
    package = resources.files("phial.recipe.report")
    engine = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    engine.filters |= {
        "percent": percent,
        "interval": interval,
        "count": count,
        "seconds": seconds,
        "size": size,
        "visible": visible,
        "plain": plain,
    }
    style = Markup(package.joinpath("style.css").read_text(encoding="utf-8"))
    template = engine.from_string(package.joinpath("page.html.j2").read_text(encoding="utf-8"))
    drawings = {"score_bar": score_bar, "score_axis": score_axis, "share_bar": share_bar, "curves": curves}
    return template.render(style=style, **drawings, **facts)


def curves(facts: dict[str, Any], what: str) -> Markup:
    """One learning chart.

    Args:
        facts: the report's "training", with "run" and perhaps "control".
        what: "pretrain" or "sft" for that stage's loss, or a held-out set's name for its bits-per-byte over both.
    """
    branches = [(role, facts[role]) for role in ("run", "control") if role in facts]
    if what in ("pretrain", "sft"):
        lines = [Line(role, role, branch[what]["loss"]) for role, branch in branches]
        return line_chart(lines, "tokens seen", "loss (nats per token)")
    lines = []
    for role, branch in branches:
        before = branch["pretrain"]["tokens"]
        points = branch["pretrain"]["bits"][what] + [(before + x, y) for x, y in branch["sft"]["bits"].get(what, [])]
        lines.append(Line(role, role, points, dots=True))
    mark = (facts["run"]["pretrain"]["tokens"], "fine-tuning")
    return line_chart(lines, "tokens seen", "bits per byte", mark)


def percent(share: float) -> str:
    """0.5714 as "57.1 %"."""
    return f"{100 * share:.1f}\u00a0%"


def interval(score: dict[str, Any]) -> str:
    """The 95 % interval of a score, in per cent."""
    return f"[{100 * score['low']:.1f},\u00a0{100 * score['high']:.1f}]"


def count(value: float) -> str:
    """1234567 as "1,234,567"."""
    return f"{value:,.0f}"


def seconds(value: float) -> str:
    """A duration in its two largest units."""
    if value < 59.95:
        return f"{value:.1f}\u00a0s"
    whole = round(value)
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours}\u00a0h {minutes}\u00a0min" if hours else f"{minutes}\u00a0min {whole % 60}\u00a0s"


def size(value: float) -> str:
    """Bytes in kB, MB or GB."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= unit:
            return f"{value / unit:.1f}\u00a0{name}"
    return f"{value:.0f}\u00a0B"


def visible(text: str) -> str:
    """A token's text with its spaces and line ends to be seen."""
    return text.replace(" ", "\u00b7").replace("\n", "\u23ce").replace("\t", "\u21e5")


def plain(name: str) -> str:
    """A family's or split's name in words."""
    return name.replace("_", " ").replace("-", " ")
