"""What `phial make` does: read a recipe, make it, and say where what it made lies."""

from __future__ import annotations

from pathlib import Path

from phial.errors import PhialError
from phial.recipe.data_schema import DataRecipe
from phial.recipe.progress import Reporter
from phial.recipe.runner import Run, make
from phial.recipe.schema import read_recipe, recipe_folder


def make_or_estimate(
    source: str, settings: list[str], workspace: Path, benchmarks: Path | None = None, estimate: bool = False
) -> None:
    """Make a recipe, or say what it will cost.

    Args:
        source: file or name of it.
        settings: overrides, as `read_recipe` takes them.
        workspace: folder of everything made.
        benchmarks: folder of published test sets.
        estimate: only say what the teacher will be asked, and what that costs.

    Raises:
        PhialError: the recipe is wrong, or a stage fails.
    """
    recipe = read_recipe(source, settings)
    base = recipe_folder(source)
    if benchmarks is not None:
        section = "curate" if isinstance(recipe, DataRecipe) else "evaluate"
        recipe = read_recipe(source, [*settings, f"{section}.benchmarks='{benchmarks.resolve()}'"])
    if estimate:
        if not isinstance(recipe, DataRecipe):
            raise PhialError(f"recipe {recipe.name} asks no teacher", where=source, do="leave --estimate out")
        from phial.recipe.estimating import forecast_recipe, print_forecast

        print_forecast(forecast_recipe(recipe, base, workspace), recipe.budget)
        return
    reporter = Reporter()
    run = make(recipe, workspace, reporter, base)
    report = run.artifacts["report"].path / "report.html"
    reporter.line(f"\nrun {run.name}\n  report: {report}")
    for line in _data(run, workspace) if isinstance(recipe, DataRecipe) else []:
        reporter.line(f"  {line}")
    if not isinstance(recipe, DataRecipe) or recipe.tune:
        reporter.line(f"  talk to it: phial chat {run.name} --to {workspace}")


def _data(run: Run, workspace: Path) -> list[str]:
    """Where the records and tokens of a run lie."""
    shards, curated = run.artifacts["shards"], run.artifacts["curate"]
    lines = []
    for name in ("sft", "text", "heldout", "preferences"):
        facts = shards.manifest.metrics.get(name)
        if facts:
            tokens = f", {facts['tokens']:,} tokens in {shards.path / name}" if "tokens" in facts else ""
            lines.append(f"{facts['records']:,} records: {shards.path / name}.parquet{tokens}")
    return [*lines, f"look at it: phial data look {curated.path}", f"trace a record: phial trace ID --to {workspace}"]
