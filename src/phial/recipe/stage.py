"""What a stage of a recipe is, and what it sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from phial.artifact import Artifact, Draft
from phial.recipe.progress import Reporter
from phial.recipe.schema import AnyRecipe
from phial.record import Record, read_records

Recipe_co = TypeVar("Recipe_co", bound=AnyRecipe, covariant=True)


@dataclass(frozen=True)
class Context(Generic[Recipe_co]):
    """What a stage sees.

    Attributes:
        recipe: all of it.
        inputs: its own finished inputs, by name.
        draft: the folder to fill; none but `work` for shared work.
        reporter: where to report.
        work: a folder of the stage's own beside the artifacts, that all members of a job array see and that outlives
            a kill.
    """

    recipe: Recipe_co
    inputs: Mapping[str, Artifact]
    draft: Draft
    reporter: Reporter
    work: Path

    @property
    def workspace(self) -> Path:
        """Folder of `artifacts`, `runs` and the teachers' ledger."""
        return self.work.parent.parent

    def path(self, stage: str, name: str) -> Path:
        """A file of an input artifact."""
        return self.inputs[stage].path / name

    def records(self, stage: str, name: str) -> list[Record]:
        """The records of one Parquet file of an input."""
        return list(read_records(self.path(stage, name)))


@dataclass(frozen=True)
class Stage:
    """One node of a recipe's graph.

    Attributes:
        name: unique in the graph; names the artifact's folder.
        version: raised whenever the same inputs would give other content.
        config: everything else that decides the content, JSON-able.
        inputs: names of the stages it reads.
        run: fills the draft and returns metrics.
        resumable: a killed attempt's folder is continued, not thrown away.
        share: work in `Context.work` that every member of a job array takes part in; then one of them runs the stage.
    """

    name: str
    version: int
    config: Mapping[str, Any]
    inputs: tuple[str, ...]
    run: Callable[[Context[Any]], dict[str, Any]]
    resumable: bool = False
    share: Callable[[Context[Any]], object] | None = None
