"""What the quality classifier of a curation learned, as its report tells it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from phial.curate.quality import REPORT
from phial.errors import PhialError


class Bin(BaseModel):
    """Records of scores from `start` on: how many, their mean score, and the share that the teacher marked good."""

    start: float = Field(alias="from")
    records: int
    score: float
    good: float


class Shown(BaseModel):
    """A marked record and its score by a model that had not seen its source."""

    score: float
    mark: float
    source: str
    id: str
    text: str


class Source(BaseModel):
    """The records of one source; `auc` of them against the opposite class of all others."""

    records: int
    good: int
    auc: float | None


class Cut(BaseModel):
    """The threshold, and the shares of all, of the good and of the bad that are kept by it."""

    score: float
    kept: float
    good: float = Field(alias="of good")
    bad: float = Field(alias="of bad")


class Learned(BaseModel):
    """The report; see `phial.curate.quality_report.report`."""

    records: int
    good: int
    auc: float | None
    roc: list[tuple[float, float]]
    sources: dict[str, Source]
    calibration: list[Bin]
    examples: list[Shown]
    threshold: Cut | None = None


def find_learned(folder: Path, report: Path | None = None) -> Learned | None:
    """Read the report.

    Args:
        folder: of a curation, which may hold one.
        report: the file, or the folder of the classifier, where it lies elsewhere.

    Raises:
        PhialError: the report that was named is not there, or one is damaged.
    """
    path = folder / REPORT if report is None else report / REPORT if report.is_dir() else report
    if report is None and not path.is_file():
        return None
    try:
        return Learned.model_validate_json(path.read_bytes())
    except OSError as error:
        do = f"name the {REPORT} that the classifier was written with"
        raise PhialError(f"no report of a classifier: {error.strerror}", where=str(path), do=do) from error
    except ValidationError as error:
        fault = error.errors()[0]
        what = f"damaged report of a classifier: {'.'.join(map(str, fault['loc']))}: {fault['msg']}"
        raise PhialError(what, where=str(path), do="train the classifier again") from error
