"""What a report says, gathered from its logs as plain facts; every figure is computed elsewhere in this room."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phial.errors import PhialError
from phial.evals.budget import Point, by_samples, by_tokens
from phial.evals.compare import Comparison, compare_all
from phial.evals.extraction_table import extraction_table
from phial.evals.log import Log
from phial.evals.report.logs import Contest, Entry, Logs
from phial.evals.report.samples import BETTER, CLEAN, DIRTY, PARTIAL, WORSE
from phial.evals.scores import by_tag, grouped, mean_at, summary, tags
from phial.evals.statistics import Estimate, amount
from phial.page.printable import cut, printable

if TYPE_CHECKING:
    from phial.evals.contamination import Contamination

GROUPS = 200  # values of a tag; with more it names items rather than kinds of them
SIGNIFICANT = 0.05
BUDGETS = 24
PLAIN = {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "seed": 0, "min_p": 0.0, "repetition_penalty": 1.0}


def gather(logs: Logs, baseline: str | None, contamination: Mapping[Path, Contamination]) -> dict[str, Any]:
    """Everything the page shows but the samples.

    Args:
        logs: the report's.
        baseline: the model that others are compared with, as its log or the report names it; the first by default.
        contamination: of logs, by their paths.

    Raises:
        PhialError: no log is of the baseline.
    """
    base = _baseline(logs, baseline)
    compared = _compared(logs, base)
    contests = [_contest(logs, number, base, compared, contamination) for number in range(len(logs.contests))]
    entries = [entry for contest in logs.contests for entry in contest.entries]
    return {
        "models": list(logs.models),
        "baseline": base,
        "comparisons": len(compared),
        "contests": contests,
        "total": _total(entries),
        "logs": [
            one for contest in logs.contests for entry in contest.entries for one in _provenance(logs, contest, entry)
        ],
    }


def marks(
    logs: Logs, baseline: str | None, contamination: Mapping[Path, Contamination]
) -> dict[tuple[int, int, str], int]:
    """What the samples of an item are marked with, by contest, model and item: see `samples`."""
    base = _baseline(logs, baseline)
    found: dict[tuple[int, int, str], int] = {}
    for number, contest in enumerate(logs.contests):
        means = {entry.model: _means(entry.log) for entry in contest.entries}
        for entry in contest.entries:
            judged = contamination.get(entry.path)
            seen = {one.item: DIRTY if one.level == "dirty" else PARTIAL for one in judged.evidence} if judged else {}
            unjudged = set(judged.unjudged) if judged else set()
            for item, mean in means[entry.model].items():
                rival = means.get(base, {}).get(item, mean)
                mark = BETTER * (mean > rival) | WORSE * (mean < rival)
                if judged and item not in unjudged:
                    mark |= seen.get(item, CLEAN)
                found[number, entry.model, item] = mark
    return found


def _means(log: Log) -> dict[str, float]:
    return {item: math.fsum(one.score for one in found) / len(found) for item, found in grouped(log.samples).items()}


def _baseline(logs: Logs, name: str | None) -> int:
    if name is None:
        return 0
    for number, label in enumerate(logs.models):
        own = [entry for contest in logs.contests for entry in contest.entries if entry.model == number]
        if name == label or any(name in (entry.log.run.model, str(entry.path)) for entry in own):
            return number
    known = ", ".join(repr(label) for label in logs.models)
    raise PhialError(f"no log is of the baseline {name!r}", where="--baseline", do=f"name one of {known}")


def _compared(logs: Logs, base: int) -> dict[tuple[int, int], Comparison]:
    """Every run against the baseline's of its contest, corrected together."""
    pairs: dict[tuple[int, int], tuple[Log, Log]] = {}
    for number, contest in enumerate(logs.contests):
        rival = next((entry for entry in contest.entries if entry.model == base), None)
        for entry in contest.entries:
            if rival is not None and entry is not rival and _shared(entry.log, rival.log):
                pairs[number, entry.model] = entry.log, rival.log
    return dict(zip(pairs, compare_all(list(pairs.values())), strict=True)) if pairs else {}


def _shared(first: Log, second: Log) -> bool:
    return not {sample.item for sample in first.samples}.isdisjoint(sample.item for sample in second.samples)


def _contest(
    logs: Logs,
    number: int,
    base: int,
    compared: Mapping[tuple[int, int], Comparison],
    contamination: Mapping[Path, Contamination],
) -> dict[str, Any]:
    contest = logs.contests[number]
    run = contest.entries[0].log.run
    return {
        "title": contest.title,
        "protocol": printable(contest.protocol),
        "description": printable(run.description),
        "sha256": printable(contest.sha256),
        "settings": settings(contest),
        "rows": [_row(logs, entry, compared.get((number, entry.model)), base) for entry in contest.entries],
        "tags": _tags(contest),
        "readings": [_reading(entry) for entry in contest.entries],
        "tokens": _by_tokens(contest),
        "replies": [_by_replies(entry) for entry in contest.entries if _repeated(entry.log)],
        "contamination": [
            _contaminated(entry.model, contamination[entry.path])
            for entry in contest.entries
            if entry.path in contamination
        ],
    }


def _row(logs: Logs, entry: Entry, comparison: Comparison | None, base: int) -> dict[str, Any]:
    run, found = entry.log.run, summary(entry.log)
    return {
        "model": entry.model,
        "name": logs.models[entry.model],
        "score": estimate(found.score),
        "parts": {printable(name): estimate(part) for name, part in found.parts.items()},
        "none": estimate(found.none),
        "truncated": estimate(found.truncated),
        "tokens": found.tokens and estimate(found.tokens),
        "seconds": estimate(found.seconds),
        "cpu_seconds": found.cpu_seconds and estimate(found.cpu_seconds),
        "joules": _joules(entry.log),
        "asked": run.items * run.repeats,
        "repeats": run.repeats,
        "complete": found.complete,
        "extractor": printable(run.extractor),
        "note": entry.note,
        "is_base": entry.model == base,
        "against": comparison and _against(comparison),
    }


def _joules(log: Log) -> dict[str, Any] | None:
    """A reply's mean; None unless the machine told it of every reply."""
    known = [[one.joules for one in found if one.joules is not None] for found in grouped(log.samples).values()]
    return estimate(amount(known)) if sum(map(len, known)) == len(log.samples) else None


def _against(found: Comparison) -> dict[str, Any]:
    better = found.gap.value > 0
    return {
        "gap": estimate(found.gap),
        "p": found.p,
        "adjusted": found.adjusted,
        "holds": found.adjusted < SIGNIFICANT,
        "mark": ("▲" if better else "▼") if found.adjusted < SIGNIFICANT else "≈",
        "test": found.test,
        "better": found.marks.first,
        "worse": found.marks.second,
        "both": found.marks.both,
        "neither": found.marks.neither,
        "detectable": found.detectable,
        "lacking": len(found.only_first) + len(found.only_second),
        "differences": [
            {
                "name": one.name,
                "first": cut(printable(one.first), 60),
                "second": cut(printable(one.second), 60),
                "grave": one.grave,
            }
            for one in found.differences
        ],
    }


def estimate(found: Estimate) -> dict[str, Any]:
    """An estimate as the page's bars take it."""
    facts = asdict(found)
    return facts | {"share": facts.pop("value"), "total": facts["items"]}


def settings(contest: Contest) -> str:
    """How the replies were drawn, where all runs agree; what differs stands beside each run."""
    runs = [entry.log.run for entry in contest.entries]
    shared = {
        key: value for key, value in runs[0].sampling.items() if all(run.sampling.get(key) == value for run in runs)
    }
    told = []
    if shared.get("temperature") == 0:
        told.append("greedy")
        shared.pop("seed", None)
    told += [f"{key.replace('_', ' ')} {value}" for key, value in shared.items() if _worth_telling(key, value)]
    if len({run.repeats for run in runs}) == 1:
        told.append("one reply an item" if runs[0].repeats == 1 else f"{runs[0].repeats} replies an item")
    if len({run.system for run in runs}) == 1 and runs[0].system:
        told.append(f"system message “{cut(' '.join(runs[0].system.split()), 80)}”")
    if len({run.extractor for run in runs}) == 1:
        told.append(f"read by {runs[0].extractor}")
    return printable(", ".join(told))


def _worth_telling(key: str, value: Any) -> bool:
    return bool(value) and value != PLAIN.get(key)


def _tags(contest: Contest) -> list[dict[str, Any]]:
    """Scores by the values of each tag that splits the items into kinds."""
    found = []
    for tag in dict.fromkeys(tag for entry in contest.entries for tag in tags(entry.log)):
        scores = {entry.model: by_tag(entry.log, tag) for entry in contest.entries}
        values = list(dict.fromkeys(value for one in scores.values() for value in one))
        if not 1 < len(values) <= GROUPS:
            continue
        if all(value.isdecimal() for value in values):
            values.sort(key=int)
        rows = [
            {
                "value": cut(printable(value), 60),
                "link": f"{tag}: {value}",
                "scores": [
                    {"model": model, "score": estimate(one[value])} for model, one in scores.items() if value in one
                ],
            }
            for value in values
        ]
        found.append({"tag": printable(tag), "rows": rows})
    return found


def _reading(entry: Entry) -> dict[str, Any]:
    """What each extractor made of a run's replies, the log's own first."""
    own = entry.log.run.extractor
    table = extraction_table({own: entry.log, **entry.variants})
    apart = {one.second: one for one in table.disagreements if one.first == own}
    rows = []
    for reading in table.readings:
        gap = apart.get(reading.extractor)
        rows.append(
            {
                "extractor": printable(reading.extractor),
                "score": estimate(reading.score),
                "none": estimate(reading.none),
                "truncated": reading.truncated,
                "replies": len(entry.log.samples),
                "rules": [{"name": printable(name), "count": count} for name, count in reading.rules.items()],
                "answers": gap and len(gap.answers),
                "grades": gap and len(gap.grades),
                "gap": gap and estimate(gap.gap),
            }
        )
    return {"model": entry.model, "rows": rows}


def _by_tokens(contest: Contest) -> list[dict[str, Any]]:
    """The curves over budgets that all have, so that none ends before another."""
    own = {entry.model: by_tokens(entry.log) for entry in contest.entries}
    known = sorted({point.budget for points in own.values() for point in points})
    budgets = (
        sorted({known[round(place * (len(known) - 1) / (BUDGETS - 1))] for place in range(BUDGETS)}) if known else []
    )
    return [
        {"model": entry.model, "points": _points(by_tokens(entry.log, budgets))}
        for entry in contest.entries
        if own[entry.model] and len(budgets) > 1
    ]


def _repeated(log: Log) -> bool:
    return log.run.repeats > 1 and all(len(found) > 1 for found in grouped(log.samples).values())


def _by_replies(entry: Entry) -> dict[str, Any]:
    curves = by_samples(entry.log)
    return {
        "model": entry.model,
        "passed": _points(curves.passed),
        "majority": _points(curves.majority),
        "mean": mean_at(entry.log).value,
    }


def _points(points: Sequence[Point]) -> list[tuple[int, float, float, float]]:
    return [(one.budget, one.score.value, one.score.low, one.score.high) for one in points]


def _contaminated(model: int, found: Contamination) -> dict[str, Any]:
    return {
        "model": model,
        "clean": estimate(found.clean),
        "partial": estimate(found.partial),
        "dirty": estimate(found.dirty),
        "gap": found.gap and estimate(found.gap),
        "unjudged": len(found.unjudged),
        "searched": found.searched,
        "skipped": [printable(file) for file in found.skipped],
        "rule": found.rule,
        "evidence": [
            {
                **asdict(one),
                "item": printable(one.item),
                "words": cut(printable(one.words), 400),
                "file": printable(one.file),
            }
            for one in found.evidence[:20]
        ],
    }


def _total(entries: Sequence[Entry]) -> dict[str, Any]:
    samples = [sample for entry in entries for sample in entry.log.samples]
    counted = [sample.tokens for sample in samples if sample.tokens is not None]
    timed = [sample.cpu_seconds for sample in samples if sample.cpu_seconds is not None]
    return {
        "samples": len(samples),
        "items": len({(entry.log.run.task, sample.item) for entry in entries for sample in entry.log.samples}),
        "tokens": sum(counted) if counted else None,
        "counted": len(counted),
        "cpu_seconds": math.fsum(timed) if timed else None,
        "timed": len(timed),
        "none": sum(sample.answer is None for sample in samples),
        "truncated": sum(sample.truncated for sample in samples),
    }


def _provenance(logs: Logs, contest: Contest, entry: Entry) -> list[dict[str, Any]]:
    """Each file that the report was made from, those read by other extractors after the one that counts."""
    found = []
    for file in (entry.file, *entry.others):
        about = {**file.log.run.identity, **file.log.run.made}
        found.append(
            {
                "task": contest.title,
                "model": entry.model,
                "name": logs.models[entry.model],
                "extractor": printable(file.log.run.extractor),
                "file": printable(file.path.name),
                "sha256": file.sha256,
                "about": {printable(str(key)): cut(printable(str(value)), 200) for key, value in about.items()},
            }
        )
    return found
