"""A whole recipe, tiny: made, reused, killed, resumed, traced and damaged."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from phial.artifact import read_manifest
from phial.errors import PhialError
from phial.kernels.library import build_name
from phial.recipe.progress import Reporter
from phial.recipe.runner import find_model, keys, make, read_runs
from phial.recipe.runs import find_record, print_runs, print_trace
from phial.recipe.schema import read_recipe
from phial.recipe.stages import build as stages_of
from phial.record import read_records

SETTINGS = [
    "threads=1",
    "seeds.sources=['stdlib-docstrings']",
    "seeds.limit_bytes=60000",
    "synth.exercises=700",
    "synth.passages=120",
    "synth.code=8",
    "synth.sft=60",
    "synth.heldout=40",
    "synth.families=['addition_together', 'division_share']",
    "tokenizer.vocab_size=400",
    "model.hidden_size=32",
    "model.intermediate_size=48",
    "model.num_hidden_layers=2",
    "pretrain.tokens=40000",
    "pretrain.save_seconds=0.1",
    "sft.tokens=8000",
    "sft.save_seconds=0.1",
    "evaluate.items=30",
    "evaluate.sampled=10",
    "evaluate.max_tokens=24",
]


def recipe(*more):
    return read_recipe("nano", [*SETTINGS, *more])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workspace")
    make(recipe(), folder, Reporter())
    return folder


def stages(folder):
    return {p.name: read_manifest(p) for p in (folder / "artifacts").iterdir() if p.is_dir()}


def test_every_stage_is_there_and_none_half_made(workspace):
    made = {manifest.stage for manifest in stages(workspace).values()}
    assert made == {
        *("seeds", "synth", "curate", "tokenizer", "tokenize", "pretrain", "pretrain-control"),
        *("sft", "sft-control", "evaluate", "evaluate-control", "report"),
    }
    assert not list((workspace / "artifacts").glob("*.partial"))


def test_a_second_make_makes_nothing(workspace):
    before = {p: p.stat().st_mtime_ns for p in (workspace / "artifacts").rglob("*")}
    make(recipe(), workspace, Reporter())
    assert {p: p.stat().st_mtime_ns for p in (workspace / "artifacts").rglob("*")} == before


def test_one_changed_stage_remakes_it_and_what_follows(workspace):
    before = set(stages(workspace))
    make(recipe("sft.tokens=9000", "control.enabled=false"), workspace, Reporter())
    new = {name.rpartition("-")[0] for name in set(stages(workspace)) - before}
    assert new == {"sft", "evaluate", "report"}


def test_killed_anywhere_it_ends_with_the_same_content(workspace, tmp_path):
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    command = [sys.executable, "-m", "phial", "make", "nano", "--to", str(tmp_path), *settings]
    expected = {n: m.content_hash for n, m in stages(workspace).items()}
    for glob in ("pretrain-*.partial/state", "evaluate-*.partial"):
        process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
        while process.poll() is None and not list((tmp_path / "artifacts").glob(glob)):
            time.sleep(0.02)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    subprocess.run(command, check=True, capture_output=True)
    found = {name: manifest.content_hash for name, manifest in stages(tmp_path).items()}
    assert len(found) == 12 and all(expected[name] == value for name, value in found.items())


def test_another_build_of_the_kernels_trains_anew(monkeypatch):
    changed = []
    for build in ("none", "any"):
        monkeypatch.setenv("PHIAL_KERNELS", build)
        if build_name() == build:
            changed.append(keys(stages_of(recipe())))
    if len(changed) < 2:
        pytest.skip("the kernels were not built")
    differing = {name for name, key in changed[0].items() if changed[1][name] != key}
    assert {"pretrain", "pretrain-control"} <= differing and not differing & {"seeds", "synth", "curate", "tokenize"}


def test_without_kernels_the_run_says_so_once(tmp_path, workspace, capsys, monkeypatch):
    monkeypatch.setenv("PHIAL_KERNELS", "none")
    shutil.copytree(workspace / "artifacts", tmp_path / "artifacts")
    make(recipe("control.enabled=false"), tmp_path, Reporter())
    assert capsys.readouterr().err.count("training kernels are missing") == 1


def test_training_never_saw_a_held_out_question(workspace):
    (synth,) = (workspace / "artifacts").glob("synth-*")
    (curate,) = (workspace / "artifacts").glob("curate-*")
    questions = {
        json.loads(line)["question"]
        for split in ("in-range", "unseen-range", "unseen-family")
        for line in (synth / f"{split}.jsonl").read_text().splitlines()
    }
    for name in ("train", "conversations"):
        for record in read_records(curate / f"{name}.parquet"):
            assert not any(question in record.content for question in questions)


def test_a_record_is_traced_to_seed_and_tokens(workspace, capsys):
    (curate,) = (workspace / "artifacts").glob("curate-*")
    record = next(r for r in read_records(curate / "train.parquet") if r.kind == "exercise")
    found, files, places = find_record(record.id[:16], workspace)
    assert found.content == record.content and files and places
    print_trace(record.id[:16], workspace)
    shown = capsys.readouterr().out
    assert '"seed": 0' in shown and "evaluator: passed" in shown and record.lineage.flow in shown
    with pytest.raises(PhialError, match="no record begins"):
        find_record("zz", workspace)


def test_runs_are_listed_and_found(workspace, capsys):
    print_runs(workspace)
    assert "nano-" in capsys.readouterr().out
    name = read_runs(workspace)[0]["name"]
    assert (find_model(name, workspace) / "model.safetensors").is_file()
    with pytest.raises(PhialError, match="no run or checkpoint folder 'nothing'"):
        find_model("nothing", workspace)


def test_a_newer_run_file_asks_for_an_upgrade(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/x.json").write_text(json.dumps({"format": 9, "phial": "9.0", "name": "x", "finished": 0}))
    with pytest.raises(PhialError, match=r"made by phial 9\.0"):
        read_runs(tmp_path)
    (tmp_path / "runs/x.json").write_text("{")
    with pytest.raises(PhialError, match="damaged run file"):
        read_runs(tmp_path)


def test_without_a_sandbox_the_run_goes_on_and_says_so(tmp_path, monkeypatch, capsys):
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    command = [sys.executable, "-m", "phial", "make", "nano", "--to", str(tmp_path), *settings]
    done = subprocess.run(
        [*command, "--set", "control.enabled=false"],
        env=os.environ | {"PHIAL_SANDBOX": "off"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING: this machine offers no sandbox" in done.stderr
    (curate,) = (tmp_path / "artifacts").glob("curate-*")
    assert "no sandbox on this machine" in (curate / "funnel.json").read_text()
