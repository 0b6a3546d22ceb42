import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.curate.features import SIZE, features
from phial.curate.quality import Classifier, Quality, Trained, Training, auc, threshold_for, train
from phial.curate.quality_report import write_report
from phial.errors import PhialError
from phial.record import Lineage, Record

SUBJECTS = ("stack", "queue", "river", "engine", "verb", "triangle", "cell", "poem")


def textbook(subject: str, generator: random.Random) -> str:
    return " ".join(
        generator.choice(
            (
                f"A {subject} is a thing that we look at in this chapter.",
                f"To see why, take a {subject} and count its parts one by one.",
                f"This means that the {subject} has as many parts as the one before it.",
                "The reader may want to try this with a small example first.",
            )
        )
        for _ in range(12)
    )


def sample(seed: int = 0) -> list[Record]:
    generator = random.Random(seed)
    records: list[Record] = []
    for subject in SUBJECTS:
        for _ in range(12):
            good = textbook(subject, generator)
            bad = good.split()
            generator.shuffle(bad)
            records += [
                Record("organic", f"{subject}{kind}", "MIT", Lineage("test", "1"), text=text, scores={"true": mark})
                for kind, text, mark in (("", good, 5.0), ("-shuffled", " ".join(bad), 0.0))
            ]
    return records


def teacher(records: list[Record]) -> list[float | None]:
    return [record.scores["true"] for record in records]


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(sample(), teacher)  # type: ignore[arg-type]


def test_order_is_learnt_on_subjects_never_seen(trained: Trained) -> None:
    assert auc(trained.scores, trained.good) > 0.95
    other = random.Random(9)
    text = textbook("glacier", other)
    shuffled = text.split()
    other.shuffle(shuffled)
    good, bad = trained.classifier.score([text, " ".join(shuffled)])
    assert good > 0.8 > 0.2 > bad


def test_it_is_the_same_each_time_and_from_a_file(trained: Trained, tmp_path: Path) -> None:
    again = train(sample(), teacher).classifier  # type: ignore[arg-type]
    assert np.array_equal(again.weights, trained.classifier.weights) and again.offset == trained.classifier.offset
    trained.classifier.save(tmp_path)
    text = [record.content for record in sample(3)[:8]]
    assert np.array_equal(Classifier.load(tmp_path).score(text), trained.classifier.score(text))
    with pytest.raises(PhialError, match="no readable classifier"):
        Classifier.load(tmp_path / "missing")


def test_the_stage_keeps_the_share_asked_for(trained: Trained, tmp_path: Path) -> None:
    trained.classifier.save(tmp_path)
    records = sample(5)
    threshold = threshold_for(trained.classifier.score([record.content for record in records]), 0.25)
    stage = Quality(tmp_path, threshold)
    outcome = stage.judge(records)
    assert len(outcome.kept) == 48 and {one.reason for one in outcome.dropped} == {"low quality"}
    assert all(one.scores["quality"] >= threshold for one in outcome.kept)
    assert all(one.scores["true"] == 5 for one in outcome.kept)
    assert stage.config() != Quality(tmp_path, threshold + 0.1).config()


def test_scores_are_probabilities(trained: Trained) -> None:
    sure = trained.scores[(trained.scores < 0.1) | (trained.scores > 0.9)]
    assert len(sure) > 100 and trained.scores.mean() == pytest.approx(trained.good.mean(), abs=0.1)


def test_the_report_shows_curve_sources_and_examples(trained: Trained, tmp_path: Path) -> None:
    facts = write_report(trained, tmp_path, 0.5)
    assert facts == json.loads((tmp_path / "quality.json").read_text(), parse_constant=str) | {"roc": facts["roc"]}
    assert facts["roc"][0] == (0, 0) and facts["roc"][-1] == (1, 1) and facts["auc"] > 0.95
    area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(facts["roc"], facts["roc"][1:], strict=False))
    assert area == pytest.approx(facts["auc"], abs=0.01)
    assert len(facts["sources"]) == 16 and facts["threshold"]["of good"] > facts["threshold"]["of bad"]
    page = (tmp_path / "quality.html").read_text()
    assert "<svg" in page and "river-shuffled" in page and "http" not in page


def test_a_teacher_that_does_not_tell_is_named(trained: Trained) -> None:
    with pytest.raises(PhialError, match="marked records are good"):
        train(sample(), lambda records: [5.0] * len(records))
    with pytest.raises(PhialError, match="marks for"):
        train(sample(), lambda records: [5.0])
    part = train(
        sample(), lambda records: [None if n % 2 else r.scores["true"] for n, r in enumerate(records[:-1])] + [0]
    )
    assert len(part.records) == 97 and part.scores.shape == (97,)
    few = [r for r in sample() if r.source.startswith("stack")]
    assert train(few, teacher, Training(folds=5)).scores.shape == (24,)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_the_area_is_the_share_of_pairs_in_order(marks: list[tuple[int, bool]]) -> None:
    scores, good = np.array([float(s) for s, _ in marks]), np.array([g for _, g in marks])
    pairs = [(a > b) + (a == b) / 2 for a in scores[good] for b in scores[~good]]
    if pairs:
        assert auc(scores, good) == pytest.approx(sum(pairs) / len(pairs))
    else:
        assert np.isnan(auc(scores, good))


def test_thresholds() -> None:
    assert threshold_for([0.1, 0.2, 0.3, 0.4], 0.5) == 0.3
    assert threshold_for([0.1, 0.2, 0.3, 0.4], 1) == 0.1
    with pytest.raises(PhialError):
        threshold_for([], 0.5)


def test_features_have_unit_length_and_know_order() -> None:
    matrix = features(["the cat sat on the mat", "mat the on sat cat the", "", "?!"])
    assert matrix.shape == (4, SIZE)
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1))).ravel()
    assert lengths == pytest.approx([1, 1, 0, 0], abs=1e-5)
    assert 0 < (matrix[0] @ matrix[1].T).toarray()[0, 0] < 0.8
