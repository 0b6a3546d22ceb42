"""What was kept, as records in the order of training and as token shards with loss masks."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from phial.artifact import file_sha256
from phial.curate.curriculum import Order, arrange
from phial.recipe.data_schema import DataRecipe
from phial.recipe.stage import Context
from phial.record import Record, read_records, write_records
from phial.tokens.encode import encode_records
from phial.tokens.shards import write_shard
from phial.tokens.tokenizer import load_tokenizer

# What a tokenizer's ids depend on in a checkpoint's folder.
_TOKENIZER_FILES = ("tokenizer*", "vocab*", "merges.txt", "*.tiktoken", "special_tokens_map.json", "chat_template*")


def tokenizer_key(folder: Path) -> str:
    """A hash of the files of a tokenizer."""
    files = sorted({path for pattern in _TOKENIZER_FILES for path in folder.glob(pattern) if path.is_file()})
    return hashlib.sha256("".join(f"{path.name}\0{file_sha256(path)}\0" for path in files).encode()).hexdigest()


def pack(tokenizer_folder: Path, row_length: int, context: Context[DataRecipe]) -> dict[str, Any]:
    """Write `sft`, `text` and `heldout` shards, each beside the records in it, and `preferences.parquet`.

    Conversations carry loss on the assistant's words alone; texts on all of theirs. A record comes as often as the
    mixture says.

    Args:
        tokenizer_folder: of the tokenizer.
        row_length: positions that a row trains.
        context: of the stage.
    """
    section, folder = context.recipe.shards, context.draft.path
    tokenizer = load_tokenizer(tokenizer_folder)
    kept = sorted((context.inputs["curate"].path / "kept").glob("*.parquet"))
    ordered = arrange(kept, folder / "ordered", Order(seed=context.recipe.seed))
    row = row_length + 1  # a row trains row - 1 positions
    metrics: dict[str, Any] = {"tokenizer": str(tokenizer_folder.name), "vocab_size": tokenizer.vocab_size}
    for name in ("sft", "text", "heldout", "preferences"):
        path = folder / f"{name}.parquet"
        chosen = (record for file in ordered for record in read_records(file))
        count = write_records(path, (one for one in chosen if _place(one, section.heldout) == name))
        if not count:
            path.unlink()
            continue
        metrics[name] = {"records": count}
        if name == "preferences":
            continue
        with context.reporter.task(name, count, "records") as track:
            documents, too_long = encode_records(tokenizer, _followed(read_records(path), track), row)
        if documents:
            (folder / name).mkdir()
            metrics[name] |= write_shard(folder / name, documents, row, tokenizer.vocab_size, tokenizer.pad_id)
        if too_long:
            metrics[name]["too_long"] = too_long
            context.reporter.line(
                f"  {name}: {too_long:,} conversations are longer than a row of {row_length:,} and left out; "
                "set shards.row_length higher for them"
            )
    shutil.rmtree(folder / "ordered")
    return metrics


def _place(record: Record, heldout: float) -> str:
    if record.preference:
        return "preferences"
    if record.messages is None:
        return "text"
    return "heldout" if int(record.id[:8], 16) / 2**32 < heldout else "sft"


def _followed(records: Iterator[Record], track: Any) -> Iterator[Record]:
    for count, record in enumerate(records, 1):
        if count % 512 == 0:
            track(count)
        yield record
