"""The report page: facts into one HTML file that loads nothing else."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup

from phial.page.charts import Line, line_chart, score_axis, score_bar, share_bar
from phial.page.template import environment, read, style
from phial.recipe.report.facts import gather
from phial.recipe.schema import Recipe
from phial.recipe.stage import Context
from phial.recipe.stages import environment as machine


def write_report(context: Context[Recipe]) -> dict[str, Any]:
    """Write report.html and report.json into the stage's folder.

    Returns:
        Metrics: bytes of the page, and the in-range scores of the run and the control (None without one).
    """
    folder = context.draft.path
    run = folder.name.rpartition("-")[2].partition(".")[0][:8]  # the runner names a run by its report's key
    workspace = folder.parent.parent.resolve().name or "runs"
    facts = gather(context.recipe, context.inputs, f"{context.recipe.name}-{run}", workspace, machine())
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
    engine = environment()
    engine.filters |= {"visible": visible, "plain": plain}
    template = engine.from_string(read("phial.recipe.report", "page.html.j2"))
    drawings = {"score_bar": score_bar, "score_axis": score_axis, "share_bar": share_bar, "curves": curves}
    return template.render(style=style("phial.recipe.report"), **drawings, **facts)


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


def visible(text: str) -> str:
    """A token's text with its spaces and line ends to be seen."""
    return text.replace(" ", "\u00b7").replace("\n", "\u23ce").replace("\t", "\u21e5")


def plain(name: str) -> str:
    """A family's or split's name in words."""
    return name.replace("_", " ").replace("-", " ")
