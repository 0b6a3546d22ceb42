"""HumanEval, MBPP and LiveCodeBench from files in their published forms."""

import base64
import gzip
import json
import os
import pickle
import zlib
from pathlib import Path

import pytest

from phial import sandbox
from phial.errors import PhialError
from phial.evals.evalplus import like_evalplus
from phial.evals.task import Item
from phial.evals.tasks import humaneval, livecodebench, mbpp

FOLDER = os.environ.get("PHIAL_BENCHMARKS", "")
needs_sandbox = pytest.mark.skipif(sandbox.level() == "none", reason="there is no sandbox here")
needs_files = pytest.mark.skipif(not FOLDER, reason="PHIAL_BENCHMARKS names no folder")

SHIFT = {
    "task_id": "HumanEval/0",
    "prompt": "from typing import List\n\ndef one(): return 1\n\n\n"
    'def shift(xs: List[int]) -> List[float]:\n    """Add."""\n',
    "entry_point": "shift",
    "canonical_solution": "    return [x + one() / 2 for x in xs]\n",
    "test": "def check(candidate):\n    assert candidate([1, 2]) == [1.5, 2.5]\n"
    "    assert shift([]) == [] and one() == 1\n",
}
ADD = {
    "task_id": 11,
    "text": "Write a function to add.",
    "code": "def add(a, b):\r\n  return a + b",
    "test_list": ["assert add(1, 2) == 3", "assert set([add(0, 0)]) == {0}", "assert add(1, 1)"],
    "test_setup_code": "",
    "challenge_test_list": [],
}

EVALPLUS = [
    # The longest run of lines wins, whatever stands in it; what nothing reaches and what returns nothing is left out.
    (
        "It's:\n\n```python\nimport re\n\ndef f(x):\n    return g(x)\n\ndef g(x):\n    return x\n\n"
        "def h():\n    print(1)\n\ndef i(): return 2\n\nprint(f(1))\n```\nIsn't it?",
        "import re\ndef f(x):\n    return g(x)\ndef g(x):\n    return x",
    ),
    ("```python\ndef f(x):\n    return x\n```\n```python\na = 1\nb = 2\nc = 3\n```", "a = 1\nb = 2\nc = 3"),
    ("```python\n@cache\ndef f(x):\n    return x\n```", "@cache\ndef f(x):\n    return x"),
    ("x = 1\nx = 2\ndef f(): return x", "x = 1\ndef f(): return x"),
    ("def f(): return 1", "def f(): return 1"),
    ("I can't.\nSorry!", "I can't."),
    ("", None),
]


@pytest.mark.parametrize(("reply", "program"), EVALPLUS)
def test_programs_as_evalplus_takes_them(reply, program):
    assert like_evalplus(reply, Item("one", "?", "", data={"entry": "f"})).answer == program


@pytest.mark.parametrize("unit", ["x = (\n", "if x:\n", "'''\n", "It's\n", "x = 1\n", "def f():\n"])
def test_evalplus_reading_of_long_replies_ends(unit):  # without a limit these take hours
    found = like_evalplus(unit * (200_000 // len(unit)), Item("one", "?", "", data={"entry": "f"}))
    assert found.answer and len(found.answer) <= 50_000


def lines(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path.parent


def parquet(path, rows):
    import pyarrow
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def score(task, reply, item=0):
    found = task.extract(reply, task.items[item])
    return 0.0 if found.answer is None else task.grade(found.answer, task.items[item]).score


def fenced(code):
    return f"```python\n{code}\n```"


@needs_sandbox
def test_humaneval_from_github_and_the_hub(tmp_path):
    lines(tmp_path / "a/HumanEval.jsonl.gz", SHIFT)
    parquet(tmp_path / "b/openai_humaneval/test-00000-of-00001.parquet", [SHIFT])
    for folder in ("a", "b"):
        task = humaneval.load(tmp_path / folder)
        assert score(task, fenced(SHIFT["prompt"] + SHIFT["canonical_solution"])) == 1
        assert score(task, fenced("def shift(xs):\n    return [x + 0.5 for x in xs]")) == 1
        assert score(task, fenced("def shift(xs):\n    return xs")) == 0
        assert score(task, "") == 0
    assert len(task.sha256) == 64 and task.items[0].prompt[0][0] == "user"


@needs_sandbox
def test_humaneval_plus_from_github_and_the_hub(tmp_path):
    plus = {key: value for key, value in SHIFT.items() if key != "test"}
    lines(
        tmp_path / "a/HumanEvalPlus.jsonl", {**plus, "base_input": [[[1]]], "plus_input": [[[3, 4]], [[]]], "atol": 0}
    )
    test = (
        "import numpy as np\ndef is_floats(x):\n    return isinstance(x, float) or isinstance(x, np.ndarray)\n"
        "def check(candidate):\n    for inp, exp in zip([[[1]], [[]]], [[1.5], []]):\n"
        "        out = candidate(*inp)\n        assert out == exp or np.allclose(out, exp, rtol=1e-07, atol=1e-6)\n"
    )
    parquet(tmp_path / "b/data/test-00000-of-00001.parquet", [{**plus, "test": test}])
    for folder in ("a", "b"):
        task = humaneval.load_plus(tmp_path / folder, "evalplus")
        assert score(task, fenced("def shift(xs):\n    return [x + 0.5 for x in xs]")) == 1
        assert score(task, fenced("def shift(xs):\n    return [x + 0.50000001 for x in xs]")) == 1
        assert score(task, fenced("def shift(xs):\n    return [x + 0.51 for x in xs]")) == 0
        assert score(task, fenced("def shift(xs):\n    return [x + 0.5 for x in xs] if xs else None")) == 0


def test_humaneval_prompts_and_other_harnesses_extractors(tmp_path):
    folder = lines(tmp_path / "HumanEval.jsonl", SHIFT)
    assert humaneval.load(folder, "lm-eval").items[0].prompt == SHIFT["prompt"]
    for name in humaneval.PROTOCOLS:
        task = humaneval.load(folder, name)
        assert SHIFT["prompt"].strip() in str(task.items[0].prompt[0][1] if name != "lm-eval" else task.items[0].prompt)
        assert task.protocol.extractor in task.extractors
    item = task.items[0]
    reply = "```python\nimport re\ndef help(x):\n    return x\ndef shift(xs):\n    return help(xs)\n```"
    cut = task.extractors["compat:simple-evals"](reply, item).answer
    assert cut == SHIFT["prompt"] + "    return x\ndef shift(xs):\n    return help(xs)\n"  # the fault that is kept
    assert task.extractors["compat:lm-eval"]("    return 1\n\ndef f(): pass", item).answer.endswith("return 1\n")
    assert task.extractors["compat:lm-eval-instruct"]("    return 1\n```\nx", item).answer.endswith("return 1\n")


@needs_sandbox
def test_mbpp_in_its_forms(tmp_path):
    shots = [{**ADD, "task_id": number} for number in (2, 3, 4)]
    folder = lines(tmp_path / "mbpp.jsonl", *shots, ADD, {**ADD, "task_id": 511})
    sanitized = [{**ADD, "prompt": ADD["text"], "test_imports": ["import math"], "task_id": 12}]
    (folder / "sanitized-mbpp.json").write_text(json.dumps(sanitized))
    for task in (mbpp.load(folder), mbpp.load_sanitized(folder)):
        assert len(task.items) == 1
        assert score(task, fenced(ADD["code"])) == 1
        assert score(task, fenced("def add(a, b):\n    return a - b")) == 0
        assert score(task, fenced("def plus(a, b):\n    return a + b")) == 0
    task = mbpp.load(folder, "lm-eval")
    assert task.items[0].prompt.count("[BEGIN]") == 4 and task.items[0].prompt.endswith("[BEGIN]\n")
    assert score(task, "def add(a, b):\n    return a + b\n[DONE]\nmore") == 1
    found = task.extractors["compat:lm-eval-instruct"](f"{ADD['code']}\n```\nmore", task.items[0])
    assert found.answer == ADD["code"].removeprefix("def")  # the fault that is kept
    found = task.extractors["compat:lm-eval-instruct"](f"\n{ADD['code']}\n```\nmore", task.items[0])
    assert found.answer == ADD["code"]


@needs_sandbox
def test_mbpp_setup_follows_the_solution_and_matches_need_not_be_plain_data(tmp_path):
    row = {
        **ADD,
        "code": "import re\nclass Node:\n    pass\ndef starts(text, node):\n    return re.match('a', text)",
        "test_list": ["assert starts('ab', root)", "assert not starts('b', root)"],
        "test_setup_code": "root = Node()",
    }
    task = mbpp.load(lines(tmp_path / "mbpp.jsonl", row))
    assert score(task, fenced(row["code"])) == 1
    assert score(task, fenced(row["code"].replace("'a'", "'b'"))) == 0


@needs_sandbox
def test_mbpp_plus_from_github_and_the_hub(tmp_path):
    pair = {
        "task_id": "Mbpp/2",
        "prompt": '"""\nShared elements.\nassert similar_elements((1, 2), (2,)) == (2,)\n"""\n',
        "entry_point": "similar_elements",
        "canonical_solution": "def similar_elements(a, b):\n    return tuple(set(a) & set(b))\n",
        "base_input": [[[1, 2], [2]]],
        "plus_input": [[[3, 1, 2], [1, 2, 3]]],
        "atol": 0,
        "assertion": "\nassert similar_elements((1, 2), (2,)) == (2,)\n",
    }
    lines(tmp_path / "a/MbppPlus.jsonl.gz", pair)
    hub = {**ADD, "prompt": "Add.", "test_imports": [], "test": "for a in (1, 2.5):\n    assert add(a, 1) == a + 1\n"}
    lines(tmp_path / "b/test.jsonl", hub)
    task = mbpp.load_plus(tmp_path / "a")
    assert (
        score(
            task,
            fenced("def similar_elements(a, b):\n    assert type(a) is tuple\n    return [x for x in a if x in b]"),
        )
        == 1
    )
    assert score(task, fenced("def similar_elements(a, b):\n    return (2,)")) == 0
    task = mbpp.load_plus(tmp_path / "b")
    assert score(task, fenced(ADD["code"])) == 1 and score(task, fenced("def add(a, b):\n    return 2")) == 0


def problem(**changes):
    row = {
        "question_title": "Double",
        "question_content": "Double it.",
        "platform": "atcoder",
        "question_id": "abc_1",
        "contest_id": "abc",
        "contest_date": "2024-09-01T00:00:00",
        "starter_code": "",
        "difficulty": "easy",
        "public_test_cases": json.dumps([{"input": "2\n", "output": "4\n", "testtype": "stdin"}]),
        "private_test_cases": "[]",
        "metadata": "{}",
    }
    return {**row, **changes}


def packed(cases):
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(cases)))).decode()


@needs_sandbox
def test_livecodebench_reads_hidden_tests_as_they_are_published(tmp_path):
    hidden = packed([{"input": "5\n", "output": "10", "testtype": "stdin"}])
    calls = packed([{"input": "[1, 2]\n3", "output": "[3, 6]", "testtype": "functional"}])
    lines(tmp_path / "test.jsonl", problem(private_test_cases=hidden))
    public = json.dumps([{"input": "[]\n1", "output": "[]", "testtype": "functional"}])
    starter = "class Solution:\n    def scale(self, xs: List[int], by: int) -> List[int]:\n        "
    changes = {
        "starter_code": starter,
        "metadata": '{"func_name": "scale"}',
        "question_id": "2",
        "contest_date": "2025-01-02",
    }
    lines(tmp_path / "test2.jsonl", problem(public_test_cases=public, private_test_cases=calls, **changes))
    task = livecodebench.load(tmp_path)
    assert [item.tags["month"] for item in task.items] == ["2024-09", "2025-01"]
    assert score(task, fenced("print(2 * int(input()))")) == 1
    assert score(task, fenced("print(4)")) == 0
    assert score(task, fenced(starter + "return tuple(x * by for x in xs)"), 1) == 1
    assert score(task, fenced("def scale(xs, by):\n    return list(map(lambda x: x * by, xs))"), 1) == 1
    assert score(task, fenced(starter + "return xs"), 1) == 0
    assert starter in task.items[1].prompt[0][1]
    assert len(livecodebench.load(tmp_path, "livecodebench", since="2025-01-01").items) == 1
    assert task.extractors["compat:livecodebench"]("```\na\n```\nx\n```\nb\n```", task.items[0]).answer == "b"
    assert task.extractors["compat:livecodebench"]("a", task.items[0]).answer is None


class Harmful:
    def __reduce__(self):
        return (os.mkdir, ("pickled",))


@pytest.mark.parametrize(
    "private",
    [
        "%%%",
        base64.b64encode(b"no zlib").decode(),
        base64.b64encode(zlib.compress(b"no pickle")).decode(),
        base64.b64encode(zlib.compress(pickle.dumps(Harmful()))).decode(),
        base64.b64encode(zlib.compress(pickle.dumps(["a", "b"]))).decode(),
        packed([{"input": "1"}]),
        packed("x")[:-8],
    ],
)
def test_damaged_hidden_tests_are_named_and_never_run(tmp_path, monkeypatch, private):
    monkeypatch.chdir(tmp_path)
    task = livecodebench.load(lines(tmp_path / "test.jsonl", problem(private_test_cases=private)))
    with pytest.raises(PhialError, match="livecodebench, problem abc_1"):
        livecodebench.tests(task.items[0])
    assert not Path("pickled").exists()


@pytest.mark.parametrize(
    ("load", "name", "rows", "said"),
    [
        (humaneval.load, "HumanEval.jsonl", [SHIFT, SHIFT], "twice"),
        (humaneval.load, "HumanEval.jsonl", [{**SHIFT, "test": "pass"}], "without check"),
        (humaneval.load, "HumanEval.jsonl", [{"task_id": "x"}], "prompt"),
        (mbpp.load, "mbpp.jsonl", [ADD, ADD], "twice"),
        (mbpp.load, "mbpp.jsonl", [{**ADD, "test_list": []}], "no test calls"),
        (mbpp.load, "mbpp.jsonl", [{**ADD, "test_list": ["assert ("]}], "no Python"),
        (mbpp.load, "mbpp.jsonl", [{**ADD, "task_id": 700}], "no items"),
        (livecodebench.load, "test.jsonl", [problem(), problem()], "twice"),
        (livecodebench.load, "test.jsonl", [problem(metadata='{"func_name": "a; b"}')], "no function name"),
        (livecodebench.load, "test.jsonl", [problem(metadata="{")], "damaged JSON"),
    ],
)
def test_faults_of_files_are_named(tmp_path, load, name, rows, said):
    with pytest.raises(PhialError, match=said):
        load(lines(tmp_path / name, *rows))


@needs_files
@needs_sandbox
def test_some_canonical_solutions_pass_and_empty_ones_do_not():
    for task in (humaneval.load(Path(FOLDER, "humaneval")), mbpp.load(Path(FOLDER, "mbpp"))):
        chosen = [
            number
            for number, item in enumerate(task.items)
            if item.id in ("HumanEval/32", "HumanEval/33", "HumanEval/38")
        ]
        for number in (*chosen, 0, 60, 126):
            item = task.items[number]
            assert score(task, fenced(item.data.get("prompt", "") + item.gold), number) == 1, item.id
            assert score(task, fenced(f"def {item.data['entry']}(*_): return None"), number) == 0, item.id


@needs_files
@needs_sandbox
@pytest.mark.slow
def test_all_canonical_solutions_pass():
    folder = Path(FOLDER)
    everything = range(1, 975)
    tasks = (
        humaneval.load(folder / "humaneval"),
        mbpp.load(folder / "mbpp", numbers=everything),
        mbpp.load_sanitized(folder / "mbpp", numbers=everything),
    )
    assert [len(task.items) for task in tasks] == [164, 974, 427]
    failed = [
        (task.name, item.id)
        for task in tasks
        for number, item in enumerate(task.items)
        if score(task, fenced(item.data.get("prompt", "") + item.gold), number) < 1
    ]
    assert not failed
