"""Published benchmark files: read as they are, and every fault in one is named."""

import gzip
import json
import os
from pathlib import Path

import pytest

from phial.errors import PhialError
from phial.evals.tasks.gsm8k import gsm8k_task
from phial.evals.tasks.jsonl import read_lines
from phial.evals.tasks.svamp import svamp_task
from phial.recipe.evaluation import _benchmarks

FOLDER = os.environ.get("PHIAL_BENCHMARKS", "")


def write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_gold_answers_are_numbers_alone(tmp_path):
    write(tmp_path / "gsm8k/test.jsonl", {"question": "How many?", "answer": "1,000 + 234 = 1,234\n#### 1,234"})
    write(tmp_path / "svamp/test.jsonl", {"Body": "Ada has 2. ", "Question": "How many?", "Answer": 2.0})
    (gsm8k,) = gsm8k_task(tmp_path / "gsm8k", 5).items
    (svamp,) = svamp_task(tmp_path / "svamp", 5).items
    assert (gsm8k.prompt, gsm8k.gold) == ("How many?", "1234")
    assert (svamp.prompt, svamp.gold) == ("Ada has 2. How many?", "2")
    assert [task.name for task in _benchmarks(str(tmp_path), 5)] == ["gsm8k", "svamp"]


def test_gzip_is_read_and_the_limit_kept(tmp_path):
    with gzip.open(tmp_path / "x.jsonl.gz", "wt") as file:
        file.write('{"a": 1}\n\n{"a": 2}\n{"a": 3}\n')
    assert read_lines(tmp_path / "x.jsonl.gz", ("a",), 2) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no items"), ("{}\n", "'a' is missing"), ("[1]\n", "'a' is missing"), ("{\n", "can't read")],
)
def test_faults_are_named(tmp_path, text, said):
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    with pytest.raises(PhialError, match=said):
        read_lines(path, ("a",), 9)


def test_a_folder_without_known_benchmarks_is_refused(tmp_path):
    with pytest.raises(PhialError, match="no known benchmark"):
        _benchmarks(str(tmp_path), 9)
    with pytest.raises(PhialError, match="can't read"):
        gsm8k_task(tmp_path, 9)


@pytest.mark.skipif(not FOLDER, reason="PHIAL_BENCHMARKS names no folder")
def test_the_published_files_are_whole():
    assert len(gsm8k_task(Path(FOLDER) / "gsm8k", 10_000).items) == 1319
    assert len(svamp_task(Path(FOLDER) / "svamp", 10_000).items) == 1000
