"""The quality classifier: a teacher marks a sample, logistic regression learns it, a share of the corpus is kept."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phial.artifact import file_sha256
from phial.curate.features import SIZE, features
from phial.curate.funnel import Dropped
from phial.curate.stage import Outcome, judged, turned_away
from phial.errors import PhialError
from phial.record import Record

SCORE = "quality"
MODEL, REPORT = "quality.safetensors", "quality.json"
_BLOCK = 2_000

Annotate = Callable[[Sequence[Record]], Sequence[float | None]]
"""A teacher's mark of each record, such as 0 to 5 for educational value; None where it gave none."""


@dataclass(frozen=True)
class Training:
    """How the classifier is made.

    Attributes:
        good_from: a mark from here on counts as good.
        strength: inverse of the regularization.
        folds: parts of the sample, each scored by a model that has not seen it. Records of one source are in one fold,
            so that the scores tell of other sources, not of other pages of the same.
        seed: of the sample and the order.
    """

    good_from: float = 3.0
    strength: float = 10.0
    folds: int = 5
    seed: int = 1


@dataclass(frozen=True)
class Classifier:
    """Logistic regression on `features`, calibrated.

    Attributes:
        weights: one a feature  # [SIZE]
        bias: added to the product.
        slope: of the calibration: the score is sigmoid(slope * (features @ weights + bias) + offset).
        offset: of the calibration.
    """

    weights: NDArray[np.float32]
    bias: float
    slope: float = 1.0
    offset: float = 0.0

    def raw(self, matrix: Any) -> NDArray[np.float64]:
        """Products of the features with the weights, before calibration  # [texts]"""
        return np.asarray(matrix @ self.weights, np.float64).ravel() + self.bias

    def score(self, contents: Sequence[str]) -> NDArray[np.float64]:
        """The probability of being good, as the teacher judges  # [texts]"""
        parts = [features(contents[at : at + _BLOCK]) for at in range(0, len(contents), _BLOCK)]
        raw = np.concatenate([self.raw(part) for part in parts]) if parts else np.empty(0)
        return _sigmoid(self.slope * raw + self.offset)

    def save(self, folder: Path) -> None:
        """Write `quality.safetensors` into a folder."""
        from safetensors.numpy import save_file

        facts = {"bias": self.bias, "slope": self.slope, "offset": self.offset}
        save_file({"weights": self.weights}, folder / MODEL, metadata={"calibration": json.dumps(facts)})

    @staticmethod
    def load(folder: Path) -> Classifier:
        """Read what `save` wrote.

        Raises:
            PhialError: it is missing, or made for other features.
        """
        from safetensors import SafetensorError, safe_open

        path = folder / MODEL
        try:
            with safe_open(path, "np") as file:
                weights = file.get_tensor("weights")
                facts = json.loads(file.metadata()["calibration"])
        except (OSError, SafetensorError, KeyError, TypeError) as error:
            raise PhialError(f"no readable classifier: {error}", where=str(path), do="train one") from error
        if weights.shape != (SIZE,):
            raise PhialError(f"a classifier of {weights.shape} weights", where=str(path), do="train it again")
        return Classifier(weights, **facts)


@dataclass(frozen=True)
class Trained:
    """A classifier and how it did on sources that it had not seen.

    Attributes:
        classifier: trained on all of the sample.
        records: those that the teacher marked.
        marks: its marks  # [records]
        scores: of each by the model that had not seen its source, calibrated  # [records]
        good: which marks count as good  # [records]
    """

    classifier: Classifier
    records: list[Record]
    marks: NDArray[np.float64]
    scores: NDArray[np.float64]
    good: NDArray[np.bool_]


def train(records: Sequence[Record], annotate: Annotate, training: Training | None = None) -> Trained:
    """Have a sample marked, and learn the marks.

    The calibration is a logistic curve through the scores of records of unseen sources.

    Args:
        records: the sample, of some thousand records.
        annotate: the teacher.

    Raises:
        PhialError: the teacher marked all records good, or all bad, or fewer than 10.
    """
    training = training or Training()
    marks = list(annotate(records))
    if len(marks) != len(records):
        raise PhialError(f"{len(marks)} marks for {len(records)} records", where="annotate", do="give one a record")
    marked = [(record, mark) for record, mark in zip(records, marks, strict=True) if mark is not None]
    values = np.array([mark for _, mark in marked], np.float64)
    good = values >= training.good_from
    if len(marked) < 10 or good.all() or not good.any():
        raise PhialError(
            f"{int(good.sum())} of {len(good)} marked records are good (a mark of {training.good_from} or more)",
            where="quality classifier",
            do="mark more, or move good_from: both good and bad are needed",
        )
    chosen = [record for record, _ in marked]
    matrix = features([record.content for record in chosen])
    folds = _folds([record.source for record in chosen], training)
    raw = np.zeros(len(chosen))
    for fold in range(training.folds):
        held = folds == fold
        if held.all() or not held.any() or len(set(good[~held].tolist())) < 2:
            continue
        raw[held] = _fit(matrix[~held], good[~held], training).raw(matrix[held])
    slope, offset = _calibrate(raw, good)
    whole = _fit(matrix, good, training)
    classifier = Classifier(whole.weights, whole.bias, slope, offset)
    return Trained(classifier, chosen, values, _sigmoid(slope * raw + offset), good)


def threshold_for(scores: Sequence[float] | NDArray[np.float64], keep: float) -> float:
    """The score that this share of a sample of the corpus reaches.

    Args:
        scores: of records drawn from what will be filtered, not of those the classifier was trained on.
        keep: share to keep, above 0 and up to 1.
    """
    if not 0 < keep <= 1 or len(scores) == 0:
        raise PhialError(f"keep {keep} of {len(scores)} scores", where="quality", do="give scores and 0 < keep <= 1")
    ordered = np.sort(np.asarray(scores, np.float64))[::-1]
    return float(ordered[math.ceil(keep * len(ordered)) - 1])


def auc(scores: NDArray[np.float64], good: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a good one scores above a bad one, ties counting half; NaN without both."""
    ordered = np.sort(scores[~good])
    if len(ordered) == 0 or not good.any():
        return math.nan
    below, upto = np.searchsorted(ordered, scores[good], "left"), np.searchsorted(ordered, scores[good], "right")
    return float((below + upto).mean() / 2 / len(ordered))


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(values, -500, 500)))


def _folds(sources: Sequence[str], training: Training) -> NDArray[np.int64]:
    names = sorted(set(sources))
    order = np.random.default_rng(training.seed).permutation(len(names))
    fold_of = {name: int(place) % training.folds for name, place in zip(names, order, strict=True)}
    if len(names) < training.folds:  # too few sources to hold any out
        return np.random.default_rng(training.seed).permutation(len(sources)) % training.folds
    return np.array([fold_of[source] for source in sources])


def _fit(matrix: Any, good: NDArray[np.bool_], training: Training) -> Classifier:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=training.strength, solver="liblinear", random_state=training.seed, max_iter=300)
    model.set_params(class_weight="balanced")
    model.fit(matrix, good)
    return Classifier(model.coef_[0].astype(np.float32), float(model.intercept_[0]))


def _calibrate(raw: NDArray[np.float64], good: NDArray[np.bool_]) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e3).fit(raw[:, None], good)
    slope = float(model.coef_[0, 0])
    # A model worse than chance on unseen sources must not be turned round.
    return (slope, float(model.intercept_[0])) if slope > 0 else (1.0, 0.0)


@dataclass(frozen=True)
class Quality:
    """Drop the records that the classifier in a folder scores below a threshold.

    Attributes:
        classifier: folder that `Classifier.save` wrote to.
        threshold: from `threshold_for`.
        exempt: kinds that are scored and kept.
    """

    classifier: Path
    threshold: float
    exempt: tuple[str, ...] = ()
    name: str = "quality"
    version: int = 1

    def config(self) -> dict[str, Any]:
        """Threshold, and the classifier by its content."""
        facts = {name: value for name, value in asdict(self).items() if name != "classifier"}
        return facts | {"classifier": file_sha256(self.classifier / MODEL)}

    @cached_property
    def model(self) -> Classifier:
        """The classifier, read once a process."""
        return Classifier.load(self.classifier)

    def judge(self, records: Sequence[Record]) -> Outcome:
        """Drop for "low quality"; score "quality"."""
        found = self.model.score([record.content for record in records]).tolist()
        kept: list[Record] = []
        dropped: list[Dropped] = []
        for record, score in zip(records, found, strict=True):
            if score >= self.threshold or record.kind in self.exempt:
                kept.append(judged(record, self.name, True, scores={SCORE: score}))
            else:
                detail = f"{score:.3f}"
                dropped.append(turned_away(record, self.name, "low quality", detail, scores={SCORE: score}))
        return Outcome(kept, dropped)
