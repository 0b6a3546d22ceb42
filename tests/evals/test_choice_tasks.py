"""Benchmarks of multiple choice and of short texts, in the forms they are published in."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.errors import PhialError
from phial.evals.task import OptionScore, Task
from phial.evals.tasks import drop, gpqa, mmlu, mmlu_pro, simpleqa

BENCHMARKS = os.environ.get("PHIAL_BENCHMARKS")
needs_benchmarks = pytest.mark.skipif(not BENCHMARKS, reason="PHIAL_BENCHMARKS is not set")


def table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
        return
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def score(task: Task, reply: str, index: int = 0) -> float:
    answer = task.extract(reply, task.items[index]).answer
    return 0.0 if answer is None else task.grade(answer, task.items[index]).score


PHYSICS = [
    {"Question": f"Why {index}?", "Correct Answer": f"right {index}", "Incorrect Answer 1": "a",
     "Incorrect Answer 2": "b", "Incorrect Answer 3": "c", "Record ID": f"rec{index}", "High-level domain": "Physics"}
    for index in range(40)
]  # fmt: skip


def test_gpqa_orders_options_by_seed_and_id(tmp_path: Path) -> None:
    table(tmp_path / "gpqa_diamond.csv", PHYSICS)
    task = gpqa.load(tmp_path, subset="diamond")
    assert task.name == "gpqa_diamond" and task.items[3].tags == {"domain": "Physics"}
    for index, item in enumerate(task.items):
        assert item.data["options"]["ABCD".index(item.gold)] == f"right {index}"
        assert f"{item.gold}) right {index}\n" in item.prompt[0][1] + "\n"
        assert score(task, f"Answer: {item.gold}", index) == 1
        assert score(task, f"Answer: right {index}", index) == 1
    assert {item.gold for item in task.items} == set("ABCD")
    table(tmp_path / "gpqa_diamond.csv", PHYSICS[::-1])
    assert {item.id: item.gold for item in gpqa.load(tmp_path, subset="diamond").items} == {
        item.id: item.gold for item in task.items
    }, "whatever the order of the file"
    with pytest.raises(PhialError, match="gpqa_main"):
        gpqa.load(tmp_path)


def test_gpqa_protocols(tmp_path: Path) -> None:
    table(tmp_path / "gpqa_main.csv", PHYSICS)
    import random

    draw = random.Random(0)
    drawn = [draw.sample(range(4), 4) for _ in PHYSICS]
    task = gpqa.load(tmp_path, "simple-evals")
    assert [item.gold for item in task.items] == ["ABCD"[order.index(0)] for order in drawn]
    assert score(task, f"answer: {task.items[0].gold.lower()}") == 0
    reasoning = gpqa.load(tmp_path, "phi-4-reasoning")
    assert reasoning.protocol.repeats == 5 and "Final Answer: <single letter" in reasoning.items[0].prompt[0][1]
    assert score(reasoning, f"Final Answer: \\boxed{{{reasoning.items[0].gold}}}") == 1
    eureka = gpqa.load(tmp_path, "eureka")
    assert score(eureka, f"Final Answer: \\boxed{{{eureka.items[0].gold}}}") == 0


QUESTIONS = [["What is 1 + 1?", "1", "2", "3", "4", "B"], ['He said "no", so?', "a", "b", "c, d", "e", "C"]]


@pytest.mark.parametrize("form", ["zip", "folder", "hub", "simple-evals"])
def test_mmlu(tmp_path: Path, form: str) -> None:
    lines = "".join(
        ",".join(f'"{cell}"' for cell in (part.replace('"', '""') for part in row)) + "\n" for row in QUESTIONS
    )
    if form == "zip":
        with zipfile.ZipFile(tmp_path / "mmlu.zip", "w") as packed:
            for split in ("test", "dev"):
                packed.writestr(f"data/{split}/abstract_algebra_{split}.csv", lines)
    elif form == "folder":
        for split in ("test", "dev"):
            (tmp_path / "data" / split).mkdir(parents=True)
            (tmp_path / f"data/{split}/abstract_algebra_{split}.csv").write_text(lines)
    elif form == "hub":
        for split in ("test", "dev"):
            rows = [
                {"question": row[0], "subject": "abstract_algebra", "choices": row[1:5], "answer": "ABCD".index(row[5])}
                for row in QUESTIONS
            ]
            table(tmp_path / f"all/{split}-00000-of-00001.parquet", rows)
    else:
        names = ["Question", "A", "B", "C", "D", "Answer"]
        table(
            tmp_path / "mmlu.csv",
            [{**dict(zip(names, row, strict=True)), "Subject": "abstract_algebra"} for row in QUESTIONS],
        )
    task = mmlu.load(tmp_path)
    assert [item.gold for item in task.items] == ["B", "C"]
    assert task.items[0].tags == {"subject": "abstract_algebra", "field": "stem"}
    assert "A) 1\nB) 2\nC) 3\nD) 4" in task.items[0].prompt[0][1] and not task.items[0].options
    assert score(task, "**Answer: C**", 1) == 1 and score(task, "Answer: A", 1) == 0
    if form == "simple-evals":
        return
    likely = mmlu.load(tmp_path, "lm-eval")
    assert likely.items[0].options == (" A", " B", " C", " D")
    assert isinstance(likely.items[0].prompt, str)
    assert likely.items[0].prompt.startswith(
        "The following are multiple choice questions (with answers) about abstract"
    )
    assert likely.items[0].prompt.endswith("\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:")
    assert "Answer: B\n\nHe said" in likely.items[0].prompt
    chosen = likely.choose([OptionScore(-2.0, 1), OptionScore(-0.5, 1), OptionScore(-9.0, 1), OptionScore(-3.0, 1)],
                           likely.items[0])  # fmt: skip
    assert chosen.answer == "B" and likely.grade("B", likely.items[0]).score == 1


def test_all_subjects_of_mmlu_have_a_field() -> None:
    assert len(mmlu.FIELDS) == 18 + 13 + 12


PRO = {"question_id": 70, "question": "Which?", "options": ["one", "two", "three", "four", "N/A", "N/A"], "answer": "C",
       "answer_index": 2, "cot_content": "", "category": "business"}  # fmt: skip


def test_mmlu_pro(tmp_path: Path) -> None:
    table(tmp_path / "data/test-00000-of-00001.parquet", [PRO, {**PRO, "question_id": 71, "category": "law"}])
    task = mmlu_pro.load(tmp_path)
    assert task.items[0].data["options"] == ["one", "two", "three", "four"]
    assert "one of ABCD." in task.items[0].prompt[0][1]
    assert score(task, "The answer is (C).") == 1 and score(task, "Answer: three") == 1
    assert score(task, "Answer: E") == 0, "there is no E"
    shot = {**PRO, "cot_content": "A: Let's think step by step. It is three. The answer is (C)."}
    table(tmp_path / "data/validation-00000-of-00001.parquet", [shot, {**shot, "category": "law"}])
    official = mmlu_pro.load(tmp_path, "mmlu-pro")
    assert official.items[0].prompt[0][1].count("Answer: Let's think step by step. It is three.") == 1
    assert score(official, "It is D or maybe C") == 1
    harness = mmlu_pro.load(tmp_path, "lm-eval")
    assert isinstance(harness.items[0].prompt, str)
    assert harness.items[0].prompt.endswith("D. four\nAnswer: Let's think step by step.")
    assert score(harness, "It is D or maybe C") == 0 and score(harness, "answer is (C)") == 1


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"answer": "Z"}, "right answer 'Z' among 4"),
        ({"answer": "E"}, "right answer 'E' among 4"),
        ({"answer": ""}, "'answer' is missing or empty"),
        ({"options": []}, "right answer|options"),
    ],
)
def test_mmlu_pro_with_impossible_answers_is_refused(tmp_path: Path, change: dict[str, Any], match: str) -> None:
    with gzip.open(tmp_path / "test.jsonl.gz", "wt") as file:
        file.write(json.dumps({**PRO, **change}) + "\n")
    with pytest.raises(PhialError, match=match):
        mmlu_pro.load(tmp_path)


def test_the_same_question_twice_is_refused(tmp_path: Path) -> None:
    table(tmp_path / "test-0.parquet", [PRO, PRO])
    with pytest.raises(PhialError, match="two items have the id '70'"):
        mmlu_pro.load(tmp_path)


@pytest.mark.parametrize(
    ("given_", "gold", "exact", "f1"),
    [
        (["Rome"], ["rome"], 1.0, 1.0),
        (["the city of Rome."], ["Rome"], 0.0, 0.5),
        (["5"], ["5.0"], 1.0, 1.0),
        (["6 yards"], ["5 yards"], 0.0, 0.0),
        (["yards 5"], ["5 yards"], 0.0, 1.0),
        (["b", "a x"], ["x", "b"], 1.0, 1.0),
        (["Rome"], ["Rome", "Paris"], 0.0, 0.5),
        (["Rome", "Paris", "Oslo"], ["Oslo", "Rome"], 0.0, 0.67),
        (["26-year-old"], ["26 year old"], 1.0, 1.0),
        ([""], ["Rome"], 0.0, 0.0),
    ],
)
def test_drop_metrics(given_: list[str], gold: list[str], exact: float, f1: float) -> None:
    found = drop.metrics(given_, gold)
    assert found == (exact, pytest.approx(f1, abs=0.005))


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(st.lists(st.floats(0, 1), min_size=n, max_size=n), min_size=1, max_size=5)
    )
)
def test_pairing_is_the_best_of_all(scores: list[list[float]]) -> None:
    rows, columns = len(scores), len(scores[0])
    if rows <= columns:
        best = max(
            sum(scores[r][c] for r, c in enumerate(order)) for order in itertools.permutations(range(columns), rows)
        )
    else:
        best = max(
            sum(scores[r][c] for c, r in enumerate(order)) for order in itertools.permutations(range(rows), columns)
        )
    assert drop.best_pairing(scores) == pytest.approx(best)


def test_drop_as_its_authors_publish_it(tmp_path: Path) -> None:
    pairs = [
        {"question": "How many?", "query_id": "q1", "answer": {"number": "5", "date": {}, "spans": []}},
        {"question": "Who?", "query_id": "q2", "answer": {"number": "", "spans": ["Ann Lee", "Bob"]},
         "validated_answers": [{"number": "", "spans": ["Ann"]}]},
        {"question": "When?", "query_id": "q3",
         "answer": {"number": "", "spans": [], "date": {"day": "3", "month": "May", "year": ""}}},
    ]  # fmt: skip
    (tmp_path / "drop_dataset_dev.json").write_text(json.dumps({"nfl_1": {"passage": "They ran.", "qa_pairs": pairs}}))
    task = drop.load(tmp_path)
    assert [item.gold for item in task.items] == [[["5"]], [["Ann Lee", "Bob"], ["Ann"]], [["3 May"]]]
    assert score(task, "Answer: 5.0") == 1 and score(task, "Answer: 6") == 0
    assert score(task, "Answer: Bob | Ann Lee", 1) == 1 and score(task, "**Answer:** Ann", 1) == 1
    assert score(task, "Answer: May 3", 2) == 1
    assert task.grade("3 May", task.items[2]).parts == {"exact": (1.0, 1.0)}
    assert score(drop.load(tmp_path, "eureka"), "My answer is 5") == 1


def test_drop_of_the_hub_and_of_simple_evals(tmp_path: Path) -> None:
    table(tmp_path / "data/validation-0.parquet", [{
        "section_id": "s", "query_id": "q", "passage": "P", "question": "Who?",
        "answers_spans": {"spans": ["Chaz", "JaMarcus"], "types": ["span", "span"]},
    }])  # fmt: skip
    assert score(drop.load(tmp_path), "Answer: Chaz") == 1
    with gzip.open(tmp_path / "drop_v0_dev.jsonl.gz", "wt") as file:
        file.write(json.dumps({"context": "P Q?", "completion": "5", "ref_text": "5|five"}) + "\n")
    with gzip.open(tmp_path / "drop_v0_train.jsonl.gz", "wt") as file:
        file.writelines(json.dumps({"context": f"C{index}", "completion": f"A{index}"}) + "\n" for index in range(9))
    task = drop.load(tmp_path, "simple-evals")
    assert task.items[0].prompt[0][1].count("\n---\n") == 4
    assert score(task, "Answer: five") == 1 and score(task, "five") == 1


PRIZE = {"metadata": "{'topic': 'Science and technology', 'answer_type': 'Person'}", "problem": "Who won in 2010?",
         "answer": "Michio Sugeno"}  # fmt: skip


def test_simpleqa(tmp_path: Path) -> None:
    table(tmp_path / "simple_qa_test_set.csv", [PRIZE])
    task = simpleqa.load(tmp_path)
    assert task.items[0].tags == {"topic": "Science and technology"}
    item = task.items[0]

    def graded(reply: str) -> str:
        answer = task.extract(reply, item).answer
        return (task.blank(item) if answer is None else task.grade(answer, item)).detail

    assert graded("It was Michio Sugeno, in Tokyo.") == "CORRECT"
    assert graded("michio  sugeno") == "CORRECT"
    assert graded("Lotfi Zadeh") == "INCORRECT"
    for reply in (
        "I don't know.",
        "I'm not sure who won.",
        "I cannot provide that.",
        "",
        "I do not have this information.",
    ):
        assert graded(reply) == "NOT_ATTEMPTED", reply
    verdicts = [simpleqa.verdict(name) for name in ("CORRECT", "CORRECT", "INCORRECT", "NOT_ATTEMPTED")]
    figures = {
        name: sum(made.parts[name][0] for made in verdicts) / sum(made.parts[name][1] for made in verdicts)
        for name in ("f1", "attempted", "right of attempted")
    }
    precision, recall = 2 / 3, 2 / 4
    assert figures["right of attempted"] == pytest.approx(precision) and figures["attempted"] == 0.75
    assert figures["f1"] == pytest.approx(2 * precision * recall / (precision + recall))


@needs_benchmarks
def test_the_published_files_of_choices() -> None:
    assert BENCHMARKS
    whole = mmlu.load(Path(BENCHMARKS) / "mmlu")
    assert len(whole.items) == 14_042 and len({item.tags["subject"] for item in whole.items}) == 57
    likely = mmlu.load(Path(BENCHMARKS) / "mmlu", "lm-eval", 114)
    assert len({item.tags["subject"] for item in likely.items}) >= 40 and all(
        str(item.prompt).count("\nAnswer:") == 6 for item in likely.items
    )
    pro = mmlu_pro.load(Path(BENCHMARKS) / "mmlu-pro")
    assert len(pro.items) == 12_032 and len({item.tags["category"] for item in pro.items}) == 14
    assert len(mmlu_pro.load(Path(BENCHMARKS) / "mmlu-pro", limit=100).items) == 100
