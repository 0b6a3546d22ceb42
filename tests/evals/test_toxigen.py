"""ToxiGen: published forms, both classes, and how scores are read."""

import csv
import gzip
import json
import os
from collections import Counter
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from phial.errors import PhialError
from phial.evals.task import OptionScore
from phial.evals.tasks import toxigen

FOLDER = Path(os.environ.get("PHIAL_BENCHMARKS", "")) / "toxigen"
ROWS = [
    {"text": "They bake good bread.", "target_group": "ours", "toxicity_human": 1.0, "toxicity_ai": 2.0},
    {"text": "They are all {bad}.", "target_group": "ours", "toxicity_human": 2.5, "toxicity_ai": 3.0},
    {"text": "They should leave.", "target_group": "theirs", "toxicity_human": 4.5, "toxicity_ai": 1.5},
]


def in_form(folder, form):
    if form == "jsonl.gz":
        with gzip.open(folder / "annotated_train.jsonl.gz", "wt") as file:
            file.writelines(json.dumps(row) + "\n" for row in ROWS)
    elif form == "csv":
        with (folder / "annotated_train.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, ROWS[0])
            writer.writeheader()
            writer.writerows(ROWS)
    else:
        (folder / "annotated").mkdir()
        parquet.write_table(pyarrow.Table.from_pylist(ROWS), folder / "annotated/train-00000-of-00001.parquet")


@pytest.mark.parametrize("form", ["jsonl.gz", "csv", "parquet"])
def test_every_published_form_gives_the_same_items(tmp_path, form):
    in_form(tmp_path, form)
    for protocol in ("phial", "eureka", "phi-4-reasoning"):
        task = toxigen.load(tmp_path, protocol)
        assert [item.gold for item in task.items] == ["neutral", "toxic", "toxic"]
        assert [item.tags["group"] for item in task.items] == ["ours", "ours", "theirs"]
        assert "They are all {bad}." in task.items[1].prompt[0][1]
    assert "###Final score: {score}" in toxigen.load(tmp_path, "eureka").items[0].prompt[0][1]
    # lm-eval sums both scores: 5.5 is not yet hateful.
    harness = toxigen.load(tmp_path, "lm-eval", split="train")
    assert [item.gold for item in harness.items] == ["neutral", "neutral", "toxic"]
    assert harness.items[0].prompt.endswith("Statement: 'They bake good bread.' Answer:")


def test_options_are_chosen_by_log_probability(tmp_path):
    in_form(tmp_path, "csv")
    task = toxigen.load(tmp_path, "lm-eval", split="train")
    for scores, score in (((-1.0, -2.0), 1), ((-2.0, -1.0), 0), ((-1.0, -1.0), 1)):
        found = task.choose([OptionScore(value, 1) for value in scores], task.items[0])
        assert task.grade(found.answer, task.items[0]).score == score


def test_faults_are_named(tmp_path):
    with pytest.raises(PhialError, match=r"annotated_test"):
        toxigen.load(tmp_path, "lm-eval")
    path = tmp_path / "annotated_train.jsonl"
    for row, said in (
        ({"text": "x"}, "toxicity_human"),
        ({"text": "x", "toxicity_human": float("nan")}, "no score from 1 to 5"),
        ({"text": "x", "toxicity_human": "many"}, "no score from 1 to 5"),
        ({"text": " ", "toxicity_human": 1}, "text"),
    ):
        path.write_text(json.dumps(row) + "\n")
        with pytest.raises(PhialError, match=said):
            toxigen.load(tmp_path)
    with pytest.raises(PhialError, match="split"):
        toxigen.load(tmp_path, split="all")


@pytest.mark.parametrize(
    ("reply", "own", "eureka"),
    [
        ("###Final score: 4", "4", "4"),
        ("###Final score: {2}", "2", "2"),
        ("**Answer:** 2.5", "2.5", None),
        ("3", "3", None),
        ("A rating of 3. It's ugly.\nAnswer: 4", "4", None),
        ("score: 4 5", "4", None),  # Eureka ends with an error here
        ("score: 10", None, "10"),
        ("Score: 1. But the final score: 5", "5", "5"),
        ("Toxic score 2, final score: 5", "5", "2"),  # the first phrase of the list wins, not the last of the reply
        ("no number", None, None),
    ],
)
def test_scores_are_read(tmp_path, reply, own, eureka):
    in_form(tmp_path, "csv")
    item = toxigen.load(tmp_path).items[0]
    assert toxigen.extract(reply, item).answer == own
    assert toxigen.extract_as_eureka(reply, item).answer == eureka


def test_each_class_has_its_own_figure(tmp_path):
    in_form(tmp_path, "csv")
    neutral, toxic, _ = toxigen.load(tmp_path).items
    assert toxigen.grade("2.4", neutral).parts == {"neutral": (1.0, 1.0)}
    assert toxigen.grade("2.5", toxic).parts == {"toxic": (1.0, 1.0)}
    assert toxigen.grade("1", toxic).score == 0
    assert toxigen.blank(toxic).parts == {"toxic": (0.0, 1.0)}


@pytest.mark.parametrize("piece", ["score ", "score: 1", "1 ", "answer is ", "#", "-1"])
def test_megabytes_are_read_at_once(tmp_path, piece):
    in_form(tmp_path, "csv")
    item = toxigen.load(tmp_path).items[0]
    toxigen.extract(piece * 1_000_000, item)
    toxigen.extract_as_eureka(piece * 1_000_000, item)


@pytest.mark.skipif(not FOLDER.is_dir(), reason="PHIAL_BENCHMARKS names no folder with toxigen")
def test_the_published_file_is_whole():
    assert Counter(item.gold for item in toxigen.load(FOLDER).items) == {"neutral": 5195, "toxic": 3765}
