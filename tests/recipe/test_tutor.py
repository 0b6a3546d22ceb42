"""A recipe for data, tiny: made, reused, killed, shared, budgeted, traced, and told what is wrong with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from phial.artifact import read_manifest
from phial.embedded import embedded_model
from phial.errors import PhialError
from phial.recipe import flow_job
from phial.recipe.data_schema import Budget, DataRecipe, TeacherSection
from phial.recipe.estimating import forecast_recipe
from phial.recipe.look import look
from phial.recipe.progress import Reporter
from phial.recipe.runner import Run, find_model, make
from phial.recipe.runs import print_runs, print_trace
from phial.recipe.schema import read_recipe, recipe_folder
from phial.recipe.teachers import identity_of
from phial.record import read_records
from phial.synth.faults import BudgetSpent, Failed
from phial.synth.ledger import Ledger
from phial.synth.request import TeacherRequest
from phial.synth.scripted import Scripted, Written
from phial.synth.teacher import LedgerTeacher, Patience
from phial.tokens.shards import read_shard
from phial.tokens.tokenizer import load_tokenizer

RECIPE = """
name = "small"
[topics]
names = ["fractions", "speed", "sharing", "area"]
[[flow]]
name = "topic-tree"
settings = { branches = 4, depth = 1 }
[[flow]]
name = "textbook-section"
seeds = ["topic-tree"]
accept = 6
[[flow]]
name = "exercises"
seeds = ["topic-tree"]
accept = 8
settings = { maths = true, count = 2 }
[[flow]]
name = "hallucination-pairs"
seeds = ["exercises"]
[quality]
sample = 30
keep = 0.8
[shards]
heldout = 0.3
"""


OWN = """
from phial.synth.derive import derive
from phial.synth.flow import flow


@flow("echo", "1")
async def echo(record, teacher, tools):
    reply = await teacher.ask(f"Say: {record.content} and what is to be known about it", max_tokens=50, task="echo")
    yield derive(echo, record, teacher, [reply], kind="passage", text=f"{record.content}: {reply.text}")
"""


LIGHT = """
name = "light"
[topics]
names = ["fractions", "speed", "sharing", "area", "ages"]
[[flow]]
name = "topic-tree"
settings = { branches = 3, depth = 1 }
[[flow]]
name = "own.py:echo"
seeds = ["topics", "topic-tree"]
[quality]
sample = 0
"""


@pytest.fixture
def light(tmp_path: Path) -> Path:
    """A recipe whose flows run nothing in the sandbox."""
    (tmp_path / "own.py").write_text(OWN)
    path = tmp_path / "light.toml"
    path.write_text(LIGHT)
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(RECIPE)
    return path


def made(path: Path, workspace: Path, *settings: str) -> Run:
    return make(read_recipe(str(path), list(settings)), workspace, Reporter(), recipe_folder(str(path)))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("tutor")
    (folder / "small.toml").write_text(RECIPE)
    return made(folder / "small.toml", folder / "runs")


def content(workspace: Path) -> dict[str, str]:
    folders = [path for path in (workspace / "artifacts").iterdir() if path.is_dir()]
    return {path.name: read_manifest(path).content_hash for path in folders}


def workspace_of(run: Run) -> Path:
    return run.path.parent.parent


def test_every_stage_is_there_and_no_work_is_left(run: Run) -> None:
    assert set(run.artifacts) == {
        *("seeds", "collect", "quality", "curate", "shards", "report"),
        *("flow-topic-tree", "flow-textbook-section", "flow-exercises", "flow-hallucination-pairs"),
    }
    assert run.artifacts["flow-exercises"].manifest.metrics["accepted"] == 8
    assert not list((workspace_of(run) / "artifacts").glob("*.partial"))
    assert not list((workspace_of(run) / "work").iterdir())


def test_shards_hold_the_records_and_loss_on_the_assistants_words_alone(run: Run) -> None:
    folder = run.artifacts["shards"].path
    tokenizer = load_tokenizer(embedded_model())
    conversations = list(read_records(folder / "sft.parquet"))
    shard = read_shard(folder / "sft")
    assert shard.documents == len(conversations) > 0
    written = "".join(text for one in conversations for role, text in one.messages or () if role == "assistant")
    scored = tokenizer.decode([int(one) for one in shard.ids[shard.scored]])
    assert sorted("".join(scored.replace("<|end|>", "").split())) == sorted("".join(written.split()))
    texts = read_shard(folder / "text")
    assert texts.documents == len(list(read_records(folder / "text.parquet")))
    pairs = list(read_records(folder / "preferences.parquet"))
    assert pairs and all(one.preference for one in pairs)
    kept = [one for file in (run.artifacts["curate"].path / "kept").glob("*") for one in read_records(file)]
    shards = ("sft", "text", "heldout", "preferences")
    packed = [one.id for name in shards for one in read_records(folder / f"{name}.parquet")]
    assert sorted(packed) == sorted(one.id for one in kept)


def test_a_record_is_traced_from_its_tokens_to_its_topic(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    record = next(iter(read_records(run.artifacts["shards"].path / "sft.parquet")))
    while record.lineage.flow != "exercises":  # pairs are made of exercises
        record = next(
            one
            for one in read_records(run.artifacts["flow-exercises"].path / "records.parquet")
            if one.id in (*record.lineage.parents, record.id)
        )
    print_trace(record.id, workspace_of(run))
    shown = capsys.readouterr().out
    assert "by topic-tree" in shown and "by topics, version 1" in shown
    assert "-- reply" in shown and "answer check: passed" in shown and "in file    collect-" in shown
    text = next(iter(read_records(run.artifacts["shards"].path / "text.parquet")))
    print_trace(text.id, workspace_of(run))
    assert "in tokens  shards-" in capsys.readouterr().out


def test_a_look_shows_the_gates_and_what_the_classifier_learned(run: Run) -> None:
    found = look(run.artifacts["curate"].path)
    assert {"language", "junk", "quality", "duplicates"} <= {gate.name for gate in found.gates}
    assert found.learned and found.learned.records == 30 and found.learned.threshold
    assert found.cost and found.cost.spent.requests > 0
    page = (run.artifacts["report"].path / "report.html").read_text()
    assert "exercises: seeds through the flow" in page and '<polyline points="0.0,240.0 ' in page


def test_runs_are_listed_and_have_no_model(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    print_runs(workspace_of(run))
    assert run.name in capsys.readouterr().out
    with pytest.raises(PhialError, match="no run or checkpoint folder"):
        find_model(run.name, workspace_of(run))


def test_a_second_make_makes_nothing_and_a_setting_only_what_follows(run: Run, small: Path) -> None:
    workspace = workspace_of(run)
    before = {path: path.stat().st_mtime_ns for path in (workspace / "artifacts").rglob("*")}
    made(small, workspace)
    assert {path: path.stat().st_mtime_ns for path in (workspace / "artifacts").rglob("*")} == before
    names = set(content(workspace))
    made(small, workspace, "shards.row_length=512")
    assert {name.rpartition("-")[0] for name in set(content(workspace)) - names} == {"shards", "report"}
    names = set(content(workspace))
    made(small, workspace, "flow.textbook-section.accept=5")
    new = {name.rpartition("-")[0] for name in set(content(workspace)) - names}
    assert new >= {"flow-textbook-section", "collect"} and not new & {"seeds", "flow-topic-tree", "flow-exercises"}


def test_killed_anywhere_it_ends_with_the_same_content_and_pays_nothing_twice(light: Path) -> None:
    made(light, light.parent / "undisturbed")
    workspace = light.parent / "runs"
    command = [sys.executable, "-m", "phial", "make", str(light), "--to", str(workspace)]
    for mark in ("work/flow-echo-*/shards", "curation/curate-0*"):
        process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
        while process.poll() is None and not list(workspace.glob(mark)):
            time.sleep(0.01)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    subprocess.run(command, check=True, capture_output=True)
    assert content(workspace) == content(light.parent / "undisturbed")
    with (
        Ledger(workspace / "ledger.sqlite") as killed,
        Ledger(light.parent / "undisturbed/ledger.sqlite") as undisturbed,
    ):
        for name in undisturbed.runs():
            assert killed.account(name).spent == undisturbed.account(name).spent


def test_a_flow_of_ones_own_is_one_file_and_one_line(light: Path) -> None:
    run = made(light, light.parent / "runs", "flow.topic-tree.train=false")
    counts = run.artifacts["collect"].manifest.metrics
    assert counts["echo"] == 20 and "topic-tree" not in counts
    (light.parent / "own.py").write_text(OWN.replace("Say:", "Tell:"))  # without another version
    again = made(light, light.parent / "runs", "flow.topic-tree.train=false")
    assert again.artifacts["flow-echo"].path != run.artifacts["flow-echo"].path


def test_a_budget_is_the_whole_recipes_and_a_larger_one_goes_on(light: Path) -> None:
    workspace = light.parent / "runs"
    with pytest.raises(BudgetSpent, match="the budget has no room"):
        made(light, workspace, "budget.requests=20")

    def spent() -> list[int]:
        with Ledger(workspace / "ledger.sqlite") as ledger:
            return [ledger.account(name).spent.requests for name in ledger.runs()]

    assert len(spent()) == 2 and sum(spent()) == 20
    made(light, workspace, "budget.requests=25")
    assert sum(spent()) == 25  # 5 for the tree, 20 for the others: none was paid for twice


def test_seeds_that_nobody_answers_stop_the_recipe_until_they_are(light: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = True

    def answer(request: TeacherRequest) -> Written:
        if broken and "ages" in request.messages[-1][1]:
            raise Failed("connection dropped", perhaps_paid=False)
        return "there are many things to know about this, and most of them are learned by doing them often"

    def teacher(section: TeacherSection, ledger: Ledger, run: str, budget: Budget) -> LedgerTeacher:
        return LedgerTeacher(identity_of(section), Scripted(answer), ledger, run=run, patience=Patience(tries=1))

    monkeypatch.setattr(flow_job, "open_teacher", teacher)
    light.write_text(LIGHT.replace('[[flow]]\nname = "topic-tree"\nsettings = { branches = 3, depth = 1 }\n', ""))
    settings = ["flow.echo.seeds=['topics']", "teacher.url=http://localhost/v1", "teacher.model=m"]
    with pytest.raises(PhialError, match="1 seeds were not answered"):
        made(light, light.parent / "runs", *settings)
    broken = False
    run = made(light, light.parent / "runs", *settings)
    assert run.artifacts["flow-echo"].manifest.metrics["spent"]["requests"] == 5


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings", [["scale.workers=2"], ["scale.executor=slurm"], ["scale.executor=ray", "scale.workers=2"]]
)
def test_whoever_makes_it_it_comes_out_the_same(light: Path, settings: list[str]) -> None:
    if "ray" in settings[0]:
        pytest.importorskip("ray")
    run = made(light, light.parent / "alone")
    command = [sys.executable, "-m", "phial", "make", str(light), "--to", str(light.parent / "runs")]
    command += [word for setting in settings for word in ("--set", setting)]
    array = [{"SLURM_ARRAY_TASK_ID": str(rank), "SLURM_ARRAY_TASK_COUNT": "2"} for rank in (0, 1)]
    members = [
        subprocess.Popen(command, env=os.environ | extra, stderr=subprocess.PIPE, text=True)
        for extra in (array if "slurm" in settings[0] else [{}])
    ]
    assert [member.communicate()[1] for member in members if member.wait()] == []
    assert content(light.parent / "runs") == content(light.parent / "alone")
    assert run.artifacts["flow-echo"].manifest.metrics["accepted"] == 20


def test_an_estimate_asks_nobody_and_leaves_nothing(run: Run, small: Path) -> None:
    recipe = read_recipe(str(small), ["teacher.price.prompt=1", "teacher.price.completion=2"])
    assert isinstance(recipe, DataRecipe)
    found = {one.name: one for one in forecast_recipe(recipe, small.parent, small.parent / "runs")}
    assert not (small.parent / "runs").exists()
    assert found["topic-tree"].about.requests == 4 and found["topic-tree"].records == 16
    assert found["exercises"].records == 8 and 0 < found["exercises"].about.cost < found["exercises"].most.cost
    spent = run.artifacts["flow-exercises"].manifest.metrics["spent"]["requests"]
    assert spent / 2 <= found["exercises"].about.requests <= found["exercises"].most.requests
    assert found["marks for the quality classifier"].about.requests > 0
    # What the ledger knows is not counted.
    recorded = forecast_recipe(recipe, small.parent, workspace_of(run))
    assert recorded[0].about.requests == 0


def test_benchmark_items_are_not_in_the_data(run: Run, small: Path) -> None:
    record = next(iter(read_records(run.artifacts["shards"].path / "text.parquet")))
    (small.parent / "tests").mkdir()
    item = {"id": "one", "question": record.content[:400]}
    (small.parent / "tests/items.jsonl").write_text(json.dumps(item) + "\n")
    again = made(small, workspace_of(run), "curate.benchmarks=tests")
    assert record.id not in {one.id for one in read_records(again.artifacts["shards"].path / "text.parquet")}
    found = look(again.artifacts["curate"].path)
    assert found.contaminated and found.contaminated[0] >= 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["flow.exercises.acept=5"], "flow.2.acept: unknown key; did you mean 'accept'?"),
        (["teacher.modle='x'"], "teacher.modle: unknown key; did you mean 'model'?"),
        (["tune.chekpoint='x'"], "tune.chekpoint: unknown key; did you mean 'checkpoint'?"),
        (["curat.languages=[]"], "curat: unknown key; did you mean 'curate'?"),
        (["flow.nothing.accept=5"], "there is no 'nothing'"),
        (["flow.accept=5"], "which 'flow'?"),
        (["flow.exercises.seeds=['later']"], "flow 'exercises' starts from 'later'; there is topics, topic-tree"),
        (["flow.exercises.label='topic-tree'"], "two flows are called 'topic-tree'"),
        (["teacher.url='http://h/v1'"], "a url needs the model's name"),
        (["seeds.path='x'"], "state the licence"),
        (["topics.names=[]"], "nothing to begin with"),
        (["flow.exercises.accept=0"], "flow.2.accept: input should be greater than 0 (got 0)"),
        (["budget.cost=-1"], "budget.cost: input should be greater than 0 (got -1)"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_told(small: Path, settings: list[str], words: str) -> None:
    with pytest.raises(PhialError) as caught:
        read_recipe(str(small), settings)
    assert words in caught.value.what


def test_a_flow_that_is_not_there_is_told_before_anything_is_made(small: Path) -> None:
    small.write_text(RECIPE + '[[flow]]\nname = "nowhere.py:echo"\n')
    with pytest.raises(PhialError, match=r"no flow 'nowhere\.py:echo'"):
        made(small, small.parent / "runs")
    assert not (small.parent / "runs").exists()


def test_a_checkpoint_that_is_named_is_tuned(run: Run, small: Path) -> None:
    settings = [f"tune.checkpoint='{embedded_model()}'", "tune.epochs=1", "tune.threads=1", "tune.evaluations=1"]
    tuned = made(small, workspace_of(run), *settings, "shards.row_length=4096")
    shards, model = tuned.artifacts["shards"], tuned.artifacts["tune"]
    assert shards.manifest.metrics["sft"]["row_length"] == 257  # what the checkpoint can read
    assert model.manifest.metrics["bpb_heldout"] > 0
    before = (embedded_model() / "model.safetensors").read_bytes()
    assert (model.path / "model.safetensors").read_bytes() != before
    assert find_model(tuned.name, workspace_of(run)) == model.path
