"""A made-up finished run: the files and manifests of every stage but the report, small and without any training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from phial.artifact import Artifact, Draft, Manifest
from phial.evals.log import Log, Run, Sample, write
from phial.recipe.evaluation import figures
from phial.recipe.progress import Reporter
from phial.recipe.schema import Recipe, read_recipe
from phial.recipe.stage import Context
from phial.record import Lineage, Record, Verdict, write_records
from phial.tokens.encode import encode_records
from phial.tokens.shards import write_shard
from phial.tokens.tokenizer import train_tokenizer

HOSTILE = "</pre></style><script>alert(1)</script><img src=x onerror=alert(1)> \" ' & {{ 7 * 7 }} {% raw %}"
SETTINGS = ["pretrain.tokens=512", "pretrain.batch_rows=1", "model.max_position_embeddings=64", "sft.tokens=128"]


def made_run(folder: Path, settings: list[str] | None = None, right: int = 4, benchmarks: bool = False) -> Context:
    """A report stage's context.

    Args:
        folder: workspace.
        settings: of the recipe, on top of `SETTINGS`.
        right: right answers of the run, of 6 a split; the control has none.
        benchmarks: with GSM8K scores.
    """
    recipe = read_recipe("nano", SETTINGS + (settings or []))
    made = _Made(folder / "artifacts", recipe)
    made.data()
    for branch in ("", "-control") if recipe.control.enabled else ("",):
        made.training(branch)
        made.evaluation(branch, 0 if branch else right, benchmarks)
    draft = made.root / "report-0123456789abcdef.partial"
    draft.mkdir()
    return Context(recipe, made.artifacts, Draft(draft), Reporter(), draft)


def exercise(index: int) -> Record:
    """A worked problem."""
    total = index + 2
    text = f"Question\nAda has {index} pens and gets 2 more.\nAnswer\n{index} + 2 = {total}. The answer is {total}."
    verdicts = (Verdict("evaluator", True, HOSTILE),)
    params = {"seed": 0, "index": index, "steps": 2}
    lineage = Lineage("exercise/addition", "3", verdicts=verdicts, params=params)
    return Record("exercise", "phial/procedural-teacher", "Apache-2.0", lineage, text=text)


class _Made:
    def __init__(self, root: Path, recipe: Recipe) -> None:
        self.root, self.recipe = root, recipe
        self.artifacts: dict[str, Artifact] = {}

    def folder(self, stage: str) -> Path:
        path = self.root / f"{stage}-00000000"
        path.mkdir(parents=True)
        return path

    def finish(self, path: Path, metrics: dict[str, Any]) -> None:
        stage = path.name.rpartition("-")[0]
        names = sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())
        sizes = {name: (path / name).stat().st_size for name in names}
        manifest = Manifest(stage, "k" * 64, 1, {}, {}, metrics, dict.fromkeys(names, "h"), sizes, [], 2.5)
        self.artifacts[stage] = Artifact(path, manifest)

    def data(self) -> None:
        seeds = self.folder("seeds")
        organic = Record(
            "organic", "python", "PSF-2.0", Lineage("seeds/docstrings", "1"), text="Return the sum of a and b."
        )
        write_records(seeds / "organic.parquet", [organic])
        self.finish(seeds, {})

        synth, records = self.folder("synth"), [exercise(index) for index in range(12)]
        write_records(synth / "exercises.parquet", records)
        for split in ("in-range", "unseen-range", "unseen-family"):
            items = ({"id": f"{split}-{i}", "question": f"{i}?", "work": f"work of {split}-{i}"} for i in range(6))
            (synth / f"{split}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
        self.finish(synth, {"sandbox": "none", "code": 0, "code_skipped": 40})

        curate = self.folder("curate")
        write_records(curate / "train.parquet", records)
        example = {"id": "e" * 64, "text": HOSTILE, "detail": "13-gram: item in-range-3"}
        gate = "synthetic: decontamination"
        funnel = [
            {"stage": "synthetic: teacher", "outcome": "kept", "reason": "", "count": 15, "examples": []},
            {"stage": gate, "outcome": "kept", "reason": "", "count": 12, "examples": []},
            {"stage": gate, "outcome": "dropped", "reason": "13-gram", "count": 3, "examples": [example]},
        ]
        (curate / "funnel.json").write_text(json.dumps(funnel))
        row = {"kind": "exercise", "available": 900, "taken": 900, "records": 12, "epochs": 1.0}
        (curate / "mixture.json").write_text(json.dumps([row | {"target_share": 1.0, "share": 1.0}]))
        self.finish(curate, {})

        tokenizer = train_tokenizer([record.content for record in records], 300)
        path = self.folder("tokenizer")
        tokenizer.save(path)
        self.finish(path, {"vocab_size": tokenizer.vocab_size})

        tokenize, row_length = self.folder("tokenize"), self.recipe.model.max_position_embeddings + 1
        headers: dict[str, Any] = {}
        sets = {"pretrain": records, "control": [organic], "sft": records[:2]}
        for name, some in (sets | {"heldout-textbook": records[:3], "heldout-organic": [organic]}).items():
            (tokenize / name).mkdir()
            documents, _ = encode_records(tokenizer, some, row_length)
            headers[name] = write_shard(tokenize / name, documents, row_length, tokenizer.vocab_size, tokenizer.eos_id)
        self.finish(tokenize, headers)

    def training(self, branch: str) -> None:
        for stage, tokens in (("pretrain", 512), ("sft", 128)):
            path = self.folder(f"{stage}{branch}")
            lines: list[dict[str, float]] = [
                {"step": i, "tokens": 64 * i, "loss": 7 / i} for i in range(1, tokens // 64 + 1)
            ]
            lines[-1] |= {"bpb_textbook": 1.25, "bpb_organic": 4.5}
            (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
            (path / "model.safetensors").write_bytes(bytes(4_000))
            self.finish(path, {"parameters": 1_000, "tokens": tokens, "train_seconds": 1.0})

    def evaluation(self, branch: str, right: int, benchmarks: bool) -> None:
        path, metrics = self.folder(f"evaluate{branch}"), {}
        names = ["in-range", "unseen-range", "unseen-family", "in-range-sampled", *(["gsm8k"] if benchmarks else [])]
        for task in names:
            split = task.removesuffix("-sampled")
            samples = [_sample(split, index, index < right) for index in range(3 if "sampled" in task else 6)]
            run = Run(
                task=split, protocol="phial", description="zero-shot chat, exact match", sha256="d" * 64,
                items=len(samples), model="made", identity={}, sampling={"temperature": 0.0}, repeats=1, system="",
                extractor="phial",
            )  # fmt: skip
            write(path / f"{task}.jsonl", Log(run, tuple(samples)))
            metrics[task] = figures(Log(run, tuple(samples)))
        self.finish(path, metrics)


def _sample(task: str, index: int, right: bool) -> Sample:
    tags = {"family": f"family_{index % 2}{HOSTILE if index == 5 else ''}", "steps": str((2, 10)[index % 2])}
    answer = "7" if right else (HOSTILE if index % 2 else None)
    return Sample(
        item=f"{task}-{index}", repeat=0, prompt=(("user", f"{index}? {HOSTILE}"),), reply=HOSTILE, reasoning="",
        finish="stop", prompt_tokens=9, tokens=9, seconds=0.0, options=(), gold="7", tags=tags, answer=answer,
        rule="the-answer-is", truncated=False, score=float(right),
    )  # fmt: skip
