"""`phial eval` as a user meets it, with the embedded model and a task of one's own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from phial.cli_evaluation import app
from phial.embedded import embedded_model
from phial.errors import PhialError

OWN = """
from phial.engine.request import Sampling
from phial.evals.task import Extraction, Grade, Item, Protocol, Task

ASK = "Ada has {} pens. Ben has {} pens. How many pens do they have together?"

def load(limit=None):
    items = [Item(str(i), (("user", ASK.format(i + 10, i + 20)),), str(2 * i + 30)) for i in range(8)]
    return Task("pens", Protocol("own", "the last word", Sampling(max_tokens=60)), tuple(items[:limit]),
                {"phial": last, "compat:first": first}, grade, "1" * 64)

def grade(answer, item):
    return Grade(float(answer == item.gold))

def last(reply, item):
    return Extraction(reply.rstrip(".").split()[-1] if reply.split() else None, "last-word")

def first(reply, item):
    return Extraction(reply.split()[0] if reply.split() else None, "first-word")
"""


def phial(*words: str, folder: Path) -> str:
    """What a command prints."""
    with contextlib.chdir(folder):
        done = CliRunner().invoke(app, words)
    if done.exception:
        raise done.exception
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two logs of the embedded model: of an own task, and of the ladder."""
    folder = tmp_path_factory.mktemp("eval")
    (folder / "own.py").write_text(OWN)
    printed = phial(str(embedded_model()), "--tasks", "own.py:load,ladder", "--limit", "6", folder=folder)
    assert "pens, own: " in printed and "ladder, phial: " in printed and "6 items, 6 replies" in printed
    return folder


def logs(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in (folder / "evals").rglob("*.jsonl")}


def test_a_model_is_asked_and_its_logs_lie_by_model_task_and_protocol(made: Path) -> None:
    assert set(logs(made)) == {"pens.own.jsonl", "ladder.phial.jsonl"}
    header, *samples = map(json.loads, logs(made)["pens.own.jsonl"].read_text().splitlines())
    assert header["items"] == 6 and len(samples) == 6 and header["made"]["asked as"] == "own.py:load"
    assert sum(sample["score"] for sample in samples) >= 5  # the embedded model adds


def test_asking_again_asks_nothing_and_other_settings_are_refused(made: Path) -> None:
    before = logs(made)["ladder.phial.jsonl"].read_bytes()
    phial("run", str(embedded_model()), "--tasks", "ladder", "--limit", "6", folder=made)
    assert logs(made)["ladder.phial.jsonl"].read_bytes() == before
    with pytest.raises(PhialError, match="max_tokens"):
        phial(str(embedded_model()), "--tasks", "ladder", "--limit", "6", "--max-tokens", "9", folder=made)


def test_logs_are_scored_again_compared_and_reported(made: Path) -> None:
    own = str(logs(made)["pens.own.jsonl"])
    assert "pens, own, compat:first" in phial(
        "rescore", own, "--extractor", "compat:first", "--to", "again", folder=made
    )
    other = made / "again" / "pens.own.compat-first.jsonl"
    assert {json.loads(line).get("rule") for line in other.read_text().splitlines()[1:]} == {"first-word"}
    assert phial("scores", own, str(other), folder=made).count("pens, own") == 2
    assert "extractor" in phial("compare", own, str(other), folder=made)
    assert phial("report", own, "--to", "page.html", folder=made).strip() == "page.html"
    assert "pens" in (made / "page.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("m", "--tasks", "gsm9k"), "did you mean 'gsm8k'"),
        (("m", "--tasks", "gsm8k"), "give --benchmarks DIR"),
        (("m", "--tasks", "gsm8k", "--benchmarks", "."), "no folder gsm8k"),
        (("m", "--tasks", "ladder:phi-9"), "no protocol 'phi-9'"),
        (("m", "--tasks", "ladder@sed=5"), "no option 'sed'"),
        (("m", "--tasks", "ladder@seed"), "KEY=VALUE"),
        (("m", "--tasks", "ladder", "--repeats", "4"), "temperature 0"),
        (("m", "--tasks", "gone.py:load"), "no such file"),
        (("m", "--tasks", "own.py:gone"), "no function 'gone'"),
        (("m", "--tasks", "own.py:last"), "own.py:last wants 'reply'"),
        (("m", "--tasks", "own.py:last@reply=a@item=1"), "returned Extraction, no Task"),
        (("https://nowhere/v1", "--tasks", "ladder"), "--endpoint-model"),
        (("rescore", "own.py", "--extractor", "phial"), "damaged line"),
        (("rescore", "gone.jsonl", "--extractor", "phial"), "can't read"),
        (("judge", "gone.jsonl", "m"), "can't read"),
    ],
)
def test_bad_input_is_one_clear_message(made: Path, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(PhialError) as caught:
        phial(*words, folder=made)
    assert said in "\n".join(caught.value.lines())


def test_the_tasks_are_listed_with_their_protocols(tmp_path: Path) -> None:
    shown = phial("tasks", folder=tmp_path)
    assert "humaneval-plus" in shown and "phi-4-reasoning" in shown


def test_without_a_verb_a_model_is_meant() -> None:
    done = subprocess.run([sys.executable, "-m", "phial", "eval", "m", "--tasks", "x"], capture_output=True, text=True)
    assert done.returncode == 1 and "no task 'x'" in done.stderr and "Traceback" not in done.stderr
