"""The gates of a recipe for data, and the quality classifier that its teacher's marks train."""

from __future__ import annotations

import asyncio
import heapq
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from phial.artifact import Artifact
from phial.curate.decontaminate import Decontaminate, DecontaminationConfig
from phial.curate.duplicates import Duplicates
from phial.curate.junk import Junk
from phial.curate.language import Language
from phial.curate.mixture import Mixture, Share
from phial.curate.personal import Personal
from phial.curate.quality import MODEL, Quality, Training, threshold_for, train
from phial.curate.quality_report import write_report
from phial.curate.stage import CorpusStage, Stage
from phial.curate.toxicity import Toxicity
from phial.recipe.data_schema import DataCuration, DataRecipe
from phial.recipe.stage import Context
from phial.recipe.teachers import open_teacher, payer
from phial.record import Record, read_records
from phial.synth.ledger import Ledger
from phial.synth.ledger_reading import LEDGER
from phial.synth.marks import marks

PREFERENCE = "preference"
_THRESHOLD = "threshold.json"
_LEAST_MARKED = 10
_SCORED = 5_000  # records that the threshold is set by


def gates(
    section: DataCuration, base: Path, quality: Quality | None = None, seed: int = 0
) -> list[Stage | CorpusStage]:
    """The stages of a curation, in order.

    Args:
        section: what is wanted.
        base: folder that paths in it are relative to.
        quality: the classifier's gate, where there is one.
        seed: of the mixture.
    """
    exempt = ("code", PREFERENCE)
    stages: list[Stage | CorpusStage] = [Language(section.languages, exempt=exempt)] if section.languages else []
    # Worked problems are short, and half of their words are numbers.
    junk = Junk(fewest_words=section.fewest_words, word_length=(1.5, 10.0), exempt=exempt)
    stages += [junk, Personal(), Toxicity()]
    stages += [quality] if quality else []
    stages.append(Duplicates(threshold=section.duplicates))
    if section.benchmarks:
        thresholds = DecontaminationConfig(section.common_records, section.info_ratio, section.contaminated_ratio)
        stages.append(Decontaminate(base / section.benchmarks, thresholds))
    if section.shares:
        wanted = {kind: Share(share, section.epochs_cap) for kind, share in section.shares.items()}
        stages.append(Mixture(wanted, seed=seed))
    return stages


def stages(recipe: DataRecipe, base: Path, inputs: Mapping[str, Artifact]) -> list[Stage | CorpusStage]:
    """The gates of a recipe, with the classifier of its quality stage where that could be trained."""
    quality = inputs.get("quality")
    trained = quality and (quality.path / MODEL).is_file()
    gate = None
    if quality and trained:
        threshold = json.loads((quality.path / _THRESHOLD).read_text())["score"]
        gate = Quality(quality.path, threshold, exempt=(PREFERENCE,))
    return gates(recipe.curate, base, gate, recipe.seed)


def facts(recipe: DataRecipe, base: Path) -> dict[str, Any]:
    """What decides the curation, the classifier left aside; benchmarks by their content."""
    found = gates(recipe.curate, base, None, recipe.seed)
    return {"gates": [[stage.name, stage.version, stage.config()] for stage in found]}


def mark_and_learn(context: Context[DataRecipe]) -> dict[str, Any]:
    """Have the teacher mark a sample, train the classifier, set the threshold; or say why not."""
    section, folder = context.recipe.quality, context.draft.path
    sample = list(_sample(context, section.sample))
    found = _marks(context, sample)
    marked = [mark for mark in found if mark is not None]
    good = sum(mark >= section.good_from for mark in marked)
    metrics = {"sample": len(sample), "marked": len(marked), "good": good}
    if len(marked) < _LEAST_MARKED or good in (0, len(marked)):
        context.reporter.line(
            f"  no quality classifier: {good} of {len(marked)} marked records are good, and it takes some of both; "
            "nothing is dropped for its quality"
        )
        return metrics | {"trained": False}
    trained = train(sample, lambda _: found, Training(good_from=section.good_from, seed=context.recipe.seed))
    trained.classifier.save(folder)
    scores = trained.classifier.score([record.content for record in _sample(context, _SCORED)])
    threshold = threshold_for(scores, section.keep)
    (folder / _THRESHOLD).write_text(json.dumps({"score": threshold}) + "\n")
    report = write_report(trained, folder, threshold)
    return metrics | {"trained": True, "auc": report["auc"], "threshold": threshold}


def _sample(context: Context[DataRecipe], size: int) -> Iterator[Record]:
    """Of all that was made; ids are hashes, so the smallest ones are a fair sample."""
    paths = sorted(context.inputs["collect"].path.glob("*.parquet"))
    records = (record for path in paths for record in read_records(path) if record.preference is None)
    yield from heapq.nsmallest(size, records, key=lambda record: record.id)


def _marks(context: Context[DataRecipe], sample: list[Record]) -> list[float | None]:
    recipe = context.recipe
    path = Path(recipe.scale.ledger) if recipe.scale.ledger else context.workspace / LEDGER

    async def ask(ledger: Ledger) -> list[float | None]:
        teacher = open_teacher(recipe.teacher, ledger, payer(recipe.name, recipe.teacher, "quality"), recipe.budget)
        async with teacher:
            with context.reporter.task("marks", len(sample), "records") as track:
                return await marks(sample, teacher, watch=track)

    with Ledger(path) as ledger:
        return asyncio.run(ask(ledger))
