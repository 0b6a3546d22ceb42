"""Looking back: the runs of a workspace, and the history of one record."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from phial.artifact import artifact_path, read_manifest
from phial.errors import PhialError
from phial.page.printable import printable
from phial.recipe.history import history
from phial.recipe.runner import read_runs
from phial.record import Record, read_records


def print_runs(workspace: Path) -> None:
    """Print one line a run: name, when, how long, in-range score, control, report."""
    runs = read_runs(workspace)
    if not runs:
        raise PhialError("no finished runs", where=str(workspace), do=f"make one: phial make nano --to {workspace}")
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "finished", "in range", "control", "report"):
        table.add_column(heading, no_wrap=True)
    for run in runs:
        table.add_row(
            run["name"],
            time.strftime("%Y-%m-%d %H:%M", time.localtime(run["finished"])),
            _score(workspace, run, "evaluate"),
            _score(workspace, run, "evaluate-control"),
            str(artifact_path(workspace / "artifacts", "report", run["artifacts"]["report"]) / "report.html"),
        )
    # A path that is broken over lines can't be copied, so a narrow terminal gets long lines.
    Console(width=max(Console().width, 250)).print(table, crop=False)


def _score(workspace: Path, run: dict[str, Any], stage: str) -> str:
    if stage not in run["artifacts"]:
        return "-"
    folder = artifact_path(workspace / "artifacts", stage, run["artifacts"][stage])
    if not folder.exists():
        return "removed"
    score = read_manifest(folder).metrics["in-range"]["score"]
    return f"{100 * score['share']:.1f} % [{100 * score['low']:.1f}, {100 * score['high']:.1f}]"


def find_record(prefix: str, workspace: Path) -> tuple[Record, list[str], list[str]]:
    """Find a record by the first digits of its id.

    Args:
        prefix: those digits.
        workspace: of recipes, or any folder with files of records in or below it: a flow's run, a curation.

    Returns:
        The most processed copy of the record, the files that hold it, and where its tokens lie.

    Raises:
        PhialError: no record, or several, begin so.
    """
    root = _root(workspace)
    files, places = _holders(prefix, root)
    if not files:
        raise PhialError(
            f"no record begins with {prefix!r}", where=str(root), do="take an id from a report or Parquet file"
        )
    if len(files) > 1:
        raise PhialError(f"{len(files)} records begin with {prefix!r}", where=str(root), do="give more digits")
    (identity, holders), *_ = files.items()
    return _read(identity, holders[-1]), [str(path.relative_to(root)) for path in holders], places


def _holders(prefix: str, root: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """The files that hold records whose ids begin so, by id, oldest first; and where their tokens lie."""
    files: dict[str, list[Path]] = {}
    places: list[str] = []
    for path in sorted(root.glob("**/*.parquet"), key=lambda p: p.stat().st_mtime):
        if ".partial" in str(path):
            continue
        if path.name == "documents.parquet":
            places += _token_places(path, prefix, root)
            continue
        try:
            file = pq.ParquetFile(path)
        except pa.ArrowInvalid as error:
            do = "delete it and run what made it again"
            raise PhialError(f"not a readable Parquet file: {error}", where=str(path), do=do) from error
        if "id" not in file.schema_arrow.names:
            continue
        ids = file.read(columns=["id"])["id"]
        for found in {identity for identity in ids.to_pylist() if identity.startswith(prefix)}:
            files.setdefault(found, []).append(path)
    return files, places


def _read(identity: str, path: Path) -> Record:
    return next(record for record in read_records(path) if record.id == identity)


def _ancestors(parents: Sequence[str], root: Path) -> Iterator[str]:
    """What a record was made from, and what that was made from, back to the seed: all whose texts lie in the place."""
    waiting, seen = list(parents), set(parents)
    while waiting:
        identity = waiting.pop(0)
        files, _ = _holders(identity, root)
        if not files:
            continue
        record = _read(identity, files[identity][-1])
        made = f"{record.lineage.flow}, version {record.lineage.version}"
        yield f"== parent {identity}: {record.kind}, {record.source} ({record.license}), by {made}"
        yield record.content
        yield ""
        fresh = [parent for parent in record.lineage.parents if parent not in seen]
        waiting, seen = [*waiting, *fresh], seen.union(fresh)


def _token_places(path: Path, prefix: str, root: Path) -> list[str]:
    table = pq.read_table(path, columns=["record_id", "row", "offset", "length"])
    return [
        f"{path.parent.relative_to(root)}: row {row['row']}, tokens {row['offset']} to {row['offset'] + row['length']}"
        for row in table.to_pylist()
        if row["record_id"].startswith(prefix)
    ]


def _root(workspace: Path) -> Path:
    artifacts = workspace / "artifacts"
    return artifacts if artifacts.is_dir() else workspace


def print_trace(prefix: str, workspace: Path, ledger: Path | None = None) -> None:
    """Print a record's text and its whole history: seed, requests and replies, verdicts, files, tokens.

    Args:
        prefix: the first digits of its id.
        workspace: as for `find_record`.
        ledger: of the teacher's requests; by default the nearest ledger.sqlite in or above the record's folder.
    """
    record, files, places = find_record(prefix, workspace)
    root = _root(workspace)
    lineage = record.lineage
    lines = [
        f"record     {record.id}",
        f"kind       {record.kind}",
        f"source     {record.source} ({record.license})",
        f"generator  {lineage.flow}, version {lineage.version}",
        f"seed       {json.dumps(lineage.params, sort_keys=True)}",
        *(f"parent     {parent}" for parent in lineage.parents),
        *(f"request    {key}" for key in lineage.request_keys),
        *(f"verdict    {v.gate}: {'passed' if v.passed else 'failed'} ({v.detail})" for v in lineage.verdicts),
        *(f"score      {name}: {value:g}" for name, value in sorted(record.scores.items())),
        *(f"in file    {file}" for file in files),
        *(f"in tokens  {place}" for place in places),
        "",
        *_ancestors(lineage.parents, root),
        *history(record, (root / files[-1]).parent, ledger),
        "== record",
        record.content,
    ]
    print(printable("\n".join(lines)))
