"""The curate stage: dedup, decontamination against the held-out sets, and the mixture."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from phial.curate.benchmarks import build_index
from phial.curate.decontaminate import DecontaminationConfig, decontaminate
from phial.curate.dedup import exact
from phial.curate.funnel import Funnel
from phial.curate.mix import mix
from phial.recipe.schema import Recipe
from phial.recipe.stage import Context
from phial.recipe.stages import require_records
from phial.record import Record, write_records
from phial.synth.textbook import HELDOUT_SPLITS

ORGANIC_HELDOUT_ONE_IN = 50


def curate(context: Context[Recipe]) -> dict[str, Any]:
    """Write train, conversations, organic and organic-heldout, with the funnel and the mixture table."""
    config, seed, folder = context.recipe.curate, context.recipe.seed, context.draft.path
    funnel = Funnel()
    synthetic = [
        record for name in ("exercises", "passages", "code") for record in context.records("synth", f"{name}.parquet")
    ]
    _count_teacher(context, funnel, len(synthetic))
    conversations = context.records("synth", "conversations.parquet")
    organic = context.records("seeds", "organic.parquet")

    index = build_index(
        (item["id"], split, item["question"])
        for split in HELDOUT_SPLITS
        for item in map(json.loads, context.path("synth", f"{split}.jsonl").read_text().splitlines())
    )
    settings = DecontaminationConfig(
        common_records=config.common_records,
        info_ratio=config.info_ratio,
        contaminated_ratio=config.contaminated_ratio,
        templates=True,
    )
    cleaned: dict[str, list[Record]] = {}
    partial = 0
    for name, records in (("synthetic", synthetic), ("conversations", conversations), ("organic", organic)):
        kept, repeated = exact(records)
        funnel.add(f"{name}: exact dedup", len(kept), repeated)
        result = decontaminate(kept, index, settings)
        funnel.add(f"{name}: decontamination", len(result.kept), result.dropped)
        partial += result.partial
        cleaned[name] = require_records(result.kept, f"{name} records", "curate stage")

    by_kind: dict[str, list[Record]] = {}
    for record in cleaned["synthetic"]:
        by_kind.setdefault(record.kind, []).append(record)
    shares = {
        kind: share for kind, share in config.shares.items() if share and (by_kind.get(kind) or kind == "organic")
    }
    if "organic" in shares:
        by_kind["organic"] = cleaned["organic"]
    # The scarcest wanted kind at one epoch sets the size; the others are sampled down or, up to the cap, repeated.
    total = sum(len(record.content) for record in cleaned["synthetic"])
    train, table = mix(by_kind, shares, total, config.epochs_cap, seed)
    held = [record for i, record in enumerate(cleaned["organic"]) if i % ORGANIC_HELDOUT_ONE_IN == 0]
    rest = [record for i, record in enumerate(cleaned["organic"]) if i % ORGANIC_HELDOUT_ONE_IN]

    write_records(folder / "train.parquet", require_records(train, "training records", "curate stage"))
    write_records(folder / "conversations.parquet", cleaned["conversations"])
    write_records(folder / "organic.parquet", require_records(rest, "organic records", "curate stage"))
    write_records(folder / "organic-heldout.parquet", held)
    rows = funnel.rows()
    mixture = [asdict(row) for row in table]
    (folder / "funnel.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "mixture.json").write_text(json.dumps(mixture, indent=1) + "\n")
    return {"train": len(train), "partial": partial, "mixture": mixture}


def _count_teacher(context: Context[Recipe], funnel: Funnel, kept: int) -> None:
    metrics = context.inputs["synth"].manifest.metrics
    funnel.add("synthetic: teacher", kept)
    for reason, count in metrics["rejected"].items():
        funnel.count("synthetic: teacher", f"evaluator: {reason}", count)
    for reason, count in metrics.get("code_failed", {}).items():
        funnel.count("synthetic: teacher", f"execution: {reason}", count)
    if metrics["code_skipped"]:
        funnel.count("synthetic: teacher", "no sandbox on this machine", metrics["code_skipped"])
