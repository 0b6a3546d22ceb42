"""The stages of a recipe: each reads finished artifacts and writes one folder."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from phial.errors import PhialError
from phial.recipe.schema import Recipe
from phial.recipe.stage import Context, Stage
from phial.record import Record, read_records, write_records


def build(recipe: Recipe) -> list[Stage]:
    """The graph of a recipe for a model, every stage after its inputs."""
    from phial.kernels.library import build_name
    from phial.sandbox import level
    from phial.synth.problems import FAMILIES, UNSEEN
    from phial.synth.seeds import fingerprint

    families = {family.name: [family.version, family.share] for family in (*FAMILIES.values(), *UNSEEN.values())}
    facts = recipe.model_dump(mode="json")
    # Without a sandbox no code exercise is kept, so a run made then is not one made with it.
    catalogue = {"seed": recipe.seed, "catalogue": families, "sandbox": level()}
    # A sum over two threads rounds otherwise than over one, so the number is part of the key.
    shared = {"seed": recipe.seed, "threads": threads(recipe)}
    stages = [
        Stage("seeds", 1, facts["seeds"] | {"fingerprint": fingerprint(recipe.seeds.sources)}, (), _seeds),
        Stage("synth", 3, facts["synth"] | catalogue, (), _synth),
        Stage("curate", 2, facts["curate"] | {"seed": recipe.seed}, ("seeds", "synth"), _curate),
    ]
    data = "curate"
    if recipe.ablation.kind != "none":
        stages.append(Stage("ablate", 1, facts["ablation"] | {"seed": recipe.seed}, ("curate",), _ablate))
        data = "ablate"
    stages += [
        Stage("tokenizer", 1, facts["tokenizer"], ("curate",), _tokenizer),
        Stage("tokenize", 1, {"row": recipe.model.max_position_embeddings}, (data, "tokenizer", "synth"), _tokenize),
    ]
    branches = [""] + (["-control"] if recipe.control.enabled else [])
    for branch in branches:
        trained = shared | {"kernels": build_name()}  # each build rounds in its own way
        stages += [
            Stage(
                f"pretrain{branch}",
                1,
                trained | {"model": facts["model"]} | _content(facts["pretrain"]),
                ("tokenizer", "tokenize"),
                partial(_pretrain, shard="control" if branch else "pretrain"),
                True,
            ),
            Stage(
                f"sft{branch}",
                1,
                trained | _content(facts["sft"]) | {"dtype": recipe.dtype},
                ("tokenizer", "tokenize", f"pretrain{branch}"),
                _sft,
                True,
            ),
            Stage(f"evaluate{branch}", 3, facts["evaluate"] | shared, ("synth", f"sft{branch}"), _evaluate, True),
        ]
    stages.append(Stage("report", 1, {"recipe": facts}, tuple(stage.name for stage in stages), _report))
    return stages


def _content(train: dict[str, Any]) -> dict[str, Any]:
    """A training section without what only decides how often state is saved."""
    return {key: value for key, value in train.items() if key != "save_seconds"}


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _seeds(context: Context[Recipe]) -> dict[str, Any]:
    from phial.synth.seeds import SeedReport, read_seeds

    config, report = context.recipe.seeds, SeedReport()
    records = read_seeds(config.sources, config.limit_bytes, report)
    write_records(context.draft.path / "organic.parquet", records)
    skipped = [asdict(file) for file in report.skipped]
    left_out = dict(report.left_out)  # asdict would turn a Counter's items into its keys
    return {"files": report.files, "records": report.records, "bytes": report.bytes} | {
        "skipped": skipped,
        "left_out": left_out,
    }


def _watched(context: Context[Recipe], name: str, total: int, records: Iterable[Record]) -> Iterable[Record]:
    with context.reporter.task(name, total, "records") as track:
        for index, record in enumerate(records, 1):
            if index % 512 == 0:
                track(index)
            yield record


def _synth(context: Context[Recipe]) -> dict[str, Any]:
    from phial.synth import textbook

    config, seed, folder = context.recipe.synth, context.recipe.seed, context.draft.path
    rejects = textbook.Rejects()
    started = time.perf_counter()
    metrics: dict[str, Any] = {}
    for name, count, make in (
        ("exercises", config.exercises, textbook.exercises),
        ("passages", config.passages, textbook.passages),
        ("conversations", config.sft, textbook.conversations),
    ):
        made = _watched(context, name, count, make(count, seed, rejects, config.families))
        metrics[name] = write_records(folder / f"{name}.parquet", made)
    for split in textbook.HELDOUT_SPLITS:
        problems = list(textbook.heldout(config.heldout, seed, split, rejects, config.families))
        lines = [
            {
                "id": f"{split}-{index}",
                "question": p.question,
                "work": p.work,
                "answer": p.answer,
                "family": p.family,
                "skill": p.skill,
                "steps": p.steps,
                "difficulty": p.difficulty,
            }
            for index, p in enumerate(problems)
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{split}.jsonl").write_text(text)
        metrics[split] = len(lines)
    seconds = time.perf_counter() - started
    metrics |= {
        "checked": rejects.checked,
        "rejected": rejects.reasons,
        "checked_per_second": rejects.checked / seconds,
    }
    metrics |= _code(context)
    return metrics


def _code(context: Context[Recipe]) -> dict[str, Any]:
    """Python exercises, kept when their tests pass in the sandbox; without a sandbox, none, loudly."""
    from phial.sandbox import level
    from phial.synth.pages import code_records

    config, path = context.recipe.synth, context.draft.path / "code.parquet"
    held = level()
    if held == "none":
        context.reporter.line(
            "  WARNING: this machine offers no sandbox level: no code exercise is run or kept; the run goes on without"
        )
        write_records(path, [])
        return {"code": 0, "code_skipped": config.code, "sandbox": held}
    with context.reporter.task("code exercises", config.code, "runs") as track:
        records, failed = code_records(config.code, context.recipe.seed, track)
    return {"code": write_records(path, records), "code_failed": failed, "code_skipped": 0, "sandbox": held}


def _curate(context: Context[Recipe]) -> dict[str, Any]:
    from phial.recipe.curation import curate

    return curate(context)


def _ablate(context: Context[Recipe]) -> dict[str, Any]:
    from phial.recipe.ablate import ablate

    config = context.recipe.ablation
    metrics = {}
    for name in ("train", "conversations"):
        records = ablate(context.records("curate", f"{name}.parquet"), config.kind, config.share, context.recipe.seed)
        metrics[name] = write_records(context.draft.path / f"{name}.parquet", records)
    for name in ("organic", "organic-heldout"):
        write_records(context.draft.path / f"{name}.parquet", read_records(context.path("curate", f"{name}.parquet")))
    return metrics


def _tokenizer(context: Context[Recipe]) -> dict[str, Any]:
    from phial.tokens.tokenizer import train_tokenizer

    config = context.recipe.tokenizer
    texts = [r.content for r in context.records("curate", "train.parquet")]
    texts += [r.content for r in context.records("curate", "conversations.parquet")]
    budget = sum(map(len, texts)) * config.organic_share / max(1 - config.organic_share, 0.01)
    for record in context.records("curate", "organic.parquet"):
        if budget <= 0:
            break
        texts.append(record.content)
        budget -= len(record.content)
    tokenizer = train_tokenizer(texts, config.vocab_size)
    tokenizer.save(context.draft.path)
    return {"vocab_size": tokenizer.vocab_size}


def _tokenize(context: Context[Recipe]) -> dict[str, Any]:
    from phial.synth.textbook import worked
    from phial.tokens.encode import encode_records
    from phial.tokens.shards import write_shard
    from phial.tokens.tokenizer import load_tokenizer

    data = "ablate" if "ablate" in context.inputs else "curate"
    tokenizer = load_tokenizer(context.inputs["tokenizer"].path)
    row = context.recipe.model.max_position_embeddings + 1  # a row trains row - 1 positions
    metrics: dict[str, Any] = {}
    sources = {
        "pretrain": context.path(data, "train.parquet"),
        "control": context.path(data, "organic.parquet"),
        "sft": context.path(data, "conversations.parquet"),
        "heldout-organic": context.path(data, "organic-heldout.parquet"),
    }
    heldout = [json.loads(line) for line in context.path("synth", "in-range.jsonl").read_text().splitlines()[:400]]
    for name, path in sources.items():
        documents, dropped = encode_records(tokenizer, read_records(path), row)
        (context.draft.path / name).mkdir()
        header = write_shard(context.draft.path / name, documents, row, tokenizer.vocab_size, tokenizer.eos_id)
        metrics[name] = header | {"too_long": dropped}
    texts = [worked(line["question"], line["work"]) for line in heldout]
    documents, _ = encode_records(tokenizer, _plain(texts), row)
    (context.draft.path / "heldout-textbook").mkdir()
    folder = context.draft.path / "heldout-textbook"
    metrics["heldout-textbook"] = write_shard(folder, documents, row, tokenizer.vocab_size, tokenizer.eos_id)
    return metrics


def _plain(texts: Iterable[str]) -> Iterable[Record]:
    from phial.record import Lineage
    from phial.synth.textbook import LICENSE, SOURCE

    return (Record("exercise", SOURCE, LICENSE, Lineage("heldout", "1"), text=text) for text in texts)


def lanes(recipe: Recipe) -> int:
    """Stages made side by side: two when there is a control and a second core for it."""
    return 2 if recipe.control.enabled and (os.cpu_count() or 1) > 1 else 1


def threads(recipe: Recipe) -> int:
    """CPU threads of one lane."""
    return recipe.threads or max(1, (os.cpu_count() or 1) // lanes(recipe))


def _pretrain(context: Context[Recipe], shard: str) -> dict[str, Any]:
    from phial.recipe.training import pretrain

    return pretrain(context, shard)


def _sft(context: Context[Recipe]) -> dict[str, Any]:
    from phial.recipe.training import sft

    return sft(context)


def _evaluate(context: Context[Recipe]) -> dict[str, Any]:
    from phial.recipe.evaluation import evaluate

    return evaluate(context)


def _report(context: Context[Recipe]) -> dict[str, Any]:
    from phial.recipe.report.page import write_report

    context.draft.volatile |= {"report.html", "report.json"}
    return write_report(context)


def environment() -> dict[str, str]:
    """What the run was made with, for the report."""
    import platform

    import torch

    return {
        "phial": __import__("phial").__version__,
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "system": platform.platform(),
    }


def require_records(records: list[Record], what: str, where: str) -> list[Record]:
    """The same list, unless filtering left nothing.

    Raises:
        PhialError: it is empty.
    """
    if not records:
        raise PhialError(f"no {what} left after filtering", where=where, do="loosen the filters or generate more")
    return records
