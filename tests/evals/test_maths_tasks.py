"""Benchmarks of mathematics in the forms they are published in, and their grades."""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from phial.errors import PhialError
from phial.evals.answers import expression_gold, maths_grade, number_gold
from phial.evals.task import Item, Task
from phial.evals.tasks import aime, amc, gsm8k, ladder, math, math500, mgsm, svamp

BENCHMARKS = os.environ.get("PHIAL_BENCHMARKS")
needs_benchmarks = pytest.mark.skipif(not BENCHMARKS, reason="PHIAL_BENCHMARKS is not set")


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
    elif path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows))
    else:
        text = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def score(task: Task, reply: str, index: int = 0) -> float:
    answer = task.extract(reply, task.items[index]).answer
    return 0.0 if answer is None else task.grade(answer, task.items[index]).score


EGGS = [
    {"question": "How many eggs?", "answer": "9 * 2 = <<9*2=18>>18\n#### 18"},
    {"question": "How much?", "answer": "a\n#### $1,234.00"},
]


@pytest.mark.parametrize(
    "name", ["test.jsonl", "test.jsonl.gz", "main/test-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"]
)
def test_gsm8k(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, EGGS)
    task = gsm8k.load(tmp_path)
    assert [item.gold for item in task.items] == ["18", "1234"]
    assert score(task, "She makes **$18**.") == 1 and score(task, "Answer: 18.00") == 1
    assert score(task, "Answer: 17") == 0 and score(task, "") == 0
    assert len(gsm8k.load(tmp_path, limit=1).items) == 1
    assert len(task.sha256) == 64


def test_gsm8k_protocols(tmp_path: Path) -> None:
    train = [{"question": f"Q{index}", "answer": f"A{index}\n#### {index}"} for index in range(40)]
    write(tmp_path / "test.jsonl", EGGS)
    write(tmp_path / "train.jsonl.gz", train)
    assert gsm8k.load(tmp_path, "plain").items[0].prompt == (("user", "How many eggs?"),)
    shots = gsm8k.load(tmp_path, "phi-3").items[0].prompt
    assert len(shots) == 17 and shots[-1] == ("user", "Question: How many eggs?\nAnswer:")
    task = gsm8k.load(tmp_path, "lm-eval")
    draw = random.Random(1234)
    drawn = [draw.sample(train, 5) for _ in EGGS][1]
    assert task.items[1].prompt == (
        "".join(f"Question: {row['question']}\nAnswer: {row['answer']}\n\n" for row in drawn)
        + "Question: How much?\nAnswer:"
    )
    assert score(task, "#### 18") == 1 and score(task, "The answer is 18") == 0
    assert score(task, "#### 18.0") == 0, "lm-eval compares strings"
    assert score(gsm8k.load(tmp_path, "eureka"), "#### 9 * 2") == 1
    with pytest.raises(PhialError, match="no protocol 'phi-9'"):
        gsm8k.load(tmp_path, "phi-9")


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([{"question": "a", "solution": "#### 1"}], "'answer' is missing"),
        ([{"question": "a", "answer": "#### "}], "no number"),
        ([{"question": "a", "answer": "#### five"}], "no number"),
        ([], "no items"),
    ],
)
def test_gsm8k_of_other_columns_is_refused(tmp_path: Path, rows: list[dict[str, str]], match: str) -> None:
    write(tmp_path / "test.jsonl", rows)
    with pytest.raises(PhialError, match=match):
        gsm8k.load(tmp_path)


@pytest.mark.parametrize(
    ("value", "gold"),
    [(r"336^\circ", "336"), (r"1{,}234", "1234"), ("$29.00", "29"), (145.0, "145"), ("-5", "-5"), ("033", "033"),
     (r"$\boxed{70}$", "70"), ("10,080", "10080"), ("336^{\\circ}", "336"), (0.5, "0.5")],
)  # fmt: skip
def test_right_numbers_lose_what_dresses_them(value: Any, gold: str) -> None:
    assert number_gold(value, "here") == gold


@pytest.mark.parametrize("value", ["", "five", "1 or 2", "nan", "x=5", "1/2"])
def test_what_is_no_number_is_no_right_number(value: str) -> None:
    with pytest.raises(PhialError, match="no number"):
        number_gold(value, "here")


def test_right_expressions() -> None:
    assert expression_gold(r"So $x = \boxed{\frac{1}{2}}$, as \boxed{2} was wrong... \boxed{3}.", "here") == "3"
    assert expression_gold(r"72^{\circ}", "here") == "72"
    with pytest.raises(PhialError, match="box"):
        expression_gold(r"\boxed{1", "here")


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        ("5^{5^{5^{5}}}", "5", 0.0),
        ("NaN", "NaN", 0.0),
        ("1/0", "1", 0.0),
        (r"\frac{1}{0}", "1", 0.0),
        ("9" * 5000, "9", 0.0),
        ("1e999999999", "1", 0.0),
        (r"\dfrac{1}{2}", r"\frac12", 1.0),
        ("(1, 2)", "(1,2)", 1.0),
        ("[1,2)", "(1,2)", 0.0),
        ("p - q", "-q+p", 1.0),
    ],
)
def test_grades_of_expressions(answer: str, gold: str, right: float) -> None:
    assert maths_grade(answer, Item("one", "?", gold)).score == right


def test_svamp(tmp_path: Path) -> None:
    rows = [
        {"ID": "chal-1", "Body": "There are 87 oranges", "Question": "How many?", "Equation": "( 290.0 / 2.0 )",
         "Answer": 145.0, "Type": "Common-Division"},
        {"ID": "chal-2", "Body": "He has 3.", "Question": "And?", "Equation": "", "Answer": 3, "Type": "Addition"},
    ]  # fmt: skip
    write(tmp_path / "SVAMP.json", rows)
    task = svamp.load(tmp_path, "plain")
    assert [(item.id, item.gold) for item in task.items] == [("chal-1", "145"), ("chal-2", "3")]
    assert task.items[0].prompt == (("user", "There are 87 oranges. How many?"),)
    assert score(task, "So 290 / 2 = 145 bananas.") == 1
    write(tmp_path / "SVAMP.json", [rows[0], rows[0]])
    with pytest.raises(PhialError, match="chal-1"):
        svamp.load(tmp_path)


PROBLEMS = [
    {
        "problem": f"Problem {index}?",
        "level": f"Level {index}",
        "type": "Algebra",
        "solution": rf"So \boxed{{{index}}}.",
    }
    for index in range(1, 5)
]


@pytest.mark.parametrize("form", ["folder", "archive", "hub", "csv", "jsonl"])
def test_math(tmp_path: Path, form: str) -> None:
    if form == "folder":
        for index, row in enumerate(PROBLEMS):
            write(tmp_path / f"test/algebra/{index}.json", row)
    elif form == "archive":
        with zipfile.ZipFile(tmp_path / "MATH.zip", "w") as packed:
            for index, row in enumerate(PROBLEMS):
                packed.writestr(f"MATH/test/algebra/{index}.json", json.dumps(row))
    elif form == "hub":
        write(tmp_path / "algebra/test-00000-of-00001.parquet", PROBLEMS)
    elif form == "csv":
        write(tmp_path / "math_test.csv", [{"Question": "Problem?", "Answer": str(index)} for index in range(1, 5)])
    else:
        write(tmp_path / "test.jsonl", PROBLEMS)
    task = math.load(tmp_path)
    assert [item.gold for item in task.items] == ["1", "2", "3", "4"]
    assert score(task, r"Hence $\boxed{1.0}$.") == 1 and score(task, r"\boxed{2}") == 0
    assert [item.gold for item in math.load(tmp_path, limit=2).items] == ["1", "3"], "at even distances"
    if form != "csv":
        assert task.items[0].tags == {"subject": "Algebra", "level": "Level 1"}


def test_math_protocols(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", PROBLEMS)
    assert "Answer: $ANSWER" in math.load(tmp_path, "phi-4").items[0].prompt[0][1]
    assert math.load(tmp_path, "phi-4").protocol.sampling.temperature == 0.5
    assert math.load(tmp_path, "lm-eval").items[0].prompt == "Problem: Problem 1?\nAnswer:"
    assert score(math.load(tmp_path, "lm-eval"), "it is $1$") == 1
    assert score(math.load(tmp_path, "lm-eval"), r"it is \boxed{1}") == 0
    assert score(math.load(tmp_path, "minerva"), "Final Answer: The final answer is $1$. I hope it is correct.") == 1
    assert score(math.load(tmp_path, "simple-evals"), "Answer: 2\nAnswer: 1") == 0
    assert score(math.load(tmp_path, "phi-4"), "Answer: 2\nAnswer: 1") == 1


def test_math_without_an_answer_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", [{**PROBLEMS[0], "solution": ""}])
    with pytest.raises(PhialError, match="'answer' or 'Answer' or 'solution'"):
        math.load(tmp_path)


def test_math500(tmp_path: Path) -> None:
    row = {"problem": "What?", "solution": r"\boxed{x}", "answer": r"\left( 3, \frac{\pi}{2} \right)",
           "subject": "Precalculus", "level": 2, "unique_id": "test/precalculus/807.json"}  # fmt: skip
    write(tmp_path / "test.jsonl", [row])
    task = math500.load(tmp_path)
    assert task.items[0].id == "test/precalculus/807.json" and task.items[0].tags["level"] == "2"
    assert score(task, r"\boxed{(3, \frac{\pi}{2})}") == 1 and score(task, r"\boxed{(3, \pi)}") == 0


@pytest.mark.parametrize(
    ("name", "row", "gold", "year"),
    [
        ("aime2025-I.jsonl", {"question": "Find.", "answer": r"336^\circ"}, "336", "2025"),
        ("data/train-00000.parquet", {"id": 60, "problem": "F", "answer": "033", "year": "2024"}, "33", "2024"),
        ("aime.jsonl", {"ID": "2024-II-4", "Problem": "F", "Answer": 33, "Solution": "s"}, "33", "2024"),
        ("test.jsonl", {"id": 1, "problem": "F", "solution": r"\boxed{204}", "url": "2024_AIME_I"}, "204", "2024"),
    ],
)
def test_aime(tmp_path: Path, name: str, row: dict[str, Any], gold: str, year: str) -> None:
    write(tmp_path / name, [row])
    task = aime.load(tmp_path, year=int(year))
    assert (task.name, task.items[0].gold, task.items[0].tags) == (f"aime{year[2:]}", gold, {"year": year})
    assert score(task, f"\\boxed{{0{gold}}}") == 1 and score(task, "\\boxed{1}") == 0
    with pytest.raises(PhialError, match="no problem of AIME 1999"):
        aime.load(tmp_path, year=1999)


def test_aime_has_answers_below_1000(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", [{"problem": "F", "answer": "1000"}])
    with pytest.raises(PhialError, match="not one of AIME's"):
        aime.load(tmp_path)


def test_amc_counts_points(tmp_path: Path) -> None:
    rows = [
        {
            "paper": "2024-10A",
            "number": number,
            "problem": "Which?",
            "options": ["1", "2", "3", "4", "5"],
            "answer": "C",
        }
        for number in range(1, 26)
    ]
    write(tmp_path / "amc.jsonl", rows)
    task = amc.load(tmp_path)
    assert len(task.items) == 25 and "(C) 3" in task.items[0].prompt[0][1]
    replies = [r"\boxed{C}"] * 10 + [r"\boxed{\text{(C)}}"] * 2 + [r"\boxed{blank}"] * 4 + ["Answer: blank"] * 2
    points = [task.grade(task.extract(reply, item).answer or "", item) for reply, item in
              zip(replies + [r"\boxed{A}"] * 7, task.items, strict=True)]  # fmt: skip
    share = sum(grade.parts["contest"][0] for grade in points) / sum(grade.parts["contest"][1] for grade in points)
    assert 150 * share == 12 * 6 + 6 * 1.5
    assert sum(grade.score for grade in points) == 12
    assert task.blank(task.items[0]).parts == {"contest": (0.0, 6.0)}, "no answer is not a blank"


def test_amc_of_the_hub_has_numbers(tmp_path: Path) -> None:
    url = "https://artofproblemsolving.com/wiki/index.php/2022_AMC_12A_Problems/Problem_1"
    row = {"id": 0, "problem": "Value?", "answer": 142.0, "url": url}
    write(tmp_path / "data/train-00000-of-00001.parquet", [row])
    task = amc.load(tmp_path)
    assert task.items[0].gold == "142" and task.items[0].tags == {"paper": "2022-12A"}
    assert score(task, r"\boxed{142}") == 1 and score(task, r"\boxed{C}") == 0


def test_the_ladder_is_the_same_each_time_and_grows() -> None:
    one, longer = ladder.make(3, 60), ladder.make(3, 200)
    assert one.items == longer.items[:60] and one.sha256 == longer.sha256
    assert ladder.make(4, 60).items != one.items
    assert {item.tags["rung"] for item in longer.items} == set(ladder.RUNGS)
    for item in longer.items:
        text = item.prompt[0][1].removeprefix("What is ").partition("?")[0]
        assert eval(text) == int(item.gold), text  # our own sum, of digits and signs
    for rung in ladder.RUNGS:
        golds = [item.gold for item in longer.items if item.tags["rung"] == rung]
        assert max(map(golds.count, golds)) <= 4, "no constant passes a rung"
    assert score(ladder.make(3, 5, "continued"), f" {one.items[0].gold}\n9 + 9 = 18") == 1


def test_mgsm(tmp_path: Path) -> None:
    (tmp_path / "mgsm_de.tsv").write_text('Wie viele "Eier"?\t1,234\nUnd nun?\t-5\n', encoding="utf-8")
    (tmp_path / "mgsm_bn.tsv").write_text("\u0995\u09a4?\t12\n", encoding="utf-8")
    task = mgsm.load(tmp_path)
    assert [(item.tags["language"], item.gold) for item in task.items] == [("bn", "12"), ("de", "1234"), ("de", "-5")]
    assert task.items[1].prompt[0][1].startswith("L\u00f6se") and 'Wie viele "Eier"?' in task.items[1].prompt[0][1]
    for reply in ("Antwort: 1.234", "**Antwort:** 1234 Eier", "Antwort: 1 234.", r"\boxed{1234}", "Answer: 1,234"):
        assert score(task, reply, 1) == 1, reply
    assert score(task, "\u0989\u09a4\u09cd\u09a4\u09b0: \u09e7\u09e8", 0) == 1
    assert score(task, "Antwort: -5", 2) == 1
    assert score(mgsm.load(tmp_path, "simple-evals"), "Antwort: -5", 2) == 0, "simple-evals drops the sign"
    (tmp_path / "mgsm_xx.tsv").write_text("a\t1\n")
    with pytest.raises(PhialError, match="no language of MGSM: 'xx'"):
        mgsm.load(tmp_path)


@needs_benchmarks
def test_the_published_files() -> None:
    assert BENCHMARKS
    task = gsm8k.load(Path(BENCHMARKS) / "gsm8k")
    assert len(task.items) == 1319 and all(item.gold.lstrip("-").isdecimal() for item in task.items)
    for protocol in gsm8k.PROTOCOLS:
        assert len(gsm8k.load(Path(BENCHMARKS) / "gsm8k", protocol, 20).items) == 20
    # Every published solution is right, in any form of it.
    rows = [json.loads(line) for line in (Path(BENCHMARKS) / "gsm8k/test.jsonl").read_text().splitlines()]
    assert all(score(task, row["answer"], index) == 1 for index, row in enumerate(rows))
    assert len(svamp.load(Path(BENCHMARKS) / "svamp").items) == 1000
