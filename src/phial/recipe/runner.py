"""Make a recipe: walk its graph, reuse what stands, build what is missing."""

from __future__ import annotations

import json
import os
import shutil
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from phial import __version__
from phial.artifact import (
    Artifact,
    BeingMade,
    Draft,
    artifact_key,
    artifact_path,
    drafting,
    find,
    publish,
    read_manifest,
)
from phial.errors import PhialError
from phial.kernels.library import WITHOUT, build_name
from phial.recipe.progress import Reporter
from phial.recipe.schema import AnyRecipe, DataRecipe
from phial.recipe.stage import Context, Stage

FORMAT = 1
_WAIT_SECONDS = 0.5


@dataclass(frozen=True)
class Run:
    """A recipe's artifacts in a workspace.

    Attributes:
        name: recipe name and the first digits of its report's key.
        artifacts: stage name to artifact.
        path: of the run's JSON file.
    """

    name: str
    artifacts: dict[str, Artifact]
    path: Path


def keys(stages: list[Stage]) -> dict[str, str]:
    """Stage name to artifact key."""
    found: dict[str, str] = {}
    for stage in stages:
        inputs = {name: found[name] for name in stage.inputs}
        found[stage.name] = artifact_key(stage.name, stage.version, stage.config, inputs)
    return found


def stages_of(recipe: AnyRecipe, base: Path = Path()) -> list[Stage]:
    """The graph of a recipe, by what kind it is; paths in it are relative to `base`."""
    if isinstance(recipe, DataRecipe):
        from phial.recipe.data_stages import build as build_data

        return build_data(recipe, base)
    from phial.recipe.stages import build

    return build(recipe)


def make(recipe: AnyRecipe, workspace: Path, reporter: Reporter, base: Path = Path()) -> Run:
    """Bring every artifact of a recipe into being.

    Args:
        recipe: checked.
        workspace: folder that holds `artifacts` and `runs`; shared by all runs made there.
        reporter: told what happens.
        base: what the paths in the recipe are relative to.

    Returns:
        The finished run.
    """
    root = workspace / "artifacts"
    stages = stages_of(recipe, base)
    stage_keys = keys(stages)
    artifacts: dict[str, Artifact] = {}
    started = time.time()
    if build_name() == "none" and any(stage.name in ("pretrain", "tune") for stage in stages):
        reporter.line(f"  WARNING: {WITHOUT}")

    def bring(stage: Stage) -> Artifact:
        key = stage_keys[stage.name]
        artifact = find(root, stage.name, key)
        if artifact is not None:
            reporter.line(f"{stage.name}: already made, {artifact.path.name}")
            return artifact
        reporter.line(f"{stage.name} ...")
        while artifact is None:
            try:
                artifact = _make(stage, key, recipe, root, artifacts, stage_keys, reporter)
            except BeingMade:
                if not _member(recipe):
                    raise
                time.sleep(_WAIT_SECONDS)  # another member of the array is at it
                artifact = find(root, stage.name, key)
        if stage.share and not _member(recipe):
            shutil.rmtree(root.parent / "work" / artifact.path.name, ignore_errors=True)  # all of it is in the artifact
        reporter.line(f"{stage.name}: made in {artifact.manifest.seconds:.1f} s, {artifact.path.name}")
        return artifact

    # The run and its control need nothing of each other: two lanes of half the cores each train 1.25 times the tokens
    # a second of one lane after the other, since a small model can't keep two cores busy.
    with ThreadPoolExecutor(_lanes(recipe)) as pool:
        waiting, running = list(stages), dict[Future[Artifact], Stage]()
        try:
            while waiting or running:
                for stage in [stage for stage in waiting if all(name in artifacts for name in stage.inputs)]:
                    running[pool.submit(bring, stage)] = stage
                    waiting.remove(stage)
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    artifacts[running.pop(future).name] = future.result()
        except BaseException:
            reporter.stop.set()  # the other lane ends at its next report instead of hours later
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    name = f"{recipe.name}-{stage_keys['report'][:8]}"
    path = workspace / "runs" / f"{name}.json"
    _write_run(path, name, recipe, stage_keys, started)
    return Run(name, artifacts, path)


def _lanes(recipe: AnyRecipe) -> int:
    """Stages made side by side: flows share their teacher's pace and a budget, so they come one after the other."""
    if isinstance(recipe, DataRecipe):
        return 1
    from phial.recipe.stages import lanes

    return lanes(recipe)


def _make(
    stage: Stage,
    key: str,
    recipe: AnyRecipe,
    root: Path,
    artifacts: dict[str, Artifact],
    stage_keys: dict[str, str],
    reporter: Reporter,
) -> Artifact:
    started = time.time()
    inputs = {name: artifacts[name] for name in stage.inputs}
    work = root.parent / "work" / artifact_path(root, stage.name, key).name
    if stage.share:
        work.mkdir(parents=True, exist_ok=True)
        stage.share(Context(recipe, inputs, Draft(work), reporter, work))
    with drafting(root, stage.name, key, resumable=stage.resumable) as draft:
        made = find(root, stage.name, key)
        if made is not None:  # by another member of the array, since it was looked for
            draft.path.rmdir()
            return made
        metrics = stage.run(Context(recipe, inputs, draft, reporter, work))
        input_keys = {name: stage_keys[name] for name in stage.inputs}
        return publish(draft, root, stage.name, key, stage.version, stage.config, input_keys, metrics, started)


def _member(recipe: AnyRecipe) -> bool:
    """Whether others of a job array make the same recipe in the same workspace."""
    return isinstance(recipe, DataRecipe) and recipe.scale.executor == "slurm"


def _write_run(path: Path, name: str, recipe: AnyRecipe, stage_keys: dict[str, str], started: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {
        "format": FORMAT,
        "phial": __version__,
        "name": name,
        "recipe": recipe.model_dump(mode="json"),
        "artifacts": stage_keys,
        "finished": time.time(),
        "seconds": round(time.time() - started, 1),
    }
    partial = path.with_suffix(".partial")
    with partial.open("w") as file:
        json.dump(facts, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def read_runs(workspace: Path) -> list[dict]:
    """All runs of a workspace, oldest first.

    Raises:
        PhialError: a run file is damaged or was written by a newer phial.
    """
    runs = []
    for path in sorted((workspace / "runs").glob("*.json")):
        try:
            facts = json.loads(path.read_text())
            newer = facts["format"] > FORMAT
        except (ValueError, KeyError, TypeError) as error:
            raise PhialError(
                f"damaged run file: {error}", where=str(path), do="delete it; artifacts are kept"
            ) from error
        if newer:
            raise PhialError(
                f"run was made by phial {facts.get('phial')}; this is phial {__version__}",
                where=str(path),
                do="upgrade phial",
            )
        runs.append(facts)
    return sorted(runs, key=lambda run: run["finished"])


def find_model(name: str, workspace: Path) -> Path:
    """The checkpoint folder of a run name, a run file or a folder.

    Raises:
        PhialError: there is none.
    """
    path = Path(name)
    if path.is_dir() and (path / "config.json").is_file():
        return path
    if path.is_dir() and (path / "runs").is_dir():
        workspace, name = path, ""
    made = [(run, run["artifacts"].get("sft") or run["artifacts"].get("tune")) for run in read_runs(workspace)]
    runs = [run for run, key in made if key and run["name"].startswith(name)]
    if not runs:
        known = ", ".join(run["name"] for run, key in made if key) or "none"
        raise PhialError(
            f"no run or checkpoint folder {name!r}",
            where=f"workspace {workspace}",
            do=f"name one of its runs ({known}), a checkpoint folder, or nothing for the embedded model",
        )
    found = runs[-1]["artifacts"]
    stage = "sft" if "sft" in found else "tune"
    folder = artifact_path(workspace / "artifacts", stage, found[stage])
    read_manifest(folder)
    return folder
