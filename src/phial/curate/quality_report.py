"""What the quality classifier can and cannot tell apart, as a self-contained page."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phial.curate.quality import REPORT, Trained, auc

_BINS = 10
_EXAMPLES = 3
_SHOWN = 300


def report(trained: Trained, threshold: float | None = None) -> dict[str, Any]:
    """The figures, JSON-able: all on records whose source the scoring model had not seen.

    Returns:
        "records", "good", "auc"; "roc", points (false positive rate, true positive rate); "sources", the AUC of each
        source's records against the opposite class of all others, where it has only one class; "calibration", by score;
        "examples", a few records by score, with their marks; "threshold" and what it keeps.
    """
    scores, good = trained.scores, trained.good
    sources: dict[str, Any] = {}
    names = np.array([record.source for record in trained.records])
    for name in sorted(set(names.tolist())):
        mine = names == name
        against = mine | (~mine & (good != good[mine][0])) if len(set(good[mine].tolist())) == 1 else mine
        sources[name] = {
            "records": int(mine.sum()),
            "good": int(good[mine].sum()),
            "auc": _number(auc(scores[against], good[against])),
        }
    bins = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    calibration, examples = [], []
    for one in range(_BINS):
        inside = np.flatnonzero(bins == one)
        if len(inside) == 0:
            continue
        share = float(good[inside].mean())
        calibration.append(
            {"from": one / _BINS, "records": len(inside), "score": float(scores[inside].mean()), "good": share}
        )
        shown = inside[np.linspace(0, len(inside) - 1, min(_EXAMPLES, len(inside))).astype(int)]
        for number in shown.tolist():
            record = trained.records[number]
            examples.append(
                {
                    "score": round(float(scores[number]), 3),
                    "mark": float(trained.marks[number]),
                    "source": record.source,
                    "id": record.id,
                    "text": record.content[:_SHOWN],
                }
            )
    facts: dict[str, Any] = {
        "records": len(good),
        "good": int(good.sum()),
        "auc": _number(auc(scores, good)),
        "roc": _roc(scores, good),
        "sources": sources,
        "calibration": calibration,
        "examples": examples,
    }
    if threshold is not None:
        kept = scores >= threshold
        facts["threshold"] = {
            "score": threshold,
            "kept": float(kept.mean()),
            "of good": float(kept[good].mean()),
            "of bad": float(kept[~good].mean()),
        }
    return facts


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)


def _roc(scores: NDArray[np.float64], good: NDArray[np.bool_]) -> list[tuple[float, float]]:
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))  # equal scores fall together
    true, false = np.cumsum(good[order])[ends] / good.sum(), np.cumsum(~good[order])[ends] / (~good).sum()
    points = np.linspace(0, len(ends) - 1, min(200, len(ends))).astype(int)
    return [(0.0, 0.0), *zip(false[points].round(5).tolist(), true[points].round(5).tolist(), strict=True)]


def write_report(trained: Trained, folder: Path, threshold: float | None = None) -> dict[str, Any]:
    """Write `quality.json` and `quality.html` into a folder, and return the figures."""
    facts = report(trained, threshold)
    (folder / REPORT).write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "quality.html").write_text(_page(facts), encoding="utf-8")
    return facts


def _page(facts: dict[str, Any]) -> str:
    line = " ".join(f"{x * 300:.1f},{300 - y * 300:.1f}" for x, y in facts["roc"])
    sources = [(name, one["records"], one["good"], one["auc"]) for name, one in facts["sources"].items()]
    calibration = [
        (f"{one['from']:.1f}", one["records"], f"{one['score']:.2f}", f"{one['good']:.2f}")
        for one in facts["calibration"]
    ]
    examples = [(one["score"], one["mark"], one["source"], one["text"]) for one in facts["examples"]]
    cut = facts.get("threshold")
    kept = (
        f"<p>From a score of {cut['score']:.3f} on, {cut['kept']:.1%} are kept: {cut['of good']:.1%} of the good, "
        f"{cut['of bad']:.1%} of the bad.</p>"
        if cut
        else ""
    )
    return (
        "<!doctype html><meta charset=utf-8><title>Quality classifier</title>"
        "<style>body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}td,th{text-align:left;"
        "vertical-align:top;padding:2px 12px 2px 0;overflow-wrap:anywhere}svg{border:1px solid #888}</style>"
        f"<h1>Quality classifier</h1><p>{facts['records']} marked records, {facts['good']} of them good. Every score "
        f"is by a model that had not seen the record's source. Area under the curve: <b>{facts['auc']}</b>.</p>{kept}"
        '<svg viewBox="-5 -5 310 310" width=310 role=img aria-label="ROC curve"><path d="M0 300L300 0" stroke="#bbb"/>'
        f'<polyline points="{line}" fill=none stroke="#06c" stroke-width=2 /></svg>'
        "<p>Across: bad records kept; up: good records kept.</p>"
        + _table("Sources", ("source", "records", "good", "AUC"), sources)
        + _table("Calibration", ("score from", "records", "mean score", "share good"), calibration)
        + _table("Examples by score", ("score", "mark", "source", "text"), examples)
    )


def _table(title: str, head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    cells = "".join("<tr>" + "".join(f"<td>{html.escape(str(cell))}" for cell in row) for row in rows)
    return f"<h2>{title}</h2><table><tr>{''.join(f'<th>{name}' for name in head)}{cells}</table>"
