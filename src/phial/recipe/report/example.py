"""The history of one training record, from the seed that made it to the steps that trained on its tokens."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow.parquet as pq

from phial.artifact import Artifact
from phial.recipe.schema import Recipe
from phial.record import Record, read_records
from phial.tokens.shards import read_shard
from phial.tokens.tokenizer import Tokenizer, load_tokenizer
from phial.train.loader import permutation

LONGEST = 420  # characters; more would be a wall of chips
MOST_STEPS = 12


def example(recipe: Recipe, inputs: Mapping[str, Artifact]) -> dict[str, Any] | None:
    """One record of the pretraining shard: lineage, text, tokens, and when it was trained on.

    Returns:
        The facts, or None when training reached no record short enough to show.
    """
    data = inputs["ablate" if "ablate" in inputs else "curate"]
    shard_folder = inputs["tokenize"].path / "pretrain"
    table = pq.read_table(shard_folder / "documents.parquet", columns=["record_id", "row", "offset", "length"])
    places: dict[str, list[dict[str, int]]] = {}
    for place in table.to_pylist():
        places.setdefault(place.pop("record_id"), []).append(place)
    shard, tokenizer = read_shard(shard_folder), load_tokenizer(inputs["tokenizer"].path)
    steps, trained = _training_order(recipe, shard.rows)
    reached = {name: found for name, found in places.items() if any(place["row"] in trained for place in found)}
    record = _choose(list(read_records(data.path / "train.parquet")), reached, recipe.seed)
    if record is None:
        return None
    found = sorted(places[record.id], key=lambda place: (place["row"], place["offset"]))
    row, offset, length = (found[0][key] for key in ("row", "offset", "length"))
    scored = shard.scored[row, offset : offset + length].tolist()
    ids = [int(index) for index in shard.ids[row, offset : offset + length]]
    visits = sorted({step for place in found for step in trained.get(place["row"], ())})
    lineage = record.lineage
    return {
        "id": record.id,
        "kind": record.kind,
        "source": record.source,
        "license": record.license,
        "flow": lineage.flow,
        "version": lineage.version,
        "params": dict(lineage.params),
        "parents": list(lineage.parents),
        "verdicts": [{"gate": v.gate, "passed": v.passed, "detail": v.detail} for v in lineage.verdicts],
        "text": record.content,
        "files": _holders(inputs, record.id),
        "places": [{"shard": "pretrain", **place} for place in found],
        "trained": {"of": steps, "count": len(visits), "steps": visits[:MOST_STEPS]},
        "tokens": [_token(tokenizer, index, bool(target)) for index, target in zip(ids, scored, strict=True)],
    }


def _choose(records: Sequence[Record], places: Mapping[str, Any], seed: int) -> Record | None:
    """A seeded choice among short records, worked exercises of several steps before any others."""
    whole = [record for record in records if record.id in places and record.text is not None]
    short = [record for record in whole if len(record.content) <= LONGEST]
    worked = [r for r in short if r.kind == "exercise" and r.lineage.params.get("steps", 0) > 1]
    pool = worked or short
    return random.Random(f"{seed}/example").choice(pool) if pool else None


def _holders(inputs: Mapping[str, Artifact], identity: str) -> list[str]:
    """The record files of the run that hold it, as artifact folder and file."""
    held: list[str] = []
    for artifact in inputs.values():
        for path in sorted(artifact.path.glob("*.parquet")):
            if identity in pq.read_table(path, columns=["id"])["id"].to_pylist():
                held.append(f"{artifact.path.name}/{path.name}")
    return held


def _training_order(recipe: Recipe, rows: int) -> tuple[int, dict[int, list[int]]]:
    """The number of pretraining steps, and by row the steps whose batches held it, by the loader's own order."""
    config = recipe.pretrain
    steps = max(1, config.tokens // (config.batch_rows * recipe.model.max_position_embeddings))
    seen = steps * config.batch_rows
    trained: dict[int, list[int]] = {}
    for epoch in range(-(-seen // rows)):
        for index, row in enumerate(permutation(rows, recipe.seed, epoch)[: seen - epoch * rows], epoch * rows):
            trained.setdefault(int(row), []).append(index // config.batch_rows + 1)
    return steps, trained


def _token(tokenizer: Tokenizer, index: int, scored: bool) -> dict[str, Any]:
    """One token as the page shows it; a piece of a character as its bytes' marks in the vocabulary."""
    names = {value: name for name, value in tokenizer.special.items()}
    if index in names:
        return {"id": index, "text": names[index], "special": True, "scored": scored}
    text = tokenizer.decode([index])
    if "\ufffd" in text:
        text = tokenizer.backend.id_to_token(index) or text
    return {"id": index, "text": text, "special": False, "scored": scored}
