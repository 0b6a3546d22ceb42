"""What a report says, gathered from a run's finished artifacts as one JSON-able dict (report.json)."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from phial.artifact import Artifact
from phial.evals.log import Sample, read
from phial.evals.statistics import Score, difference
from phial.recipe.evaluation import SAMPLED, score
from phial.recipe.report.commands import commands, recipe_toml
from phial.recipe.report.example import example
from phial.recipe.schema import Recipe

FORMAT = 1
SPLITS = {
    "in-range": "In range: quantities as in the textbook, but kept out of it",
    "unseen-range": "Unseen ranges: one quantity larger than any in training",
    "unseen-family": "Unseen families: kinds of problem that training has none of",
}
SAMPLES = 20
CURVE_POINTS = 300


def gather(
    recipe: Recipe, inputs: Mapping[str, Artifact], run: str, workspace: str, environment: Mapping[str, str]
) -> dict[str, Any]:
    """Everything the page shows.

    Args:
        recipe: the run's recipe.
        inputs: its artifacts by stage name, all of them but the report.
        run: the run's name.
        workspace: what the commands give to --to.
        environment: what the page was made with.

    Returns:
        The facts; the control's parts are None or missing where the recipe has no control.
    """
    facts = recipe.model_dump(mode="json")
    identity, commanded = example(recipe, inputs), commands(recipe, run, workspace)
    if identity is not None:
        commanded["trace"] = f"phial trace {identity['id'][:12]} --to {workspace}"
    return {
        "format": FORMAT,
        "run": run,
        "recipe": facts,
        "model": _model(inputs),
        "training": {branch: training(inputs, branch) for branch in _branches(inputs)},
        "chain": round(longest_chain(inputs), 1),
        "scores": [entry for split in SPLITS if (entry := _score_entry(inputs, split)) is not None],
        "families": {split: _groups(inputs, split, "by_family") for split in ("in-range", "unseen-family")},
        "steps": {split: _groups(inputs, split, "by_steps") for split in ("in-range", "unseen-range")},
        "funnel": funnel(inputs),
        "mixture": json.loads((inputs["curate"].path / "mixture.json").read_text()),
        "sandbox": {key: inputs["synth"].manifest.metrics.get(key) for key in ("sandbox", "code", "code_skipped")},
        "samples": samples(inputs, recipe.seed),
        "sampled": _sampled(inputs),
        "benchmarks": [entry for name in _benchmarks(inputs) if (entry := _score_entry(inputs, name)) is not None],
        "example": identity,
        "environment": dict(environment),
        "stages": stages(inputs),
        "commands": commanded,
        "toml": recipe_toml(facts),
    }


def _branches(inputs: Mapping[str, Artifact]) -> list[str]:
    return ["run", "control"] if "evaluate-control" in inputs else ["run"]


def _stage(name: str, branch: str) -> str:
    return f"{name}-control" if branch == "control" else name


def _model(inputs: Mapping[str, Artifact]) -> dict[str, Any]:
    manifest = inputs["sft"].manifest
    return {
        "parameters": manifest.metrics["parameters"],
        "bytes": manifest.sizes.get("model.safetensors", 0),
        "vocab_size": inputs["tokenizer"].manifest.metrics["vocab_size"],
    }


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def training(inputs: Mapping[str, Artifact], branch: str) -> dict[str, Any]:
    """Loss and bits-per-byte of one branch ("run" or "control") over both training stages, thinned for drawing."""
    shards = inputs["tokenize"].manifest.metrics
    found: dict[str, Any] = {}
    for name in ("pretrain", "sft"):
        artifact = inputs[_stage(name, branch)]
        lines = _lines(artifact.path / "metrics.jsonl")
        shard = shards["control" if (name, branch) == ("pretrain", "control") else name]
        seen = lines[-1]["tokens"] if lines else 0
        found[name] = {
            "tokens": seen,
            "budget": artifact.manifest.metrics["tokens"],
            "passes": seen / (shard["rows"] * (shard["row_length"] - 1)),
            "seconds": artifact.manifest.metrics.get("train_seconds"),
            "loss": thinned([(line["tokens"], line["loss"]) for line in lines]),
            "bits": {
                key.removeprefix("bpb_"): [(line["tokens"], line[key]) for line in lines if key in line]
                for key in sorted({key for line in lines for key in line if key.startswith("bpb_")})
            },
        }
    found["held_out"] = {
        name: {key: shards[f"heldout-{name}"][key] for key in ("documents", "scored_bytes")}
        for name in found["pretrain"]["bits"]
    }
    return found


def thinned(points: list[tuple[int, float]], most: int = CURVE_POINTS) -> list[tuple[int, float]]:
    """At most `most` points: means of neighbours, each at its last x, so that no noise is chosen or hidden."""
    width = -(-len(points) // most) if points else 1
    parts = [points[start : start + width] for start in range(0, len(points), width)]
    return [(part[-1][0], sum(y for _, y in part) / len(part)) for part in parts]


def _score_entry(inputs: Mapping[str, Artifact], task: str) -> dict[str, Any] | None:
    """One task's scores of the run and the control, with the protocol and the best constant answer."""
    metrics = inputs["evaluate"].manifest.metrics.get(task)
    if metrics is None:
        return None
    rival = inputs["evaluate-control"].manifest.metrics.get(task) if "evaluate-control" in inputs else None
    log = read(inputs["evaluate"].path / f"{task}.jsonl").samples
    return {
        "task": task,
        "title": SPLITS.get(task, task),
        "protocol": metrics["protocol"],
        "sha256": metrics["sha256"],
        "run": _outcome(metrics),
        "control": _outcome(rival) if rival else None,
        "gap": difference(Score(**metrics["score"]), Score(**rival["score"])) if rival else None,
        "constant": _constant(log),
    }


def _outcome(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {"score": metrics["score"]} | {key: metrics[key] for key in ("no_answer", "truncated", "too_long")}


def _constant(log: Sequence[Sample]) -> dict[str, Any] | None:
    """What a model that always gave the commonest gold answer would score."""
    if not log:
        return None
    # Ties go to the first in the alphabet, not to the order of a hash table.
    answer, count = min(Counter(sample.gold for sample in log).items(), key=lambda item: (-item[1], item[0]))
    return {"answer": answer, "share": count / len(log)}


def _groups(inputs: Mapping[str, Artifact], task: str, by: str) -> list[dict[str, Any]]:
    """Scores of the groups of a task: families from best to worst, steps from few to many."""
    groups = inputs["evaluate"].manifest.metrics.get(task, {}).get(by, {})
    rivals: Mapping[str, Any] = {}
    if "evaluate-control" in inputs:
        rivals = inputs["evaluate-control"].manifest.metrics.get(task, {}).get(by, {})
    entries = [{"name": name, "run": one, "control": rivals.get(name)} for name, one in groups.items() if name]
    if by == "by_steps":
        return sorted(entries, key=lambda entry: int(entry["name"]))
    return sorted(entries, key=lambda entry: (-entry["run"]["share"], -entry["run"]["total"], entry["name"]))


def _benchmarks(inputs: Mapping[str, Artifact]) -> list[str]:
    return [name for name in inputs["evaluate"].manifest.metrics if name not in SPLITS and name != SAMPLED]


def _sampled(inputs: Mapping[str, Artifact]) -> dict[str, Any] | None:
    """The sampled score beside the greedy score on the same items."""
    entry = _score_entry(inputs, SAMPLED)
    if entry is None:
        return None
    items = {sample.item for sample in read(inputs["evaluate"].path / f"{SAMPLED}.jsonl").samples}
    greedy: dict[str, Any] = {"run": None, "control": None}
    for branch in _branches(inputs):
        log = read(inputs[_stage("evaluate", branch)].path / "in-range.jsonl").samples
        chosen = score([sample for sample in log if sample.item in items])
        greedy[branch] = {"right": chosen.right, "total": chosen.total, "share": chosen.share} | {
            "low": chosen.low,
            "high": chosen.high,
        }
    return entry | {"greedy": greedy}


def funnel(inputs: Mapping[str, Artifact]) -> list[dict[str, Any]]:
    """The funnel grouped by flow ("synthetic", "conversations", "organic"): what entered each stage and stayed."""
    flows: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads((inputs["curate"].path / "funnel.json").read_text(encoding="utf-8")):
        flow, _, stage = row["stage"].partition(": ")
        gates = flows.setdefault(flow, [])
        if row["outcome"] == "kept":
            gates.append({"stage": stage or flow, "kept": row["count"], "dropped": []})
        else:
            gates[-1]["dropped"].append({key: row[key] for key in ("reason", "count", "examples")})
    for gates in flows.values():
        for gate in gates:
            gate["entered"] = gate["kept"] + sum(drop["count"] for drop in gate["dropped"])
    return [{"flow": flow, "gates": gates, "entered": gates[0]["entered"]} for flow, gates in flows.items()]


def samples(inputs: Mapping[str, Artifact], seed: int) -> dict[str, Any]:
    """A seeded choice of right and of wrong replies out of all greedy answers to the held-out splits."""
    answered: list[tuple[str, Sample]] = []
    work: dict[str, str] = {}
    for split in SPLITS:
        log = inputs["evaluate"].path / f"{split}.jsonl"
        if log.exists():
            answered += [(split, sample) for sample in read(log).samples]
            work |= {line["id"]: line["work"] for line in _lines(inputs["synth"].path / log.name)}
    chosen: dict[str, Any] = {}
    for name, right in (("right", True), ("wrong", False)):
        pool = [(split, sample) for split, sample in answered if (sample.score >= 1) is right]
        some = random.Random(f"{seed}/{name}").sample(pool, min(SAMPLES, len(pool)))
        chosen[name] = {"of": len(pool), "shown": [_sample(split, sample, work) for split, sample in some]}
    return chosen


def _sample(split: str, sample: Sample, work: Mapping[str, str]) -> dict[str, Any]:
    return {
        "split": split,
        "item": sample.item,
        "family": sample.tags.get("family", ""),
        "question": sample.prompt[-1][1],
        "reply": sample.reply,
        "work": work.get(sample.item, ""),
        "answer": sample.answer,
        "gold": sample.gold,
        "finish": sample.finish,
        "tokens": sample.tokens,
    }


def longest_chain(inputs: Mapping[str, Artifact]) -> float:
    """Seconds of the slowest chain of stages that had to wait for each other: what the run took, had nothing waited."""
    ends: dict[str, float] = {}
    for name, artifact in inputs.items():  # every stage after its inputs
        ready = max((ends[before] for before in artifact.manifest.inputs), default=0.0)
        ends[name] = ready + artifact.manifest.seconds
    return max(ends.values(), default=0.0)


def stages(inputs: Mapping[str, Artifact]) -> list[dict[str, Any]]:
    """One row a stage, in the order of the making."""
    return [
        {
            "stage": name,
            "version": artifact.manifest.stage_version,
            "seconds": artifact.manifest.seconds,
            "bytes": sum(artifact.manifest.sizes.values()),
            "key": artifact.manifest.key,
            "content": artifact.manifest.content_hash,
        }
        for name, artifact in inputs.items()
    ]
