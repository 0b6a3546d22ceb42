"""Make a recipe: walk its graph, reuse what stands, build what is missing."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from phial import __version__
from phial.artifact import Artifact, artifact_key, artifact_path, drafting, find, publish, read_manifest
from phial.errors import PhialError
from phial.kernels.library import WITHOUT, build_name
from phial.recipe.progress import Reporter
from phial.recipe.schema import Recipe
from phial.recipe.stages import Context, Stage, build, lanes

FORMAT = 1


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


def make(recipe: Recipe, workspace: Path, reporter: Reporter) -> Run:
    """Bring every artifact of a recipe into being.

    Args:
        recipe: checked.
        workspace: folder that holds `artifacts` and `runs`; shared by all runs made there.
        reporter: told what happens.

    Returns:
        The finished run.
    """
    root = workspace / "artifacts"
    stages = build(recipe)
    stage_keys = keys(stages)
    artifacts: dict[str, Artifact] = {}
    started = time.time()
    if build_name() == "none":
        reporter.line(f"  WARNING: {WITHOUT}")

    def bring(stage: Stage) -> Artifact:
        key = stage_keys[stage.name]
        artifact = find(root, stage.name, key)
        if artifact is not None:
            reporter.line(f"{stage.name}: already made, {artifact.path.name}")
            return artifact
        reporter.line(f"{stage.name} ...")
        artifact = _make(stage, key, recipe, root, artifacts, stage_keys, reporter)
        reporter.line(f"{stage.name}: made in {artifact.manifest.seconds:.1f} s, {artifact.path.name}")
        return artifact

    # The run and its control need nothing of each other: two lanes of half the cores each train 1.25 times the tokens
    # a second of one lane after the other, since a small model can't keep two cores busy.
    with ThreadPoolExecutor(lanes(recipe)) as pool:
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


def _make(
    stage: Stage,
    key: str,
    recipe: Recipe,
    root: Path,
    artifacts: dict[str, Artifact],
    stage_keys: dict[str, str],
    reporter: Reporter,
) -> Artifact:
    started = time.time()
    inputs = {name: artifacts[name] for name in stage.inputs}
    with drafting(root, stage.name, key, resumable=stage.resumable) as draft:
        metrics = stage.run(Context(recipe, inputs, draft, reporter))
        input_keys = {name: stage_keys[name] for name in stage.inputs}
        return publish(draft, root, stage.name, key, stage.version, stage.config, input_keys, metrics, started)


def _write_run(path: Path, name: str, recipe: Recipe, stage_keys: dict[str, str], started: float) -> None:
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
    runs = [run for run in read_runs(workspace) if run["name"].startswith(name)]
    if not runs:
        known = ", ".join(run["name"] for run in read_runs(workspace)) or "none"
        raise PhialError(
            f"no run or checkpoint folder {name!r}",
            where=f"workspace {workspace}",
            do=f"name one of its runs ({known}), a checkpoint folder, or nothing for the embedded model",
        )
    folder = artifact_path(workspace / "artifacts", "sft", runs[-1]["artifacts"]["sft"])
    read_manifest(folder)
    return folder
