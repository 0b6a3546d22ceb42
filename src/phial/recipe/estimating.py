"""What a recipe for data, or one flow, will cost, before anything is spent."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from phial.recipe.data_schema import TEXTS, TOPICS, Budget, DataRecipe, TeacherSection
from phial.recipe.seeding import SeedFiles, topic
from phial.recipe.teachers import open_teacher
from phial.record import Record
from phial.synth.budget import Spending
from phial.synth.estimate import DryTeacher, estimate, scaled
from phial.synth.flow import Flow
from phial.synth.flow_by_name import flow_by_name
from phial.synth.ledger import Ledger
from phial.synth.ledger_reading import LEDGER
from phial.synth.marks import marks
from phial.synth.run import Plan
from phial.synth.teacher import LedgerTeacher

_SAMPLE = 16


@dataclass(frozen=True)
class Forecast:
    """Of one flow, or of the marks.

    Attributes:
        name: of it.
        seeds: that it will probably take.
        records: that it will probably make.
        about: what that will probably cost.
        most: what it can cost: every seed there is, and every answer as long as it may be.
        made: a few records of the dry run, which the next flow's dry run begins with.
    """

    name: str
    seeds: int
    records: int
    about: Spending
    most: Spending
    made: tuple[Record, ...] = ()


def forecast(
    name: str, flow: Flow, seeds: Iterable[Record], available: int, teacher: LedgerTeacher, plan: Plan
) -> Forecast:
    """Run a flow over some seeds without asking anybody; the yield is that of the offline teacher's words.

    Args:
        name: to be shown.
        flow: that would be run.
        seeds: at least the first of them.
        available: how many there are.
        teacher: who would be asked.
        plan: of the run.

    Raises:
        PhialError: there are no seeds.
    """
    found = asyncio.run(estimate(flow, seeds, 1, teacher, plan, _SAMPLE))
    share = len(found.made) / found.seeds
    wanted = available if plan.accept is None or not share else math.ceil(plan.accept / share)
    total = min(available, wanted)
    records = round(share * total) if plan.accept is None else min(plan.accept, round(share * total))
    return Forecast(name, total, records, scaled(found.about, total), scaled(found.most, available), found.made)


def forecast_recipe(recipe: DataRecipe, base: Path, workspace: Path) -> list[Forecast]:
    """What each flow of a recipe, and the marking, will cost.

    Args:
        recipe: checked.
        base: what the paths in it are relative to.
        workspace: its ledger knows how long the teacher's answers usually are, and what is paid for already.
    """
    with _dry(workspace / LEDGER, recipe.teacher, recipe.budget, recipe.name) as teacher:
        samples, sizes = _seeds(recipe, base)
        found: list[Forecast] = []
        for one in recipe.flow:
            sources = recipe.seeds_of(one)
            seeds = list(chain.from_iterable(samples[name] for name in sources))
            available = sum(sizes[name] for name in sources)
            plan = Plan(one.accept, one.settings, recipe.seed)
            if not seeds:
                found.append(
                    Forecast(f"{one.called} (the offline teacher gave it no seeds)", 0, 0, Spending(), Spending())
                )
            else:
                found.append(forecast(one.called, flow_by_name(one.name, base), seeds, available, teacher, plan))
            samples[one.called], sizes[one.called] = found[-1].made, found[-1].records
        made = [record for one in recipe.flow if one.train for record in samples[one.called] if record.kind != "topic"]
        if recipe.quality.sample and made:
            found.append(
                _marking(made[:_SAMPLE], min(recipe.quality.sample, sum(one.records for one in found)), teacher)
            )
    return found


def forecast_flow(flow: Flow, seeds: SeedFiles, teacher: TeacherSection, ledger: Path, plan: Plan) -> list[Forecast]:
    """What one flow over files will cost."""
    available = sum(1 for _ in seeds.records())
    with _dry(ledger, teacher, Budget(), flow.name) as asked:
        return [forecast(flow.name, flow, islice(seeds.records(), _SAMPLE), available, asked, plan)]


def print_forecast(found: Sequence[Forecast], budget: Budget) -> None:
    """Print a line a flow, the sum, and what of it the budget allows."""
    table = Table(box=None, pad_edge=False)
    for heading in ("flow", "seeds", "records", "requests", "prompt tokens", "answer tokens", "cost", "cost at most"):
        table.add_column(heading, justify="left" if heading == "flow" else "right")
    whole = Forecast(
        "all",
        sum(one.seeds for one in found),
        sum(one.records for one in found),
        sum((one.about for one in found), Spending()),
        sum((one.most for one in found), Spending()),
    )
    for one in (*found, whole):
        numbers = (one.seeds, one.records, one.about.requests, one.about.prompt_tokens, one.about.completion_tokens)
        costs = (f"{one.about.cost:,.4f}", f"{one.most.cost:,.4f}")
        table.add_row(one.name, *(f"{number:,}" for number in numbers), *costs)
    console = Console(highlight=False, width=max(Console().width, 120))  # broken numbers can't be read
    console.print(table)
    console.print(
        f"at most {whole.most.requests:,} requests and {whole.most.tokens:,} tokens, if every seed is taken and every "
        "answer is as long as it may be",
        soft_wrap=True,
    )
    limits = [f"{name} {value:,}" for name, value in budget.model_dump().items() if value is not None]
    console.print(f"the budget ends it at: {', '.join(limits)}" if limits else "there is no budget", soft_wrap=True)


@contextmanager
def _dry(path: Path, section: TeacherSection, budget: Budget, run: str) -> Iterator[LedgerTeacher]:
    """The teacher with the ledger that is there, or an empty one: an estimate leaves nothing behind."""
    with TemporaryDirectory() as folder, Ledger(path if path.is_file() else Path(folder) / LEDGER) as ledger:
        yield open_teacher(section, ledger, run, budget)


def _seeds(recipe: DataRecipe, base: Path) -> tuple[dict[str, Sequence[Record]], dict[str, int]]:
    """The first topics and texts, and how many there are."""
    named = [topic(name, recipe.topics.license, {}) for name in recipe.topics.names]
    samples: dict[str, Sequence[Record]] = {TOPICS: named[:_SAMPLE], TEXTS: ()}
    sizes = {TOPICS: len(named), TEXTS: 0}
    files = {}
    if recipe.topics.file:
        files[TOPICS] = SeedFiles(base / recipe.topics.file, recipe.topics.license, lines=True)
    if recipe.seeds.path:
        files[TEXTS] = SeedFiles(base / recipe.seeds.path, recipe.seeds.license)
    for name, source in files.items():
        samples[name] = [*samples[name], *islice(source.records(), _SAMPLE)]
        sizes[name] += sum(1 for _ in source.records())
    return samples, sizes


def _marking(records: Sequence[Record], total: int, teacher: LedgerTeacher) -> Forecast:
    dry = DryTeacher(teacher)
    asyncio.run(marks(records, dry))
    scale = total / len(records)
    return Forecast("marks for the quality classifier", total, 0, scaled(dry.about, scale), scaled(dry.most, scale))
