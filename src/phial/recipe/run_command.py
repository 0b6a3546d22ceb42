"""What `phial data run` does: one flow over files of seeds, without a recipe."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phial.errors import PhialError
from phial.recipe.data_schema import Budget, Scale, TeacherSection
from phial.recipe.estimating import forecast_flow, print_forecast
from phial.recipe.flow_job import FlowJob, do_job
from phial.recipe.progress import Reporter
from phial.recipe.schema import checked
from phial.recipe.seeding import UNKNOWN_LICENSE, SeedFiles
from phial.record import Record, read_records
from phial.synth.flow_by_name import flow_by_name
from phial.synth.ledger_reading import LEDGER, find_ledger
from phial.synth.run import Plan
from phial.synth.shard import write_aside

SEEDS = "seeds.parquet"
_WHERE = "phial data run"


@dataclass(frozen=True)
class Asked:
    """What a user asks for; the fields are the command's options."""

    flow: str
    seeds: Path
    folder: Path
    lines: bool = False
    license: str = UNKNOWN_LICENSE
    accept: int | None = None
    settings: list[str] = field(default_factory=list)
    seed: int = 0
    together: int = 256
    ledger: Path | None = None


def read_settings(settings: list[str]) -> dict[str, Any]:
    """`name=value` pairs, values as TOML or else as text.

    Raises:
        PhialError: one is of another form.
    """
    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise PhialError(f"--set {setting!r} is not of the form name=value", do="e.g. --set count=2")
        try:
            found[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[name] = value
    return found


def run_one(
    asked: Asked,
    teacher: Mapping[str, str],
    budget: Mapping[str, float | None],
    scale: Mapping[str, Any],
    estimate: bool = False,
) -> None:
    """Run the flow, or say what it will cost; its seeds' texts are kept beside what was made of them.

    Args:
        asked: flow, seeds and folder.
        teacher: "teacher" (a URL, several with commas between, "offline" or "replay"), "price" (two numbers with a
            comma between), and fields of `TeacherSection`.
        budget: fields of `Budget`.
        scale: fields of `Scale`.
        estimate: only say what it will cost.

    Raises:
        PhialError: there are no seeds, nobody will be answered, or the disk is full.
    """
    flow = flow_by_name(asked.flow)
    seeds = SeedFiles(asked.seeds, asked.license, asked.lines)
    seeds.files()  # a wrong path is told before anything else
    job = FlowJob(
        flow=asked.flow,
        base=Path.cwd(),
        seeds=(seeds,),
        teacher=_teacher(teacher),
        ledger=asked.ledger or find_ledger(asked.folder) or asked.folder.parent / LEDGER,
        run=f"{asked.folder.resolve().name}/{flow.name}",
        budget=checked(Budget, dict(budget), _WHERE),
        folder=asked.folder,
        plan=Plan(asked.accept, read_settings(asked.settings), asked.seed, asked.together),
    )
    if estimate:
        print_forecast(forecast_flow(flow, seeds, job.teacher, job.ledger, job.plan), job.budget)
        return
    reporter = Reporter()
    job.folder.mkdir(parents=True, exist_ok=True)
    do_job(job, checked(Scale, dict(scale), _WHERE), flow.name, reporter)
    made = job.folder / "records.parquet"
    write_aside(job.folder / SEEDS, _used(job, made))
    for line in _told(json.loads((job.folder / "run.json").read_text()), asked):
        reporter.line(line)
    reporter.line(f"{made}\n  look at it: phial data look {job.folder}")


def _teacher(facts: Mapping[str, str]) -> TeacherSection:
    who = facts["teacher"]
    prompt, _, completion = facts["price"].partition(",")
    found: dict[str, Any] = {name: value for name, value in facts.items() if name not in ("teacher", "price")}
    found["price"] = {"prompt": prompt, "completion": completion or prompt}
    if who == "replay":
        found["replay"] = True
    elif who != "offline":
        found["url"] = [url.strip() for url in who.split(",")]
    return checked(TeacherSection, found, _WHERE)


def _told(report: dict[str, Any], asked: Asked) -> Iterator[str]:
    """What a run did, and what it could not do."""
    spent = report["spent"]
    yield (
        f"{report['accepted']:,} records of {report['seeds']:,} seeds; {spent['requests']:,} requests, "
        f"{spent['prompt_tokens'] + spent['completion_tokens']:,} tokens, cost {spent['cost']:.4f} in all"
    )
    if report["lost"]["requests"]:
        yield f"  {report['lost']['requests']:,} requests were perhaps paid in vain"
    for reason, count in report["dropped"].items():
        yield f"  {count:,}  {reason}"
    if report["unanswered"]:
        yield f"  {report['unanswered']:,} seeds were not answered; run the same command again for them"
    elif asked.accept and report["accepted"] < asked.accept:
        yield f"  all seeds are used up, {asked.accept - report['accepted']:,} records short of {asked.accept:,}"


def _used(job: FlowJob, made: Path) -> Iterator[Record]:
    """The seeds of the records: one pass, as far as the last of them."""
    wanted = {parent for record in read_records(made) for parent in record.lineage.parents}
    for record in job.records() if wanted else ():
        if record.id in wanted:
            yield record
            wanted.discard(record.id)
            if not wanted:
                return
